# The text layer is fine, the buffer below is closed.
# silent
import sys
print("lost", end="")
sys.stdout.buffer.raw.close()
