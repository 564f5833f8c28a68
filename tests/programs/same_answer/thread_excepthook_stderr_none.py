# A thread's exception with sys.stderr gone.
import sys, threading
err, sys.stderr = sys.stderr, None
t = threading.Thread(target=lambda: 1 / 0, name="t"); t.start(); t.join()
sys.stderr = err
print("survived")
