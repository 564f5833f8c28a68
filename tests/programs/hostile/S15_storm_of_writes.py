# S15: writes and flushes as fast as it can
# verdict: time_limit_exceeded or wall_time_limit_exceeded
import os

fd = os.open("/tmp/file", os.O_RDWR | os.O_CREAT)
while True:
    os.pwrite(fd, b"x" * (1 << 20), 0)
    os.fsync(fd)
