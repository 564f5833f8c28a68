# The interpreter waits for threads that are no daemons.
import threading
import time
def f():
    time.sleep(0.05)
    print("thread done")
threading.Thread(target=f).start()
print("main done")
