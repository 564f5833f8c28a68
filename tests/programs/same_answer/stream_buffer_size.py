# How much is held back before it is written.
import os, sys
read, write = os.pipe()
os.set_blocking(read, False)
saved = os.dup(1)
os.dup2(write, 1)
sizes = []
for n in range(12000):
    sys.stdout.write("x")
    try:
        sizes.append((n, len(os.read(read, 100000))))
    except BlockingIOError:
        pass
sys.stdout.flush()
os.dup2(saved, 1)
print(sizes)
