# S49: writes to core_pattern, sysrq, a cgroup's release_agent and the like
# verdict: accepted
# uses: attempts.py
for path in (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
    "/proc/sys/fs/binfmt_misc/register", "/proc/sys/kernel/ns_last_pid", "/proc/sys/user/max_user_namespaces",
    "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/irq/0/smp_affinity",
    "/proc/self/net/dev", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/release_agent",
    "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory.max",
    "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled", "/dev/mem",
    "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
    "/dev/loop-control", "/dev/mapper/control",
):  # fmt: skip
    attempt(path, os.open, path, os.O_WRONLY)
for name, value in (
    ("uid_map", "0 0 1"), ("gid_map", "0 0 1"), ("setgroups", "allow"), ("timens_offsets", "monotonic 1 0"),
    ("loginuid", "0"), ("oom_score_adj", "-1000"), ("oom_score_adj", "0"),
):  # fmt: skip
    attempt(f"/proc/self/{name} {value}", lambda: os.write(os.open(f"/proc/self/{name}", os.O_WRONLY), value.encode()))
print("done")
