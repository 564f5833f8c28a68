# Modules that the runner changed have more or fewer names than fresh ones.
import sys
import zlib
for name, module in list(sys.modules.items()):
    if name not in ("__main__", "zlib"):
        print(name, len(vars(module)), zlib.crc32(" ".join(map(str, vars(module))).encode()))
