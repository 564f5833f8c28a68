# S41: looks for a mount that can be written to, or that lacks its walls
# verdict: accepted
# uses: attempts.py
mounts = {}
for line in open("/proc/self/mountinfo"):
    _, _, _, _, place, options, *_ = line.split()
    mounts[place] = options  # what was mounted last covers what was there before
for place, options in mounts.items():
    path = f"{place}/written"
    try:
        os.makedirs(path) if os.path.isdir(place) else os.write(os.open(place, os.O_WRONLY | os.O_NONBLOCK), b"")
    except OSError as error:
        say("refused", place, errno.errorcode.get(error.errno))
        continue
    is_device = not os.path.isdir(place)
    if place not in ("/tmp", "/dev/shm") and not is_device:
        say("SUCCEEDED", "in writing to", place, options)
    if not is_device and not {"rw", "nosuid", "nodev"} <= set(options.split(",")):
        say("SUCCEEDED", "in finding without walls", place, options)
for path in ("/", "/etc", "/usr", "/usr/src", "/usr/src/submitter", "/var", "/run", "/home", "/root", "/opt", "/srv", "/mnt", "/dev", "/proc", "/sys", "/dev/mqueue", "/dev/pts"):
    attempt(f"to write to {path}", os.mkdir, f"{path}/written")
print("done")
