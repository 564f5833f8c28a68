# S9: a byte now and then, and never a line
# verdict: wall_time_limit_exceeded
import os
import time

while True:
    os.write(1, b"d")
    time.sleep(0.005)
