# An orphan goes to the first process of the box.
import os, time
read, write = os.pipe()
if os.fork() == 0:
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent: time.sleep(0.001)
        os.write(write, str(os.getppid()).encode())
    os._exit(0)
os.wait()
print(os.read(read, 10))
