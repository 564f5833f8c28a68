# getenv of the C library, and what a child gets.
import ctypes, subprocess
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print([libc.getenv(name) for name in (b"PATH", b"LANG", b"HOME", b"PWD", b"PYTHONPATH", b"LC_ALL")])
told = subprocess.run(["env"], capture_output=True, text=True).stdout.split()
print(sorted(line for line in told if not line.startswith("PYTHONHASHSEED")))
