# os.fork and the exit status of a child.
import os
if (pid := os.fork()) == 0:
    print("child", os.getppid() != 1, flush=True)
    os._exit(7)
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
