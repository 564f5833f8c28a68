# S22: every signal to its parent, to process 1 and to everybody
# case parent: accepted
# case parent (gvisor): runtime_error
# case 1: accepted
# case 1 (gvisor): runtime_error
# case everybody: accepted
# case descriptor: accepted
# case after: accepted
import os
import signal
import sys
import time

target = {"parent": os.getppid(), "1": 1, "everybody": -1}.get(sys.argv[1])
if target is not None:
    for number in [*range(1, 65), signal.SIGSTOP, signal.SIGKILL]:
        try:
            os.kill(target, number)
        except OSError:
            pass
elif sys.argv[1] == "descriptor":
    for pid in (1, os.getppid()):
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            continue
        for number in range(1, 65):
            try:
                signal.pidfd_send_signal(fd, number)
            except OSError:
                pass
time.sleep(0.1)  # for what was killed to be missed
print("done")
