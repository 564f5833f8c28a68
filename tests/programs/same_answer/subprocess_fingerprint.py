# Much of the state at start, compared with a fresh interpreter that the program starts itself: no oracle needed.
import sys
start = {"modules": list(sys.modules), "main": list(globals()), "path": sys.path[1:], "meta": len(sys.meta_path),
         "cache": list(sys.path_importer_cache), "flags": str(sys.flags), "sys": list(vars(sys)),
         "classes": sorted(f"{c.__module__}.{c.__name__}" for c in object.__subclasses__())}
import json, os, subprocess
if len(sys.argv) == 1:
    told = json.loads(subprocess.run([sys.executable, __file__, "child"], capture_output=True).stdout)
    for key, value in start.items():
        same = value == told[key]
        print(key, same if same or not isinstance(value, list) else [x for x in value if x not in told[key]])
else:
    print(json.dumps(start))
