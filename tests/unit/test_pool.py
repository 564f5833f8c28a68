"""Who gets which executor, and which are replaced: with executors that a test scripts."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import structlog.testing

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors import pool as pool_module
from submitter.executors.fresh import FreshExecutors
from submitter.executors.link import Room
from submitter.executors.pool import STANDARD_ROOM, ExecutorPool

WITH_BOXES = b'{"alive": true, "box": true, "reason": null}'
WITHOUT_BOXES = b'{"alive": true, "box": false, "reason": "refused"}'
WAIT_S = 10.0  # for what another thread does at once


class ScriptedExecutor:
    def __init__(self, room: Room, alive: bytes) -> None:
        self.room = self.started_in = room
        self.alive: bytes | ExecutorLost = alive
        self.is_closed = self.is_gone = False
        self.probes = 0

    def send(self, data: bytes, timeout_s: float) -> None:
        pass

    def read_line(self, most: int, timeout_s: float) -> bytes:
        self.probes += 1
        if isinstance(self.alive, ExecutorLost):
            raise self.alive
        return self.alive

    def make_room(self, room: Room) -> None:
        self.room = room

    def has_ended(self) -> bool:
        return self.is_gone

    def close(self) -> None:
        self.is_closed = True


class ScriptedLauncher:
    name = "scripted"
    image = "scripted"

    def __init__(self, alive: bytes = WITH_BOXES) -> None:
        self.alive = alive
        self.alive_with_modules: bytes | ExecutorLost = alive
        self.started: list[ScriptedExecutor] = []
        self.refusals = 0  # how many starts are refused yet
        self.starts = 0
        self.swept = 0

    def start(self, room: Room) -> ScriptedExecutor:
        self.starts += 1
        if self.refusals > 0:
            self.refusals -= 1
            raise SandboxUnavailable("the engine is away")
        executor = ScriptedExecutor(room, self.alive)
        if room.preload:
            executor.alive = self.alive_with_modules
        self.started.append(executor)
        return executor

    def check(self) -> None:
        pass

    def sweep(self) -> int:
        self.swept += 1
        return 0

    @property
    def alive_ones(self) -> list[ScriptedExecutor]:
        return [executor for executor in self.started if not executor.is_closed]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture
def launcher() -> ScriptedLauncher:
    return ScriptedLauncher()


@pytest.fixture
def pool(launcher: ScriptedLauncher) -> Iterator[ExecutorPool]:
    pool = ExecutorPool(launcher, size=2, serves=3)
    yield pool
    pool.close()


def test_as_many_as_were_asked_for_are_kept_warm(pool: ExecutorPool, launcher: ScriptedLauncher) -> None:
    wait_until(lambda: len(launcher.started) == 2)
    time.sleep(0.05)
    assert len(launcher.started) == 2


def test_an_executor_is_lent_to_one_at_a_time(pool: ExecutorPool, launcher: ScriptedLauncher) -> None:
    lent = [pool.lend(STANDARD_ROOM) for _ in range(5)]
    assert len(set(map(id, lent))) == 5, "when all are lent, more are started"
    for executor in lent:
        pool.give_back(executor, clean=True)


def test_an_executor_that_comes_back_clean_is_lent_again(launcher: ScriptedLauncher) -> None:
    pool = ExecutorPool(launcher, size=1, serves=3)
    first = pool.lend(STANDARD_ROOM)
    pool.give_back(first, clean=True)
    second = pool.lend(STANDARD_ROOM)
    assert second is first
    pool.close()


def test_an_executor_is_replaced_after_so_many_submissions(launcher: ScriptedLauncher) -> None:
    """An address layout and a hash seed that were learned are soon worth nothing."""
    pool = ExecutorPool(launcher, size=1, serves=3)
    lent: list[object] = []
    for _ in range(7):
        executor = pool.lend(STANDARD_ROOM)
        lent.append(executor)
        pool.give_back(executor, clean=True)
    started: list[object] = [*launcher.started]
    assert [started.index(executor) for executor in lent] == [0, 0, 0, 1, 1, 1, 2]
    assert [executor.is_closed for executor in launcher.started[:2]] == [True, True]
    pool.close()


def test_an_executor_is_replaced_when_it_is_old(launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_AGE_S", 0.0)
    pool = ExecutorPool(launcher, size=1, serves=3)
    first = pool.lend(STANDARD_ROOM)
    pool.give_back(first, clean=True)
    assert launcher.started[0].is_closed
    pool.close()


def test_an_executor_that_does_not_come_back_clean_is_replaced(pool: ExecutorPool, launcher: ScriptedLauncher) -> None:
    first = pool.lend(STANDARD_ROOM)
    pool.give_back(first, clean=False)
    assert launcher.started[0].is_closed
    wait_until(lambda: len(launcher.alive_ones) == 2)


def test_executors_for_one_submission_are_replaced_while_they_are_lent(launcher: ScriptedLauncher) -> None:
    """The level `container`: the next submission should find one that has started."""
    pool = ExecutorPool(launcher, size=1, serves=1)
    executor = pool.lend(STANDARD_ROOM)
    wait_until(lambda: len(launcher.started) == 2)
    pool.give_back(executor, clean=True)
    assert launcher.started[0].is_closed
    pool.close()


def test_an_executor_gets_the_room_of_its_submission(pool: ExecutorPool, launcher: ScriptedLauncher) -> None:
    room = Room(memory_bytes=64 << 20, processes=8, file_bytes=1 << 20)
    pool.give_back(pool.lend(room), clean=True)
    assert room in [executor.room for executor in launcher.started]


def test_a_submission_that_needs_more_processes_than_usual_gets_its_own(
    pool: ExecutorPool, launcher: ScriptedLauncher
) -> None:
    """How many there may be is fixed when a container is made."""
    room = Room(memory_bytes=64 << 20, processes=STANDARD_ROOM.processes + 1, file_bytes=1 << 20)
    executor = pool.lend(room)
    assert executor is launcher.started[-1]
    assert launcher.started[-1].room == room
    pool.give_back(executor, clean=False)


def test_where_no_executor_can_be_changed_one_is_started_that_is_right(
    launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gVisor's runtime, for one, refuses new limits."""

    def refuse(executor: ScriptedExecutor, room: Room) -> None:
        raise ExecutorLost("not supported")

    monkeypatch.setattr(ScriptedExecutor, "make_room", refuse)
    pool = ExecutorPool(launcher, size=1, serves=3)
    room = Room(memory_bytes=64 << 20, processes=8, file_bytes=1 << 20)
    lent = pool.lend(room)
    assert isinstance(lent, ScriptedExecutor)
    assert lent.room == room
    pool.give_back(lent, clean=True)
    pool.close()


def test_a_sick_executor_is_not_lent(
    pool: ExecutorPool, launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: len(launcher.started) == 2)
    monkeypatch.setattr(pool_module, "PROBE_EVERY_S", 0.0)
    for executor in launcher.started[:2]:
        executor.alive = ExecutorLost("it hangs")
    lent = pool.lend(STANDARD_ROOM)
    assert lent not in launcher.started[:2]
    assert all(executor.is_closed for executor in launcher.started[:2])
    pool.give_back(lent, clean=True)


def test_executors_that_ended_while_they_waited_are_replaced_and_not_lent(
    pool: ExecutorPool, launcher: ScriptedLauncher
) -> None:
    """All of them do when the Docker engine is restarted."""
    wait_until(lambda: len(launcher.started) == 2)
    ended = launcher.started[:]
    for executor in ended:
        executor.is_gone = True
    lent = pool.lend(STANDARD_ROOM)
    assert lent not in ended
    pool.give_back(lent, clean=True)
    wait_until(lambda: all(executor.is_closed for executor in ended) and len(launcher.alive_ones) == 2)


def test_an_executor_that_waits_is_asked_from_time_to_time(
    launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "PROBE_EVERY_S", 0.05)
    pool = ExecutorPool(launcher, size=1, serves=3)
    wait_until(lambda: bool(launcher.started))
    launcher.started[0].alive = ExecutorLost("it hangs")
    wait_until(lambda: launcher.started[0].is_closed and len(launcher.alive_ones) == 1)
    pool.close()


def test_while_none_can_be_started_ahead_it_is_tried_again_and_again(
    launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "LONGEST_REFILL_DELAY_S", 0.02)
    launcher.refusals = 4
    pool = ExecutorPool(launcher, size=1, serves=3)
    wait_until(lambda: len(launcher.started) == 1)
    assert launcher.starts == 5
    pool.close()


def test_an_executor_that_starts_on_the_spot_ends_the_pause_of_those_started_ahead(launcher: ScriptedLauncher) -> None:
    launcher.refusals = 3
    pool = ExecutorPool(launcher, size=2, serves=3)
    wait_until(lambda: pool._failures == 1)
    launcher.refusals = 0
    begun = time.monotonic()
    pool.give_back(pool.lend(STANDARD_ROOM), clean=True)
    wait_until(lambda: len(launcher.alive_ones) == 2)
    assert time.monotonic() - begun < 1.0, "the pause was to be two seconds"
    pool.close()


def test_when_none_can_be_started_at_all_the_submission_is_told(launcher: ScriptedLauncher) -> None:
    launcher.refusals = 1000
    pool = ExecutorPool(launcher, size=1, serves=3)
    with pytest.raises(SandboxUnavailable, match="engine is away"):
        pool.lend(STANDARD_ROOM)
    assert launcher.starts < 10, "the keeper must not try without pause"
    pool.close()


def test_without_boxes_no_executor_is_lent_twice() -> None:
    """Cases leave more behind there than can be cleaned up with certainty."""
    launcher = ScriptedLauncher(WITHOUT_BOXES)
    pool = ExecutorPool(launcher, size=1, serves=100)
    first = pool.lend(STANDARD_ROOM)
    pool.give_back(first, clean=True)
    assert launcher.started[0].is_closed
    pool.close()


def test_without_boxes_an_executor_that_waits_is_asked_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a host without boxes would start containers all night, for nobody."""
    monkeypatch.setattr(pool_module, "PROBE_EVERY_S", 0.02)
    launcher = ScriptedLauncher(WITHOUT_BOXES)
    pool = ExecutorPool(launcher, size=1, serves=100)
    wait_until(lambda: bool(launcher.started) and launcher.started[0].probes >= 4)
    assert len(launcher.started) == 1
    pool.close()
    assert launcher.alive_ones == []


def test_without_boxes_an_executor_has_the_files_room_it_was_started_with() -> None:
    launcher = ScriptedLauncher(WITHOUT_BOXES)
    pool = ExecutorPool(launcher, size=1, serves=100)
    wait_until(lambda: bool(launcher.started))
    room = Room(STANDARD_ROOM.memory_bytes, STANDARD_ROOM.processes, file_bytes=4096)
    executor = pool.lend(room)
    assert executor in [one for one in launcher.started if one.room == room]
    pool.give_back(executor, clean=True)
    pool.close()


def test_closing_ends_all_and_refuses_more(pool: ExecutorPool, launcher: ScriptedLauncher) -> None:
    pool.lend(STANDARD_ROOM)
    pool.close()
    assert launcher.alive_ones == []
    with pytest.raises(SandboxUnavailable, match="process is ending"):
        pool.lend(STANDARD_ROOM)
    pool.close()


def test_closing_wakes_who_waits_for_an_executor(launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    starting, go_on = threading.Event(), threading.Event()
    start = launcher.start

    def slow_start(room: Room) -> ScriptedExecutor:
        starting.set()
        go_on.wait(WAIT_S)
        return start(room)

    monkeypatch.setattr(launcher, "start", slow_start)
    pool = ExecutorPool(launcher, size=1, serves=3)
    assert starting.wait(WAIT_S)
    errors: list[Exception] = []

    def lend() -> None:
        try:
            pool.lend(STANDARD_ROOM)
        except SandboxUnavailable as exc:
            errors.append(exc)

    thread = threading.Thread(target=lend)
    thread.start()
    closing = threading.Thread(target=pool.close)
    closing.start()
    thread.join(WAIT_S)
    assert len(errors) == 1
    go_on.set()
    closing.join(WAIT_S)
    wait_until(lambda: launcher.alive_ones == [])


def test_the_host_is_swept_on_a_timer(launcher: ScriptedLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "SWEEP_EVERY_S", 0.05)
    monkeypatch.setattr(pool_module, "PROBE_EVERY_S", 0.05)
    pool = ExecutorPool(launcher, size=1, serves=3)
    wait_until(lambda: launcher.swept >= 2)
    pool.close()


def test_a_fresh_executor_is_for_one_submission(launcher: ScriptedLauncher) -> None:
    lender = FreshExecutors(launcher)
    executor = lender.lend(STANDARD_ROOM)
    lender.give_back(executor, clean=True)
    assert launcher.started[0].is_closed
    lender.lend(STANDARD_ROOM)
    lender.close()
    assert launcher.alive_ones == []
    with pytest.raises(SandboxUnavailable, match="process is ending"):
        lender.lend(STANDARD_ROOM)
    assert launcher.alive_ones == []


# -- modules that an assignment names --------------------------------------------------------------------------------

NUMPY, XML = replace(STANDARD_ROOM, preload=("numpy",)), replace(STANDARD_ROOM, preload=("xml.dom",))


def rooms_of(launcher: ScriptedLauncher) -> list[tuple[str, ...]]:
    """What each that is alive has preloaded."""
    return sorted(executor.started_in.preload for executor in launcher.alive_ones)


def test_who_asks_for_modules_gets_an_executor_that_has_just_these(
    launcher: ScriptedLauncher, pool: ExecutorPool
) -> None:
    """And never more of them than there are to be: one that waits with other modules is ended for it."""
    wait_until(lambda: len(launcher.alive_ones) == 2)
    first = pool.lend(NUMPY)
    assert rooms_of(launcher) == [(), ("numpy",)]
    pool.give_back(first, clean=True)
    assert pool.lend(NUMPY) is first
    pool.give_back(first, clean=True)
    other = pool.lend(XML)
    assert rooms_of(launcher) == [("numpy",), ("xml.dom",)], "the plain one had waited longest"
    plain = pool.lend(STANDARD_ROOM)
    assert rooms_of(launcher) == [(), ("xml.dom",)]
    pool.give_back(other, clean=True)
    pool.give_back(plain, clean=True)
    time.sleep(0.05)  # the keeper has nothing to do
    assert rooms_of(launcher) == [(), ("xml.dom",)]


def test_plain_ones_are_lent_as_ever_beside_others(launcher: ScriptedLauncher, pool: ExecutorPool) -> None:
    wait_until(lambda: len(launcher.alive_ones) == 2)
    numpy = pool.lend(NUMPY)
    pool.give_back(numpy, clean=True)
    starts = launcher.starts
    for _ in range(2):
        plain = pool.lend(STANDARD_ROOM)
        pool.give_back(plain, clean=True)
    assert launcher.starts == starts
    assert plain is not numpy


def test_one_that_is_worn_is_replaced_by_another_with_its_modules(
    launcher: ScriptedLauncher, pool: ExecutorPool
) -> None:
    wait_until(lambda: len(launcher.alive_ones) == 2)
    for _ in range(3):  # all that one serves here
        numpy = pool.lend(NUMPY)
        pool.give_back(numpy, clean=True)
    wait_until(lambda: rooms_of(launcher) == [(), ("numpy",)])
    starts = launcher.starts
    assert pool.lend(NUMPY) is not numpy
    assert launcher.starts == starts


@pytest.mark.parametrize("refusal", [WITHOUT_BOXES, ExecutorLost("it fell silent")])
def test_modules_that_cannot_be_preloaded_fail_nobody(
    launcher: ScriptedLauncher, pool: ExecutorPool, refusal: bytes | ExecutorLost
) -> None:
    """They are told of, and not tried again for each submission; after a reload they are."""
    wait_until(lambda: len(launcher.alive_ones) == 2)
    launcher.alive_with_modules = refusal
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            executor = pool.lend(NUMPY)
            assert isinstance(executor, ScriptedExecutor)
            assert executor.started_in.preload == ()
            pool.give_back(executor, clean=True)
    assert [(line["event"], line.get("modules")) for line in logs] == [("preload_failed", ["numpy"])]
    launcher.alive_with_modules = WITH_BOXES
    pool.renew()
    executor = pool.lend(NUMPY)
    assert isinstance(executor, ScriptedExecutor)
    assert executor.started_in.preload == ("numpy",)


def test_an_executor_for_more_processes_than_usual_preloads_nothing(
    launcher: ScriptedLauncher, pool: ExecutorPool
) -> None:
    """It is started for one submission."""
    wait_until(lambda: len(launcher.alive_ones) == 2)
    executor = pool.lend(replace(NUMPY, processes=STANDARD_ROOM.processes + 1))
    assert isinstance(executor, ScriptedExecutor)
    assert executor.started_in.preload == ()
