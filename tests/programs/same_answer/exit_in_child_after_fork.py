# A child that leaves by sys.exit flushes what it inherited.
import os
import sys
print("twice")
if os.fork() == 0:
    sys.exit(0)
os.wait()
