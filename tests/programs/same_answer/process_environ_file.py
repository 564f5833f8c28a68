# The environment that the kernel shows is the one of the start.
entries = open("/proc/self/environ", "rb").read().split(b"\0")
print([entry for entry in entries if not entry.startswith(b"PYTHONHASHSEED")])
