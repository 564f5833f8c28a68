# What the kernel says of signals, threads, privileges and names.
# normalise: 20[0-9]{8} (where the box has no users of its own the user's number is another every time)
for line in open("/proc/self/status"):
    name, value = line.split(":", 1)
    if name in ("Name", "Umask", "State", "TracerPid", "Uid", "Gid", "Groups", "Threads", "NoNewPrivs", "Seccomp",
                "Seccomp_filters", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigPnd", "ShdPnd", "SigBlk",
                "SigIgn", "SigCgt", "THP_enabled", "CoreDumping", "PPid"):
        print(name, value.split())
