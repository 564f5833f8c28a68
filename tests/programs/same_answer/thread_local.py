# Thread-local data.
import threading
data = threading.local()
data.x = "main"
def f():
    print(hasattr(data, "x"))
t = threading.Thread(target=f); t.start(); t.join()
print(data.x)
