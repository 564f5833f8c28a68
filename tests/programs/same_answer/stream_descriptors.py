# What the three descriptors are: kinds and flags.
import fcntl
import os
import stat
for fd in range(3):
    state = os.fstat(fd)
    print(fd, stat.S_IFMT(state.st_mode) == stat.S_IFIFO, stat.S_ISCHR(state.st_mode), os.isatty(fd))
    print(hex(fcntl.fcntl(fd, fcntl.F_GETFL)), fcntl.fcntl(fd, fcntl.F_GETFD), os.get_inheritable(fd), os.get_blocking(fd))
