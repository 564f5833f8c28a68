# S59: system calls of another kind, for which the same numbers mean others
# machine: x86_64
# case int 0x80: runtime_error signal 31
# case x32: runtime_error signal 31
# case x32 of its own: runtime_error signal 31
import ctypes
import mmap
import sys

libc = ctypes.CDLL(None)
if sys.argv[1] == "x32":
    libc.syscall(ctypes.c_long(0x40000000 + 39))
elif sys.argv[1] == "x32 of its own":
    libc.syscall(ctypes.c_long(0x40000000 + 520))
else:
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, getpid; int 0x80; ret
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print("SUCCEEDED")
