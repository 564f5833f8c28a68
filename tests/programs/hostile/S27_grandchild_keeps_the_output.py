# S27: a daemon of its own keeps the output open when it ends
# verdict: accepted
# most-seconds: 2
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.wait()
os.write(1, b"done\n")
os._exit(0)
