# Standard error is cut and not punished.
import sys
for n in range(20000):
    print("error", n, file=sys.stderr)
