# S44: a message from one submission to another that runs at the same time, by every channel there may be
# case look: accepted
# beside hold: wall_time_limit_exceeded
# machine: x86_64
# uses: attempts.py
import socket
import time

KEY, NAME = 0x5375, "submitter-message"
if sys.argv[1] == "hold":
    for place in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/run/lock", "."):
        try:
            open(f"{place}/{NAME}", "w").close()
        except OSError:
            pass
    for function, arguments in (
        (LIBC.shmget, (KEY, 4096, 0o1666)),
        (LIBC.semget, (KEY, 1, 0o1666)),
        (LIBC.msgget, (KEY, 0o1666)),
        (LIBC.mq_open, (b"/" + NAME.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)),
        (LIBC.sem_open, (b"/" + NAME.encode(), os.O_CREAT, 0o666, 1)),
        (LIBC.syscall, (248, b"user", NAME.encode(), b"x", 1, -4)),
        (LIBC.prctl, (15, NAME[:15].encode())),
    ):
        function(*arguments)
    time.sleep(60)


def send_to_abstract():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pair[0].sendto(b"x", b"\0" + NAME.encode())


def listen_on_abstract():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pair[0].bind(b"\0" + NAME.encode())


def checked(function):
    def call(*arguments):
        ctypes.set_errno(0)
        if (result := function(*arguments)) in (-1, 0):
            raise OSError(ctypes.get_errno(), "refused")
        return result

    return call


attempt("an abstract socket to bind", listen_on_abstract, errors=(errno.EPERM,))
end = time.monotonic() + 1.5  # the other has begun meanwhile
while time.monotonic() < end:
    for place in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/run/lock", "."):
        if os.path.exists(f"{place}/{NAME}"):
            say("SUCCEEDED", "by a file in", place)
    attempt("shared memory", checked(LIBC.shmget), KEY, 0, 0)
    attempt("a semaphore", checked(LIBC.semget), KEY, 0, 0)
    attempt("a message queue", checked(LIBC.msgget), KEY, 0)
    attempt("a POSIX queue", checked(LIBC.mq_open), b"/" + NAME.encode(), os.O_RDWR)
    attempt("a POSIX semaphore", checked(LIBC.sem_open), b"/" + NAME.encode(), 0)
    attempt("a key", kernel, 249, b"user", NAME.encode(), None, 0)
    attempt("an abstract socket", send_to_abstract)
    for pid in os.listdir("/proc"):
        if pid.isdigit() and pid not in ("1", str(os.getpid())):
            say("SUCCEEDED", "in seeing", pid)
    time.sleep(0.25)
print("done")
