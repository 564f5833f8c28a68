# Handlers run in the main thread between two instructions.
import os, signal, threading
got = []
signal.signal(signal.SIGUSR1, lambda number, frame: got.append((number, threading.current_thread().name)))
os.kill(os.getpid(), signal.SIGUSR1)
for _ in range(100): pass
print(got)
