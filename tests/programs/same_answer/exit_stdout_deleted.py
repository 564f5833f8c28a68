# del sys.stdout: print raises, and the end is as usual.
import sys
print("kept")
del sys.stdout
print("raises")
