# An exit raised while an exception is handled prints no traceback.
import sys
try:
    1 / 0
except ZeroDivisionError:
    sys.exit("division")
