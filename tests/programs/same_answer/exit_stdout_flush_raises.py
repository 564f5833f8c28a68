# A sys.stdout whose flush raises at exit.
# normalise: 0x[0-9a-f]+ (an address)
import sys
class Out:
    closed = False
    def write(self, text): sys.__stdout__.write(text)
    def flush(self): raise OSError("flush")
sys.stdout = Out()
print("x")
