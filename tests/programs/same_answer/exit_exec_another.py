# exec replaces the program.
import os
import sys
print("first", flush=True)
os.execv(sys.executable, [sys.executable, "-c", "import sys; print(sys.argv); sys.exit(5)", "x"])
