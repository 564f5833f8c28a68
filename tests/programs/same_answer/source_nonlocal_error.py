# A name that cannot be nonlocal.
def f():
    nonlocal x
