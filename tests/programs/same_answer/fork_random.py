# A child's generator is seeded anew.
import os, random
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, str(random.random()).encode())
    os._exit(0)
os.wait()
print(os.read(read, 100).decode() != str(random.random()))
