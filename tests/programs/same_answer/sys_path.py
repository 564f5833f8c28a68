# sys.path[0] is the program's directory; the rest is that of the interpreter's start.
import sys
print(sys.path)
