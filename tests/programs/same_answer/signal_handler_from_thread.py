# A signal sent while a thread runs.
import os, signal, threading
got = threading.Event()
signal.signal(signal.SIGUSR2, lambda *_: got.set())
thread = threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGUSR2))
thread.start(); thread.join()
print(got.wait(2))
try:
    thread = threading.Thread(target=lambda: signal.signal(signal.SIGUSR1, signal.SIG_DFL)); thread.start(); thread.join()
except ValueError as error:
    print(error)
