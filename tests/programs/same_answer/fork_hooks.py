# Callbacks of register_at_fork: the program's own, once each. The child waits for its parent's line: else either may be first.
import os
reader, writer = os.pipe()
def in_parent():
    print("parent", flush=True)
    os.write(writer, b".")
def in_child():
    os.read(reader, 1)
    print("child", flush=True)
os.register_at_fork(before=lambda: print("before", flush=True), after_in_parent=in_parent)
os.register_at_fork(after_in_child=in_child)
if (pid := os.fork()) == 0:
    os._exit(0)
os.waitpid(pid, 0)
