# Names are counted from 1 and the main thread is alone at start.
import threading
print(threading.active_count(), threading.enumerate()[0].name, threading._active == {threading.get_ident(): threading.main_thread()})
for n in range(2):
    thread = threading.Thread(target=lambda: print(threading.current_thread().name))
    thread.start()
    thread.join()
