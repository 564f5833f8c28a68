# A preloaded module must come as if it had just been imported.
import random, re, linecache, functools, warnings, json, struct, traceback
print(len(linecache.cache), len(re._cache), warnings.onceregistry, random._inst is not None)
print([name for name in vars(json) if not name.startswith("__")])
