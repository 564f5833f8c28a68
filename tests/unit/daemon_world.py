"""A daemon on ports in memory, what it calls noted, and a sandbox that can be held."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from submitter.adapters.memory import FakeSandbox, MemoryResultStore, MemorySubmissionQueue
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.daemon import Daemon
from submitter.errors import (
    CasesUnavailable,
    StoreUnavailable,
)
from submitter.grading import Grader
from submitter.lease import LeaseKeeper
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase
from submitter.notifier import Notifier
from submitter.ports import Delivery, Mailer
from submitter.processing import SubmissionProcessor
from submitter.protocol import encode_body
from submitter.runs import CaseInput, Job, RunResult

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
ASSIGNMENT = Assignment(ref=REF, cases=(TestCase(CaseKind.TEST, 1, "3", "9", 1.0),))
TIMEOUT_S = 20.0  # for what should happen at once


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def key(number: int = 1) -> SubmissionKey:
    return SubmissionKey(REF, f"{number:032x}", leading_slash=True)


@dataclass(frozen=True)
class Call:
    """One call of the queue."""

    method: str
    message_id: str = ""
    delay_s: int = 0


class NotedQueue(MemorySubmissionQueue):
    """Notes what is done to messages, by a clock that only a test moves; a test can wait for what it expects."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(visibility_timeout_s=1000, clock=lambda: self.now_s)
        self.calls: list[Call] = []
        self.in_receive: Callable[[], None] | None = None
        self.waits_s: set[int] = set()  # of its long polls
        self._noted = threading.Condition()
        self._quiet = threading.Event()

    def note(self, call: Call) -> None:
        with self._noted:
            self.calls.append(call)
            self._noted.notify_all()

    def wait_for(self, method: str, times: int = 1) -> list[Call]:
        """The calls of a method, as soon as there are so many."""
        with self._noted:
            assert self._noted.wait_for(lambda: len(self.of(method)) >= times, TIMEOUT_S), (method, self.calls)
            return self.of(method)

    def of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def receive(self, wait_s: int) -> Delivery | None:
        self.waits_s.add(wait_s)
        if self.in_receive is not None:
            self.in_receive()
        delivery = super().receive(0)
        if delivery is None:
            self._quiet.wait(0.005)  # a long poll, but not long
        else:
            self.note(Call("receive", delivery.message_id))
        return delivery

    def delete(self, delivery: Delivery) -> None:
        super().delete(delivery)
        self.note(Call("delete", delivery.message_id))

    def give_back(self, delivery: Delivery, delay_s: int) -> None:
        super().give_back(delivery, delay_s)
        self.note(Call("give_back", delivery.message_id, delay_s))

    def keep(self, delivery: Delivery, for_s: int) -> bool:
        is_ours = super().keep(delivery, for_s)
        self.note(Call("keep", delivery.message_id, for_s))
        return is_ours

    def move_aside(self, delivery: Delivery, reason: str) -> None:
        super().move_aside(delivery, reason)
        self.note(Call("move_aside", delivery.message_id))

    def send(self, body: str, group: str | None = None) -> None:
        super().send(body, group)
        self.note(Call("send"))


@dataclass
class House:
    """A daemon in a thread of its own, and all it works with; a program here is what it prints."""

    directory: Path
    concurrency: int = 1
    grace_s: float = 1000.0
    visibility_timeout_s: int = 1000
    queue: NotedQueue = field(default_factory=NotedQueue)
    store: MemoryResultStore = field(default_factory=MemoryResultStore)
    answer: Callable[[Job, CaseInput], RunResult] | None = None
    on_end_runs: Callable[[], None] = lambda: None
    find_leaks: Callable[[], list[str]] = list
    mailer: Mailer | None = None  # with one, the assignment asks for notices
    exit_code: int | None = None

    def __post_init__(self) -> None:
        self.cases = MemoryCaseStore(clock=lambda: self.queue.now_s)
        self.cases.save_assignment(replace(ASSIGNMENT, notices=self.mailer is not None))
        self.cases.register("a" * 32, "ada@example.edu")
        self.sandbox = FakeSandbox(self._run_program)
        self.daemon = Daemon(
            queue=self.queue,
            processor=SubmissionProcessor(self.cases, self.store, Grader(self.sandbox, self.directory), "worker"),
            leases=LeaseKeeper(self.queue, self.cases, self.visibility_timeout_s),
            end_runs=self._end_runs,
            find_leaks=self.find_leaks,
            probes={StoreUnavailable: self.store.check, CasesUnavailable: self.cases.check},
            notifier=None if self.mailer is None else Notifier(self.cases.notices, self.mailer, "grades@example.edu"),
            concurrency=self.concurrency,
            poll_wait_s=20,
            grace_s=self.grace_s,
        )
        self._thread = threading.Thread(target=self._run)

    def _run_program(self, job: Job, case_input: CaseInput) -> RunResult:
        if self.answer is not None:
            return self.answer(job, case_input)
        stdout = job.program
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=stdout)

    def _end_runs(self) -> None:
        self.sandbox.close()
        self.on_end_runs()

    def _run(self) -> None:
        self.exit_code = self.daemon.run()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def join(self) -> int | None:
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()
        return self.exit_code

    def stop(self) -> int | None:
        self.daemon.stop()
        return self.join()

    def upload(self, number: int = 1, program: bytes | None = b"9", *, metadata: bool = True) -> None:
        document = {"subid": key(number).subid, "admin": REF.admin, "event": REF.event, "assignment": REF.assignment}
        if program is not None:
            self.store.put(key(number).program(".py"), program, "text/plain")
        if metadata:
            data = json.dumps(document | {"tokens": ["a" * 32]}).encode()
            self.store.put(key(number).metadata, data, "application/json")

    def submit(self, number: int = 1, program: bytes = b"9") -> None:
        self.upload(number, program)
        self.queue.send(encode_body(key(number)))

    def results(self, number: int = 1) -> dict[str, Any] | None:
        stored = self.store.objects.get(key(number).results)
        return json.loads(stored.data) if stored else None


MakeHouse = Callable[..., House]


class Gate:
    """A program that runs until the test opens the gate; knows how many run at once."""

    def __init__(self, full_at: int = 1) -> None:
        self.running = self.most_running = 0
        self.full, self.opened = threading.Event(), threading.Event()
        self._full_at = full_at
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> RunResult:
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            if self.running == self._full_at:
                self.full.set()
        assert self.opened.wait(TIMEOUT_S)
        with self._lock:
            self.running -= 1
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"9")
