# A child interpreter: its flags, path and environment.
import subprocess, sys
done = subprocess.run([sys.executable, "-c", "import sys; print(sys.argv, sys.flags.isolated, sys.path[0]); sys.exit(3)", "a"],
                      capture_output=True, text=True)
print(done.stdout, done.stderr, done.returncode)
