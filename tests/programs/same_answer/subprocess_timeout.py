# A child that takes too long.
import subprocess
try:
    subprocess.run(["sleep", "20"], timeout=0.05)
except subprocess.TimeoutExpired as error:
    print(error.cmd, error.output)
