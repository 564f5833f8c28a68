"""
The ports in plain dicts: for tests and for runs without any service.

Everything is thread-safe, kept as long as the object lives, and can be told to
fail: `store.fail_next(StoreUnavailable("full"), method="put")`.
"""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import ClassVar

from submitter.errors import (
    SandboxClosed,
    SubmissionRejected,
)
from submitter.model import Ending
from submitter.outcomes import StoredObject
from submitter.ports import Delivery
from submitter.runs import CaseInput, Environment, Exchange, Job, RunResult


class FailsOnRequest:
    """Lets a test decide which call fails, and how."""

    _calls_elsewhere: ClassVar[frozenset[str]] = frozenset()  # calls of objects that this one hands out

    def __init__(self) -> None:
        self._failures: list[tuple[Exception, str | None]] = []
        self._failures_lock = threading.Lock()

    def fail_next(self, error: Exception, method: str | None = None) -> None:
        """
        Make the next call raise `error` and do nothing else; the next of `method`, if that is given.

        Called several times, it arms as many calls, in that order.
        """
        if method is not None and method not in self._calls_elsewhere:
            getattr(self, method)  # a misspelt name would never fail, and its test would prove nothing
        with self._failures_lock:
            self._failures.append((error, method))

    def _fail_if_told(self, called: str) -> None:
        with self._failures_lock:
            for armed in self._failures:
                error, method = armed
                if method in {None, called}:
                    self._failures.remove(armed)
                    raise error


# -- the queue ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was moved aside."""

    body: str
    reason: str


@dataclass(slots=True)
class _Message:
    body: str
    message_id: str
    visible_at: float
    receive_count: int = 0
    receipt_handle: str | None = None  # of the last delivery: only that one may change the message


class MemorySubmissionQueue(FailsOnRequest):
    """
    ports.SubmissionQueue; delivers in the order of sending, as far as messages are visible.

    Args:
        visibility_timeout_s: how long a received message stays hidden unless it is kept longer.
        clock: monotonic seconds; visibility follows it, while `receive` waits in real time.
    """

    def __init__(self, visibility_timeout_s: float = 120, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.dead_letters: list[DeadLetter] = []
        self._visibility_timeout_s = visibility_timeout_s
        self._clock = clock
        self._messages: list[_Message] = []
        self._changed = threading.Condition()
        self._numbers = count(1)

    def __len__(self) -> int:
        """How many messages there are, hidden ones included."""
        with self._changed:
            return len(self._messages)

    def receive(self, wait_s: int) -> Delivery | None:
        self._fail_if_told("receive")
        deadline = time.monotonic() + wait_s
        with self._changed:
            while (message := self._first_visible()) is None:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                # In slices: a message may become visible by the injected clock, which wakes nobody.
                self._changed.wait(min(left_s, 0.02))
            message.receive_count += 1
            message.receipt_handle = f"{message.message_id}#{message.receive_count}"
            message.visible_at = self._clock() + self._visibility_timeout_s
            return Delivery(message.body, message.message_id, message.receipt_handle, message.receive_count)

    def delete(self, delivery: Delivery) -> None:
        self._fail_if_told("delete")
        self._delete(delivery)

    def give_back(self, delivery: Delivery, delay_s: int) -> None:
        self._fail_if_told("give_back")
        self._hide_for(delivery, delay_s)

    def keep(self, delivery: Delivery, for_s: int) -> bool:
        self._fail_if_told("keep")
        return self._hide_for(delivery, for_s)

    def move_aside(self, delivery: Delivery, reason: str) -> None:
        self._fail_if_told("move_aside")
        with self._changed:
            self.dead_letters.append(DeadLetter(delivery.body, reason))
            self._delete(delivery)

    def send(self, body: str, group: str | None = None) -> None:
        self._fail_if_told("send")
        with self._changed:
            self._messages.append(_Message(body, f"message-{next(self._numbers)}", visible_at=self._clock()))
            self._changed.notify_all()

    def waiting(self) -> int:
        self._fail_if_told("waiting")
        with self._changed:
            return sum(message.visible_at <= self._clock() for message in self._messages)

    def check(self) -> None:
        self._fail_if_told("check")

    def _first_visible(self) -> _Message | None:
        now = self._clock()
        return next((message for message in self._messages if message.visible_at <= now), None)

    def _find(self, delivery: Delivery) -> _Message | None:
        """The message, if this delivery is still its last one."""
        return next((m for m in self._messages if m.receipt_handle == delivery.receipt_handle), None)

    def _delete(self, delivery: Delivery) -> None:
        with self._changed:
            if message := self._find(delivery):
                self._messages.remove(message)

    def _hide_for(self, delivery: Delivery, seconds: float) -> bool:
        with self._changed:
            if message := self._find(delivery):
                message.visible_at = self._clock() + seconds
                self._changed.notify_all()
            return message is not None


# -- the bucket ---------------------------------------------------------------------------------------------------


class MemoryResultStore(FailsOnRequest):
    """
    ports.ResultStore; tests look at `objects` and `content_types`, by key. Every write is a new version.

    `now` is the bucket's clock.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._now = now
        self.objects: dict[str, StoredObject] = {}
        self.content_types: dict[str, str] = {}
        self._versions = count(1)
        self._lock = threading.Lock()

    def get(self, key: str, max_bytes: int) -> StoredObject | None:
        self._fail_if_told("get")
        with self._lock:
            stored = self.objects.get(key)
        if stored is not None and len(stored.data) > max_bytes:
            raise SubmissionRejected(f"The file is larger than the {max_bytes:,} bytes that are allowed.")
        return stored

    def version(self, key: str) -> str | None:
        self._fail_if_told("version")
        with self._lock:
            return self._version_of(key)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._fail_if_told("put")
        with self._lock:
            self._write(key, data, content_type)

    def replace(self, key: str, data: bytes, content_type: str, seen: str | None) -> str | None:
        self._fail_if_told("replace")
        with self._lock:
            if self._version_of(key) != seen:
                return None
            self._write(key, data, content_type)
            return self._version_of(key)

    def check(self) -> None:
        self._fail_if_told("check")

    def _version_of(self, key: str) -> str | None:
        stored = self.objects.get(key)
        return None if stored is None else stored.version

    def _write(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = StoredObject(data, f"version-{next(self._versions)}", self._now())
        self.content_types[key] = content_type


# -- assignments, submissions, results ----------------------------------------------------------------------------


class FakeSandbox(FailsOnRequest):
    """
    ports.Sandbox that runs nothing; tests look at `jobs`, all that was asked of it.

    Args:
        answer: says how the job's program fares with one input. It may raise
            SandboxUnavailable, as a sandbox that breaks half-way does, or wait on an
            event, as a slow program does; calls of several threads come at once.
    """

    name = "fake"
    environment: Environment | None = Environment(image="fake", isolation="fake")

    def __init__(self, answer: Callable[[Job, CaseInput], RunResult]) -> None:
        super().__init__()
        self.jobs: list[Job] = []
        self._answer = answer
        self._closed = threading.Event()

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        self._fail_if_told("run")
        self._refuse_if_closed()
        self.jobs.append(job)
        return self._results(job)

    def converse(self, job: Job, judge: Job) -> Generator[Exchange, None, None]:
        """As two runs: what a program says to the one that judges it is not looked at."""
        self._fail_if_told("converse")
        self.jobs += [job, judge]
        for run, said in zip(self._results(job), self._results(judge), strict=True):
            yield Exchange(run=run, judge=said)

    def close(self) -> None:
        self._closed.set()

    def _results(self, job: Job) -> Generator[RunResult, None, None]:
        for index, case_input in enumerate(job.inputs):
            if job.is_wanted(index) is False:
                yield RunResult(ending=Ending.NOT_RUN)
                continue
            result = self._answer(job, case_input)
            self._refuse_if_closed()
            yield result

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise SandboxClosed("the sandbox is closed")
