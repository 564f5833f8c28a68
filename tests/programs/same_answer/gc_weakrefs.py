# Weak dictionaries.
import weakref
class C: pass
c = C()
d = weakref.WeakValueDictionary(a=c)
print(list(d)); del c; print(list(d))
