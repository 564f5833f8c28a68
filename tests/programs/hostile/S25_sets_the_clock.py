# S25: sets the clock
# verdict: accepted
# machine: x86_64
# uses: attempts.py
import struct
import time

attempt("clock_settime", time.clock_settime, time.CLOCK_REALTIME, time.time() + 3600, errors=(errno.EPERM,))
attempt("settimeofday", kernel, 164, struct.pack("qq", 1, 0), None, errors=(errno.EPERM,))
adjustment = ctypes.create_string_buffer(struct.pack("Iqq", 0x100, 0, 0), 256)
attempt("adjtimex", kernel, 159, adjustment, errors=(errno.EPERM,))
attempt("clock_adjtime", kernel, 305, 0, adjustment, errors=(errno.EPERM,))
print("done")
