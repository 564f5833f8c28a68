# A callback that registers another one.
import atexit
@atexit.register
def outer():
    print("outer")
    atexit.register(print, "inner")
