# A handler for SIGTERM that leaves with a code.
# silent
import os
import signal
import sys
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(20 + number))
os.kill(os.getpid(), signal.SIGTERM)
print("not reached")
