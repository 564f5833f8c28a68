# importlib.reload needs a spec; __main__ has none, a program that a runner imported would.
import importlib
import __main__
try:
    importlib.reload(__main__)
except Exception as error:
    print(type(error).__name__, error)
