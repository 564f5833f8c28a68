# Files and other open things that are not the program's.
import gc, io
print(sorted(repr(getattr(o, "name", o)) for o in gc.get_objects() if isinstance(o, io.IOBase)))
