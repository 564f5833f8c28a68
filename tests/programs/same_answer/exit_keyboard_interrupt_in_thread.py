# In a thread it is a traceback and no more.
import threading
def f():
    raise KeyboardInterrupt("in a thread")
thread = threading.Thread(target=f, name="worker")
thread.start()
thread.join()
print("main goes on")
