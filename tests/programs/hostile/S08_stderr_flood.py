# S8: floods standard error
# verdict: accepted
import sys

for _ in range(2000):
    sys.stderr.write("x" * 9999 + "\n")
print("done")
