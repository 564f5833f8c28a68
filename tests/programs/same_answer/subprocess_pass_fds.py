# Descriptors of the program are closed in children but for those that it names.
import os, subprocess
read, write = os.pipe()
subprocess.run(["sh", "-c", "ls /proc/self/fd | wc -l; echo through >&%d" % write], pass_fds=[write])
print(os.read(read, 100))
