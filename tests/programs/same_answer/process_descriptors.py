# Only 0, 1 and 2 are open; the next one is 3.
import os
print(sorted(map(int, os.listdir("/proc/self/fd"))))
print(os.open("/dev/null", os.O_RDONLY))
