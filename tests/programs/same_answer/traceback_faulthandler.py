# faulthandler shows every thread state and all frames.
# normalise: 0x[0-9a-f]+ (a thread's number)
import faulthandler
import sys
def f():
    faulthandler.dump_traceback(sys.stderr)
print(faulthandler.is_enabled(), flush=True)
f()
