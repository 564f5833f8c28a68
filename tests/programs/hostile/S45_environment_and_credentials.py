# S45: the environment, credentials and the engine's socket
# verdict: accepted
# uses: attempts.py
ALLOWED = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp"}
ours = {f"{name}={value}" for name, value in os.environ.items()} - {"LC_CTYPE=C.UTF-8"}
kernels = set(open("/proc/self/environ").read().strip("\0").split("\0"))
for what, found in (("environ", ours), ("/proc/self/environ", kernels)):
    if found != ALLOWED:
        say("SUCCEEDED", "in finding in", what, sorted(found ^ ALLOWED))
for path in (
    "~/.aws/credentials", "~/.aws/config", "~/.docker/config.json", "~/.pgpass", "~/.ssh", "~/.netrc",
    "/root", "/root/.aws", "/home/ubuntu/.aws", "/run/secrets", "/run/credentials", "/etc/shadow", "/etc/submitter",
    "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/user", "/run/systemd/notify",
    "/var/lib/submitter", "/var/lib/docker", "/var/lib/cloud", "/etc/environment.d/submitter.conf",
    "/usr/src/submitter/.env", "/proc/1/environ",
):  # fmt: skip
    path = os.path.expanduser(path)
    attempt(path, os.listdir if os.path.isdir(path) else open, path)
print("done")
