# S74: garbage for whoever listens, on every descriptor and by every path to one
# verdict: accepted
# uses: attempts.py
garbage = b'{"ending": "exited"}\n\0\xff[[[[\n' * 100
for fd in range(3, 1024):
    try:
        os.write(fd, garbage)
    except OSError:
        continue
    say("SUCCEEDED", "in writing to descriptor", fd)
for pid in {1, os.getppid()} - {0, os.getpid()}:
    for fd in range(20):
        attempt(f"/proc/{pid}/fd/{fd}", os.open, f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
try:
    os.write(0, garbage)  # its own input: a file, or nothing
except OSError as error:
    say("refused", "standard input", error)
print("done")
