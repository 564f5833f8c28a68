# A child interpreter's modules at start are those of the program's start, but for its own.
import subprocess, sys
mine = list(sys.modules)
code = "import sys; print(list(sys.modules))"
theirs = eval(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
print(sorted(set(theirs) - set(mine)), mine[:20] == theirs[:20])
