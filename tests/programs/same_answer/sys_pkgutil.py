# What can be imported from beside the program.
import pkgutil
import sys
print([m.name for m in pkgutil.iter_modules(sys.path[:1])])
print(pkgutil.get_data("json", "__init__.py")[:3])
