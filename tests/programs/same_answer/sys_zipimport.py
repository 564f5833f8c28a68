# path_hooks and the importer cache must serve a zip file too.
import sys
import zipfile
with zipfile.ZipFile("/tmp/lib.zip", "w") as archive:
    archive.writestr("inside.py", "def hello():\n    return __file__\n")
sys.path.insert(0, "/tmp/lib.zip")
import inside
print(inside.hello(), type(inside.__loader__).__name__, type(sys.path_importer_cache["/tmp/lib.zip"]).__name__)
