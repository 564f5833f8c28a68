# Code objects and their files: none but of the program and the library.
import gc, types
files = {f.__code__.co_filename for f in gc.get_objects() if isinstance(f, types.FunctionType)}
print(sorted(f for f in files if not f.startswith("/usr/lib/python3")))
