# A program that is not there.
import shutil, subprocess
print(shutil.which("sh"), shutil.which("no-such-thing"), shutil.which("python3"))
try:
    subprocess.run(["no-such-thing"])
except FileNotFoundError as error:
    print(error)
