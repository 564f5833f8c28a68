# Printing after close.
import sys
sys.stdout.close()
print("x")
