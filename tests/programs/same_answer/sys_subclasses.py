# Classes of modules that are hidden from sys.modules are still subclasses of object.
import sys
names = {(cls.__module__, cls.__qualname__) for cls in object.__subclasses__()}
for module in sorted({module for module, _ in names}):
    print(module, sorted(name for other, name in names if other == module))
