"""Random schedules of two daemons, faults and time, against a model of what must come of them (tests/schedules.py)."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from submitter.adapters.memory import MemoryResultStore
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.daemon import ClientThread
from submitter.lease import Lease
from submitter.processing import Publisher
from tests.schedule_services import LEASE_S, Clock, MotoHere, all_services, gateway_services, memory_services
from tests.schedules import Action, World

# -- schedules ----------------------------------------------------------------------------------------------------

_host = st.integers(0, 1)
_any = st.integers(0, 5)

# What happens at the ports themselves when there is no gateway.
PORT_FAULTS = st.tuples(
    st.just("fault"),
    st.sampled_from(["receive", "delete", "give_back", "keep", "send", "get", "version", "put", "replace"])
    | st.sampled_from(["load_assignment", "begin_attempt", "renew_lease", "end_attempt", "record"]),
    st.sampled_from(["drop request", "drop reply"]),
    st.integers(1, 2),
) | st.tuples(st.just("fault"), st.just("receive"), st.just("repeat reply"), st.just(1))

# What the gateway does to SQS and S3. Twice defeats the library's one repetition.
GATEWAY_FAULTS = st.tuples(
    st.just("fault"),
    st.sampled_from(["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "SendMessage"])
    | st.sampled_from(["GetObject", "HeadObject", "PutObject"]),
    st.sampled_from(
        ["drop request", "drop reply", "error 500", "error 503", "throttle", "expired", "reset", "truncate"]
    ),
    st.integers(1, 2),
) | st.tuples(st.just("fault"), st.just("ReceiveMessage"), st.just("repeat reply"), st.just(1))


def schedules(faults: st.SearchStrategy[Any], *more: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Action]]:
    """Lists of actions; what moves the world on is drawn more often than what breaks it."""
    upload = st.tuples(st.just("upload"), _host, st.sampled_from(["good", "good", "bad"]))
    tell = st.tuples(st.just("tell"), st.sampled_from(["plain", "event", "both"]), st.integers(1, 2))
    send = st.tuples(st.just("send"), _any)
    receive = st.tuples(st.just("receive"), _host)
    step = st.tuples(st.just("step"), _any, st.integers(1, 12))
    finish = st.tuples(st.just("finish"), _any)
    renew = st.tuples(st.just("renew"), _host)
    advance = st.tuples(st.just("advance"), st.sampled_from([5, LEASE_S // 3, LEASE_S + 1, 400]))
    ends = (
        st.tuples(st.sampled_from(["kill", "terminate"]), _host)
        | st.tuples(st.just("error"), _any)
        | st.tuples(st.just("sandbox"), st.sampled_from(["away", "broken"]))
        | st.just(("garbage",))
    )
    # Some actions belong together more often than chance has it: an upload from its program to its message, and a
    # message taken to its end while others wait in the middle.
    submit = st.tuples(upload, tell, send).map(lambda drawn: list(drawn))
    serve = _host.map(lambda host: [("receive", host), ("finish", -1)])
    begin = st.tuples(_host, st.integers(5, 20)).map(lambda drawn: [("receive", drawn[0]), ("step", -1, drawn[1])])
    single = st.one_of(upload, tell, send, receive, step, finish, renew, advance, ends, *more).map(lambda one: [one])
    fault = faults.map(lambda one: [one])
    some = st.one_of(submit, submit, serve, serve, begin, begin, single, single, single, fault)
    return st.tuples(submit, begin, st.lists(some, min_size=8, max_size=30)).map(
        lambda parts: [*parts[0], *parts[1], *itertools.chain(*parts[2])]
    )


def run(
    services: Callable[[Clock], Any],
    work_dir: Path,
    schedule: list[Action],
    mutate: Callable[[pytest.MonkeyPatch], None] = lambda patch: None,
) -> None:
    """One schedule from the first action to the comparison with the model; a failure tells all that happened."""
    clock = Clock()
    with services(clock) as stood_on, pytest.MonkeyPatch.context() as patch:
        mutate(patch)
        world = World(stood_on, clock, work_dir, patch)
        try:
            for action in schedule:
                world.do(action)
            world.drain()
        except BaseException as exc:
            exc.add_note("\n".join(["what happened:", *world.story, "what the gateway saw:", *stood_on.log()]))
            raise
        finally:
            world.end()


@pytest.fixture(scope="module")
def moto_here() -> Iterator[MotoHere]:
    with MotoHere() as aws:
        yield aws


WITHOUT_DEADLINE = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


# Known to be hard: an attempt is overtaken by a newer upload's, or its lease by another's, just before it publishes.
OVERTAKEN: list[Action] = [
    *[("upload", 0, "good"), ("tell", "plain", 1), ("send", 0), ("receive", 0), ("step", -1, 17)],
    *[("upload", 0, "good"), ("tell", "plain", 1), ("send", 0), ("receive", 1), ("finish", -1), ("finish", 0)],
]
SLOW: list[Action] = [
    *[("upload", 0, "good"), ("tell", "plain", 1), ("send", 0), ("receive", 0), ("step", -1, 17)],
    *[("advance", LEASE_S + 1), ("receive", 1), ("step", -1, 13), ("finish", 0)],
]


@example(schedule=OVERTAKEN)
@example(schedule=SLOW)
@given(schedule=schedules(PORT_FAULTS))
@settings(WITHOUT_DEADLINE, max_examples=150)
def test_whatever_the_schedule_every_submission_has_its_newest_upload_s_result(
    tmp_path_factory: pytest.TempPathFactory, schedule: list[Action]
) -> None:
    run(memory_services, tmp_path_factory.mktemp("work"), schedule)


@given(schedule=schedules(GATEWAY_FAULTS))
@settings(WITHOUT_DEADLINE, max_examples=6)
def test_the_same_with_the_real_queue_and_bucket_behind_the_gateway(
    tmp_path_factory: pytest.TempPathFactory, moto_here: MotoHere, schedule: list[Action]
) -> None:
    run(partial(gateway_services, moto_here), tmp_path_factory.mktemp("work"), schedule)


@given(schedule=schedules(GATEWAY_FAULTS, st.just(("cut",))))
@settings(WITHOUT_DEADLINE, max_examples=150)
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_same_with_the_real_postgres_too(
    tmp_path_factory: pytest.TempPathFactory, moto_here: MotoHere, database_url: str, schedule: list[Action]
) -> None:
    run(partial(all_services, moto_here, database_url), tmp_path_factory.mktemp("work"), schedule)


# -- the model notices: faults of ours, planted -------------------------------------------------------------------


def _publish_without_looking(patch: pytest.MonkeyPatch) -> None:
    """An attempt writes its result whatever came meanwhile."""
    patch.setattr(MemoryResultStore, "version", lambda self, key: None)
    patch.setattr(MemoryResultStore, "replace", lambda self, key, data, kind, seen: self.put(key, data, kind) is None)
    patch.setattr("submitter.processing.all", lambda _: True, raising=False)


def _ignore_the_lease(patch: pytest.MonkeyPatch) -> None:
    """An upload that another attempt holds is begun all the same."""
    begin = MemoryCaseStore.begin_attempt

    def begin_anyway(self: MemoryCaseStore, start: Any) -> int:
        for attempt in self.history:
            attempt.lease_expires_s = None
        return begin(self, start)

    patch.setattr(MemoryCaseStore, "begin_attempt", begin_anyway)


def _publish_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    """Whoever lost the lease goes on: neither the keeper's word is heard nor the store asked."""
    patch.setattr(Lease, "refuse_if_lost", lambda self: None)
    turn = MemoryCaseStore.publish_turn

    def turn_anyway(self: MemoryCaseStore, attempt_id: int) -> Any:
        attempt = self.history[attempt_id - 1]
        attempt.lease_expires_s = attempt.lease_expires_s or self._clock()
        return turn(self, attempt_id)

    patch.setattr(MemoryCaseStore, "publish_turn", turn_anyway)


def _delete_first(patch: pytest.MonkeyPatch) -> None:
    """The message is gone before its result is there."""
    process = ClientThread._process

    def forget_and_process(self: ClientThread, key: Any) -> None:
        self._queue.delete(self.delivery)
        process(self, key)

    patch.setattr(ClientThread, "_process", forget_and_process)


def _grade_again(patch: pytest.MonkeyPatch) -> None:
    """A message that was seen through, and could not be deleted, is graded once more."""
    begin = MemoryCaseStore.begin_attempt

    def begin_again(self: MemoryCaseStore, start: Any) -> int:
        published = [attempt for attempt in self.history if attempt.is_published]
        for attempt in published:
            attempt.is_published = False
        try:
            return begin(self, start)
        finally:
            for attempt in published:
                attempt.is_published = True

    patch.setattr(MemoryCaseStore, "begin_attempt", begin_again)


def _write_the_manifest_first(patch: pytest.MonkeyPatch) -> None:
    """results.json tells of an .out that is still an older one."""

    def write(self: Publisher, key: Any, outcome: Any, seen: str | None, *_: Any, **__: Any) -> str | None:
        from submitter.results import encode_graded, encode_out, encode_rejected

        report = outcome.report
        results = encode_graded(key, report) if report else encode_rejected(key, outcome.reason)
        is_written = self._results.replace(key.results, results, "application/json", seen)
        self._results.put(key.out, encode_out(report) if report else b"", "text/plain")
        return is_written

    patch.setattr(Publisher, "_write", write)


def _drop_what_failed(patch: pytest.MonkeyPatch) -> None:
    """A message whose submission could not be graded now is not given back, but deleted."""
    patch.setattr(ClientThread, "_give_back", lambda self, delay_s: self._forget())


def _blame_the_student(patch: pytest.MonkeyPatch) -> None:
    """A case that we could not run is judged, not tried again."""
    patch.setattr("submitter.grading.any", lambda _: False, raising=False)


PLANTED: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    _publish_without_looking: "replaced by an older|before its .out|not the newest",
    _ignore_the_lease: "was leased to",
    _publish_without_a_lease: "its lease was taken over",
    _delete_first: "message deleted before",
    _grade_again: "published again|its lease was taken over",
    _write_the_manifest_first: "before its .out",
    _drop_what_failed: "message deleted before",
    _blame_the_student: "a fault of ours is shown",
}
each_planted = pytest.mark.parametrize(("mutate", "complaint"), PLANTED.items(), ids=[m.__name__ for m in PLANTED])


@each_planted
def test_a_planted_fault_is_found(tmp_path: Path, mutate: Callable[[pytest.MonkeyPatch], None], complaint: str) -> None:
    _hunt(tmp_path, mutate, complaint, (OVERTAKEN, SLOW))


@each_planted
@pytest.mark.long
def test_a_planted_fault_is_found_by_chance_alone(
    tmp_path: Path, mutate: Callable[[pytest.MonkeyPatch], None], complaint: str
) -> None:
    _hunt(tmp_path, mutate, complaint, ())


def _hunt(
    work_dir: Path, mutate: Callable[[pytest.MonkeyPatch], None], complaint: str, first: tuple[list[Action], ...]
) -> None:
    tried: list[list[Action]] = []

    def one(schedule: list[Action]) -> None:
        tried.append(schedule)
        run(memory_services, work_dir / str(len(tried)), schedule, mutate)

    @given(schedule=schedules(PORT_FAULTS))
    @settings(WITHOUT_DEADLINE, max_examples=1500, derandomize=True, database=None, phases=[Phase.generate])
    def hunt(schedule: list[Action]) -> None:
        one(schedule)

    def hunt_after_the_first() -> None:
        for schedule in first:
            one(schedule)
        hunt()

    with pytest.raises(AssertionError, match=complaint):
        hunt_after_the_first()
    print(f"found by schedule {len(tried)}")
