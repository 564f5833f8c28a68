# SIGCHLD arrives when a child ends.
import os, signal, time
got = []
signal.signal(signal.SIGCHLD, lambda *_: got.append(1))
if os.fork() == 0:
    os._exit(0)
while not got: time.sleep(0.002)
print(os.wait()[1], len(got))
