# S14: spins in children that live for less than a look takes, and for whom nobody waits
# only: docker
# verdict: time_limit_exceeded
# Under bubblewrap nobody counts them, and the time by the clock is the only limit: docs/threat-model.md says so.
import os
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
made = 0
while made < 400:
    try:
        if os.fork() == 0:
            while time.process_time() < 0.006:  # a forked process begins with none
                pass
            os._exit(0)
    except BlockingIOError:  # on a busy machine: those before are still there
        time.sleep(0.02)
        continue
    made += 1
    if made % 2 == 0:
        time.sleep(0.007)
print("done")
