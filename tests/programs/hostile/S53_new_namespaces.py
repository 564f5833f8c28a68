# S53: new namespaces, by every call that makes them
# verdict: accepted
# machine: x86_64
# uses: attempts.py
import struct

NEW = {"ns": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000}
NEW |= {"net": 0x40000000, "time": 0x80}


def clone(flags):
    if (pid := kernel(56, flags | 17, 0, 0, 0, 0)) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


for name, flag in NEW.items():
    for more in (0, 0x10000000):
        attempt(f"unshare {name} {more:x}", kernel, 272, flag | more, errors=(errno.EPERM,))
        if name != "time":  # in clone's flags, that bit belongs to the signal
            attempt(f"clone {name} {more:x}", clone, flag | more, errors=(errno.EPERM,))
        arguments = ctypes.create_string_buffer(struct.pack("8Q", flag | more, 0, 0, 0, 17, 0, 0, 0))
        attempt(f"clone3 {name} {more:x}", kernel, 435, arguments, 64, errors=(errno.ENOSYS,))
        # Only the low half of the flags is looked at by the kernel, and must be by the filter.
        attempt(f"unshare {name} with more", kernel, 272, flag | more | 1 << 40, errors=(errno.EPERM,))
        attempt(f"clone {name} with more", clone, flag | more | 1 << 40, errors=(errno.EPERM,))
for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
    try:
        fd = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    except OSError as error:
        say("refused", kind, error)
    else:
        attempt(f"setns {kind}", kernel, 308, fd, 0, errors=(errno.EPERM,))
print("done")
