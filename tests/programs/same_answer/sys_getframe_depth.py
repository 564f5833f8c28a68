# Frames of the runner below the program's own.
import sys
print(sys._getframe().f_back, sys._getframe().f_code.co_name)
try:
    sys._getframe(1)
except ValueError as error:
    print(error)
def f(): return sys._getframe(1).f_lineno, sys._getframe(1).f_back
print(f())
