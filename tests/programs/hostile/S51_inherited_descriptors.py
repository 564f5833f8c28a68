# S51: walks out by a descriptor that was left open
# verdict: accepted
# uses: attempts.py
import fcntl
import stat

for fd in range(3, 4096):
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        continue
    say("SUCCEEDED", "in finding", fd, os.readlink(f"/proc/self/fd/{fd}"))
for fd in range(3):
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
        say("SUCCEEDED", "in finding", fd, "to be", stat.filemode(mode))
    try:
        os.open("..", os.O_RDONLY, dir_fd=fd)
        say("SUCCEEDED", "out by descriptor", fd)
    except OSError as error:
        say("refused", fd, error)
root = os.open("/", os.O_RDONLY)
if os.fstat(os.open("../../../..", os.O_RDONLY, dir_fd=root)).st_ino != os.fstat(root).st_ino:
    say("SUCCEEDED", "above the root")
print("done")
