# S39: leaves files, open ones, deleted ones, links and rights, for the next case or student
# case leave: accepted
# case look: accepted
# uses: attempts.py
import fcntl

PLACES = [line.split()[4] for line in open("/proc/self/mountinfo")]
PLACES += [".", os.path.expanduser("~"), "/var/tmp", "/run", "/run/lock", "/dev/mqueue", "/usr/src", "/mnt", "/srv", "/home"]
for place in PLACES:
    path = f"{place}/left-behind"
    if sys.argv[1] == "leave":
        try:
            with open(path, "w") as file:
                file.write("a message")
                fcntl.flock(file, fcntl.LOCK_EX)
            os.setxattr(path, "user.message", b"a message")
        except OSError:
            pass
    elif os.path.lexists(path):
        say("SUCCEEDED", "with", path)
if sys.argv[1] == "leave":
    os.umask(0)
    os.makedirs("/tmp/a/b/c")
    os.chdir("/tmp/a/b/c")
else:
    for place in ("/tmp", "/dev/shm", "."):
        if os.listdir(place):
            say("SUCCEEDED", "with", os.listdir(place), "in", place)
print("done")
