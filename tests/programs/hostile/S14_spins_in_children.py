# S14: shares its work between children, each of them below the limit
# verdict: time_limit_exceeded
import os
import time

for _ in range(3):
    if os.fork() == 0:
        end = time.process_time() + 0.6
        while time.process_time() < end:
            pass
        os._exit(0)
while True:
    os.wait()
