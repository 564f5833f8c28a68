# Context managers.
import contextlib
@contextlib.contextmanager
def tag(name):
    print(f"<{name}>")
    try: yield name.upper()
    finally: print(f"</{name}>")
with tag("a") as x, contextlib.suppress(KeyError), contextlib.ExitStack() as stack:
    stack.callback(print, "callback"); print(x); {}["missing"]
