# Modules of the start are those that an import gives, and know their own names.
import sys
for name, module in list(sys.modules.items()):
    print(name, getattr(module, "__name__", None), type(module).__name__, getattr(module, "__spec__", None) is not None)
