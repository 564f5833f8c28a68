# An unraisable exception.
# normalise: 0x[0-9a-f]+ (an address)
class C:
    def __del__(self):
        self.nothing
C()
print("goes on")
