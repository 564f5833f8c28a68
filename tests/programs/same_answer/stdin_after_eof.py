# Reading on at the end.
# case: {"stdin": "x"}
import sys
print(repr(sys.stdin.read()), repr(sys.stdin.read()), repr(sys.stdin.readline()), list(sys.stdin))
