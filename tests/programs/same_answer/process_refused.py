# What is refused is refused alike. (The first line keeps it from doing harm where it is run by hand as root.)
import os, signal, sys
if os.getuid() == 0: sys.exit("not as root")
for call in (lambda: os.kill(1, 0), lambda: os.setuid(0), lambda: os.chroot("/"), lambda: os.setgroups([]),
             lambda: os.nice(-5), lambda: os.setpriority(os.PRIO_PROCESS, 1, 0), lambda: os.chown("/tmp", 0, 0)):
    try:
        print(call())
    except OSError as error:
        print(type(error).__name__, error.errno)
