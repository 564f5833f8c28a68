# In a child of a thread that thread is the main one.
import os, threading
def f():
    if os.fork() == 0:
        print(threading.main_thread() is threading.current_thread(), threading.active_count(), flush=True)
        os._exit(0)
    os.wait()
t = threading.Thread(target=f); t.start(); t.join()
