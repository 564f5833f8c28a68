# Callbacks of weak references and weakref.finalize at exit.
import weakref
class C:
    pass
c = C()
ref = weakref.ref(c, lambda r: print("weakref gone"))
finalizer = weakref.finalize(c, print, "finalize")
print("end", finalizer.alive)
