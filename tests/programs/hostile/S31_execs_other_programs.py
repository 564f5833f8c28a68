# S31: execs shells, the loader and a binary of its own: all have the same limits
# case rights: accepted
# case spin: time_limit_exceeded
# case memory: memory_limit_exceeded
# uses: attempts.py
import glob
import shutil
import subprocess

SHELL = os.path.realpath("/bin/sh")
if sys.argv[1] == "spin":
    [loader] = glob.glob("/lib64/ld-linux-*.so*") or glob.glob("/lib/ld-linux-*.so*")
    os.execv(loader, [loader, SHELL, "-c", "while :; do :; done"])
if sys.argv[1] == "memory":
    os.execv(sys.executable, [sys.executable, "-c", "held = []\nwhile True: held.append(b'x' * (1 << 20))"])
shutil.copy(SHELL, "/tmp/mine")
os.chmod("/tmp/mine", 0o6755)
script = 'while read -r name value; do case $name in Cap*|NoNewPrivs:|Seccomp:|Uid:) echo $name $value;; esac; done'
for program in (SHELL, "/tmp/mine"):
    try:
        with open("/proc/self/status") as status:
            lines = subprocess.run([program, "-c", script], stdin=status, capture_output=True, text=True).stdout
    except PermissionError as error:
        say("refused", "to exec", program, error)
        continue
    told = subprocess.run([program, "-c", f"{script} </proc/self/status"], capture_output=True, text=True).stdout
    rights = dict(line.split(" ", 1) for line in told.splitlines())
    capabilities = [int(value, 16) for name, value in rights.items() if name.startswith("Cap")]
    if rights["NoNewPrivs:"] != "1" or rights["Seccomp:"] != "2" or any(capabilities) or told != lines:
        say("SUCCEEDED", "in getting rid of", told)
print("done")
