# S6: a mapping of 1 TiB and a file of 1 PiB that hold nothing
# verdict: accepted
# uses: attempts.py
import mmap

NO_RESERVE = 0x4000  # nothing need be there for it
attempt("a mapping of 1 TiB", lambda: mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE))
for directory in ("/tmp", "/dev/shm"):
    fd = os.open(f"{directory}/sparse", os.O_RDWR | os.O_CREAT, 0o600)
    attempt(f"a file of 1 PiB in {directory}", os.ftruncate, fd, 1 << 50, errors=(errno.EFBIG,))
    attempt(f"a byte at 1 PiB in {directory}", os.pwrite, fd, b"x", 1 << 50, errors=(errno.EFBIG,))
    attempt(f"room up to 1 PiB in {directory}", os.posix_fallocate, fd, 0, 1 << 50, errors=(errno.EFBIG, errno.ENOSPC))
print("done")
