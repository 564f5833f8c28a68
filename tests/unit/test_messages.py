"""Every way a message can end: it is deleted last, or it lives on."""

import json
import threading
import time

import pytest
from structlog.testing import capture_logs

from submitter import daemon as daemon_module
from submitter.daemon import LONGEST_DELAY_S, WAITS_FOR_FILES, ClientThread, retry_delay_s
from submitter.dependencies import Dependencies
from submitter.errors import (
    CasesUnavailable,
    HostShort,
    NotBegun,
    QueueUnavailable,
    SandboxUnavailable,
    StoreUnavailable,
)
from submitter.outcomes import MOST_FAILURES
from submitter.ports import Delivery
from submitter.protocol import encode_body
from submitter.runs import CaseInput, Job, RunResult
from submitter.workdir import work_directory
from tests.unit.daemon_world import (
    TIMEOUT_S,
    Gate,
    House,
    MakeHouse,
    eventually,
    key,
)

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


@pytest.mark.parametrize("concurrency", [1, 2])
def test_two_messages_for_one_upload_have_one_result(make_house: MakeHouse, concurrency: int) -> None:
    """
    S3 may tell of an upload twice, and then the two are different messages.

    The second is graded too, but never beside the first, and says the same under the same keys.
    """
    gate = Gate()
    house = make_house(answer=gate, concurrency=concurrency)
    house.submit()
    house.queue.send(encode_body(key()))
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    if concurrency == 2:
        [waits] = house.queue.wait_for("give_back")
        assert waits.delay_s > 0
    gate.opened.set()
    house.queue.wait_for("delete")
    first = dict(house.store.objects)
    house.queue.now_s += 1001
    house.queue.wait_for("delete", times=2)
    assert {name: stored.data for name, stored in house.store.objects.items()} == {
        name: stored.data for name, stored in first.items()
    }
    assert gate.most_running == 1
    assert len({call.message_id for call in house.queue.of("delete")}) == 2
    assert len(house.queue) == 0
    assert [(attempt.is_published, attempt.failure) for attempt in house.cases.history] == [(True, None)] * 2


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
