# Somebody holds the program's namespace to the end: a thread, a callback or the interpreter itself.
# silent
import atexit, sys
class Keeper:
    names = globals()
    def __del__(self): print("keeper gone", __name__)
sys.kept = Keeper()
sys.kept_module = sys.modules["__main__"]
sys.exit(3)
