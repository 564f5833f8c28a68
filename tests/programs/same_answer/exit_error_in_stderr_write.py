# A sys.stderr that raises.
# normalise: 0x[0-9a-f]+ (an address)
import sys
class Bad:
    def write(self, text):
        raise OSError("no")
    def flush(self):
        pass
sys.stderr = Bad()
print("before")
1 / 0
