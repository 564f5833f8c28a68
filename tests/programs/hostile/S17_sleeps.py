# S17: sleeps
# verdict: wall_time_limit_exceeded
import time

time.sleep(1000)
