# Expressions of a program print nothing; the hook sets builtins._ when it is called.
import builtins
import sys
3 + 4
print(hasattr(builtins, "_"))
sys.displayhook("shown")
print(builtins._)
