"""
The ports in plain dicts: for tests and for runs without any service.

Everything is thread-safe, kept as long as the object lives, and can be told to
fail: `store.fail_next(StoreUnavailable("full"), method="put")`.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import ClassVar

from submitter.adapters.memory_notices import MemoryNoticeStore
from submitter.errors import (
    AlreadyGraded,
    AssignmentRefused,
    CasesUnavailable,
    FailedTooOften,
    LeaseLost,
    SandboxClosed,
    SubmissionBusy,
    SubmissionRejected,
)
from submitter.model import (
    MAX_CASES_BYTES,
    MOST_FAILURES,
    Assignment,
    AssignmentRef,
    AssignmentSummary,
    AttemptStart,
    CaseInput,
    CaseKind,
    Job,
    Outcome,
    RunResult,
    StoredObject,
    SubmissionKey,
    SubmissionState,
    SubmissionSummary,
)
from submitter.ports import Delivery, Turn


class _FailsOnRequest:
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


class MemorySubmissionQueue(_FailsOnRequest):
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


class MemoryResultStore(_FailsOnRequest):
    """ports.ResultStore; tests look at `objects` and `content_types`, by key. Every write is a new version."""

    def __init__(self) -> None:
        super().__init__()
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

    def replace(self, key: str, data: bytes, content_type: str, seen: str | None) -> bool:
        self._fail_if_told("replace")
        with self._lock:
            if self._version_of(key) != seen:
                return False
            self._write(key, data, content_type)
            return True

    def check(self) -> None:
        self._fail_if_told("check")

    def _version_of(self, key: str) -> str | None:
        stored = self.objects.get(key)
        return None if stored is None else stored.version

    def _write(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = StoredObject(data, f"version-{next(self._versions)}")
        self.content_types[key] = content_type


# -- assignments, submissions, results ----------------------------------------------------------------------------


@dataclass(slots=True)
class Attempt:
    """One attempt in a MemoryCaseStore's history; without an outcome it runs, was interrupted or failed."""

    attempt_id: int
    start: AttemptStart
    lease_expires_s: float | None  # by the store's clock; None: ended, or lost
    outcome: Outcome | None = None
    is_published: bool = False
    failure: str | None = None


@dataclass(slots=True)
class _MemoryTurn:
    store: _FailsOnRequest
    noted: list[tuple[Outcome, bool]] = field(default_factory=list)

    def record(self, outcome: Outcome, *, published: bool) -> None:
        self.store._fail_if_told("record")
        if self.noted:
            raise RuntimeError("an attempt has one outcome, and it was recorded already")
        self.noted.append((outcome, published))


class MemoryCaseStore(_FailsOnRequest):
    """
    ports.CaseStore; tests look at `history`, where every attempt stays, in the order of beginning.

    `fail_next(..., method="record")` makes the recording of a turn fail; `claim`
    and `settle` are the calls of `notices`.

    Args:
        turn_wait_s: how long `publish_turn` waits for another attempt's turn to end.
        now: the present as an aware datetime, for an assignment's time of change.
        clock: monotonic seconds, by which leases end.
    """

    _calls_elsewhere = frozenset({"record", "claim", "settle"})

    def __init__(
        self,
        turn_wait_s: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._clock = clock
        self.history: list[Attempt] = []
        self.notices = MemoryNoticeStore(self._fail_if_told, clock, now, self.email_of)
        self._shown: dict[tuple[AssignmentRef, str], Attempt] = {}
        self._turn_wait_s = turn_wait_s
        self._now = now
        self._assignments: dict[AssignmentRef, tuple[Assignment, datetime]] = {}
        self._emails: dict[str, str] = {}
        self._states: dict[tuple[AssignmentRef, str], SubmissionState] = {}
        self._turns: dict[tuple[AssignmentRef, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def register(self, token: str, email: str) -> None:
        """Make a token known, as the front end does."""
        with self._lock:
            self._emails[token] = email

    def email_of(self, token: str) -> str | None:
        with self._lock:
            return self._emails.get(token)

    def load_assignment(self, ref: AssignmentRef) -> Assignment | None:
        self._fail_if_told("load_assignment")
        with self._lock:
            assignment, _ = self._assignments.get(ref, (None, None))
            return assignment

    def save_assignment(self, assignment: Assignment) -> None:
        self._fail_if_told("save_assignment")
        if assignment.cases_bytes > MAX_CASES_BYTES:
            raise AssignmentRefused(f"the cases of {assignment.ref} have {assignment.cases_bytes:,} bytes")
        kinds = list(CaseKind)  # `test` before `grade`, the order in which they run
        cases = sorted(assignment.cases, key=lambda case: (kinds.index(case.kind), case.ordinal))
        with self._lock:
            self._assignments[assignment.ref] = (replace(assignment, cases=tuple(cases)), self._now())

    def list_assignments(self) -> Sequence[AssignmentSummary]:
        self._fail_if_told("list_assignments")
        with self._lock:
            saved = [self._assignments[ref] for ref in sorted(self._assignments)]
        return [_summary(assignment, updated_at) for assignment, updated_at in saved]

    def list_submissions(
        self, ref: AssignmentRef | None = None, state: SubmissionState | None = None
    ) -> Sequence[SubmissionSummary]:
        self._fail_if_told("list_submissions")
        with self._lock:
            return [
                SubmissionSummary(of, subid, found)
                for (of, subid), found in sorted(self._states.items())
                if ref in {None, of} and state in {None, found}
            ]

    def find_emails(self, tokens: Sequence[str]) -> Mapping[str, str]:
        self._fail_if_told("find_emails")
        with self._lock:
            return {token: self._emails[token] for token in tokens if token in self._emails}

    def begin_attempt(self, start: AttemptStart) -> int:
        self._fail_if_told("begin_attempt")
        with self._turn_of(start.key), self._lock:
            of_upload = [
                attempt
                for attempt in self.history
                if (attempt.start.key.ref, attempt.start.key.subid) == (start.key.ref, start.key.subid)
                and attempt.start.upload == start.upload
            ]
            of_message = [
                a for a in of_upload if start.message_id is not None and a.start.message_id == start.message_id
            ]
            if any(attempt.is_published for attempt in of_message):
                raise AlreadyGraded("this message's submission was graded before")
            now_s = self._clock()
            for attempt in of_upload:
                if attempt.lease_expires_s is not None and attempt.lease_expires_s > now_s:
                    free_in_s = attempt.lease_expires_s - now_s
                    raise SubmissionBusy(f"{attempt.start.worker} is grading this upload", free_in_s=free_in_s)
            failures = [attempt.failure for attempt in of_message if attempt.failure is not None]
            if len(failures) >= MOST_FAILURES:
                raise FailedTooOften(f"failed {len(failures)} times, the last time with: {failures[-1]}")
            for attempt in of_upload:
                attempt.lease_expires_s = None
            attempt = Attempt(len(self.history) + 1, start, now_s + start.lease_s)
            self.history.append(attempt)
            self._states.setdefault((start.key.ref, start.key.subid), SubmissionState.GRADING)
            return attempt.attempt_id

    def renew_lease(self, attempt_id: int, for_s: float) -> bool:
        self._fail_if_told("renew_lease")
        with self._lock:
            attempt = self.history[attempt_id - 1]
            if attempt.lease_expires_s is None:
                return False
            attempt.lease_expires_s = self._clock() + for_s
            return True

    def end_attempt(self, attempt_id: int, failure: str | None) -> None:
        self._fail_if_told("end_attempt")
        with self._lock:
            attempt = self.history[attempt_id - 1]
            if attempt.lease_expires_s is not None:
                attempt.lease_expires_s, attempt.failure = None, failure

    def check(self) -> None:
        self._fail_if_told("check")

    @contextmanager
    def publish_turn(self, attempt_id: int) -> Iterator[Turn]:
        self._fail_if_told("publish_turn")
        with self._lock:
            if not 1 <= attempt_id <= len(self.history):
                raise CasesUnavailable(f"there is no attempt {attempt_id}")
            attempt = self.history[attempt_id - 1]
        with self._turn_of(attempt.start.key):
            if attempt.lease_expires_s is None:
                raise LeaseLost(f"the attempt {attempt_id} may not publish any more")
            turn = _MemoryTurn(self)
            yield turn
            for outcome, published in turn.noted:  # reached only when the body ended without an exception
                attempt.outcome, attempt.is_published, attempt.lease_expires_s = outcome, published, None
                if published:
                    key = attempt.start.key
                    self._states[key.ref, key.subid] = SubmissionState(outcome.state)
                    self._show(attempt, outcome)

    @contextmanager
    def _turn_of(self, key: SubmissionKey) -> Iterator[None]:
        """Nobody takes a lease over from whoever is publishing, however long that takes."""
        submission = (key.ref, key.subid)  # a key with a leading slash and one without mean the same
        with self._lock:
            lock = self._turns.setdefault(submission, threading.Lock())
        if not lock.acquire(timeout=self._turn_wait_s):
            raise CasesUnavailable(f"another attempt at {submission[1]} has held its turn for {self._turn_wait_s} s")
        try:
            yield
        finally:
            lock.release()

    def _show(self, attempt: Attempt, outcome: Outcome) -> None:
        """From now on it is the result that the student sees; tell them, unless they know."""
        key = attempt.start.key
        before = self._shown.get((key.ref, key.subid))
        self._shown[key.ref, key.subid] = attempt
        if key.ref not in self._assignments or not self._assignments[key.ref][0].notices:
            return
        if (
            before is not None
            and before.outcome is not None
            and before.start.upload == attempt.start.upload
            and _told(before.outcome) == _told(outcome)
        ):
            return
        with self._lock:
            # An upload whose metadata was broken names nobody; who handed it in before is still known.
            tokens = next(
                (
                    earlier.start.tokens
                    for earlier in reversed(self.history)
                    if (earlier.start.key.ref, earlier.start.key.subid) == (key.ref, key.subid) and earlier.start.tokens
                ),
                (),
            )
            by_address = {self._emails[token].lower(): token for token in tokens if token in self._emails}
        self.notices.note(attempt.attempt_id, key, outcome, sorted(by_address.values()))


def _told(outcome: Outcome) -> tuple[object, ...]:
    """What a notice says of it."""
    report = outcome.report
    return (outcome.reason, report.score, report.max_score) if report else (outcome.reason,)


def _summary(assignment: Assignment, updated_at: datetime) -> AssignmentSummary:
    kinds = [case.kind for case in assignment.cases]
    return AssignmentSummary(
        ref=assignment.ref,
        language=assignment.language,
        input_mode=assignment.input_mode,
        test_cases=kinds.count(CaseKind.TEST),
        grade_cases=kinds.count(CaseKind.GRADE),
        points=sum(case.points for case in assignment.cases),
        updated_at=updated_at,
        notices=assignment.notices,
    )


# -- the sandbox --------------------------------------------------------------------------------------------------


class FakeSandbox(_FailsOnRequest):
    """
    ports.Sandbox that runs nothing; tests look at `jobs`, all that was asked of it.

    Args:
        answer: says how the job's program fares with one input. It may raise
            SandboxUnavailable, as a sandbox that breaks half-way does, or wait on an
            event, as a slow program does; calls of several threads come at once.
    """

    name = "fake"

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

    def close(self) -> None:
        self._closed.set()

    def _results(self, job: Job) -> Generator[RunResult, None, None]:
        for case_input in job.inputs:
            result = self._answer(job, case_input)
            self._refuse_if_closed()
            yield result

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise SandboxClosed("the sandbox is closed")
