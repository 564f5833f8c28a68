# Every plain value of sys, as of a fresh start.
# normalise: 0x[0-9a-f]+ (an address)
import sys
for name, value in sorted(vars(sys).items()):
    if isinstance(value, (int, str, float, bytes, tuple, list)) or value is None:
        if name != "__doc__":
            print(name, "=", repr(value))
