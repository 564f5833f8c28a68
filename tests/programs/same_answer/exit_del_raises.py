# An exception in __del__ at exit is reported.
# normalise: 0x[0-9a-f]+ (an address)
class C:
    def __del__(self):
        raise ValueError("at exit")
c = C()
print("end")
