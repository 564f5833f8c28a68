"""Leases: kept as long as somebody works, noticed when they are lost."""

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from submitter.adapters.memory import MemorySubmissionQueue
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.daemon import ClientThread
from submitter.errors import (
    LeaseLost,
    QueueUnavailable,
    StoreUnavailable,
)
from submitter.lease import LeaseKeeper
from submitter.outcomes import AttemptStart
from submitter.ports import Delivery
from tests.unit.daemon_world import (
    TIMEOUT_S,
    Gate,
    House,
    MakeHouse,
    NotedQueue,
    eventually,
    key,
)

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
