# A program may change __name__ and its classes follow.
__name__ = "other"
class C: pass
def f(): pass
print(C.__module__, f.__module__)
try:
    raise type("MyError", (Exception,), {})("text")
except Exception as error:
    print(repr(error), type(error).__module__)
raise type("MyError", (Exception,), {})("text")
