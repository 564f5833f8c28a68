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
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
import structlog

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors.link import Room, SocketLink, random_uid
from submitter.resources import resource

CALL_TIMEOUT_S = 60.0  # for any call to the engine; creating a container on a busy host takes seconds
DIAGNOSTIC_BYTES = 2000  # of what a failed executor said on standard error
EXECUTOR_BYTES = 24 << 20  # the executor's own memory, beside what a case may use
EXECUTOR_PROCESSES = 6  # the executor's own: controller, zygote, init, and what makes and waits
# A program gets one; the other is for the next case, which gets ready meanwhile.
NANO_CPUS = 2_000_000_000
PROGRAM_BYTES = 16 << 20
APPARMOR_PROFILE = "submitter-executor"
MAX_INODES = 8192
LABEL = "submitter.executor"
SCRIPT_LABEL = "submitter.script"  # on an image: which executeSubmission.py is in it
# ValueError: docker-py's for a DOCKER_HOST that is none.
_ENGINE_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError)


log = structlog.get_logger()


class DockerLauncher:
    """Starts executors as containers of one image on the engine that DOCKER_HOST names."""

    name = "docker"

    def __init__(self, image: str, runtime: str = "runc", arguments: Sequence[str] = ()) -> None:
        """`arguments` are executeSubmission.py's own, beside --serve."""
        self._image = image
        self._runtime = runtime
        self._arguments = arguments
        self._apparmor = False  # whether to name our profile
        self._seccomp = (resource("executor_image") / "seccomp.json").read_text()
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
            security = self._api.info().get("SecurityOptions") or []
            self._apparmor = any("name=apparmor" in option for option in security)
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

    def start(self, room: Room) -> "DockerExecutor":
        container: str | None = None
        profile = APPARMOR_PROFILE if self._apparmor else None  # other threads may find meanwhile that it is missing
        try:
            container, attached = self._create(room, profile)
            self._api.start(container)
            return DockerExecutor(self._api, container, attached, room)
        except docker.errors.ImageNotFound as exc:
            raise SandboxUnavailable(
                f"the engine has no image {self._image}: make it with `submitter image build`"
            ) from exc
        except _ENGINE_ERRORS as exc:
            if container is not None:
                remove(self._api, container)
            if profile is not None and "apparmor" in str(exc).lower():
                if self._apparmor:
                    log.warning("apparmor_profile_missing", profile=profile, reason=_short(exc))
                self._apparmor = False  # then Docker's own profile stands, under which no box can be made
                return self.start(room)
            raise SandboxUnavailable(f"Docker could not start an executor: {_short(exc)}") from exc

    def _create(self, room: Room, profile: str | None) -> tuple[str, Any]:
        """A container that has not started, and the stream to it."""
        uid = random_uid()
        # Used where no box can be made; else a box has its own of them.
        writable = f"rw,nosuid,nodev,noexec,size={room.file_bytes},nr_inodes={MAX_INODES}"
        program_place = f"rw,nosuid,nodev,noexec,mode=0755,uid={uid},gid={uid},size={PROGRAM_BYTES}"
        options = ["no-new-privileges:true", f"seccomp={self._seccomp}"]
        if profile is not None:
            options.append(f"apparmor={profile}")
        memory_bytes = room.memory_bytes + EXECUTOR_BYTES
        host_config = self._api.create_host_config(
            runtime=self._runtime,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=options,
            ipc_mode="private",
            pids_limit=room.processes + EXECUTOR_PROCESSES,
            mem_limit=memory_bytes,
            memswap_limit=memory_bytes,  # memory and swap together: no swap
            nano_cpus=NANO_CPUS,
            tmpfs={
                "/tmp": f"{writable},mode=1777",
                "/dev/shm": f"{writable},mode=1777",
                "/usr/src/submitter": program_place,
            },
            log_config={"Type": "none"},
            init=False,  # the executor is process 1 and reaps by itself
        )
        # A box mounts a /proc of its own, which the kernel allows only to those who see the whole of the one above.
        # What is masked otherwise is root's alone, which the executor is not.
        host_config |= {"MaskedPaths": [], "ReadonlyPaths": []}
        container: str = self._api.create_container(
            self._image,
            ["--serve", *self._arguments],
            user=f"{uid}:{uid}",
            stdin_open=True,
            tty=False,
            host_config=host_config,
            labels=_labels(),
            network_disabled=True,
        )["Id"]
        try:
            return container, self._api.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        except _ENGINE_ERRORS:
            remove(self._api, container)
            raise

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

    def __init__(self, api: Any, container: str, attached: Any, room: Room) -> None:
        # docker-py hands out a file object around the socket; it must be kept, or the socket is closed with it.
        super().__init__(getattr(attached, "_sock", attached))
        self._attached = attached
        self._api = api
        self._container = container
        self._room = room
        self._said = b""

    def make_room(self, room: Room) -> None:
        if room.memory_bytes == self._room.memory_bytes:
            return
        memory_bytes = room.memory_bytes + EXECUTOR_BYTES
        try:
            self._api.update_container(self._container, mem_limit=memory_bytes, memswap_limit=memory_bytes)
        except _ENGINE_ERRORS as exc:
            raise ExecutorLost(f"an executor's memory limit could not be changed: {_short(exc)}") from exc
        self._room = room

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
