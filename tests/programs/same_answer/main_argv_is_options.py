# Options of the interpreter's own behind the program's name are the program's.
# case: {"arguments": ["-i"]}
# case: {"arguments": ["-W", "error", "-V"]}
import sys
import warnings
warnings.warn("one")
print(sys.argv[1:], sys.flags.inspect, sys.warnoptions)
