"""
A world of two daemons on one queue in which a schedule decides who does what next, and a model of what must come of it.

How it works. The daemons' real code runs in threads, but only one of them runs
at any moment: each stops before every call of a port and at every crash point,
and goes on when the schedule says so. Time is the world's own: for the lease
keepers, for the queue's visibility, and for the leases in the database. So one
list of actions is one run, which Hypothesis can shorten and repeat.

`World.do` takes one action; `World.drain` ends the faults, lets everybody work
until nothing is left to do, and compares the end with the model. What may never
be seen, not even for a moment, is asserted at once. All fail as AssertionError.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from submitter import crash
from submitter.daemon import ClientThread
from submitter.errors import SandboxUnavailable
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase
from submitter.outcomes import MOST_FAILURES
from submitter.protocol import encode_body, parse_body
from submitter.runs import CaseInput, Job, RunResult
from tests.schedule_daemons import Host, Killed, Task, run_here
from tests.schedule_services import Clock, Services

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
KEYS = tuple(SubmissionKey(REF, digit * 32) for digit in "ab")
BITS = 5  # of an upload's number; its program prints one a case, so that a result tells which upload it is of
ASSIGNMENT = Assignment(
    ref=REF, cases=tuple(TestCase(CaseKind.TEST, n, str(n), "1") for n in range(1, BITS + 1)), language="python"
)
HOSTS = 2
MOST_ROUNDS = 80  # of draining: far more than any schedule leaves to do
STUCK_S = 30.0

Action = tuple[Any, ...]


class World:
    """Two daemons, the students and the clock; see above."""

    def __init__(self, services: Services, clock: Clock, work_dir: Path, patch: Any) -> None:
        """`patch` is a pytest.MonkeyPatch that is undone when the world ends."""
        self.services = services
        self.clock = clock
        self.work_dir = work_dir
        self.repeated: list[Any] = []
        self.story: list[str] = []
        patch.setattr("submitter.lease.time", clock)
        patch.setattr(crash, "reached", self._crash_point)
        patch.setattr(ClientThread, "start", run_here)
        structlog.configure(processors=[_drop])  # the story tells more; reset by the fixture of tests/conftest.py
        services.cases.save_assignment(ASSIGNMENT)

        self._parked = threading.Semaphore(0)
        self._tasks: list[Task] = []
        self._by_thread: dict[threading.Thread, Task] = {}
        self._lives = 0
        self._hosts = [self._new_host(number) for number in range(HOSTS)]
        self._retired: list[Host] = []  # told to end, and not there yet

        # The model.
        self._kinds: dict[SubmissionKey, list[str]] = {key: [] for key in KEYS}  # of each upload, the first is number 1
        self._half_uploaded: list[SubmissionKey] = []
        self._underway: list[tuple[str, dict[SubmissionKey, int]]] = []  # told of by S3, not yet in the queue
        self._owed: dict[str, dict[SubmissionKey, int]] = {}  # by message: which uploads must be seen before it goes
        self._shown: dict[SubmissionKey, int] = dict.fromkeys(KEYS, 0)
        self._garbage: list[str] = []
        self._leased: dict[tuple[str, str | None], tuple[int, float]] = {}  # who has it, at least until when
        self._overtaken: set[int] = set()
        self._begun_by: dict[int, Host] = {}
        self._may_linger: set[int] = set()  # attempts that could not be ended: their lease just runs out
        self._port_faults: list[tuple[str, str]] = []
        self._sandbox_faults: list[str] = []
        self._errors_left = MOST_FAILURES - 1
        self._wrote = False
        self._complaints: list[AssertionError] = []

    # -- what the schedule can do -----------------------------------------------------------------------------------

    def do(self, action: Action) -> None:
        self.story.append(" ".join(map(str, action)))
        name, *details = action
        getattr(self, f"_do_{name}")(*details)
        self._look()

    def _do_upload(self, which: int, kind: str) -> None:
        """The program of another upload, and nothing that tells of it yet."""
        key = KEYS[which]
        if len(self._kinds[key]) + 1 < 2**BITS:
            self._kinds[key].append(kind)
            number = len(self._kinds[key])
            self.services.upload(key.program(".py"), b"%d" % number if kind == "good" else b" " * number)
            self._half_uploaded.append(key)

    def _do_tell(self, form: str, copies: int) -> None:
        """The metadata of the oldest upload that has none, and S3's event, of which there may be several."""
        if not self._half_uploaded:
            return
        keys = [self._half_uploaded.pop(0)]
        if form == "both" and self._half_uploaded:
            keys.append(self._half_uploaded.pop(0))
        for key in keys:
            ref = key.ref
            metadata = {"subid": key.subid, "admin": ref.admin, "event": ref.event, "assignment": ref.assignment}
            self.services.upload(key.metadata, json.dumps({**metadata, "tokens": ["a" * 32]}).encode())
        body = encode_body(keys[0]) if form == "plain" else _event(keys)
        # A message of several is deleted when each has one of its own; those owe nothing that we would know of.
        owed = {keys[0]: len(self._kinds[keys[0]])} if len(keys) == 1 else {}
        self._underway += [(body, owed)] * copies

    def _do_send(self, which: int) -> None:
        if self._underway:
            body, owed = self._underway.pop(which % len(self._underway))
            self._owed[self.services.send(body)] = owed

    def _do_garbage(self) -> None:
        body = f"not JSON, number {len(self._garbage)}"
        self._garbage.append(body)
        self.services.send(body)

    def _do_receive(self, which: int) -> None:
        host = self._hosts[which]
        if host.daemon._slots.acquire(blocking=False):
            self._begin(host, "message", host.take_one)

    def _do_renew(self, which: int) -> None:
        host = self._hosts[which]
        if not any(task.host is host and task.name == "renewal" for task in self._tasks):
            self._begin(host, "renewal", host.leases.renew_all)

    def _do_step(self, which: int, times: int) -> None:
        for _ in range(times):
            if task := self._task(which):
                self._let(task)
                self._look()

    def _do_finish(self, which: int) -> None:
        if task := self._task(which):
            self._finish(task)

    def _do_error(self, which: int) -> None:
        """What nobody foresaw; less often than a submission is tried for."""
        task = self._task(which)
        is_masters = task is not None and task.where in ("begins", "queue.receive", "P1")  # which ends the daemon then
        if task and not is_masters and task.name == "message" and self._errors_left:
            self._errors_left -= 1
            task.error = RuntimeError(f"told to fail at {task.where}")
            if task.where == "cases.end_attempt":
                self._let_linger(task.host)
            self._let(task)

    def _do_kill(self, which: int) -> None:
        """As `kill -9` does; the next daemon starts at once."""
        host, self._hosts[which] = self._hosts[which], self._new_host(which)
        for victim in [host, *self._retired]:
            victim.is_dead = True
            self._let_linger(victim)
            for task in [task for task in self._tasks if task.host is victim]:
                self._finish(task)
        self._retired.clear()

    def _do_terminate(self, which: int) -> None:
        """SIGTERM at the end of the grace period: runs are ended, and what was in hand is given back."""
        host, self._hosts[which] = self._hosts[which], self._new_host(which)
        host.daemon._stopping.set()
        host.sandbox.close()
        self._retired.append(host)

    def _do_advance(self, seconds: float) -> None:
        self.clock.now += seconds
        self.services.pass_time(seconds)

    def _do_fault(self, operation: str, action: str, times: int) -> None:
        if self.services.port_faults:
            self._port_faults += [(operation, action)] * times
        else:
            self.services.fault(operation, action, times)

    def _do_sandbox(self, how: str) -> None:
        self._sandbox_faults.append(how)

    def _do_cut(self) -> None:
        self._may_linger |= self._begun_by.keys()
        self.services.cut()

    # -- the end ----------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """
        No more faults: whatever was begun is ended, and the end is what it should be.

        Raises:
            AssertionError: it is not.
        """
        self.story.append("drain")
        self.services.clear()
        self._port_faults.clear()
        self._sandbox_faults.clear()
        while self._half_uploaded:
            self._do_tell("plain", 1)
        while self._underway:
            self._do_send(0)
        for _ in range(MOST_ROUNDS):
            while self._tasks:
                self._finish(self._tasks[0])
            for number in range(HOSTS):
                self._do_receive(number)
            if not any(self._is_at_work(task) for task in list(self._tasks)):
                if not self.services.waiting():
                    break
                self._do_advance(400)
        else:
            raise AssertionError(f"{self.services.waiting()} messages are still there, and go round and round")
        self._compare()

    def end(self) -> None:
        """Of the threads that are left, after a failure."""
        for host in [*self._hosts, *self._retired]:
            host.is_dead = True
        for task in list(self._tasks):
            with contextlib.suppress(BaseException):
                self._finish(task)

    def _is_at_work(self, task: Task) -> bool:
        """Whether the poll that just began brought something; one that did not is over."""
        while not task.is_over and task.where in ("begins", "queue.receive"):
            self._let(task)
        return not task.is_over

    def _compare(self) -> None:
        for key, kinds in self._kinds.items():
            result, out = self.services.read(key.results), self.services.read(key.out)
            if not kinds:
                assert result is None, f"{key.subid[:4]} has a result, and was never handed in"
                continue
            assert result is not None, f"{key.subid[:4]} has no result"
            assert _numbers(result, kinds) == _all_of(kinds, len(kinds)), f"{key.subid[:4]}: not the newest upload's"
            assert out == _out_of(kinds, len(kinds)), f"{key.subid[:4]}: .out is not the newest upload's"
        letters = self.services.letters()
        assert {body for body, _ in letters} == set(self._garbage), "the dead-letter queue holds something else"
        assert all(reason for _, reason in letters), "a dead letter without a reason"
        published: dict[tuple[str | None, str | None], int] = {}
        for line in self.services.history():
            assert not (line.has_lease and line.attempt_id not in self._may_linger), f"{line} still has its lease"
            if line.is_published:
                again = (line.message_id, line.upload)
                published[again] = published.get(again, 0) + 1
        assert all(times == 1 for times in published.values()), f"published again for the same message: {published}"
        for host in self._hosts:
            assert not host.daemon._clients, "a daemon still counts a thread that has ended"
            assert not host.leases._all_held(), "a lease keeper still renews something"
            assert host.daemon._slots.acquire(blocking=False), "a slot was never given back"
            assert host.daemon._slots.acquire(blocking=False), "a slot was never given back"
        assert not [*self.work_dir.glob("*/*")], "a working directory was left"

    # -- threads, one at a time -------------------------------------------------------------------------------------

    def pause(self, host: Host, where: str) -> None:
        """Called by a daemon's thread: here the schedule may do something else first."""
        task = self._by_thread.get(threading.current_thread())
        if task is None:
            return
        task.where = where
        self._parked.release()
        task.go_on.acquire()
        if host.is_dead:
            raise Killed
        if task.error is not None:
            error, task.error = task.error, None
            raise error

    def _crash_point(self, point: str) -> None:
        task = self._by_thread.get(threading.current_thread())
        if task is not None:
            self.pause(task.host, point)

    def _begin(self, host: Host, name: str, work: Callable[[], None]) -> None:
        task = Task(host, name)

        def run() -> None:
            task.go_on.acquire()
            try:
                if not host.is_dead:
                    work()
            except Killed:
                pass
            except BaseException as exc:
                task.failure = exc
            task.is_over = True
            self._parked.release()

        task.thread = threading.Thread(target=run, name=f"{host.name} {name}", daemon=True)
        self._by_thread[task.thread] = task
        self._tasks.append(task)
        task.thread.start()

    def _task(self, which: int) -> Task | None:
        return self._tasks[which % len(self._tasks)] if self._tasks else None

    def _let(self, task: Task) -> None:
        """Go on to the next place to stop at, or to the end."""
        was_at = task.where
        task.go_on.release()
        if not self._parked.acquire(timeout=STUCK_S):
            raise AssertionError(f"{task.host.name} hangs after {was_at}")
        self.story.append(f"  {task.host.name} {task.name}: {was_at}" + (" -> over" if task.is_over else ""))
        if self._complaints:
            raise self._complaints.pop()
        if task.is_over:
            assert task.thread is not None
            task.thread.join()
            del self._by_thread[task.thread]
            self._tasks.remove(task)
            if task.failure is not None:
                raise AssertionError(f"a thread died: {task.failure!r}") from task.failure

    def _finish(self, task: Task) -> None:
        while not task.is_over:
            self._let(task)
            self._look()

    def _new_host(self, number: int) -> Host:
        self._lives += 1
        return Host(self, number, self._lives)

    # -- what the daemons do, seen by the model ---------------------------------------------------------------------

    def port_fault(self, method: str, args: Sequence[Any]) -> str | None:
        """The next one that was told for this method, if there is any."""
        for fault in self._port_faults:
            if fault[0] == method:
                self._port_faults.remove(fault)
                if method == "end_attempt":
                    self._may_linger.add(args[0])
                return fault[1]
        return None

    def _let_linger(self, host: Host) -> None:
        self._may_linger |= {attempt for attempt, by in self._begun_by.items() if by is host}

    def note_lost_reply(self, method: str, answer: Any) -> None:
        """An attempt that nobody knows to have begun."""
        if method == "begin_attempt":
            self._may_linger.add(answer)

    def run_case(self, host: Host, job: Job, case_input: CaseInput) -> RunResult:
        """One bit of the upload's number."""
        self.pause(host, f"case {case_input.arguments[0]}")
        if self._sandbox_faults:
            if self._sandbox_faults.pop(0) == "away":
                raise SandboxUnavailable("told to be away")
            return RunResult(ending=Ending.SETUP_FAILED)
        is_set = int(job.program) >> (int(case_input.arguments[0]) - 1) & 1
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"%d\n" % is_set)

    def watch(self, look: Callable[[], None]) -> None:
        """Called by a daemon's thread, which would take our complaint for a fault of its own and go on."""
        try:
            look()
        except AssertionError as exc:
            self._complaints.append(exc)

    def before(self, method: str, args: Sequence[Any]) -> None:
        """A message goes when what it told of can be read, and no sooner."""
        if method == "delete":
            [delivery] = args
            for key, number in self._owed.get(delivery.message_id, {}).items():
                assert self._look_at(key) >= number, f"message deleted before upload {number} was seen through"

    def after(self, host: Host, method: str, args: Sequence[Any], answer: Any) -> None:
        """An upload is leased to one attempt at a time, for as long as was promised."""
        if method == "begin_attempt":
            [start] = args
            upload = (start.key.subid, start.upload)
            holder, until = self._leased.get(upload, (0, 0.0))
            assert until <= self.clock.now, f"an upload was leased to {answer} while {holder} had it"
            if holder:
                self._overtaken.add(holder)
            self._leased[upload] = (answer, self.clock.now + start.lease_s)
            self._begun_by[answer] = host
        elif method == "renew_lease" and answer:
            attempt, for_s = args
            for upload, (holder, _) in self._leased.items():
                if holder == attempt:
                    self._leased[upload] = (holder, self.clock.now + for_s)
        elif method == "end_attempt":
            self._free(args[0])

    def see_publishing(self, attempt_id: int) -> None:
        assert attempt_id not in self._overtaken, f"attempt {attempt_id} publishes, and its lease was taken over"
        self._free(attempt_id)

    def _free(self, attempt_id: int) -> None:
        """From here on somebody else may have it; should the change be undone, nobody is worse off."""
        for upload, (holder, _) in self._leased.items():
            if holder == attempt_id:
                self._leased[upload] = (holder, 0.0)

    def note_write(self, method: str) -> None:
        self._wrote = self._wrote or method in ("put", "replace")

    def _look(self) -> None:
        """Whenever something was written: a reader never sees an older result again, nor half of one."""
        if self._wrote:
            self._wrote = False
            for key in KEYS:
                self._look_at(key)

    def _look_at(self, key: SubmissionKey) -> int:
        """The number of the newest upload that the result may be of: rejections look alike."""
        result = self.services.read(key.results)
        if result is None:
            assert not self._shown[key], "a result vanished"
            return 0
        kinds = self._kinds[key]
        assert b"internal_error" not in result, "a fault of ours is shown as the student's"
        numbers = [number for number in _numbers(result, kinds) if number >= self._shown[key]]
        assert numbers, f"the result of upload {self._shown[key]} was replaced by an older one's"
        self._shown[key] = min(numbers)
        out = self.services.read(key.out)
        later = range(self._shown[key], len(kinds) + 1)
        assert any(out == _out_of(kinds, number) for number in later), "results.json is there before its .out"
        return max(numbers)


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


def _event(keys: list[SubmissionKey]) -> str:
    records = [
        {"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": key.metadata}}}
        for key in keys
    ]
    body = json.dumps({"Records": records})
    assert parse_body(body) == tuple(keys)
    return body


def _numbers(result: bytes, kinds: list[str]) -> list[int]:
    """Which uploads this may be the result of: one, or all that are rejected for the same reason."""
    document = json.loads(result)
    if document["state"] == "rejected":
        return [number for number, kind in enumerate(kinds, start=1) if kind == "bad"]
    bits = [test["verdict"] == "accepted" for test in document["tests"]]
    return [sum(1 << place for place, bit in enumerate(bits) if bit)]


def _all_of(kinds: list[str], number: int) -> list[int]:
    return [n for n, kind in enumerate(kinds, start=1) if kind == "bad"] if kinds[number - 1] == "bad" else [number]


def _out_of(kinds: list[str], number: int) -> bytes:
    if kinds[number - 1] == "bad":
        return b""
    return b"".join(b"%d\n" % (number >> place & 1) for place in range(BITS))
