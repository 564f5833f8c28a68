"""
Executors in Docker containers.

How it works: a container is created with every wall that Docker has, attached
to over one socket, and started; requests and answers are the stream of that
socket. Nothing is ever executed into a container, no log driver is in the
path, and nothing is copied out. Its standard input is open once: when our
process dies, the engine closes it, the executor sees the end of its input and
exits. The container then stays, so that the engine can be asked how it ended,
until we remove it: at once, or in the next sweep.

An engine may do what it was asked to and never say so. Every container
therefore has a name that we choose, of which we know whether it is in use: what
was made and not heard of, or could not be removed, goes with the next sweep.
"""

import contextlib
import hashlib
import itertools
import secrets
import socket
import struct
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
import structlog

from submitter.errors import ExecutorLost, ImageUnfit, SandboxUnavailable
from submitter.executors.link import Room, SocketLink, random_uid
from submitter.executors.owner import is_gone, owner
from submitter.resources import resource
from submitter.runs import Role

START_TIMEOUT_S = 60.0  # for each call of starting one: on a busy host it takes seconds
CALL_TIMEOUT_S = 15.0  # for any other call: an engine that needs longer counts as away
KILL_TAKES_S = 10  # from a signal that the engine sends to the container's end, at most, on a busy host
NOTED_S = 0.2  # after a container's end it has noted who wanted it
END_KNOWN_S = 1.0  # until it knows that a container has ended whose stream has
SILENT_S = 60.0  # so long an engine that did not answer is not asked to remove more
DIAGNOSTIC_BYTES = 2000  # of what a failed executor said on standard error
EXECUTOR_BYTES = 24 << 20  # the executor's own memory, beside what a case may use
EXECUTOR_PROCESSES = 6  # the executor's own: controller, zygote, init, and what makes and waits
# A program gets one; the other is for the next case, which gets ready meanwhile.
NANO_CPUS = 2_000_000_000
PROGRAM_BYTES = 16 << 20
APPARMOR_PROFILE = "submitter-executor"
MAX_INODES = 8192
LABEL = "submitter.executor"
ROLE_LABEL = "submitter.role"  # whose programs run in a container: "student" or "judge"
SCRIPT_LABEL = "submitter.script"  # on an image: which executeSubmission.py is in it
# ValueError: docker-py's for a DOCKER_HOST that is none.
_ENGINE_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError)


log = structlog.get_logger()


def _client(timeout_s: float) -> Any:
    """
    The engine's low-level client, which closes its connections.

    It would keep one for each address that it asked, up to 25, and nearly
    every address has a container's name in it: they would lie open unused.
    """
    api = docker.from_env(timeout=int(timeout_s)).api
    api.headers["Connection"] = "close"
    return api


class DockerLauncher:
    """Starts executors as containers of one image on the engine that DOCKER_HOST names."""

    name = "docker"

    def __init__(
        self, image: str, runtime: str = "runc", arguments: Sequence[str] = (), role: Role = Role.STUDENT
    ) -> None:
        """`arguments` are executeSubmission.py's own, beside --serve; `role` is whose programs run there."""
        self._image = image
        self._role = role
        self.image = ""  # its digest, since `probe`
        self._runtime = runtime
        self._arguments = arguments
        self._apparmor = False  # whether to name our profile
        self._seccomp = (resource("executor_image") / "seccomp.json").read_text()
        self._token = f"submitter-{secrets.token_hex(6)}"  # with which our containers' names begin
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._in_use: set[str] = set()  # names
        self._may_be_left = False  # whether there may be containers of ours that are not in use
        self._silent_until = 0.0  # by the monotonic clock
        try:
            self._api = _client(CALL_TIMEOUT_S)
            self._slow_api = _client(START_TIMEOUT_S)
        except _ENGINE_ERRORS as exc:
            raise SandboxUnavailable(f"no Docker engine answers: {_short(exc)}") from exc

    def check(self) -> None:
        try:
            self._api.ping()
        except _ENGINE_ERRORS as exc:
            raise SandboxUnavailable(f"the Docker engine does not answer: {_short(exc)}") from exc

    def probe(self) -> None:
        """
        See that the engine answers and has the image.

        Raises:
            SandboxUnavailable: it does not; the text says what to do.
        """
        try:
            security = self._api.info().get("SecurityOptions") or []
            self._apparmor = any("name=apparmor" in option for option in security)
            found = self._api.inspect_image(self._image)
            self.image = str(found["Id"])
            labels = found["Config"].get("Labels") or {}
            if labels.get(SCRIPT_LABEL, script_digest()) != script_digest():
                raise ImageUnfit(
                    f"the image {self._image} holds another executeSubmission.py: run `submitter image build`"
                )
        except docker.errors.ImageNotFound as exc:
            raise ImageUnfit(f"the engine has no image {self._image}: make it with `submitter image build`") from exc
        except _ENGINE_ERRORS as exc:
            raise SandboxUnavailable(f"the Docker engine does not answer: {_short(exc)}") from exc

    def start(self, room: Room) -> "DockerExecutor":
        executor = self._start(room)
        self._silent_until = 0.0
        if self._may_be_left:  # since an earlier call failed; now the engine answers
            self._may_be_left = False
            with contextlib.suppress(SandboxUnavailable):
                self.sweep()
        return executor

    def _start(self, room: Room) -> "DockerExecutor":
        profile = APPARMOR_PROFILE if self._apparmor else None  # other threads may find meanwhile that it is missing
        name = f"{self._token}-{next(self._numbers)}"
        with self._lock:
            self._in_use.add(name)
        try:
            attached = self._create(name, room, profile)
            self._slow_api.start(name)
            return DockerExecutor(self, self._api, name, attached, room)
        except docker.errors.ImageNotFound as exc:
            self.forget(name)
            raise ImageUnfit(f"the engine has no image {self._image}: make it with `submitter image build`") from exc
        except _ENGINE_ERRORS as exc:
            self.remove(name)
            if profile is not None and "apparmor" in str(exc).lower():
                if self._apparmor:
                    log.warning("apparmor_profile_missing", profile=profile, reason=_short(exc))
                self._apparmor = False  # then Docker's own profile stands, under which no box can be made
                return self._start(room)
            raise SandboxUnavailable(f"Docker could not start an executor: {_short(exc)}") from exc

    def _create(self, name: str, room: Room, profile: str | None) -> Any:
        """A container that has not started; returns the stream to it."""
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
        self._slow_api.create_container(
            self._image,
            ["--serve", *self._arguments, *room.arguments],
            name=name,
            user=f"{uid}:{uid}",
            stdin_open=True,
            tty=False,
            stop_signal="SIGKILL",  # an engine that stops or starts again else waits ten seconds for each
            host_config=host_config,
            labels={**_labels(), ROLE_LABEL: str(self._role)},
            network_disabled=True,
        )
        return self._slow_api.attach_socket(name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})

    def sweep(self) -> int:
        swept = 0
        try:
            for container in self._api.containers(all=True, filters={"label": LABEL}):
                if _owner_is_dead(container.get("Labels", {})) or self._is_left(container):
                    with contextlib.suppress(docker.errors.NotFound, docker.errors.APIError):
                        self._api.remove_container(container["Id"], force=True, v=True)
                        swept += 1
        except _ENGINE_ERRORS as exc:
            self._may_be_left = True
            raise SandboxUnavailable(f"the Docker engine does not answer: {_short(exc)}") from exc
        return swept

    def _is_left(self, container: dict[str, Any]) -> bool:
        """Whether it is ours, and nobody of us has it."""
        names = {name.removeprefix("/") for name in container.get("Names") or []}
        with self._lock:
            return any(name.startswith(f"{self._token}-") and name not in self._in_use for name in names)

    def remove(self, name: str) -> None:
        """Kill and remove a container, whatever state it is in. What cannot be removed now, a sweep takes later."""
        self.forget(name)
        if time.monotonic() < self._silent_until:
            self._may_be_left = True
            return
        try:
            self._api.remove_container(name, force=True, v=True)
        except docker.errors.NotFound:
            pass
        except _ENGINE_ERRORS as exc:
            self._may_be_left = True
            if isinstance(exc, requests.exceptions.Timeout):
                self._silent_until = time.monotonic() + SILENT_S

    def forget(self, name: str) -> None:
        """From now on nobody uses that name."""
        with self._lock:
            self._in_use.discard(name)


class DockerExecutor(SocketLink):
    """An executor in a container, over the engine's attached stream."""

    def __init__(self, launcher: DockerLauncher, api: Any, container: str, attached: Any, room: Room) -> None:
        # docker-py hands out a file object around the socket; it must be kept, or the socket is closed with it.
        super().__init__(getattr(attached, "_sock", attached))
        self._attached = attached
        self._launcher = launcher
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

    def send(self, data: bytes, timeout_s: float) -> None:
        try:
            super().send(data, timeout_s)
        except ExecutorLost as exc:
            raise self._explained(exc) from exc

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
            raise self._explained(exc) from exc

    def _explained(self, lost: ExecutorLost) -> SandboxUnavailable:
        """
        What the engine says of a loss.

        When it says nothing, it is the engine that is lost. When it knows no such container, somebody else removed
        it; when it was told to send it a signal, somebody else killed it. None of these can be a program's doing.
        """
        said = " ".join(self._said.decode(errors="replace").split())
        text = f"{lost}; it said: {said}" if said else str(lost)
        how, out_of_memory = "", False
        try:
            found = self._last_known()
            # The kernel has killed in this container for memory; the executor itself, when it is gone.
            out_of_memory = bool(found["State"]["OOMKilled"])
            if found["State"]["Status"] in {"removing", "dead"}:
                how = "removed"
            elif self._was_told_to_kill(found):
                how = "killed"
        except docker.errors.NotFound:
            how = "removed"
        except _ENGINE_ERRORS as exc:
            return SandboxUnavailable(f"{text}; the Docker engine does not answer: {_short(exc)}")
        if how:
            text += f"; somebody {how} its container"
        return ExecutorLost(text, out_of_memory=out_of_memory, from_outside=bool(how))

    def _last_known(self) -> dict[str, Any]:
        """The container and its state. Its stream ends a little before the engine knows that it has ended."""
        deadline = time.monotonic() + END_KNOWN_S
        while True:
            found: dict[str, Any] = self._api.inspect_container(self._container)
            if found["State"]["Status"] != "running" or time.monotonic() > deadline:
                return found
            time.sleep(END_KNOWN_S / 20)

    def _was_told_to_kill(self, container: dict[str, Any]) -> bool:
        """
        Whether the engine remembers that somebody had it send the container a signal shortly before its end.

        It notes that of `docker kill` and `docker stop`, not of a process that ends or that the kernel kills, and
        remembers the last 256 things that happened, whatever they were. False if it does not say.
        """
        if container["State"]["Status"] == "running":
            return False
        try:
            ended_s = datetime.fromisoformat(container["State"]["FinishedAt"]).timestamp()  # by its clock
            events = self._api.events(
                since=int(ended_s) - KILL_TAKES_S,
                until=f"{ended_s + NOTED_S:.6f}000",  # it answers when that has come
                filters={"container": container["Id"], "event": "kill"},  # by a name it would find longer ones, too
            )
            return any(events)
        except (ValueError, docker.errors.APIError):
            return False

    def _receive_exactly(self, length: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            data += self._receive_raw(min(65536, length - len(data)), deadline)
        return bytes(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread
        self._launcher.remove(self._container)
        with contextlib.suppress(OSError):
            self._attached.close()
            self._socket.close()  # else the client, which knows it too, holds it until it is collected


def script_digest() -> str:
    """Tells one executeSubmission.py from another."""
    return hashlib.sha256(resource("executeSubmission.py").read_bytes()).hexdigest()


# -- whose container is it ----------------------------------------------------------------------------------------


def _labels() -> dict[str, str]:
    return {
        LABEL: "1",
        "submitter.host": socket.gethostname(),
        "submitter.boot": _boot_id(),
        "submitter.owner": owner(),
        "submitter.created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _owner_is_dead(labels: dict[str, str]) -> bool:
    """Whether the process that made a container is surely gone; of another host's we cannot know."""
    if labels.get("submitter.host") != socket.gethostname():
        return False
    if labels.get("submitter.boot") != _boot_id():
        return True
    return is_gone(labels.get("submitter.owner", ""))


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _short(exc: BaseException) -> str:
    return str(exc).splitlines()[0][:300] if str(exc) else type(exc).__name__
