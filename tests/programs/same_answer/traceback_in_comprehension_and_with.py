# __exit__ that raises, inside of a comprehension.
class C:
    def __enter__(self): return self
    def __exit__(self, *args): raise RuntimeError("from __exit__")
def f():
    with C():
        [x.y for x in [1]]
f()
