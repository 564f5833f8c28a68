# S29: makes orphans and zombies for somebody else to bury
# case leave: accepted
# case look: accepted
# uses: attempts.py
if sys.argv[1] == "leave":
    for _ in range(300):
        try:
            pid = os.fork()
        except OSError:
            continue
        if pid == 0:
            try:
                for _ in range(3):
                    if os.fork() == 0:
                        os._exit(0)
            finally:
                os._exit(0)
        if _ % 10:
            os.waitpid(pid, 0)
else:
    entries = {name for name in os.listdir("/proc") if name.isdigit()} - {"1", str(os.getpid())}
    if entries:
        say("SUCCEEDED", "in leaving", entries)
    children = []
    for _ in range(20):  # nobody's zombie takes a place that is ours
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
print("done")
