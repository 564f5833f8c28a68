# A daemon thread that computes is no obstacle either.
import threading
def spin():
    while True:
        pass
threading.Thread(target=spin, daemon=True).start()
print("main done")
