# The time at exit counts too.
# limits: {"cpu_time_s": 0.3}
import atexit
@atexit.register
def spin():
    while True: pass
print("main done", flush=True)
