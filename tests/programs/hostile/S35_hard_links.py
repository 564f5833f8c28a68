# S35: hard links to files that are not its own
# verdict: accepted
# uses: attempts.py
targets = [__file__, os.path.realpath(sys.executable), "/etc/passwd", "/bin/sh", "/proc/self/exe", "/proc/self/fd/0", os.__file__]
for number, target in enumerate(targets):
    for directory in ("/tmp", "/dev/shm"):
        for follow in (False, True):
            attempt(f"{target} in {directory}", lambda: os.link(target, f"{directory}/{number}", follow_symlinks=follow))
print("done")
