# S30: reads, traces and borrows from process 1 and its parent
# verdict: accepted
# machine: x86_64
# uses: attempts.py
for pid in {1, os.getppid()} - {0}:
    for name in ("mem", "environ", "maps", "smaps", "auxv", "stack", "syscall", "io", "pagemap", "timers"):
        attempt(f"to read /proc/{pid}/{name}", lambda: open(f"/proc/{pid}/{name}", "rb").read(1))
    for name in ("exe", "cwd", "root", "fd/0", "fd/1", "ns/mnt", "ns/user"):
        attempt(f"to follow /proc/{pid}/{name}", os.readlink, f"/proc/{pid}/{name}")
    for name in ("fd", "map_files", "fdinfo", "cwd", "root"):
        attempt(f"to list /proc/{pid}/{name}", os.listdir, f"/proc/{pid}/{name}")
    for name, value in (("oom_score_adj", "1000"), ("coredump_filter", "0"), ("uid_map", "0 0 1"), ("comm", "mine")):
        attempt(f"to write /proc/{pid}/{name}", lambda: os.write(os.open(f"/proc/{pid}/{name}", os.O_WRONLY), value.encode()))
    attempt(f"to write /proc/{pid}/mem", lambda: open(f"/proc/{pid}/mem", "r+b"))
    attempt("PTRACE_ATTACH", kernel, 101, 16, pid, 0, 0, errors=(errno.EPERM,))
    attempt("PTRACE_SEIZE", kernel, 101, 0x4206, pid, 0, 0, errors=(errno.EPERM,))
    attempt("process_vm_readv", kernel, 310, pid, None, 0, None, 0, 0, errors=(errno.EPERM,))
    attempt("process_vm_writev", kernel, 311, pid, None, 0, None, 0, 0, errors=(errno.EPERM,))
    attempt("kcmp", kernel, 312, os.getpid(), pid, 0, 0, 0, errors=(errno.EPERM,))
    attempt("process_madvise", kernel, 440, pid, None, 0, 0, 0, errors=(errno.EPERM,))
    attempt("migrate_pages", kernel, 256, pid, 0, None, None)
    attempt("move_pages", kernel, 279, pid, 0, None, None, None, 0, errors=(errno.EPERM,))
    attempt("get_robust_list", kernel, 274, pid, ctypes.create_string_buffer(8), ctypes.create_string_buffer(8))
    attempt("its limits", kernel, 302, pid, 0, None, ctypes.create_string_buffer(16), errors=(errno.EPERM,))
    try:
        fd = os.pidfd_open(pid)
    except OSError as error:
        say("refused", "pidfd_open", error)
    else:
        attempt("pidfd_getfd", kernel, 438, fd, 0, 0, errors=(errno.EPERM,))
print("done")
