# Without flushes: the text layer holds text back, the bytes overtake it.
import sys
print("text")
sys.stdout.buffer.write(b"bytes\n")
print("more")
