# Subclasses of int, dict, type and the like that hidden modules made.
for cls in (int, str, dict, list, tuple, set, frozenset, float, bytes, type(sys) if "sys" in globals() else type(print)):
    print(cls.__name__, sorted(f"{sub.__module__}.{sub.__qualname__}" for sub in cls.__subclasses__()))
print(sorted(f"{sub.__module__}.{sub.__qualname__}" for sub in type.__subclasses__(type)))
