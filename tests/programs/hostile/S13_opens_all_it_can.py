# S13: descriptors of every kind, up to the limit
# verdict: runtime_error exit 1
import os
import select
import socket
import sys

for make in (os.pipe, socket.socketpair, lambda: os.open("/dev/null", 0), lambda: os.eventfd(0), select.epoll):
    held = []
    try:
        for _ in range(10_000):
            held.append(make())
        print("SUCCEEDED in opening", len(held), file=sys.stderr)
    except OSError as error:
        print("refused", len(held), error, file=sys.stderr)
        for fds in held:
            for fd in fds if isinstance(fds, tuple) else (fds,):
                os.close(fd) if isinstance(fd, int) else fd.close()
held = [open("/dev/null") for _ in range(10_000)]
