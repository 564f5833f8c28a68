# A program that deletes __name__ and __file__.
del __name__, __file__
class C: pass
print(C.__module__)
def f(): 1 / 0
f()
