# The traceback of CalledProcessError.
import subprocess, sys
subprocess.run([sys.executable, "-S", "-c", "import os; os._exit(4)"], check=True)
