# Callbacks run last in, first out, with their arguments.
import atexit
for n in range(3):
    atexit.register(print, "callback", n, sep="-")
atexit.register(lambda: print(sorted(k for k in globals() if not k.startswith("__"))))
atexit.unregister(print)
atexit.register(print, "registered last")
