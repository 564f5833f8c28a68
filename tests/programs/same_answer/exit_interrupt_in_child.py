# A child that is interrupted dies by the signal, and runs what is registered before.
import atexit, os
if os.fork() == 0:
    atexit.register(print, "registered")
    raise KeyboardInterrupt
print(os.waitstatus_to_exitcode(os.wait()[1]))
