# Module objects that are alive, in sys.modules or not.
import gc, sys
alive = [o.__name__ for o in gc.get_objects() if isinstance(o, type(sys))]
print(sorted(alive) == sorted(set(alive)), sorted(set(alive) - set(sys.modules)), sorted(set(sys.modules) - set(alive)))
