# A pipe to a child.
import os
read, write = os.pipe()
if os.fork() == 0:
    os.close(read)
    os.write(write, b"from the child")
    os._exit(0)
os.close(write)
print(os.read(read, 100), os.read(read, 100), os.wait()[1], read, write)
