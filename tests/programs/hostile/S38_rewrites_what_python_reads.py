# S38: its source, byte code, customisations and modules, rewritten for the next case
# case leave: accepted
# case look: accepted
# uses: attempts.py
import site
import sysconfig

POISON = "import os; os.write(1, b'poisoned\\n')\n"


def write(path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(POISON)


if sys.argv[1] == "leave":
    source = os.path.dirname(os.path.abspath(__file__))
    stdlib = sysconfig.get_path("stdlib")
    for path in (
        __file__,
        f"{source}/json.py",
        f"{source}/sitecustomize.py",
        f"{source}/__pycache__/x.pyc",
        f"{source}/pyvenv.cfg",
        f"{stdlib}/sitecustomize.py",
        f"{stdlib}/__pycache__/x.pyc",
        f"{stdlib}/json/__init__.py",
        f"{os.path.dirname(sys.executable)}/pyvenv.cfg",
        "/usr/local/lib/python3.11/dist-packages/sitecustomize.py",
        "/etc/python3/debian_config",
        "/etc/profile",
    ):
        attempt(path, write, path)
    for name in ("chmod", "remove", "rename"):
        attempt(f"{name} of its source", getattr(os, name), __file__, *([0o777] if name == "chmod" else ["/tmp/x"] * (name == "rename")))
    for path in (
        f"{site.getusersitepackages()}/usercustomize.py",
        f"{site.getusersitepackages()}/sitecustomize.py",
        f"{site.getusersitepackages()}/x.pth",
        "json.py",
        "os.py",
        "sitecustomize.py",
        "/tmp/random.py",
        "/dev/shm/random.py",
        os.path.expanduser("~/.pythonrc.py"),
        os.path.expanduser("~/.profile"),
    ):
        write(path)
    for name in ("PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "LD_PRELOAD", "LD_LIBRARY_PATH"):
        os.environ[name] = "/tmp"
else:
    import json
    import random

    for module in (json, random, os):
        if not module.__file__.startswith(("/usr/", sys.base_prefix)):
            say("SUCCEEDED", "with", module.__file__)
    for name in os.environ:
        if name.startswith(("PYTHON", "LD_")):
            say("SUCCEEDED", "with", name)
os.write(1, b"done\n")
