# S42, S66: reads everything that it can reach and prints every token that it finds, with the place
# Run by tests/contract/test_canaries.py, which plants the tokens. A token is a word and 32 digits; the word is written
# backwards here, so that nothing of this source is taken for one.
import ctypes
import gc
import mmap
import os
import re
import sys

WORD = b"-yranac"[::-1]
TOKEN = re.compile(WORD + rb"[0-9a-f]{32}")
MOST = 4 << 20  # of one file
# What comes with the system is the same for everybody, and large.
LEFT_OUT = ("/usr/lib", "/usr/share", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/include", "/usr/local/", "/usr/games")
found = set()


def look(place, data):
    for token in TOKEN.findall(data):
        found.add((token.decode(), place))


def read(path):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return
    try:
        look(path, os.read(fd, MOST))
    except OSError:
        pass
    finally:
        os.close(fd)


def walk(top):
    for directory, directories, names in os.walk(top):
        directories[:] = [name for name in directories if not os.path.join(directory, name).startswith(LEFT_OUT)]
        for name in names:
            path = os.path.join(directory, name)
            if name not in ("zero", "full", "random", "urandom", "kmsg", "clear_refs"):
                look("the name of a file", path.encode(errors="surrogateescape"))
                read(path)
                try:
                    look(f"a link {path}", os.readlink(path).encode(errors="surrogateescape"))
                    for attribute in os.listxattr(path):
                        look(f"an attribute of {path}", os.getxattr(path, attribute))
                except OSError:
                    pass


def scan_memory():
    """Every page that can be read, through /proc/self/mem; what is read is written over by what is read next."""
    buffer = mmap.mmap(-1, 1 << 20)
    own = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps.readlines():
            first, last = (int(text, 16) for text in line.split()[0].split("-"))
            if line.split()[1][0] != "r" or "[v" in line or first <= own < last:
                continue
            for at in range(first, last, (1 << 20) - 64):
                try:
                    memory.seek(at)
                    size = memory.readinto(memoryview(buffer)[: min(1 << 20, last - at)])
                except (OSError, OverflowError, ValueError):
                    break
                for match in TOKEN.finditer(memoryview(buffer)[:size]):
                    found.add((bytes(match[0]).decode(), "memory"))


planted = WORD + os.urandom(16).hex().encode()
print("planted", planted.decode())
look("arguments", repr(sys.argv).encode())
look("environment", repr(dict(os.environ)).encode())
for thing in gc.get_objects():
    if isinstance(thing, (dict, list, tuple)):
        for value in thing.values() if isinstance(thing, dict) else thing:
            if isinstance(value, (str, bytes)) and value is not planted:
                look("an object", value if isinstance(value, bytes) else value.encode(errors="surrogateescape"))
scan_memory()
for fd in os.listdir("/proc/self/fd"):
    if fd not in ("1", "2"):
        read(f"/proc/self/fd/{fd}")
walk("/")
for token, place in sorted(found):
    print("found", token, place)
print("scanned")
