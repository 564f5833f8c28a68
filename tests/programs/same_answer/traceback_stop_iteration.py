# A StopIteration in a generator becomes a RuntimeError.
def g():
    yield next(iter([]))
list(g())
