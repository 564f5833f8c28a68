# S5: memory of a process whose main thread has ended, of which the kernel then tells no size
# verdict: memory_limit_exceeded
import ctypes
import os
import threading


def hold():
    held = [b"x" * (10 << 20) for _ in range(60)]
    os.write(1, b"done\n")
    os._exit(len(held) - 60)


threading.Thread(target=hold).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
