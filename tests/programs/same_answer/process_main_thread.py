# The main thread is the process's first.
import os, threading
print(threading.get_native_id() == os.getpid(), threading.main_thread().native_id == os.getpid())
print(threading.current_thread().name, threading.get_ident() == threading.main_thread().ident)
