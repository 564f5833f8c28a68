# S16: writes to every page that it has, then takes most of its limit: what it shares with a zygote must not count twice
# verdict: accepted
import ctypes
import re

with open("/proc/self/maps") as maps:
    lines = maps.readlines()
for line in lines:
    first, last, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
    if rights.startswith("rw") and "[stack]" not in line:  # all of a stack would be more than it has
        for at in range(int(first, 16), int(last, 16), 4096):
            byte = ctypes.c_ubyte.from_address(at)
            byte.value = byte.value
held = b"x" * (64 << 20)
print("done")
