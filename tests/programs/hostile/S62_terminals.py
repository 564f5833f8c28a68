# S62: types on a terminal that is not its own, and prints what a terminal obeys
# case type: accepted
# case print: wrong_answer
# machine: x86_64
# uses: attempts.py
import fcntl
import termios

if sys.argv[1] == "print":
    os.write(1, b"\x1b[2J\x1b]0;mine\x07\x1b[31m\x9b6n\x05done\r\n")
    os.write(2, b"\x1b[2J\x1b]52;c;bWluZQ==\x07\n")
    sys.exit()
for fd in range(3):
    if os.isatty(fd):
        say("SUCCEEDED", "in having a terminal at", fd)
    attempt(f"TIOCSTI at {fd}", fcntl.ioctl, fd, termios.TIOCSTI, b"x", errors=(errno.EPERM,))
    attempt(f"TIOCLINUX at {fd}", kernel, 16, fd, 0x541C, ctypes.create_string_buffer(b"\x02"), errors=(errno.EPERM,))
    attempt(f"TIOCSTI with more at {fd}", kernel, 16, fd, 1 << 40 | 0x5412, b"x", errors=(errno.EPERM,))
    attempt(f"TIOCSCTTY at {fd}", fcntl.ioctl, fd, termios.TIOCSCTTY, 1)
for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/pts/0", "/dev/vcs", "/dev/ptmx"):
    attempt(path, os.open, path, os.O_RDWR | os.O_NOCTTY)
attempt("a terminal of its own", os.openpty)
print("done")
