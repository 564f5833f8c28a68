# S5: memory that several share, so that nobody has it alone
# verdict: memory_limit_exceeded
import mmap
import os
import time

shared = [mmap.mmap(-1, 40 << 20) for _ in range(5)]
for part in shared:
    if os.fork() == 0:
        for at in range(0, len(part), 4096):
            part[at] = 1
        time.sleep(60)
time.sleep(60)
