# S5: memory in children, each of them below the limit
# verdict: memory_limit_exceeded
import os
import time

for _ in range(5):
    if os.fork() == 0:
        held = b"x" * (40 << 20)
        time.sleep(60)
time.sleep(60)
