# What the runner imported would be there; the order is that of the interpreter's start.
import sys
print(list(sys.modules))
