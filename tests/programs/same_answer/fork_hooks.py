# Callbacks of register_at_fork: the program's own, once each.
import os
os.register_at_fork(before=lambda: print("before", flush=True), after_in_parent=lambda: print("parent", flush=True))
os.register_at_fork(after_in_child=lambda: print("child", flush=True))
if (pid := os.fork()) == 0:
    os._exit(0)
os.waitpid(pid, 0)
