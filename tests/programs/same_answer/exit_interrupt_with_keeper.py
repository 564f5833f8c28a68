# An interrupt while something outlives the program's namespace.
import builtins, sys
builtins.kept = sys.modules["__main__"]
raise KeyboardInterrupt
