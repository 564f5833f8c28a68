# How many threads the limit of processes allows, the program's first included.
import threading
event = threading.Event()
threads = []
try:
    for n in range(100):
        t = threading.Thread(target=event.wait)
        t.start()
        threads.append(t)
except RuntimeError as error:
    print(error)
print(len(threads))
event.set()
