# waitpid variants.
import os
pids = []
for code in (1, 2):
    if (pid := os.fork()) == 0: os._exit(code)
    pids.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError as error:
    print(error)
