# S43: tells the next case something by what the kernel keeps: times of directories, the next pid, init's account
# case send: accepted
# case look: accepted
# uses: attempts.py
import time

if sys.argv[1] == "send":
    time.sleep(0.3)
    os.listdir("/tmp")
    os.listdir("/dev/shm")
    for _ in range(300):
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    print("done")
    sys.exit()
for place in ("/tmp", "/dev/shm"):
    status = os.stat(place)
    if abs(status.st_atime_ns - status.st_mtime_ns) > 10**8:
        say("SUCCEEDED", "in leaving a time at", place)
if os.getpid() > 300:
    say("SUCCEEDED", "in counting to", os.getpid(), "by pids")
try:
    fields = open("/proc/1/stat").read().rpartition(")")[2].split()
except OSError as error:
    say("refused", error)
else:
    if int(fields[8]):
        say("SUCCEEDED", "in reading that earlier cases had", fields[8], "faults of pages")
print("done")
