# In a thread it ends the thread only.
import sys
import threading
def f():
    print("thread")
    sys.exit(3)
thread = threading.Thread(target=f)
thread.start()
thread.join()
print("main goes on")
