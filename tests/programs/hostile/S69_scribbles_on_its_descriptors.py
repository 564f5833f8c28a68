# S69: changes what it shares with others of its descriptors: places, flags, contents, owners
# input-mode: stdin
# case leave: accepted
# case look: accepted
# case leave again: accepted
# case look: accepted
# uses: attempts.py
import fcntl
import mmap

task = os.read(0, 1 << 16)
if task.startswith(b"leave"):
    for fd in range(3):
        for what in (
            lambda: os.lseek(fd, 1 << 20, os.SEEK_SET),
            lambda: os.set_blocking(fd, False),
            lambda: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK | os.O_ASYNC),
            lambda: fcntl.fcntl(fd, fcntl.F_SETOWN, 1),
            lambda: fcntl.fcntl(fd, fcntl.F_SETSIG, 9),
            lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK),
            lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda: fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096),
            lambda: os.fchmod(fd, 0),
            lambda: mmap.mmap(fd, 4096).write(b"poison"),
            lambda: os.pwrite(0, b"poison", 0),
            lambda: os.ftruncate(fd, 0),
            lambda: fcntl.fcntl(fd, 1033, 15),  # F_ADD_SEALS
        ):
            try:
                what()
            except (OSError, ValueError):
                pass
    fcntl.fcntl(1, fcntl.F_SETSIG, 0)
    os.set_blocking(1, True)
elif task != b"look\n":
    say("SUCCEEDED", "in changing the input to", task)
for fd in range(3):
    if task == b"look\n" and not os.get_blocking(fd):
        say("SUCCEEDED", "in changing descriptor", fd)
os.write(1, b"done\n")
