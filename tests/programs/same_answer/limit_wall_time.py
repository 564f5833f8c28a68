# A program that sleeps for too long.
# limits: {"wall_time_s": 0.5}
import time
print("waits", flush=True)
time.sleep(30)
