# setitimer with a handler that raises.
import signal, time
class Late(Exception): pass
def handler(number, frame): raise Late("too late")
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    time.sleep(5)
except Late as error:
    print("caught", error)
