# One byte more.
# limits: {"output_bytes": 5000}
print("x" * 5000)
