# On a crash, too.
# normalise: 0x[0-9a-f]+ (a thread's number)
import faulthandler
faulthandler.enable()
def f():
    faulthandler._sigsegv()
f()
