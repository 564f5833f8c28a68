# S21: stops itself
# verdict: wall_time_limit_exceeded
import os
import signal

os.kill(os.getpid(), signal.SIGSTOP)
