# ctypes keeps errno apart and finds the C library.
import ctypes, ctypes.util
libc = ctypes.CDLL(None, use_errno=True)
print(ctypes.get_errno(), libc.abs(-3), libc.close(99), ctypes.get_errno(), ctypes.sizeof(ctypes.c_long), ctypes.py_object(3).value)
