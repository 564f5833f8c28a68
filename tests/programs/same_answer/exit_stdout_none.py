# print does nothing when sys.stdout is None.
import sys
print("kept")
out, sys.stdout = sys.stdout, None
print("dropped")
sys.stderr.write("told\n")
