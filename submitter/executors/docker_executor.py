"""
Executors in Docker containers.

How it works: a container is created with every wall that Docker has, attached
to over one socket, and started; requests and answers are the stream of that
socket. Nothing is ever executed into a container, no log driver is in the
path, and nothing is copied out. Its standard input is open once: when our
process dies, the engine closes it, the executor sees the end of its input and
exits. The container then stays, so that the engine can be asked how it ended,
until we remove it: at once, or in the next sweep.
"""

import contextlib
import hashlib
import os
import socket
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors.link import SocketLink, random_uid
from submitter.resources import resource

CALL_TIMEOUT_S = 60.0  # for any call to the engine; creating a container on a busy host takes seconds
DIAGNOSTIC_BYTES = 2000  # of what a failed executor said on standard error
CONTROLLER_BYTES = 24 << 20  # the executor's own memory, beside what a case may use
MAX_INODES = 8192
LABEL = "submitter.executor"
SCRIPT_LABEL = "submitter.script"  # on an image: which executeSubmission.py is in it
# ValueError: docker-py's for a DOCKER_HOST that is none.
_ENGINE_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError)


class DockerLauncher:
    """Starts executors as containers of one image on the engine that DOCKER_HOST names."""

    name = "docker"

    def __init__(self, image: str, runtime: str = "runc") -> None:
        self._image = image
        self._runtime = runtime
        try:
            self._api: Any = docker.from_env(timeout=int(CALL_TIMEOUT_S)).api
        except _ENGINE_ERRORS as exc:
            raise SandboxUnavailable(f"no Docker engine answers: {_short(exc)}") from exc

    def probe(self) -> None:
        """
        See that the engine answers and has the image.

        Raises:
            SandboxUnavailable: it does not; the text says what to do.
        """
        try:
            labels = self._api.inspect_image(self._image)["Config"].get("Labels") or {}
            if labels.get(SCRIPT_LABEL, script_digest()) != script_digest():
                raise SandboxUnavailable(
                    f"the image {self._image} holds another executeSubmission.py: run `submitter image build`"
                )
        except docker.errors.ImageNotFound as exc:
            raise SandboxUnavailable(
                f"the engine has no image {self._image}: make it with `submitter image build`"
            ) from exc
        except _ENGINE_ERRORS as exc:
            raise SandboxUnavailable(f"the Docker engine does not answer: {_short(exc)}") from exc

    def start(self, directory: str, memory_bytes: int, processes: int, file_bytes: int) -> "DockerExecutor":
        uid = random_uid()
        writable = f"rw,nosuid,nodev,noexec,mode=1777,size={file_bytes},nr_inodes={MAX_INODES}"
        container: str | None = None
        try:
            host_config = self._api.create_host_config(
                runtime=self._runtime,
                network_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                ipc_mode="private",
                pids_limit=processes + 1,  # and the executor itself
                mem_limit=memory_bytes + CONTROLLER_BYTES,
                memswap_limit=memory_bytes + CONTROLLER_BYTES,  # memory and swap together: no swap
                nano_cpus=1_000_000_000,
                tmpfs={"/tmp": writable, "/dev/shm": writable},
                binds={directory: {"bind": "/usr/src/submitter", "mode": "ro"}},
                log_config={"Type": "none"},
                init=False,  # the executor is process 1 and reaps by itself
            )
            container = self._api.create_container(
                self._image,
                ["--serve"],
                user=f"{uid}:{uid}",
                stdin_open=True,
                tty=False,
                host_config=host_config,
                labels=_labels(),
                network_disabled=True,
            )["Id"]
            attached = self._api.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._api.start(container)
            return DockerExecutor(self._api, container, attached)
        except docker.errors.ImageNotFound as exc:
            raise SandboxUnavailable(
                f"the engine has no image {self._image}: make it with `submitter image build`"
            ) from exc
        except _ENGINE_ERRORS as exc:
            if container is not None:
                remove(self._api, container)
            raise SandboxUnavailable(f"Docker could not start an executor: {_short(exc)}") from exc

    def sweep(self) -> int:
        swept = 0
        try:
            for container in self._api.containers(all=True, filters={"label": LABEL}):
                if _owner_is_dead(container.get("Labels", {})):
                    remove(self._api, container["Id"])
                    swept += 1
        except _ENGINE_ERRORS as exc:
            raise SandboxUnavailable(f"the Docker engine does not answer: {_short(exc)}") from exc
        return swept


class DockerExecutor(SocketLink):
    """An executor in a container, over the engine's attached stream."""

    def __init__(self, api: Any, container: str, attached: Any) -> None:
        # docker-py hands out a file object around the socket; it must be kept, or the socket is closed with it.
        super().__init__(getattr(attached, "_sock", attached))
        self._attached = attached
        self._api = api
        self._container = container
        self._said = b""

    def _receive(self, deadline: float) -> bytes:
        """
        The next piece of standard output.

        The engine sends frames: a byte that names the stream, three zeros, the
        length as four bytes. https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
        """
        try:
            while True:
                stream, length = struct.unpack(">BxxxL", self._receive_exactly(8, deadline))
                payload = self._receive_exactly(length, deadline)
                if stream == 1:
                    return payload
                self._said = (self._said + payload)[-DIAGNOSTIC_BYTES:]
        except ExecutorLost as exc:
            said = " ".join(self._said.decode(errors="replace").split())
            text = f"{exc}; it said: {said}" if said else str(exc)
            raise ExecutorLost(text, out_of_memory=self._was_out_of_memory()) from exc

    def _was_out_of_memory(self) -> bool:
        """Whether the kernel has killed in this container for memory; the executor itself, when it is gone."""
        with contextlib.suppress(*_ENGINE_ERRORS, KeyError):
            return bool(self._api.inspect_container(self._container)["State"]["OOMKilled"])
        return False

    def _receive_exactly(self, length: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            data += self._receive_raw(min(65536, length - len(data)), deadline)
        return bytes(data)

    def close(self) -> None:
        remove(self._api, self._container)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread
        with contextlib.suppress(OSError):
            self._attached.close()


def remove(api: Any, container: str) -> None:
    """Kill and remove a container, whatever state it is in. What cannot be removed now, a sweep takes later."""
    with contextlib.suppress(*_ENGINE_ERRORS):
        api.remove_container(container, force=True, v=True)


def script_digest() -> str:
    """Tells one executeSubmission.py from another."""
    return hashlib.sha256(resource("executeSubmission.py").read_bytes()).hexdigest()


# -- whose container is it ----------------------------------------------------------------------------------------


def _labels() -> dict[str, str]:
    return {
        LABEL: "1",
        "submitter.host": socket.gethostname(),
        "submitter.boot": _boot_id(),
        "submitter.owner": f"{os.getpid()}:{_start_time(os.getpid())}",
        "submitter.created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _owner_is_dead(labels: dict[str, str]) -> bool:
    """Whether the process that made a container is surely gone; of another host's we cannot know."""
    if labels.get("submitter.host") != socket.gethostname():
        return False
    if labels.get("submitter.boot") != _boot_id():
        return True
    pid, _, started = labels.get("submitter.owner", "").partition(":")
    return not (pid.isdigit() and _start_time(int(pid)) == started)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> str:
    """When a process started, in ticks since boot: with its pid it names a process for good. Empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _short(exc: BaseException) -> str:
    return str(exc).splitlines()[0][:300] if str(exc) else type(exc).__name__
