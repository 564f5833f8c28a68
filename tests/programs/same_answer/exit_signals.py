# Every signal's default action, in children.
import os
import signal
import sys
for number in sorted(signal.Signals):
    if number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        continue
    sys.stdout.flush()
    if (pid := os.fork()) == 0:
        sys.stderr = None
        os.kill(os.getpid(), number)
        os._exit(0)
    print(number.name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
