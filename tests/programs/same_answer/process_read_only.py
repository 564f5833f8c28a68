# Where a program cannot write.
import os
for place in ("/", "/usr", "/usr/src", os.path.dirname(__file__), "/dev", "/proc/self", "/sys", "/tmp", "/dev/shm"):
    state = os.statvfs(place)
    print(place, os.access(place, os.W_OK), bool(state.f_flag & os.ST_RDONLY), bool(state.f_flag & os.ST_NOSUID))
