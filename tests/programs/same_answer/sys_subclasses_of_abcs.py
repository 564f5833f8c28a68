# Modules register their classes with the abstract ones, and stay registered when they are hidden.
import _abc
import _collections_abc as abcs
for name in abcs.__all__:
    cls = getattr(abcs, name)
    if hasattr(cls, "_abc_impl"):
        registered = sorted(str(ref()) for ref in _abc._get_dump(cls)[0])
        print(name, sorted(map(str, cls.__subclasses__())), registered)
