# What is counted per process must start afresh.
import itertools
import threading
print(threading.Thread().name, threading.Thread().name)
c = itertools.count()
print(next(c))
