# stacklevel beyond the stack says sys, line 1.
import warnings
def f(): warnings.warn("level 2", stacklevel=2)
f()
warnings.warn("too high", stacklevel=5)
