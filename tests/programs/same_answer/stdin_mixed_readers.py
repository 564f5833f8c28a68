# input(), readline and read by turns.
# case: {"stdin": "a\nb\nc\nd\n"}
import sys
print(input(), sys.stdin.readline().strip(), next(sys.stdin).strip(), sys.stdin.read().strip())
