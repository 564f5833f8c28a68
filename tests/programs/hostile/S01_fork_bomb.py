# S1: a fork bomb
# verdict: time_limit_exceeded or runtime_error
# verdict (docker): time_limit_exceeded or runtime_error or memory_limit_exceeded
import os

while True:
    try:
        os.fork()
    except OSError:
        pass
