"""The daemon with Docker executors on an engine that is killed, hangs or loses containers in the middle."""

import time
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import RealDaemon, World
from tests.acceptance.test_faults import SLOW_SQUARE, assert_graded_once_and_nothing_left, hand_in
from tests.engine import OwnEngine

pytestmark = pytest.mark.docker

SUBMISSIONS = 3


@pytest.fixture
def sandbox_name() -> str:
    return "docker"


@pytest.fixture
def engine(own_engine: OwnEngine) -> OwnEngine:
    return own_engine


@pytest.fixture
def daemon(world: World, engine: OwnEngine, start_daemon: Callable[[], RealDaemon]) -> RealDaemon:
    world.environment = {**world.environment, "DOCKER_HOST": engine.host, "SUBMITTER_CONCURRENCY": "2"}
    return start_daemon()


def assert_all_is_well(daemon: RealDaemon, engine: OwnEngine, world: World) -> None:
    """No verdict is ours to answer for, the daemon has lived through it, and leaves no container."""
    assert world.query("SELECT count(*) FROM submitter.case_results WHERE verdict = 'internal_error'") == [(0,)]
    assert daemon.process.poll() is None
    assert daemon.stop() == 0
    world.wait_for(lambda: engine.executors() == [], "end of the containers")


def test_an_engine_that_is_killed_and_started_again_costs_nothing(
    world: World, engine: OwnEngine, daemon: RealDaemon
) -> None:
    submitted = [hand_in(world, SLOW_SQUARE) for _ in range(SUBMISSIONS)]
    daemon.wait_for("submission_received")
    time.sleep(1)
    engine.kill()
    try:
        daemon.wait_for("dependency_away", what="the sandbox")
        submitted.append(hand_in(world))
        time.sleep(2)
    finally:
        engine.start()
    daemon.wait_for("dependency_back", what="the sandbox")
    assert_graded_once_and_nothing_left(world, *submitted)
    assert_all_is_well(daemon, engine, world)


@pytest.mark.long
def test_containers_that_are_removed_while_they_work_cost_nothing(
    world: World, engine: OwnEngine, daemon: RealDaemon
) -> None:
    submitted = [hand_in(world, SLOW_SQUARE) for _ in range(SUBMISSIONS)]
    daemon.wait_for("submission_received")
    for _ in range(3):
        time.sleep(1)
        for container in engine.executors():
            engine.remove(container)
    assert_graded_once_and_nothing_left(world, *submitted)
    assert_all_is_well(daemon, engine, world)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_engine_that_hangs_stops_the_receiving_until_it_goes_on(
    world: World, engine: OwnEngine, daemon: RealDaemon
) -> None:
    """With the time-outs that operators get."""
    submitted = [hand_in(world, SLOW_SQUARE) for _ in range(SUBMISSIONS)]
    daemon.wait_for("submission_received")
    time.sleep(1)
    with engine.frozen():
        world.wait_for(lambda: [line for line in daemon.lines if line["event"] == "dependency_away"], "outage", 150)
        time.sleep(2)  # for a poll that was under way
        away = hand_in(world)
        time.sleep(3)
        assert not [line for line in daemon.lines if line.get("submission_id") == away.key.subid]
    daemon.wait_for("dependency_back", what="the sandbox")
    assert_graded_once_and_nothing_left(world, *submitted, away)
    assert_all_is_well(daemon, engine, world)
