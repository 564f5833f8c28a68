# os.system, os.popen and a shell.
import os, subprocess
print(os.system("exit 3") >> 8, os.popen("echo $0; pwd").read(), subprocess.getoutput("echo a; echo b >&2"))
print(subprocess.call("kill -9 $$", shell=True))
