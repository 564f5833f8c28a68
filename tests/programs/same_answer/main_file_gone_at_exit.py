# The interpreter removes __file__ from the namespace after the program has run and before atexit.
import atexit
def told():
    print("__file__" in globals(), "__cached__" in globals(), "__name__" in globals())
atexit.register(told)
print("__file__" in globals())
