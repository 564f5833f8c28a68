"""Every way a message can end, and every way the daemon can: a message is deleted last, or it lives on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from submitter import daemon as daemon_module
from submitter import notifier as notifier_module
from submitter.adapters.memory import FakeSandbox, MemoryResultStore, MemorySubmissionQueue
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.adapters.memory_notices import FakeMailer
from submitter.daemon import LONGEST_DELAY_S, WAITS_FOR_FILES, ClientThread, Daemon, retry_delay_s
from submitter.dependencies import Dependencies
from submitter.errors import (
    CasesUnavailable,
    HostShort,
    LeaseLost,
    MailUnavailable,
    NotBegun,
    QueueUnavailable,
    SandboxUnavailable,
    StoreUnavailable,
)
from submitter.grading import Grader
from submitter.lease import LeaseKeeper
from submitter.logs import EVENTS
from submitter.model import (
    MOST_FAILURES,
    Assignment,
    AssignmentRef,
    AttemptStart,
    CaseInput,
    CaseKind,
    Ending,
    Job,
    RunResult,
    SubmissionKey,
    TestCase,
)
from submitter.notifier import Notifier
from submitter.ports import Delivery, Mailer
from submitter.processing import SubmissionProcessor
from submitter.protocol import encode_body
from submitter.workdir import work_directory

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


@pytest.fixture
def make_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHouse]:
    """Makes a House that is not started yet; it is stopped at the end, in a hurry if need be."""
    made: list[House] = []
    monkeypatch.setattr(notifier_module, "LOOK_EVERY_S", 0.01)

    def make(**settings: Any) -> House:
        made.append(House(tmp_path / str(len(made)), **settings))
        return made[-1]

    yield make
    for house in made:
        house.daemon.stop()
        house.daemon.stop()
        if house.is_running:
            house.join()


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house()


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


# -- the good end -------------------------------------------------------------------------------------------------


def test_submission_is_graded_and_its_message_deleted_last(house: House) -> None:
    """A crash before the deletion means grading twice; a deletion before the result would lose it."""
    shown: list[object] = []
    delete = house.queue.delete

    def look_and_delete(delivery: Delivery) -> None:
        shown.append((house.results(), [attempt.is_published for attempt in house.cases.history]))
        shown.append(list((house.directory).iterdir()))
        delete(delivery)

    house.queue.delete = look_and_delete  # type: ignore[method-assign]
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    assert shown[0] == (house.results(), [True])
    assert shown[1] == []
    assert (house.results() or {})["score"] == 1.0
    assert len(house.queue) == 0
    assert house.stop() == 0


def test_daemon_without_work_stops_cleanly(house: House) -> None:
    house.start()
    assert house.stop() == 0


@pytest.mark.parametrize(
    "body",
    [
        '{"Service": "Amazon S3", "Event": "s3:TestEvent"}',
        json.dumps(
            {
                "Records": [
                    {
                        "eventVersion": "2.1",
                        "eventName": "ObjectCreated:Put",
                        "s3": {"object": {"key": key().results}},
                    }
                ]
            }
        ),
    ],
)
def test_message_that_asks_for_nothing_is_deleted_and_nothing_more(house: House, body: str) -> None:
    house.queue.send(body)
    house.start()
    house.queue.wait_for("delete")
    assert house.queue.dead_letters == []
    assert house.sandbox.jobs == []


def test_event_with_several_objects_becomes_a_message_for_each(house: House) -> None:
    """So that one of them cannot hold up, or take along, the others. The whole is deleted only when all are sent."""
    for number in (1, 2, 3):
        house.upload(number, b"9" if number != 2 else None)
    record = {"eventVersion": "2.1", "eventName": "ObjectCreated:Put"}
    event = {"Records": [record | {"s3": {"object": {"key": key(number).metadata}}} for number in (1, 2, 3)]}
    house.queue.send(json.dumps(event))
    house.start()
    house.queue.wait_for("delete", times=3)  # the event, and two of its three submissions
    house.queue.wait_for("give_back")
    methods = [call.method for call in house.queue.calls]
    assert methods[:5] == ["send", "receive", "send", "send", "send"]
    assert house.queue.of("delete")[0].message_id == house.queue.calls[1].message_id
    assert [house.results(number) is not None for number in (1, 2, 3)] == [True, False, True]
    assert house.queue.dead_letters == []
    assert len(house.queue) == 1


def test_event_that_could_not_be_split_wholly_is_kept(house: House) -> None:
    record = {"eventVersion": "2.1", "eventName": "ObjectCreated:Put"}
    event = {"Records": [record | {"s3": {"object": {"key": key(number).metadata}}} for number in (1, 2)]}
    house.queue.send(json.dumps(event))
    house.queue.fail_next(QueueUnavailable("away"), "send")
    house.start()
    [call] = house.queue.wait_for("give_back")
    assert call.message_id == "message-1"
    assert house.queue.of("delete") == []


# -- messages that mean nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("hello", "not JSON"),
        ("[]", "not an object"),
        ('{"subdata": 1}', "not a string"),
        ('{"subdata": "a/../p/x"}', "the key"),
        ("[" * 10_000, "nested too deeply"),
        ('{"subdata": "%s"}', "the key"),
    ],
)
def test_message_that_nobody_understands_goes_aside_with_the_reason_and_the_daemon_goes_on(
    house: House, body: str, why: str
) -> None:
    house.queue.send(body)
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    [letter] = house.queue.dead_letters
    assert letter.body == body
    assert why in letter.reason
    assert house.results() is not None
    assert house.queue.of("give_back") == []


def test_message_that_could_not_be_moved_aside_stays(house: House) -> None:
    house.queue.send("hello")
    house.queue.fail_next(QueueUnavailable("away"), "move_aside")
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    assert house.queue.dead_letters == []
    assert len(house.queue) == 1
    house.queue.now_s += 1001  # its visibility runs out
    house.queue.wait_for("move_aside")
    assert len(house.queue.dead_letters) == 1


# -- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "method", "error"),
    [
        ("store", "get", StoreUnavailable("away")),
        ("store", "put", StoreUnavailable("away")),
        ("store", "replace", StoreUnavailable("away")),
        ("store", "version", StoreUnavailable("away")),
        ("cases", "load_assignment", CasesUnavailable("away")),
        ("cases", "begin_attempt", CasesUnavailable("away")),
        ("cases", "publish_turn", CasesUnavailable("away")),
        ("cases", "record", CasesUnavailable("away")),
        ("sandbox", "run", SandboxUnavailable("away")),
        ("sandbox", "run", ZeroDivisionError("nobody foresaw this")),
        ("store", "get", MemoryError()),
    ],
)
def test_message_is_kept_when_a_port_fails_and_graded_when_it_is_back(
    house: House, port: str, method: str, error: Exception
) -> None:
    house.submit()
    getattr(house, port).fail_next(error, method)
    house.start()
    [call] = house.queue.wait_for("give_back")
    assert 1 <= call.delay_s <= 2
    assert house.queue.of("delete") == []
    assert len(house.queue) == 1
    house.queue.now_s += call.delay_s
    house.queue.wait_for("delete")
    assert (house.results() or {})["state"] == "graded"
    assert house.stop() == 0


def test_message_rests_longer_after_every_failure(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: (least + most) / 2)
    for _ in range(4):
        house.store.fail_next(StoreUnavailable("away"), "replace")
    house.submit()
    house.start()
    for failures in range(1, 5):
        house.queue.now_s += house.queue.wait_for("give_back", times=failures)[-1].delay_s
    house.queue.wait_for("delete")
    assert [call.delay_s for call in house.queue.of("give_back")] == [1, 2, 4, 8]


def test_delay_doubles_up_to_a_bound_and_differs_between_hosts() -> None:
    for count in range(1, 100):
        plain_s = min(LONGEST_DELAY_S, 2.0 ** (count - 1))
        delays = {retry_delay_s(count) for _ in range(50)}
        assert all(max(1, int(0.75 * plain_s)) <= delay <= 1.25 * plain_s + 1 for delay in delays)
    assert len({retry_delay_s(20) for _ in range(200)}) > 10
    assert retry_delay_s(10**9) <= 1.25 * LONGEST_DELAY_S


def test_message_that_could_not_be_deleted_comes_again_and_is_only_deleted(house: House) -> None:
    """Its result is there; to grade it once more would be for nothing."""
    house.submit()
    house.queue.fail_next(QueueUnavailable("away"), "delete")
    house.submit(2)
    house.start()
    house.queue.wait_for("delete")
    assert len(house.queue) == 1
    house.queue.now_s += 1001
    house.queue.wait_for("delete", times=2)
    assert len(house.queue) == 0
    assert [attempt.is_published for attempt in house.cases.history] == [True] * 2
    assert house.queue.of("give_back") == []  # its visibility runs out by itself; the queue is away anyway


def test_message_whose_lease_was_lost_is_let_alone(make_house: MakeHouse) -> None:
    """Whoever has it now publishes and deletes; two who do would be one too many."""
    gate = Gate()
    house = make_house(answer=gate)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.queue.now_s += 1001
    with house.cases._lock:
        house.cases.history[0].lease_expires_s = None  # taken over
    [lease] = house.daemon._leases._held
    lease.lose("somebody else has it")
    with capture_logs() as lines:
        gate.opened.set()
        eventually(lambda: any(line["event"] == "submission_left" for line in lines))
    house.queue.wait_for("delete")  # it is delivered again, and graded
    assert [attempt.is_published for attempt in house.cases.history] == [False, True]
    assert house.queue.of("give_back") == []
    assert len(house.queue.of("delete")) == 1


def test_submission_that_fails_again_and_again_is_moved_aside_with_the_reason(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "retry_delay_s", lambda _: 0)

    def breaks(job: Job, case_input: CaseInput) -> RunResult:
        raise NotBegun("no room to begin in")

    house.answer = breaks
    house.submit()
    house.start()
    house.queue.wait_for("move_aside")
    [letter] = house.queue.dead_letters
    assert letter.reason == f"failed {MOST_FAILURES} times, the last time with: NotBegun: no room to begin in"
    assert [attempt.failure is not None for attempt in house.cases.history] == [True] * MOST_FAILURES
    assert house.results() is None, "a fault of ours is never shown as the student's"


def test_an_outage_moves_nothing_aside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "retry_delay_s", lambda _: 0)
    house.submit()
    for _ in range(3 * MOST_FAILURES):
        house.store.fail_next(StoreUnavailable("away"), "put")
    house.start()
    house.queue.wait_for("delete")
    assert house.queue.dead_letters == []
    assert [attempt.failure for attempt in house.cases.history] == [None] * (3 * MOST_FAILURES + 1)


@pytest.mark.parametrize("away", ["bucket", "Postgres"])
def test_nothing_is_received_while_something_is_away(house: House, monkeypatch: pytest.MonkeyPatch, away: str) -> None:
    """Each delivery would be for nothing, and after twenty of them SQS moves a message aside."""
    monkeypatch.setattr(daemon_module, "retry_delay_s", lambda _: 0)
    error = StoreUnavailable("away") if away == "bucket" else CasesUnavailable("away")
    asked = threading.Event()
    is_back = threading.Event()

    def check() -> None:
        asked.set()
        if not is_back.is_set():
            raise error

    monkeypatch.setattr(house.daemon, "_dependencies", Dependencies({type(error): check}))
    house.submit()
    house.submit(2)
    if away == "bucket":
        house.store.fail_next(error, "put")
    else:
        house.cases.fail_next(error, "load_assignment")
    house.start()
    assert asked.wait(TIMEOUT_S)
    received = len(house.queue.of("receive"))
    time.sleep(0.3)
    assert len(house.queue.of("receive")) == received == 1
    is_back.set()
    house.queue.wait_for("delete", times=2)
    assert house.results() is not None
    assert house.results(2) is not None


def test_nothing_is_received_while_the_disk_is_nearly_full(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after the first submission failed for it: before."""
    monkeypatch.setattr(daemon_module, "retry_delay_s", lambda _: 0)
    has_room, asked = threading.Event(), threading.Event()

    def check() -> None:
        asked.set()
        if not has_room.is_set():
            raise HostShort("3 MiB left")

    monkeypatch.setattr(house.daemon, "_dependencies", Dependencies({HostShort: check}))
    house.submit()
    house.start()
    assert asked.wait(TIMEOUT_S)
    time.sleep(0.3)
    assert house.queue.of("receive") == []
    has_room.set()
    house.queue.wait_for("delete")
    assert [attempt.is_published for attempt in house.cases.history] == [True]


def test_message_that_could_not_be_given_back_comes_again_by_itself(house: House) -> None:
    house.submit()
    house.store.fail_next(StoreUnavailable("away"), "get")
    house.queue.fail_next(QueueUnavailable("away too"), "give_back")
    house.submit(2)
    house.start()
    house.queue.wait_for("delete")
    house.queue.now_s += 1001
    house.queue.wait_for("delete", times=2)
    assert house.results() is not None


def test_submission_that_another_process_grades_on_this_host_waits(house: House) -> None:
    house.submit()
    with work_directory(house.directory, key().subid):
        house.start()
        [call] = house.queue.wait_for("give_back")
        assert house.results() is None
    house.queue.now_s += call.delay_s
    house.queue.wait_for("delete")
    assert house.results() is not None


@pytest.mark.parametrize("missing", ["program", "metadata"])
def test_missing_file_is_waited_for_a_number_of_deliveries_then_rejected(house: House, missing: str) -> None:
    house.upload(program=None if missing == "program" else b"9", metadata=missing != "metadata")
    house.queue.send(encode_body(key()))
    house.start()
    for delivery in range(1, WAITS_FOR_FILES):
        house.queue.now_s += house.queue.wait_for("give_back", times=delivery)[-1].delay_s
    house.queue.wait_for("delete")
    assert len(house.queue.of("give_back")) == WAITS_FOR_FILES - 1
    document = house.results() or {}
    assert document["state"] == "rejected"
    assert "never arrived" in document["reason"]


def test_missing_file_that_arrives_meanwhile_is_graded(house: House) -> None:
    house.upload(program=None)
    house.queue.send(encode_body(key()))
    house.start()
    [call] = house.queue.wait_for("give_back")
    house.upload(program=b"9")
    house.queue.now_s += call.delay_s
    house.queue.wait_for("delete")
    assert (house.results() or {})["score"] == 1.0


def test_message_of_an_older_upload_comes_again_at_once_and_grades_the_newest(make_house: MakeHouse) -> None:
    """Whatever became of the newer upload's own message."""
    gate = Gate()
    programs: list[bytes] = []

    def answer(job: Job, case_input: CaseInput) -> RunResult:
        programs.append(job.program)
        return gate(job, case_input)

    house = make_house(answer=answer)
    house.submit(program=b"old")
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.upload(program=b"new")
    gate.opened.set()
    house.queue.wait_for("delete")
    assert programs == [b"old", b"new"]
    assert [call.delay_s for call in house.queue.of("give_back")] == [0]
    assert [attempt.is_published for attempt in house.cases.history] == [False, True]


def test_thread_that_cannot_be_made_costs_neither_the_message_nor_the_slot(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ClientThread.start
    refusals = [RuntimeError("can't start new thread")]

    def refuse_once(client: ClientThread) -> None:
        if refusals:
            raise refusals.pop()
        start(client)

    monkeypatch.setattr(ClientThread, "start", refuse_once)
    house.submit()
    house.start()
    [call] = house.queue.wait_for("give_back")
    house.queue.now_s += call.delay_s
    house.queue.wait_for("delete")
    assert house.stop() == 0


# -- slots --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3])
def test_as_many_submissions_run_at_once_as_are_allowed_and_never_more(make_house: MakeHouse, concurrency: int) -> None:
    gate = Gate(full_at=concurrency)
    house = make_house(concurrency=concurrency, answer=gate)
    for number in range(1, 3 * concurrency + 1):
        house.submit(number)
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    # A message held in memory is already spending its visibility timeout: none is taken that cannot be worked on.
    assert len(house.queue.of("receive")) == concurrency
    gate.opened.set()
    house.queue.wait_for("delete", times=3 * concurrency)
    assert gate.most_running == concurrency
    assert len(house.queue.of("receive")) == 3 * concurrency


def test_slot_is_free_again_after_every_kind_of_ending(house: House) -> None:
    """With one slot, a single one that is lost would stop the daemon for good."""
    house.queue.send("hello")
    house.submit(1, b"")
    house.submit(2, b"wrong")
    house.queue.send(encode_body(key(3)))  # nothing was uploaded
    house.submit(4)
    house.store.fail_next(ZeroDivisionError(), "replace")
    house.submit(5)
    house.start()
    house.queue.wait_for("delete", times=3)
    house.queue.wait_for("give_back", times=2)
    assert house.results(5) is not None


# -- the queue ----------------------------------------------------------------------------------------------------


def test_queue_that_is_away_is_asked_less_and_less_often_until_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def note(failures: int) -> int:
        waits.append(failures)
        return 0

    monkeypatch.setattr(daemon_module, "retry_delay_s", note)
    for _ in range(3):
        house.queue.fail_next(QueueUnavailable("away"), "receive")
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    assert waits == [1, 2, 3]
    house.queue.fail_next(QueueUnavailable("away again"), "receive")
    house.submit(2)
    house.queue.wait_for("delete", times=2)
    assert waits == [1, 2, 3, 1]
    assert house.stop() == 0


@pytest.mark.timeout(30)
def test_daemon_stops_at_once_while_it_waits_for_a_queue_that_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waiting = threading.Event()

    def wait_long(_: int) -> int:
        is_waiting.set()
        return 1000

    monkeypatch.setattr(daemon_module, "retry_delay_s", wait_long)
    house.queue.fail_next(QueueUnavailable("away"), "receive")
    house.start()
    assert is_waiting.wait(TIMEOUT_S)
    assert house.stop() == 0


def test_death_of_the_master_thread_ends_the_daemon_with_1_after_what_runs(make_house: MakeHouse) -> None:
    """A daemon that polls no more must not look alive; systemd starts it again."""
    gate = Gate()
    house = make_house(concurrency=2, answer=gate)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.queue.fail_next(ZeroDivisionError("nobody foresaw this"), "receive")
    assert house.daemon._stopping.wait(TIMEOUT_S)
    assert house.is_running
    gate.opened.set()
    assert house.join() == 1
    assert house.results() is not None
    assert len(house.queue) == 0


# -- leases -------------------------------------------------------------------------------------------------------


def test_message_in_hand_is_kept_until_it_is_done_with(make_house: MakeHouse) -> None:
    gate = Gate()
    house = make_house(answer=gate, visibility_timeout_s=1)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    kept = house.queue.wait_for("keep", times=2)
    assert {(call.message_id, call.delay_s) for call in kept} == {("message-1", 1)}
    gate.opened.set()
    house.queue.wait_for("delete")
    assert house.stop() == 0


def test_message_is_kept_while_a_finishing_grader_is_waited_for(make_house: MakeHouse) -> None:
    """The keeper stops last: a lease that lapses now would have another host grade the same."""
    gate = Gate()
    house = make_house(answer=gate, visibility_timeout_s=1)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.stop()
    assert house.daemon._stopping.wait(TIMEOUT_S)
    so_far = len(house.queue.of("keep"))
    house.queue.wait_for("keep", times=so_far + 2)
    gate.opened.set()
    assert house.join() == 0


@pytest.fixture
def keeper() -> Iterator[tuple[LeaseKeeper, NotedQueue]]:
    queue = NotedQueue()
    keeper = LeaseKeeper(queue, MemoryCaseStore(), 1)
    keeper.start()
    yield keeper, queue
    keeper.stop()


def receive_one(queue: NotedQueue, body: str) -> Delivery:
    queue.send(body)
    delivery = MemorySubmissionQueue.receive(queue, 1)
    assert delivery is not None
    return delivery


def test_lease_that_was_released_is_renewed_no_more(keeper: tuple[LeaseKeeper, NotedQueue]) -> None:
    """A renewal after a message was given back would hide it from everyone."""
    leases, queue = keeper
    first, second = receive_one(queue, "1"), receive_one(queue, "2")
    lease = leases.hold(first)
    leases.hold(second)
    queue.wait_for("keep", times=2)
    leases.release(lease)
    leases.release(lease)
    before = [call.message_id for call in queue.of("keep")].count(first.message_id)
    queue.wait_for("keep", times=2 * before + 2)
    assert [call.message_id for call in queue.of("keep")].count(first.message_id) == before


@pytest.mark.parametrize("error", [QueueUnavailable("away"), ZeroDivisionError("nobody foresaw this")])
def test_renewal_that_fails_is_tried_again(keeper: tuple[LeaseKeeper, NotedQueue], error: Exception) -> None:
    """Were the keeper's thread to die, every lease in hand would lapse, and nobody would notice."""
    leases, queue = keeper
    queue.fail_next(error, "keep")
    with capture_logs():  # printing a traceback takes long on a busy machine, and the lease lasts a second
        lease = leases.hold(receive_one(queue, "1"))
        queue.wait_for("keep")
    assert not lease.is_lost()


def test_lease_that_cannot_be_renewed_in_time_is_lost(keeper: tuple[LeaseKeeper, NotedQueue]) -> None:
    """By then somebody else may have the message."""
    leases, queue = keeper
    for _ in range(9):
        queue.fail_next(QueueUnavailable("away"), "keep")
    lease = leases.hold(receive_one(queue, "1"))
    eventually(lease.is_lost)
    with pytest.raises(LeaseLost, match="could not be renewed"):
        lease.refuse_if_lost()


def test_lease_on_a_message_that_somebody_else_got_is_lost(keeper: tuple[LeaseKeeper, NotedQueue]) -> None:
    leases, queue = keeper
    lease = leases.hold(receive_one(queue, "1"))
    queue.now_s += 1001
    assert MemorySubmissionQueue.receive(queue, 1) is not None
    eventually(lease.is_lost)


def test_lease_on_an_attempt_that_was_taken_over_is_lost() -> None:
    now_s = 0.0
    cases = MemoryCaseStore(clock=lambda: now_s)
    start = AttemptStart(key=key(), tokens=(), language="python", upload="v1", worker="one", receive_count=1, lease_s=1)
    leases = LeaseKeeper(None, cases, 1)
    lease = leases.hold()
    lease.cover(cases.begin_attempt(start))
    now_s = 2.0
    cases.begin_attempt(start)
    leases.start()
    try:
        eventually(lease.is_lost)
        with pytest.raises(LeaseLost, match="taken the submission over"):
            lease.refuse_if_lost()
    finally:
        leases.stop()


def test_daemon_whose_lease_keeper_dies_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would lose every message that it takes from then on, and look well."""
    house.start()
    house.submit()
    house.queue.wait_for("delete")
    house.daemon._leases._stop.set()
    house.daemon._leases._thread.join()
    assert house.join() == 1


@pytest.mark.parametrize("name", ["pool-keeper", "of a library"])
def test_daemon_ends_at_once_when_a_thread_dies_of_what_nobody_foresaw(house: House, name: str) -> None:
    """Whatever it did is done no more, and nobody would notice; the service manager starts all threads again."""

    def break_down() -> None:
        raise ZeroDivisionError("nobody foresaw this")

    house.submit()
    house.start()
    house.queue.wait_for("delete")
    with capture_logs() as lines:
        threading.Thread(target=break_down, name=name).start()
        assert house.join() == 1
    [told] = [line for line in lines if line["event"] == "thread_failed"]
    assert told["thread"] == name


def test_client_that_dies_gives_its_slot_back_and_its_message_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_through = ClientThread._see_through
    died = threading.Event()

    def die_once(client: ClientThread) -> None:
        if not died.is_set():
            died.set()
            raise ZeroDivisionError("nobody foresaw this")
        see_through(client)

    monkeypatch.setattr(ClientThread, "_see_through", die_once)
    house.submit()
    house.start()
    assert died.wait(TIMEOUT_S)
    assert house.is_running
    house.queue.now_s += 1001
    house.queue.wait_for("delete")
    assert house.results() is not None
    assert house.stop() == 0


@pytest.mark.parametrize("call", ["delete", "give_back"])
def test_unforeseen_error_of_the_last_call_is_told_and_the_message_comes_again(house: House, call: str) -> None:
    house.queue.fail_next(ZeroDivisionError("nobody foresaw this"), call)
    if call == "give_back":
        house.store.fail_next(StoreUnavailable("full"), "get")
    house.submit()
    with capture_logs() as lines:
        house.start()
        eventually(lambda: any(line["event"] == "message_not_settled" for line in lines))
        house.queue.now_s += 1001
        house.queue.wait_for("delete")
    assert house.stop() == 0


# -- stopping -----------------------------------------------------------------------------------------------------


def test_running_case_is_finished_and_nothing_new_is_begun(make_house: MakeHouse) -> None:
    gate = Gate()
    house = make_house(answer=gate)
    house.submit(1)
    house.submit(2)
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.stop()
    assert house.daemon._stopping.wait(TIMEOUT_S)
    assert house.is_running
    gate.opened.set()
    assert house.join() == 0
    assert house.results(1) is not None
    assert house.results(2) is None
    assert [call.method for call in house.queue.calls[2:]] == ["receive", "delete"]
    delivery = house.queue.receive(0)
    assert delivery is not None
    assert delivery.receive_count == 1


@pytest.mark.parametrize(("grace_s", "stops"), [(0.0, 1), (1000.0, 2)], ids=["grace period over", "second signal"])
@pytest.mark.timeout(60)
def test_running_case_is_ended_and_given_back_at_once(make_house: MakeHouse, grace_s: float, stops: int) -> None:
    """Its attempt has no outcome and nothing is published: another host begins anew."""
    gate = Gate()
    house = make_house(answer=gate, grace_s=grace_s, on_end_runs=gate.opened.set)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    for _ in range(stops):
        house.daemon.stop()
    assert house.join() == 0
    assert [call.delay_s for call in house.queue.of("give_back")] == [0]
    assert house.queue.of("delete") == []
    assert house.results() is None
    assert [attempt.outcome for attempt in house.cases.history] == [None]
    assert house.queue.receive(0) is not None


def test_host_that_goes_away_soon_shortens_the_grace_period(make_house: MakeHouse) -> None:
    gate = Gate()
    house = make_house(answer=gate, on_end_runs=gate.opened.set)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.end_within(0.3)
    assert house.join() == 0
    assert [call.delay_s for call in house.queue.of("give_back")] == [0]


def test_notice_to_a_daemon_that_is_ending_already_does_not_hurry_it(make_house: MakeHouse) -> None:
    """The operator's second signal does; EC2's notice is none."""
    gate = Gate()
    house = make_house(answer=gate, on_end_runs=gate.opened.set)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.stop()
    assert house.daemon._stopping.wait(TIMEOUT_S)
    house.daemon.end_within(1000)
    time.sleep(0.3)
    assert house.is_running
    gate.opened.set()
    assert house.join() == 0
    assert house.results() is not None


def test_message_that_comes_with_the_last_poll_is_given_back_unopened(house: House) -> None:
    def stop_meanwhile() -> None:
        house.queue.in_receive = None
        house.daemon.stop()
        assert house.daemon._stopping.wait(TIMEOUT_S)

    house.submit()
    house.queue.in_receive = stop_meanwhile
    house.start()
    assert house.join() == 0
    assert [(call.method, call.delay_s) for call in house.queue.calls[1:]] == [("receive", 0), ("give_back", 0)]
    assert house.cases.history == []


def test_no_thread_of_the_daemon_is_left_after_a_clean_stop(house: House) -> None:
    before = set(threading.enumerate())
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    assert house.stop() == 0
    assert set(threading.enumerate()) <= before


# -- containment --------------------------------------------------------------------------------------------------


def test_no_message_is_taken_while_something_is_not_contained(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next student's program would be the one that gets out."""
    monkeypatch.setattr(daemon_module, "CONTAINMENT_RETRY_S", 0.01)
    outcomes: list[list[str] | Exception] = [["network: a socket"], SandboxUnavailable("no engine"), ["files"], []]
    received_at: list[int] = []

    def find_leaks() -> list[str]:
        received_at.append(len(watched.queue.of("receive")))
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    watched = make_house(find_leaks=find_leaks)
    watched.submit()
    with structlog.testing.capture_logs() as lines:
        watched.start()
        watched.queue.wait_for("delete")
    assert received_at == [0, 0, 0, 0]
    told = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in told] == ["not_contained", "sandbox_unavailable", "not_contained"]
    assert told[0]["leaks"] == ["network: a socket"]


def test_an_engine_that_is_not_there_yet_is_asked_again_soon(make_house: MakeHouse) -> None:
    """It may be starting, as we are; half a minute is for what somebody has to mend."""
    outcomes = iter([SandboxUnavailable("no engine")])

    def find_leaks() -> list[str]:
        for error in outcomes:
            raise error
        return []

    house = make_house(find_leaks=find_leaks)
    house.submit()
    with structlog.testing.capture_logs() as lines:
        house.start()
        house.queue.wait_for("delete")
    [told] = [line for line in lines if line["event"] == "sandbox_unavailable"]
    assert told["next_try_s"] <= 2


def test_daemon_that_is_not_contained_stops_when_it_is_told_to(make_house: MakeHouse) -> None:
    house = make_house(find_leaks=lambda: ["files: everything"])
    house.submit()
    house.start()
    assert house.stop() == 0
    assert house.queue.of("receive") == []


# -- the log ------------------------------------------------------------------------------------------------------


def test_log_names_the_submission_and_keeps_secrets_and_outputs_to_itself(house: House) -> None:
    house.submit(1, b"what-the-student-printed")
    house.queue.send("hello")
    house.store.fail_next(StoreUnavailable("full"), "replace")
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as entries:
        house.start()
        house.queue.now_s += house.queue.wait_for("give_back")[0].delay_s
        house.queue.wait_for("delete")
        house.queue.wait_for("move_aside")
        house.stop()
    for event in ("submission_received", "submission_failed", "submission_graded"):
        found = [entry for entry in entries if entry["event"] == event]
        assert found
        assert {(entry["submission_id"], entry["message_id"]) for entry in found} == {(key().subid, "message-1")}
    text = repr(entries)
    assert {"daemon_started", "message_moved_aside", "daemon_stopped"} <= {entry["event"] for entry in entries}
    assert {entry["event"] for entry in entries} <= EVENTS.keys()
    assert "what-the-student-printed" not in text
    assert "message-1#" not in text  # a receipt handle
    assert "a" * 32 not in text  # a token


# -- notices ------------------------------------------------------------------------------------------------------


class HungMailer:
    """A mail service that takes a mail and does not answer."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()

    def send(self, to: str, message: bytes) -> None:
        self.reached.set()
        self.let_go.wait(TIMEOUT_S)


def test_a_result_is_told_once_however_often_its_message_comes(make_house: MakeHouse) -> None:
    mailer = FakeMailer()
    house = make_house(mailer=mailer)
    house.submit()
    house.queue.send(encode_body(key()))
    house.start()
    house.queue.wait_for("delete", 2)
    eventually(lambda: len(mailer.sent) > 0)
    assert house.stop() == 0
    assert [address for address, _ in mailer.sent] == ["ada@example.edu"]
    assert house.cases.notices.claim(1) is None


def test_a_mail_service_that_hangs_keeps_no_submission_waiting_and_no_shutdown(make_house: MakeHouse) -> None:
    """It gets what is left of the grace period, and no more."""
    mailer = HungMailer()
    house = make_house(mailer=mailer, grace_s=0.3)
    house.submit(1)
    house.start()
    assert mailer.reached.wait(TIMEOUT_S)
    house.submit(2)
    house.queue.wait_for("delete", 2)
    assert house.results(2) is not None
    started_s = time.monotonic()
    assert house.stop() == 0
    assert time.monotonic() - started_s < TIMEOUT_S / 2
    mailer.let_go.set()


def test_the_mail_in_hand_is_finished_within_the_grace_period(make_house: MakeHouse) -> None:
    """Else every stop would leave a notice of which nobody knows whether it was sent."""
    mailer = HungMailer()
    house = make_house(mailer=mailer)
    house.submit()
    house.start()
    assert mailer.reached.wait(TIMEOUT_S)
    house.queue.wait_for("delete")
    threading.Timer(0.5, mailer.let_go.set).start()
    assert house.stop() == 0
    assert house.cases.notices.unsent() == []


def test_notices_that_fail_in_every_way_leave_no_mark_on_messages(make_house: MakeHouse) -> None:
    """Nor on what the daemon believes to be away."""
    house = make_house(mailer=FakeMailer(MailUnavailable("away"), RuntimeError("unforeseen")))
    house.cases.fail_next(CasesUnavailable("away"), method="claim")
    house.cases.fail_next(RuntimeError("unforeseen"), method="claim")
    with capture_logs() as logs:
        house.submit(1)
        house.submit(2)
        house.start()
        house.queue.wait_for("delete", 2)
        assert house.stop() == 0
    assert {house.results(number)["state"] for number in (1, 2)} == {"graded"}  # type: ignore[index]
    assert house.queue.of("give_back") == []
    assert not [line for line in logs if line["event"] in {"dependency_away", "submission_failed"}]
