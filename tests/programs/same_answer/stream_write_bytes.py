# Text and bytes mixed in the program's order, with flushes.
import sys
print("text")
sys.stdout.flush()
sys.stdout.buffer.write(b"\xff\x00\xfe\n")
sys.stdout.buffer.flush()
print("more")
