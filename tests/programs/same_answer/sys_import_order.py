# The order of entries after an import of modules that are preloaded.
import sys
start = len(sys.modules)
import json, subprocess, ctypes, traceback
print(list(sys.modules)[start:])
