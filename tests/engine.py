"""
A Docker engine of a test's own, to be killed, frozen and started again: the machine's own engine is left alone.

It is a second `dockerd`, with its own containerd, data, state, pid file and
socket, and without any network. Only root can have one.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
import docker.errors
import pytest
import requests

from submitter.config import Config
from submitter.executors.docker_executor import LABEL

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


def why_not() -> str | None:
    """Why there can be no second engine here; None if there can."""
    if os.geteuid() != 0:
        return "only root can start an engine"
    if shutil.which("dockerd") is None:
        return "there is no dockerd on PATH"
    try:
        _machines_own().inspect_image(Config.from_env(os.environ).image)
    except ERRORS as exc:
        return f"no engine to take the executor image from: {exc}"
    return None


def _machines_own() -> Any:
    return docker.from_env(timeout=60).api


def start_or_skip() -> "OwnEngine":
    """An engine that is not entered yet; without one the test is skipped, or fails where Docker is a must."""
    if (reason := why_not()) is not None:
        if os.environ.get("SUBMITTER_REQUIRE_DOCKER") == "1":
            raise RuntimeError(reason)
        pytest.skip(reason)
    return OwnEngine()


class OwnEngine:
    """A context manager; inside, an engine answers at `host` and has the executor image."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="submitter-engine-"))
        self.socket = self._directory / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.image = Config.from_env(os.environ).image
        self._process: subprocess.Popen[bytes] | None = None
        self._machines_own = _machines_own()  # now, since a test may change DOCKER_HOST

    def __enter__(self) -> Self:
        try:
            self.start()
            self.load_image()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def api(self) -> Any:
        """A client of this engine, past any gateway."""
        return docker.APIClient(base_url=self.host, timeout=20)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        place = self._directory
        command = ["dockerd", f"--data-root={place / 'data'}", f"--exec-root={place / 'exec'}"]
        command += [f"--pidfile={place / 'pid'}", f"--host={self.host}", "--bridge=none", "--iptables=false"]
        command += ["--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        (place / "pid").unlink(missing_ok=True)  # of one that was killed; its number may be another's by now
        with (place / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = (place / "log").read_text(errors="replace").splitlines()[-5:]
                raise RuntimeError(f"the engine did not start: {' / '.join(words)}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(*ERRORS):
            return bool(self.api.ping())
        return False

    def load_image(self) -> None:
        """Copy the executor image from the machine's own engine."""
        source = self._machines_own
        self.api.load_image(b"".join(source.get_image(self.image)))
        self.api.tag(source.inspect_image(self.image)["Id"], *self.image.split(":"), force=True)

    def kill(self) -> None:
        """As a crash would: its containers may live on, and nobody speaks to them."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        # Its containerd ends with it, but may stay a zombie of a process 1 that does not wait; a number is enough for
        # the next engine to take it for alive.
        (self._directory / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def restart(self) -> None:
        self.kill()
        self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It is there, and takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def executors(self) -> list[str]:
        """Containers of ours, in whatever state."""
        return [one["Id"] for one in self.api.containers(all=True, filters={"label": LABEL})]

    def remove(self, container: str) -> None:
        """As `docker rm -f` does, whatever its state; nothing, if somebody else is at it or was."""
        with contextlib.suppress(docker.errors.APIError):
            self.api.remove_container(container, force=True)

    def shim_of(self, container: str) -> int:
        """The process of containerd that looks after a container."""
        [pid] = [pid for pid, words in _commands() if b"containerd-shim" in words and container.encode() in words]
        return pid

    def close(self) -> None:
        """End all that it started, and leave no file and no mount."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            with contextlib.suppress(*ERRORS):
                for container in self.executors():
                    self.remove(container)
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid, words in _commands():  # shims, after a crash
            if os.fsencode(self._directory) in words:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{self._directory}/")), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self._directory, ignore_errors=True)


def _commands() -> Iterator[tuple[int, bytes]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), path.read_bytes()
