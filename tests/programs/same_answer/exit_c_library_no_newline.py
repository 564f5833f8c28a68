# C's buffer and Python's are two: each keeps its own order.
import ctypes, sys
libc = ctypes.CDLL(None)
libc.puts(b"C 1")
print("Python 1", flush=True)
libc.printf(b"C 2, no line end")
sys.exit(4)
