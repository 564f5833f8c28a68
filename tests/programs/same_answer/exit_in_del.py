# In __del__ it is ignored and reported.
# normalise: 0x[0-9a-f]+ (an address)
import sys
class C:
    def __del__(self):
        sys.exit(8)
c = C()
del c
print("goes on")
