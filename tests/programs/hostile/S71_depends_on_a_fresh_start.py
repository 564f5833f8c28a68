# S71: changes all that a fork would pass on, and looks whether the next case has it
# case leave: accepted
# case look: accepted
# uses: attempts.py
import gc
import locale
import random
import resource
import signal
import threading
import time
import warnings

SIGNALS = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}
if sys.argv[1] == "leave":
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.umask(0o777)
    os.chdir("/usr")
    os.environ.clear()
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    locale.setlocale(locale.LC_ALL, "C")
    random.seed(1)
    warnings.simplefilter("error")
    sys.argv[:] = ["x"]
    sys.path[:] = []
    gc.disable()
    sys.setswitchinterval(1000)
    sys.setrecursionlimit(100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))
    os.write(1, b"done\n")
    os._exit(0)
state = {
    "directory": (os.getcwd(), "/tmp"),
    "mask of files": (os.umask(0o022), 0o022),
    "blocked": (signal.pthread_sigmask(signal.SIG_BLOCK, []), set()),
    "ignored": (
        {number for number in SIGNALS if signal.getsignal(number) == signal.SIG_IGN},
        {signal.SIGPIPE, signal.SIGXFSZ},  # by Python
    ),
    "handled": ({number for number in SIGNALS if callable(signal.getsignal(number))}, {signal.SIGINT}),
    "arguments": (sys.argv[1:], ["look"]),
    "program": (sys.argv[0], __file__),
    "name": (__name__, "__main__"),
    "path": (sys.path[0], os.path.dirname(__file__)),
    "collector": (gc.isenabled(), True),
    "recursion limit": (sys.getrecursionlimit(), 1000),
    "switch interval": (sys.getswitchinterval(), 0.005),
    "threads": (threading.active_count(), 1),
    "main thread": (threading.main_thread() is threading.current_thread(), True),
    "session": (os.getsid(0), os.getpid()),
    "open files": (resource.getrlimit(resource.RLIMIT_NOFILE), (256, 256)),
    "processes": (resource.getrlimit(resource.RLIMIT_NPROC)[1] <= 64, True),
    "locked memory": (resource.getrlimit(resource.RLIMIT_MEMLOCK), (0, 0)),
    "queues": (resource.getrlimit(12), (0, 0)),  # RLIMIT_MSGQUEUE
    "what the kernel kills first": (open("/proc/self/oom_score_adj").read().strip(), "1000"),
    "locale": (locale.setlocale(locale.LC_CTYPE), "C.UTF-8"),
    "alarm": (signal.getitimer(signal.ITIMER_REAL)[0], 0.0),
    "children's time": (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, 0.0),
    "time zone": (os.environ.get("TZ"), None),
}
for what, (found, fresh) in state.items():
    if found != fresh:
        say("SUCCEEDED", "in changing", what, "to", found, "from", fresh)
print("done")
