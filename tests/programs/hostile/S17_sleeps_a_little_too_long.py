# S17: sleeps for a little longer than it may, and then answers
# verdict: wall_time_limit_exceeded
import time

time.sleep(4)
print("done")
