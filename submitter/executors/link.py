"""A line of bytes to an executor and back, over a socket, with every wait bounded."""

import contextlib
import secrets
import select
import socket
import time
from dataclasses import dataclass
from typing import Protocol

from submitter.errors import ExecutorLost

# One host uid per executor, so that no two share the kernel's per-user pools. This range is given to nobody:
# https://systemd.io/UIDS-GIDS/ ends the container ranges at 1,879,048,191.
UID_FIRST, UID_COUNT = 2_000_000_000, 100_000_000
CLOSED = "the sandbox is closed: this process is ending"


def random_uid() -> int:
    """A uid, and gid, for one executor."""
    return UID_FIRST + secrets.randbelow(UID_COUNT)


@dataclass(frozen=True, slots=True)
class Room:
    """
    What all that runs in an executor may use together: bytes of memory, processes, bytes in files.

    `preload` are modules that it is to import ahead, beside those that every executor does.
    """

    memory_bytes: int
    processes: int
    file_bytes: int
    preload: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """Of executeSubmission.py, beside a launcher's own."""
        return ["--preload", ",".join(self.preload)] if self.preload else []


class Executor(Protocol):
    """
    One started executor.

    `send` and `read_line` raise ExecutorLost when it is gone, late or breaks the protocol, and SandboxUnavailable when
    what it runs in is seen to be away.
    """

    def send(self, data: bytes, timeout_s: float) -> None:
        """Hand over a request or an input; another thread may be in `read_line` meanwhile."""
        ...

    def read_line(self, most: int, timeout_s: float) -> bytes:
        """The next answer, without its line end, of at most `most` bytes."""
        ...

    def make_room(self, room: Room) -> None:
        """Let it use that much memory from now on, no more and no less. Nothing of a case runs meanwhile."""
        ...

    def has_ended(self) -> bool:
        """Whether it is seen to be gone; costs next to nothing, and one that hangs is not gone."""
        ...

    def close(self) -> None:
        """End it and all that it started, now. May be called from another thread, and more than once; never raises."""
        ...


class Launcher(Protocol):
    """How executors are started on this machine."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    @property
    def image(self) -> str:
        """A digest of what executors are made of: another interpreter or executor has another."""
        ...

    def start(self, room: Room) -> Executor:
        """
        Start one that may use this much for its cases. It sees nothing of ours but what it is told.

        Raises:
            SandboxUnavailable: it cannot be started; the text says what to do.
        """
        ...

    def check(self) -> None:
        """
        Ask what executors run in whether it is there, and wait for the answer for seconds at the most.

        Raises:
            SandboxUnavailable: it is not.
        """
        ...

    def sweep(self) -> int:
        """
        Remove what dead processes of ours left on this host, sparing live neighbours', and what we lost ourselves.

        Returns how many.
        """
        ...


class SocketLink:
    """`send` and `read_line` over a stream socket; a subclass may unpack what arrives."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()

    def send(self, data: bytes, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        view = memoryview(data)
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLOUT)
            while view:
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise ExecutorLost("the executor did not take the request: timed out")
                # The socket's own timeout is the reader's, and may be over by now.
                with contextlib.suppress(TimeoutError, BlockingIOError):
                    view = view[self._socket.send(view, socket.MSG_DONTWAIT) :]
        except (OSError, ValueError) as exc:
            raise ExecutorLost(f"the executor did not take the request: {exc}") from exc

    def read_line(self, most: int, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            if len(self._buffer) > most:
                raise ExecutorLost("an executor's answer is too long")
            searched = len(self._buffer)
            self._buffer += self._receive(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def has_ended(self) -> bool:
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLRDHUP)
        except ValueError:
            return True  # it was closed
        return bool(poll.poll(0))

    def _receive(self, deadline: float) -> bytes:
        """Some bytes of the executor's output, at least one; bounded by `deadline` on the monotonic clock."""
        return self._receive_raw(65536, deadline)

    def _receive_raw(self, most: int, deadline: float) -> bytes:
        try:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._socket.recv(most)
        except TimeoutError as exc:
            raise ExecutorLost("the executor did not answer in time") from exc
        except OSError as exc:
            raise ExecutorLost(f"the connection to the executor broke: {exc}") from exc
        if not data:
            raise ExecutorLost("the executor ended before it had answered")
        return data
