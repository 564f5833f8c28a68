# Callbacks of C's atexit run in the end.
import ctypes
libc = ctypes.CDLL(None)
libc.printf(b"waits in the buffer\n")
libc.fflush(None)
libc.exit(21)
