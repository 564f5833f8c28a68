# Threads are joined before callbacks at exit.
import atexit
import threading
import time
atexit.register(print, "atexit")
def f():
    time.sleep(0.03)
    print("thread")
threading.Thread(target=f).start()
print("main")
