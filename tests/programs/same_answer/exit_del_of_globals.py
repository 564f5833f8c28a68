# Globals are finalised at exit, in an order.
class Loud:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        print("del", self.name)
a = Loud("a")
_b = Loud("_b")
c = [Loud("in list")]
print("end")
