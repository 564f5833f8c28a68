# sys.exit with all kinds of objects, in children, whose codes are told.
import os
import sys
for value in (0, 1, 255, 256, 257, -1, True, False, None, 2**31, 2**63, 2**70, -(2**70), 3.7, "text", (1, 2), [], b"x"):
    sys.stdout.flush()
    if (pid := os.fork()) == 0:
        sys.exit(value)
    print(repr(value), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
