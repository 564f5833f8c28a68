# A hook that fails: both tracebacks are printed.
import sys
def hook(*args):
    raise TypeError("in hook")
sys.excepthook = hook
raise ValueError("x")
