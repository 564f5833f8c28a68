# The default repr with an address.
# normalise: 0x[0-9a-f]+ (an address)
class Thing:
    def method(self): pass
print(Thing(), Thing, Thing().method, Thing.method, lambda: 0, (x for x in []))
