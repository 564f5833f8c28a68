# The same for modules that an executor itself is likely to use.
import sys
for name in ("signal", "select", "resource", "ctypes", "struct", "base64", "argparse", "threading", "socket", "fcntl"):
    before = set(sys.modules)
    __import__(name)
    print(name, sorted(set(sys.modules) - before))
