# Without a docstring __doc__ is None, and it is there.
print(repr(__doc__), "__doc__" in globals())
