# From a thread, too, and with an exception, which is reported and dropped.
# normalise: 0x[0-9a-f]+ (an address)
import ctypes, threading
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
def twice(n): return 2 * n if n < 3 else 1 // 0
def work(): print([twice(n) for n in range(4)])
t = threading.Thread(target=work); t.start(); t.join()
work()
