# Exceptions that the runner's modules define.
def tree(cls, depth=0):
    for sub in sorted(cls.__subclasses__(), key=lambda c: (c.__module__, c.__name__)):
        print("  " * depth + sub.__module__ + "." + sub.__name__)
        tree(sub, depth + 1)
tree(BaseException)
