# S67: goes on after its end: atexit, finalizers
# case atexit: time_limit_exceeded
# case finalizer: time_limit_exceeded
# case exec: accepted
import atexit
import os
import sys


def spin():
    while True:
        pass


class Finalized:
    def __del__(self):
        spin()


if sys.argv[1] == "exec":
    atexit.register(os.execv, "/bin/sh", ["sh", "-c", "exit 0"])
elif sys.argv[1] == "atexit":
    atexit.register(spin)
else:
    kept = Finalized()
print("done", flush=True)
