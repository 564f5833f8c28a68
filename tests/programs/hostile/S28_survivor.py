# S28: leaves processes that watch the next case and answer in its place
# case leave: accepted
# case look: accepted
# uses: attempts.py
import time


def watch(main):
    for number in range(1, 65):
        LIBC.signal(number, ctypes.c_void_p(1))
    try:
        while True:  # what is written before its end is this case's own answer
            os.kill(main, 0)
            time.sleep(0.01)
    except ProcessLookupError:
        pass
    while True:
        time.sleep(0.01)
        for pid in os.listdir("/proc"):
            try:
                fd = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
                os.write(fd, b"answered by another\n")
            except OSError:
                pass


if sys.argv[1] == "leave":
    main = os.getpid()
    for _ in range(4):
        if os.fork() == 0:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            for fd in range(3):
                os.close(fd)
            watch(main)
else:
    for _ in range(10):
        others = {name for name in os.listdir("/proc") if name.isdigit()} - {"1", str(os.getpid())}
        if others:
            say("SUCCEEDED", "in leaving", others)
        time.sleep(0.02)
os.write(1, b"done\n")
os._exit(0)
