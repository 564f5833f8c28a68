# S64: patches modules, builtins, hooks and exits: whoever runs after it in the same interpreter is hurt
# case leave: accepted
# case look: accepted
import builtins
import gc
import json
import os
import sys
import threading
import time

if sys.argv[1] == "look":
    print("done")
    sys.exit()


def poison(*_, **__):
    os.write(1, b"poisoned\n")
    return "poisoned"


def refuse(name, _):
    if name == "import":
        raise RuntimeError


os.write(1, b"done\n")
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
builtins.print = builtins.open = builtins.len = builtins.__import__ = poison
json.dumps = json.loads = poison
sys.exit = os.read = os.waitpid = os.fork = os.kill = poison
threading._shutdown = lambda: None
time.monotonic = lambda: 0.0
sys.excepthook = sys.unraisablehook = sys.displayhook = lambda *_: None
sys.meta_path[:] = []
sys.path_hooks[:] = []
sys.setrecursionlimit(50)
sys.addaudithook(refuse)
gc.disable()
