# The same by the real signal: the handler is Python's own.
import os
import signal
print("before", flush=True)
os.kill(os.getpid(), signal.SIGINT)
for _ in range(1000):
    pass
print("not reached")
