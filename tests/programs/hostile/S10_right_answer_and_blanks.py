# S10: the right answer, and 10 MiB of blanks that a lenient comparison would forgive
# verdict: output_limit_exceeded
print("done")
for _ in range(160):
    print(" " * 65535)
