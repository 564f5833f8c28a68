# What C's stdio holds is flushed when the process really leaves through exit().
import ctypes
libc = ctypes.CDLL(None)
libc.printf(b"from C %d\n", 3)
print("from Python")
