# S50: waits for a process that enters from outside, and tries to overwrite what runs it
# verdict: accepted
# uses: attempts.py
import time

for path in ("/proc/self/exe", f"/proc/{os.getppid()}/exe", "/proc/1/exe", os.path.realpath(sys.executable)):
    attempt(f"to write to {path}", os.open, path, os.O_WRONLY)
known = {"1", str(os.getpid())}
end = time.monotonic() + 0.7
while time.monotonic() < end:
    for name in os.listdir("/proc"):
        if name.isdigit() and name not in known:
            say("SUCCEEDED", "in meeting", name)
            known.add(name)
    time.sleep(0.01)
print("done")
