# sep, end, file and flush.
import sys
print(1, 2, sep="", end="!")
print(3, file=sys.stderr, flush=True)
print(*range(5), sep="\n", end="")
