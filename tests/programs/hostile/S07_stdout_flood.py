# S7: floods standard output
# verdict: output_limit_exceeded
while True:
    print("x" * 9999)
