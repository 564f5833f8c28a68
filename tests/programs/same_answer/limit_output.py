# More output than is allowed: the same bytes are kept.
# limits: {"output_bytes": 5000}
while True:
    print("x" * 99)
