# A program that does not compile.
print("never printed")
def f(:
    pass
