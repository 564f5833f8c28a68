# Exceptions in callbacks are reported; the rest still runs, and the code stays.
# normalise: 0x[0-9a-f]+ (an address)
import atexit
import sys
atexit.register(print, "still runs")
@atexit.register
def bad():
    raise ValueError("in atexit")
sys.exit(3)
