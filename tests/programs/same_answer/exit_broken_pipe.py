# Output into a pipe that nobody reads: SIGPIPE is ignored, the flush at exit fails, code 120.
import os
read, write = os.pipe()
os.close(read)
os.dup2(write, 1)
print("x")
