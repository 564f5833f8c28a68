# The program started anew by itself sees what it saw: nothing is changed by how it was started.
import subprocess, sys
def look():
    return [sys.flags, sys.path, list(sys.modules)[:30], list(sys.path_importer_cache), sys.warnoptions, list(globals())[:9]]
if len(sys.argv) == 1:
    before = str(look())
    import subprocess
    print(str(subprocess.run([sys.executable, __file__, "x"], capture_output=True, text=True).stdout).strip() == before or "differs")
else:
    print(str(look()))
