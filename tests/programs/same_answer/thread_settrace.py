# threading.settrace reaches new threads.
import threading
names = []
threading.settrace(lambda frame, event, arg: names.append(frame.f_code.co_name))
def worker(): pass
t = threading.Thread(target=worker); t.start(); t.join()
threading.settrace(None)
print(names[:2], "worker" in names)
