# The file that is executed.
import os, sys
print(os.readlink("/proc/self/exe"), os.path.realpath(sys.executable))
print(os.readlink("/proc/self/cwd"), os.readlink("/proc/self/root"))
