# How many children the limit allows.
import os, signal
pids = []
try:
    for _ in range(100):
        if (pid := os.fork()) == 0:
            signal.pause()
        pids.append(pid)
except BlockingIOError as error:
    print(error)
print(len(pids))
for pid in pids: os.kill(pid, signal.SIGKILL)
