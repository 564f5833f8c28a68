# An interrupt in a callback at exit is reported and no more.
# normalise: 0x[0-9a-f]+ (an address)
import atexit
@atexit.register
def late(): raise KeyboardInterrupt
print("end")
