# The source of the module itself.
import inspect
import sys
print(inspect.getsource(sys.modules["__main__"]) == open(__file__).read())
print(inspect.currentframe().f_back, inspect.getmodule(inspect.currentframe()).__name__)
