# The error handler of standard output, of a start in the locale C.UTF-8.
# case: {"arguments": ["a"]}
# case: {"arguments": ["b"]}
import sys
print("before")
print("\udcff" if sys.argv[1] == "a" else "\ud800")
