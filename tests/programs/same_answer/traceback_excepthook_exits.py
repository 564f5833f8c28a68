# A hook that leaves by sys.exit.
# silent
import sys
sys.excepthook = lambda *args: sys.exit(33)
raise ValueError("x")
