# S32: runs every setuid program there is, and one that it made itself
# verdict: accepted
# uses: attempts.py
import glob
import shutil
import stat
import subprocess
import time

found = []
for pattern in ("/usr/bin/*", "/usr/sbin/*", "/usr/local/*bin/*", "/usr/lib/*/*-helper", "/usr/libexec/*", "/opt/*/bin/*"):
    for path in glob.iglob(pattern):
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            found.append(path)
own = "/tmp/mine"
shutil.copy(os.path.realpath("/bin/sh"), own)
os.chmod(own, 0o6755)
for path in [own, *found[:12]]:
    try:
        child = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        say("refused", "to run", path, error)
        continue
    time.sleep(0.03)
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{child.pid}/status"))
    for name, own_id in (("Uid", os.getuid()), ("Gid", os.getgid())):
        if set(status[name].split()) != {str(own_id)}:
            say("SUCCEEDED", "in being another by", path, status[name])
    child.kill()
    child.wait()
for function in (os.setuid, os.setgid, os.seteuid, os.setegid):
    attempt(f"{function.__name__}(0)", function, 0, errors=(errno.EPERM,))
attempt("setgroups", os.setgroups, [0], errors=(errno.EPERM,))
print("done")
