# Put before every program that says "uses: attempts.py" (README.md).
import ctypes
import errno
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def attempt(what, function, *arguments, errors=()):
    """Try what must be refused, with one of `errors` when some are given; what it gave, None when it was refused."""
    try:
        result = function(*arguments)
    except Exception as error:
        number = getattr(error, "errno", None)
        name = errno.errorcode.get(number, type(error).__name__)
        say("refused" if not errors or number in errors else "UNEXPECTED", what, name)
        return None
    say("SUCCEEDED", what)
    return result


def kernel(number, *arguments):
    """A system call by its number; OSError when it is refused."""
    ctypes.set_errno(0)
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *values)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result


# The program itself:
