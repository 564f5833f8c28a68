# S34, S36, S37: symbolic links, FIFOs, sockets, devices and odd names wherever it can write, for the host to fall over
# case leave: accepted
# case look: accepted
# uses: attempts.py
import socket
import stat

PLACES = [b"/tmp", b"/dev/shm"]
if sys.argv[1] == "leave":
    stem = os.path.splitext(os.path.basename(__file__))[0].encode()
    names = [stem + ending for ending in (b".py", b".out", b".results.json")]
    names += [b"\n", b"-rf", b"--no-preserve-root", b"\xff\xfe", b"a\nb", b"$(reboot)", b"*", b" ", b"\x1b[2J", b"...", b"\\"]
    for place in PLACES:
        for number, name in enumerate(names):
            for ending, make in (
                (b"", lambda path: os.symlink("/etc/passwd", path)),
                (b".1", lambda path: os.symlink("/", path)),
                (b".2", lambda path: os.symlink(b"../" * 40 + b"root", path)),
                (b".3", os.mkfifo),
                (b".4", os.mkdir),
            ):
                try:
                    make(place + b"/" + name + ending)
                except FileExistsError:
                    pass
        closed = place + b"/closed"
        os.makedirs(closed + b"/inside", exist_ok=True)
        os.symlink("/usr", closed + b"/inside/link")
        os.chmod(closed + b"/inside", 0)
        os.chmod(closed, 0)
        for what, kind, number in (("memory", stat.S_IFCHR, (1, 1)), ("a disk", stat.S_IFBLK, (8, 0)), ("null", stat.S_IFCHR, (1, 3))):
            attempt(f"a device for {what} in {place}", os.mknod, place + b"/device" + what.encode(), kind | 0o666, os.makedev(*number))
    attempt("a socket to bind", lambda: socket.socketpair()[0].bind("/tmp/socket"))
    for place in ("/tmp", "/dev/shm"):
        try:
            os.chmod(place, 0)
        except OSError as error:
            say("refused", "to close", place, error)
else:
    for place in PLACES:
        if left := os.listdir(place):
            say("SUCCEEDED", "in leaving", left[:5], "in", place)
os.write(1, b"done\n")
os._exit(0)
