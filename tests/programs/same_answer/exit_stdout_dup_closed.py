# The text layer is fine, the buffer below is closed.
import sys
print("lost", end="")
sys.stdout.buffer.raw.close()
