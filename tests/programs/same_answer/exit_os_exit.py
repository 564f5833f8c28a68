# os._exit drops what is buffered and runs nothing more.
# silent
import atexit
import os
atexit.register(print, "never")
print("lost")
os._exit(17)
