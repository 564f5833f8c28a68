# Extension modules that the runner loaded stay loaded in the process.
import sys
print(sorted(n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).endswith(".so")))
