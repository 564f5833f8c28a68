# A program may take itself out of sys.modules and go on.
import sys
main = sys.modules.pop("__main__")
print(main.__name__, "__main__" in sys.modules)
x = 3
print(x + main.x)
