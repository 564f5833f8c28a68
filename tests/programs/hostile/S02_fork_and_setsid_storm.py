# S2: children that make sessions of their own and children of theirs, as fast as they can
# verdict: time_limit_exceeded
import os
import signal

signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def escape():
    while True:
        try:
            os.setsid()
        except OSError:
            pass
        try:
            if os.fork() != 0:
                os._exit(0)  # the child goes on, in a group that nobody knows
        except OSError:
            pass


while True:
    try:
        if os.fork() == 0:
            escape()
    except OSError:
        pass
