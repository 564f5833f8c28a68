# An alarm without a handler.
# silent
import signal
import time
signal.setitimer(signal.ITIMER_REAL, 0.02)
time.sleep(5)
print("not reached")
