"""
The process ends at every numbered point of submitter/crash.py, and nothing is lost, doubled or left.

The short form goes through all points once, in one sandbox. The long one adds
the other sandbox, a second daemon that is at work all the time, and the ends by
SIGTERM and by an exception that nobody foresaw.
"""

import contextlib
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from submitter.containment import TRIES
from submitter.crash import POINTS
from submitter.executors.bubblewrap_executor import OWNER
from submitter.executors.owner import owner
from submitter.upload import upload
from tests.acceptance.conftest import LAB5, RealDaemon, World
from tests.acceptance.test_one_submission import assert_nothing_left, containers_of

SLOW_SQUARE = b"import sys, time\ntime.sleep(%s)\nprint(int(sys.argv[1]) ** 2)\n"
AT_START = {"P15", "P16"}  # before the daemon takes messages
AT_THE_END = {"P14", "P17"}  # reached when it is told to stop
AT_RENEWAL = {"P18"}  # reached by a submission that takes longer than a third of the visibility timeout
MOST_ROUNDS, ROUND_S = 10, 5.0
CASES = 14  # of the example
# Before a daemon takes messages it runs two programs of its own, with so many cases: see containment.py.
OWN_RUNS, OWN_CASES = 2, len(TRIES) + 1

StartDaemon = Callable[..., RealDaemon]


@pytest.fixture
def sandbox_name(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "bubblewrap"))


@dataclass(frozen=True)
class Crash:
    """Where and how a daemon ends, and what else is there."""

    at: str
    how: str = "kill"
    daemons: int = 1

    @property
    def point(self) -> str:
        return self.at.partition("@")[0]


def places() -> list[str]:
    """Every point; in the first, a middle and the last case."""
    times = {
        "P6": [OWN_RUNS + 1],
        "P7": [OWN_RUNS + 1],
        "P8": [OWN_CASES + case for case in (1, CASES // 2, CASES)],
        "P14": [2],  # the daemon's own program outgrows its memory, which ends an executor
    }
    return [f"{point}@{time}" for point in POINTS for time in times.get(point, [1])]


SHORT = [pytest.param("bubblewrap", Crash(place), id=f"bubblewrap-{place}") for place in places()]
SHORT += [
    pytest.param("docker", Crash(place), id=f"docker-{place}", marks=pytest.mark.docker)
    for place in (f"P8@{OWN_CASES + 1}", "P14@2", "P15@1")
]
LONG = [
    pytest.param(
        sandbox,
        Crash(place, how, daemons),
        id=f"{sandbox}-{place}-{how}-{daemons}",
        marks=[pytest.mark.long, *([pytest.mark.docker] if sandbox == "docker" else [])],
    )
    for sandbox in ("bubblewrap", "docker")
    for how in ("kill", "term", "error")
    for daemons in (1, 2)
    for place in places()
    if (sandbox, how, daemons) != ("bubblewrap", "kill", 1)
]


@pytest.mark.parametrize(("sandbox_name", "crash"), SHORT + LONG, indirect=["sandbox_name"])
def test_nothing_is_lost_wherever_a_daemon_ends(
    world: World, start_daemon: Callable[[], RealDaemon], crash: Crash
) -> None:
    world.environment["SUBMITTER_VISIBILITY_TIMEOUT"] = "3"
    others = [start_daemon() for _ in range(crash.daemons - 1)]
    doomed = RealDaemon({**world.environment, "SUBMITTER_CRASH_AT": f"{crash.at}:{crash.how}"})
    owner_of_doomed = owner(doomed.process.pid)
    try:
        if crash.point not in AT_START:
            doomed.wait_for("daemon_started")
        program = SLOW_SQUARE % (b"0.2" if crash.point in AT_RENEWAL else b"0.05")
        submitted = []
        for _ in range(MOST_ROUNDS if others else 1):  # the other daemon may be quicker, and take all
            submitted += [
                upload(world.store, LAB5, [secrets.token_hex(16)], program) for _ in range(2 + 2 * len(others))
            ]
            if wait_until_it_comes(doomed, crash):
                break
        if crash.point in AT_THE_END:
            doomed.wait_for("submission_received")
            doomed.process.send_signal(signal.SIGTERM)
        if crash.how == "error":
            world.wait_for(lambda: "told to fail at" in str(doomed.lines), f"{crash.point} to be reached")
        if crash.how != "error" or crash.point in AT_THE_END:
            code = doomed.process.wait(60)
            assert crash.how != "kill" or code == -signal.SIGKILL, "the point was not reached"
        if not others:
            others.append(start_daemon())
        assert [world.results(one)["score"] for one in submitted] == [20.0] * len(submitted)
        world.wait_for(lambda: sum(world.queue_depths().values()) == 0, "empty queue")
        for one in submitted:
            published = world.query(
                "SELECT count(*) FROM submitter.history WHERE subid = %s AND published", one.key.subid
            )
            assert published == [(1,)], "graded exactly once in effect"
        if doomed.process.poll() is None:
            doomed.stop()
        assert_nothing_left(world, others[0])
        assert world.dead_letters() == []
        if crash.daemons > 1:
            start_daemon()  # the next start sweeps; those that run do so every five minutes
        world.wait_for(lambda: not containers_of(doomed), "removal of the dead daemon's containers")
        world.wait_for(lambda: not processes_of(owner_of_doomed), "end of the dead daemon's sandboxes")
    finally:
        if doomed.process.poll() is None:
            doomed.process.kill()
            doomed.process.wait()


def wait_until_it_comes(doomed: RealDaemon, crash: Crash) -> bool:
    """Whether it comes to its point within some seconds; where it needs a signal for that, whether it may get it."""
    deadline = time.monotonic() + ROUND_S
    while time.monotonic() < deadline:
        if crash.point in AT_THE_END:
            has_come = any(line.get("event") == "submission_received" for line in list(doomed.lines))
        elif crash.how == "error":
            has_come = "told to fail at" in str(doomed.lines)
        else:
            has_come = doomed.process.poll() is not None
        if has_come:
            return True
        time.sleep(0.1)
    return False


def processes_of(owner: str) -> list[str]:
    """Processes that started as a bubblewrap of that daemon, and have not become anything else."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{OWNER}={owner}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(process.name)
    return found
