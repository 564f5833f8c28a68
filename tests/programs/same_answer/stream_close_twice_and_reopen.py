# The descriptor is opened anew by the program.
import os, sys
saved = os.dup(1)
sys.stdout.close()
sys.stdout = os.fdopen(saved, "w")
print("by another way", sys.stdout.fileno())
