# S5: memory in the files of /tmp and /dev/shm, through mappings too
# verdict: accepted
# uses: attempts.py
import mmap


def fill(directory):
    for number in range(64):
        with open(f"{directory}/{number}", "wb") as file:
            file.write(b"x" * (1 << 20))


for directory in ("/tmp", "/dev/shm"):
    attempt(f"64 MiB in {directory}", fill, directory, errors=(errno.ENOSPC,))
    for number in range(64):
        if os.path.exists(f"{directory}/{number}"):
            os.unlink(f"{directory}/{number}")


def fill_mapped(directory):
    for number in range(16):
        with open(f"{directory}/{number}", "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, 1 << 20)
            mmap.mmap(file.fileno(), 1 << 20)[:] = b"x" * (1 << 20)


for directory in ("/tmp", "/dev/shm"):
    attempt(f"16 MiB of mapped files in {directory}", fill_mapped, directory, errors=(errno.ENOSPC,))
print("done")
