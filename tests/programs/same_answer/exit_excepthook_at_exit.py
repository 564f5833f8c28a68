# What hooks and modules look like in callbacks at exit.
import atexit
import sys
@atexit.register
def look():
    print(sys.modules["__main__"].__name__, sys.is_finalizing(), len(sys.argv), hasattr(sys, "last_value"))
1 / 0
