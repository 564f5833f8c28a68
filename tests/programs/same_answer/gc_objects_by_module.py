# What the collector knows of: functions and classes, by the module that made them.
import gc, sys
modules = sorted({str(getattr(o, "__module__", None)) for o in gc.get_objects() if isinstance(o, (type, type(lambda: 0)))})
print(modules)
