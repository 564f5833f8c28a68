# The header of a thread's traceback.
import threading
def f():
    raise ValueError("in thread")
thread = threading.Thread(target=f)
thread.start()
thread.join()
