# S61: leaves a core dump
# case leave: runtime_error signal 6
# case look: accepted
# uses: attempts.py
import resource

if sys.argv[1] == "leave":
    attempt("larger core dumps", resource.setrlimit, resource.RLIMIT_CORE, (1 << 20, 1 << 20))
    try:
        with open("/proc/self/coredump_filter", "w") as file:
            file.write("0xff")
    except OSError as error:
        say("refused", "all of its memory", error)
    os.abort()
for directory in (".", "/tmp", "/dev/shm", "/", "/var/crash", "/var/lib/systemd/coredump", "/cores"):
    try:
        names = os.listdir(directory)
    except OSError:
        continue
    for name in names:
        if name.startswith("core"):
            say("SUCCEEDED", directory, name)
print("done")
