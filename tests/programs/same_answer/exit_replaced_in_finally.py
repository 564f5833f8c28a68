# An exception in finally replaces the exit, and the traceback shows both.
import sys
try:
    sys.exit(3)
finally:
    raise KeyError("x")
