"""
A virtual machine to test in: a Debian with systemd, cgroup v2 and AppArmor, whatever the host has.

How it works. QEMU emulates it all in software: hardware acceleration is not to
be had everywhere, and where it is, it may not work. The kernel and its initrd
are given directly; disks.py makes the disks. What the kernel says goes to the
first serial port. There are two ways to use one:

- `boot_checkout`: it changes none of its disks; what it writes goes to temporary
  files. It runs guest/ as a service, which prints a JSON line per check to
  the second serial port, where no message of the kernel's gets in between; then
  it switches itself off.
- `Machine`: its disks are copies that keep what is written, so that its power
  can be cut and it can be booted again. It runs agent.py, which does what is
  asked over a port of QEMU's, and reaches this host's loopback at HOST.
"""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vm.disks import Disks, made_disks

MEMORY_MIB = 2048
# root=: QEMU's first disk. panic: at once, and with -no-reboot QEMU ends.
KERNEL_COMMAND_LINE = (
    "root=/dev/vda rw console=ttyS0 quiet panic=-1 systemd.show_status=0 apparmor=1 security=apparmor mitigations=off"
)
# From power-on to power-off; a third of it on two idle cores. More for a machine that is busy with other things.
BOOT_TIMEOUT_S = float(os.environ.get("SUBMITTER_VM_TIMEOUT") or 600)
HOST = "10.0.2.2"  # how a Machine calls the loopback of this host
COMMAND_TIMEOUT_S = 180.0  # of one script in a Machine; its processor is emulated


@dataclass(frozen=True)
class Outcome:
    """What a boot left behind."""

    lines: tuple[dict[str, Any], ...]  # what guest/ has said
    console: str  # what the kernel and systemd have said
    seconds: float  # from power-on to power-off
    end: str  # how it ended, in words


def boot_checkout(image: str) -> Outcome:
    """
    Build what is missing, boot, wait for the end.

    Raises:
        MachineMissing: no machine can be built or booted here.
        RuntimeError: building went wrong.
    """
    with made_disks(image) as disks, tempfile.TemporaryDirectory(prefix="submitter-vm-") as directory:
        console, said = Path(directory, "console"), Path(directory, "said")
        command = _command(disks, disks.images, console, "guest.service", drive_option="snapshot=on")
        command += ["-serial", f"file:{said}", "-nic", "none"]
        started = time.monotonic()
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            words, _ = qemu.communicate(timeout=BOOT_TIMEOUT_S)
            end = f"switched off; QEMU ended with {qemu.returncode} {words.decode(errors='replace').strip()}".strip()
        except subprocess.TimeoutExpired:
            end = "still running, so it was killed"
        finally:
            qemu.kill()
            qemu.wait()
        seconds = time.monotonic() - started
        return Outcome(tuple(_read_lines(said)), _read(console), seconds, end)


class Machine:
    """
    A machine that keeps what it writes, and does what it is told.

    What it has handed to a disk is there after the power was cut, what was
    still in its memory is not.

    Args:
        disks: are copied.
        directory: for the copies and what it says.
    """

    def __init__(self, disks: Disks, directory: Path) -> None:
        self._disks = disks
        self._console = directory / "console"
        self._agent = directory / "agent"
        self._images = [directory / f"{number}.img" for number in range(len(disks.images))]
        for image, copy in zip(disks.images, self._images, strict=True):
            subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        self._qemu: subprocess.Popen[bytes] | None = None
        self._port: socket.socket | None = None

    def power_on(self) -> None:
        """
        Returns when the guest does what is asked.

        Raises:
            AssertionError: it does not come up.
        """
        self._agent.unlink(missing_ok=True)
        command = _command(self._disks, self._images, self._console, "agent.service", drive_option="cache=writeback")
        command += [
            *("-nic", "user,model=virtio-net-pci", "-device", "virtio-serial"),
            *("-chardev", f"socket,id=agent,path={self._agent},server=on,wait=on"),
            *("-device", "virtserialport,chardev=agent,name=agent"),
        ]
        with open(f"{self._console}.qemu", "wb") as said:
            self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        deadline = time.monotonic() + 30
        while not self._agent.exists():
            assert time.monotonic() < deadline, f"QEMU does not start: {_read(Path(f'{self._console}.qemu'))}"
            time.sleep(0.05)
        self._port = socket.socket(socket.AF_UNIX)
        self._port.connect(str(self._agent))
        self._hear(COMMAND_TIMEOUT_S)

    def cut_power(self) -> None:
        """In the middle of whatever it does. A second call does nothing."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        if self._port is not None:
            self._port.close()
        self._qemu = self._port = None

    def run(self, script: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """
        What a script prints that root's bash runs, in the checkout; it stops at the first command that fails.

        Raises:
            AssertionError: one has; the text has what was said.
        """
        code, said, complaints = self.try_run(script, timeout_s)
        assert code == 0, f"{script!r} ended with {code}: {said[-2000:]}{complaints[-2000:]}"
        return said

    def try_run(self, script: str, timeout_s: float = COMMAND_TIMEOUT_S) -> tuple[int, str, str]:
        """The same, but returns the exit code, standard output and standard error."""
        assert self._port is not None, "the machine is off"
        self._port.sendall(json.dumps({"script": script, "timeout_s": timeout_s}).encode() + b"\n")
        answer = self._hear(timeout_s + 30)
        return answer["code"], answer["stdout"], answer["stderr"]

    @property
    def console(self) -> str:
        """What kernel and systemd have said since it was last switched on."""
        return _read(self._console)

    def _hear(self, timeout_s: float) -> dict[str, Any]:
        assert self._port is not None
        self._port.settimeout(timeout_s)
        heard = b""
        try:
            while not heard.endswith(b"\n"):
                piece = self._port.recv(1 << 16)
                assert piece, f"the machine went off; the console's end:\n{self.console[-3000:]}"
                heard += piece
        except TimeoutError:
            raise AssertionError(
                f"no answer of the machine within {timeout_s:.0f} s; the console's end:\n{self.console[-3000:]}"
            ) from None
        answer: dict[str, Any] = json.loads(heard)
        return answer


@contextlib.contextmanager
def copied_machine(image: str) -> Iterator[Machine]:
    """
    A machine that is switched off; inside, no other is booted on this host.

    Raises:
        MachineMissing: no machine can be built or booted here.
        RuntimeError: building went wrong.
    """
    with made_disks(image) as disks, tempfile.TemporaryDirectory(prefix="submitter-vm-") as directory:
        machine = Machine(disks, Path(directory))
        try:
            yield machine
        finally:
            machine.cut_power()


def _command(disks: Disks, images: Sequence[Path], console: Path, unit: str, drive_option: str) -> list[str]:
    """What boots a machine that starts a unit, without a network card and anything to talk to."""
    command = [
        *("setpriv", "--pdeathsig", "KILL"),  # QEMU does not outlive us, however we end
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB)),
        *("-kernel", str(disks.kernel), "-initrd", str(disks.initrd)),
        *("-append", f"{KERNEL_COMMAND_LINE} systemd.wants={unit}", "-serial", f"file:{console}"),
    ]
    for image in images:
        command += ["-drive", f"file={image},format=raw,if=virtio,{drive_option}"]
    return command


def _read(path: Path) -> str:
    return path.read_bytes().decode(errors="replace") if path.exists() else ""


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in _read(path).splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            yield {"garbled": line}  # the machine ended in the middle of it
