# The well-known program that prints the tree of exceptions: of modules that are loaded, and no others.
def show(cls, depth=0):
    print("    " * depth + cls.__name__)
    for sub in cls.__subclasses__(): show(sub, depth + 1)
show(OSError); show(ValueError); show(ArithmeticError); show(LookupError)
