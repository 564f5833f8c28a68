# A program that stops itself.
# limits: {"wall_time_s": 0.5}
import os, signal
print("stops", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
