# A file that is not closed is flushed at exit.
import os
file = open("out.txt", "w")
file.write("x" * 10)
print(os.path.getsize("out.txt"))
import atexit
atexit.register(lambda: print(os.path.getsize("out.txt"), file.closed))
