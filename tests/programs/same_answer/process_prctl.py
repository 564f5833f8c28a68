# Attributes of the process that survive a fork, or an exec, or not.
import ctypes
libc = ctypes.CDLL(None)
value = ctypes.c_int(-1)
libc.prctl(2, ctypes.byref(value), 0, 0, 0)
name = ctypes.create_string_buffer(16)
libc.prctl(16, name, 0, 0, 0)
print("death signal", value.value, "dumpable", libc.prctl(3, 0, 0, 0, 0), name.value)
libc.prctl(37, ctypes.byref(value), 0, 0, 0)
print("subreaper", value.value, "keepcaps", libc.prctl(7, 0, 0, 0, 0), "no new privileges", libc.prctl(39, 0, 0, 0, 0))
print("timer slack", libc.prctl(30, 0, 0, 0, 0), "huge pages off", libc.prctl(42, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0))
