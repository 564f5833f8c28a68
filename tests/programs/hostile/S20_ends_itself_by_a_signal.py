# S20: ends itself by a signal, so that it looks like a limit
# case 9: runtime_error signal 9
# case 15: runtime_error signal 15
# case 24: runtime_error signal 24
# case 25: runtime_error signal 25
# case 31: runtime_error signal 31
# case 34: runtime_error signal 34
# case abort: runtime_error signal 6
# case group: runtime_error signal 9
import os
import signal
import sys
import time

print("done", flush=True)
if sys.argv[1] == "abort":
    os.abort()
elif sys.argv[1] == "group":
    os.kill(0, signal.SIGKILL)
else:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    os.kill(os.getpid(), int(sys.argv[1]))
time.sleep(60)
