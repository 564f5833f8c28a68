# SystemExit with several arguments, and with its code changed.
# case: {"arguments": ["a"]}
# case: {"arguments": ["b"]}
import sys
error = SystemExit(1, 2)
if sys.argv[1] == "b":
    error.code = 7
raise error
