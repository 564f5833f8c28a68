# Names appear in the namespace in the order of their making, after the interpreter's own.
zebra = 1
apple = 2
def middle(): pass
print([name for name in globals()])
