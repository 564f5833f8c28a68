# S44: a message by a lock on a file that both can see, and by watching who opens it
# only: docker
# case look: accepted
# beside hold: wall_time_limit_exceeded
# uses: attempts.py
# Under bubblewrap both see the host's own files, locks and all: docs/threat-model.md says so.
import fcntl
import select
import time

FILES = ["/etc/passwd", os.path.realpath("/bin/sh"), os.__file__, "/etc/ld.so.cache", os.path.realpath(sys.executable)]
if sys.argv[1] == "hold":
    held = [open(path, "rb") for path in FILES if os.path.exists(path)]
    for file in held:
        fcntl.flock(file, fcntl.LOCK_EX)
    while True:
        time.sleep(0.05)
        for file in held:
            open(file.name, "rb").close()
watch = LIBC.inotify_init1(os.O_NONBLOCK)
for path in FILES[:4]:
    LIBC.inotify_add_watch(watch, path.encode(), 0x20)  # IN_OPEN
if select.select([watch], [], [], 1.5)[0]:
    say("SUCCEEDED", "by watching a file")
for path in FILES:
    if os.path.exists(path):
        with open(path, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("SUCCEEDED", "by a lock on", path)
print("done")
