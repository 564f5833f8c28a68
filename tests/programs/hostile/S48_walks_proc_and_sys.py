# S48: walks /proc and /sys
# verdict: accepted
# uses: attempts.py
extra = set(os.listdir("/proc")) - {"1", str(os.getpid()), "self", "thread-self"}
if extra:
    say("SUCCEEDED", "in seeing in /proc", sorted(extra))
if os.path.isdir("/sys") and os.listdir("/sys"):
    say("SUCCEEDED", "in seeing in /sys", os.listdir("/sys"))
for name in (
    "kcore", "keys", "key-users", "kmsg", "kallsyms", "kpagecount", "kpageflags", "timer_list", "sched_debug",
    "config.gz", "slabinfo", "interrupts", "cmdline", "version", "cpuinfo", "meminfo", "modules", "partitions",
    "diskstats", "sysvipc/shm", "sys/kernel/osrelease", "sys/kernel/random/boot_id", "loadavg", "uptime", "stat",
    "vmstat", "swaps", "pressure/cpu", "sysrq-trigger", "scsi/scsi", "bus/pci/devices",
):  # fmt: skip
    attempt(f"/proc/{name}", lambda: open(f"/proc/{name}", "rb").read(1))
for path in ("/proc/self/../sys/kernel", "/proc/thread-self/../../sys/kernel"):
    attempt(path, os.listdir, path)
print("done")
