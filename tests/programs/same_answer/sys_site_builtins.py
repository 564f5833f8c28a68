# Their reprs.
print(repr(exit), repr(quit), repr(help), repr(copyright).splitlines()[0])
