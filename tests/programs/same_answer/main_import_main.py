# sys.modules["__main__"] would be the runner and not the program.
import sys
import __main__
answer = 42
print(__main__.answer, __main__ is sys.modules["__main__"], __main__.__dict__ is globals())
