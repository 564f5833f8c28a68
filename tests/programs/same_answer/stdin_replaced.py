# input() follows a replaced sys.stdin and sys.stdout.
import io, sys
sys.stdin = io.StringIO("from memory\n")
print(repr(input("p: ")))
