# Imports of common modules give the same new entries as in a fresh interpreter.
import sys
for name in ("math", "json", "re", "random", "collections", "datetime", "string", "typing", "functools", "itertools"):
    before = set(sys.modules)
    __import__(name)
    print(name, sorted(set(sys.modules) - before))
