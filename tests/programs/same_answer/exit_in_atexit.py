# sys.exit in a callback at exit is reported and changes nothing else.
# normalise: 0x[0-9a-f]+ (an address)
import atexit
import sys
@atexit.register
def last():
    print("last")
    sys.exit(9)
@atexit.register
def first():
    print("first")
print("main")
