# S40: ends while its children move directories and links about, under the hands of whoever cleans up
# verdict: accepted
import os

os.makedirs("/tmp/a/b/c", exist_ok=True)
os.symlink("/", "/tmp/link")
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        while True:
            for old, new in (("/tmp/a", "/tmp/x"), ("/tmp/link", "/tmp/a"), ("/tmp/a", "/tmp/link"), ("/tmp/x", "/tmp/a")):
                try:
                    os.rename(old, new)
                    os.open("/tmp/a/b/file", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC)
                except OSError:
                    pass
                try:
                    os.mkdir(f"/tmp/{os.getpid()}")
                except OSError:
                    pass
print("done", flush=True)
os._exit(0)
