"""
What the sandbox makes of a Docker engine that is killed, hangs, forgets or lies, and of containers that are taken away.

The engine is the tests' own (tests/engine.py). Nothing here may become a verdict: a program that ran without harm gets
its own, and whatever else happens is SandboxUnavailable, within its time, and not held against the submission
(NotBegun is). Afterwards executors are started again by themselves, and no container is left over.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from submitter.app import isolate
from submitter.errors import ImageUnfit, SandboxUnavailable
from submitter.executors import docker_executor
from submitter.executors import sandbox as sandbox_module
from submitter.executors.docker_executor import DockerExecutor, DockerLauncher
from submitter.executors.pool import STANDARD_ROOM, ExecutorPool
from submitter.executors.sandbox import ExecutorSandbox
from submitter.model import Ending, Limits
from submitter.runs import CaseInput, Job, RunResult
from tests.engine import OwnEngine
from tests.gateway import Action
from tests.gateway_engine import EngineGateway

pytestmark = pytest.mark.docker

ENOUGH_S = 60.0
CALL_S, START_S = 1, 2  # in place of the time-outs that operators get
LIMITS = Limits(wall_time_s=2.0)
# Under a second in peace, and long enough to be met in the middle.
SLOW = "import sys, time\nprint(int(sys.argv[1]) ** 2, flush=True)\ntime.sleep(0.7)\n"


@pytest.fixture
def engine(own_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnEngine]:
    """The engine, without any container when a test begins, and with time-outs that a test can wait for."""
    monkeypatch.setenv("DOCKER_HOST", own_engine.host)
    monkeypatch.setattr(docker_executor, "CALL_TIMEOUT_S", CALL_S)
    monkeypatch.setattr(docker_executor, "START_TIMEOUT_S", START_S)
    monkeypatch.setattr(sandbox_module, "WALL_STRETCH", 1)
    monkeypatch.setattr(sandbox_module, "READY_TIMEOUT_S", 2.0)
    monkeypatch.setattr(sandbox_module, "ANSWER_SLACK_S", 1.0)
    yield own_engine
    wait_until(lambda: own_engine.executors() == [])


@pytest.fixture
def gateway(engine: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineGateway]:
    with EngineGateway(engine.socket) as gateway:
        monkeypatch.setenv("DOCKER_HOST", gateway.host)
        yield gateway


@contextlib.contextmanager
def pool_of(engine: OwnEngine, size: int = 1) -> Iterator[tuple[ExecutorPool, ExecutorSandbox]]:
    """The level `box` on the engine; at the end all that it started is gone."""
    launcher = DockerLauncher(engine.image)
    launcher.probe()
    sandbox = isolate(launcher, "box", size)
    pool = sandbox._lender
    assert isinstance(pool, ExecutorPool)
    try:
        wait_until(lambda: len(pool._idle) == size)
        yield pool, sandbox
    finally:
        sandbox.close()


class Run(threading.Thread):
    """A program's run in a thread of its own."""

    def __init__(self, sandbox: ExecutorSandbox, program: str = SLOW, *arguments: str) -> None:
        super().__init__(daemon=True)
        self._sandbox = sandbox
        inputs = tuple(CaseInput((argument,)) for argument in arguments or ("3", "4"))
        self._job = Job(
            program=program.encode(), file_name="program.py", language="python", limits=LIMITS, inputs=inputs
        )
        self.results: list[RunResult] = []
        self.error: BaseException | None = None
        self.took_s = 0.0
        self.start()

    def run(self) -> None:
        begun = time.monotonic()
        try:
            self.results.extend(self._sandbox.run(self._job))
        except BaseException as exc:
            self.error = exc
        self.took_s = time.monotonic() - begun

    def ended(self) -> "Run":
        self.join(ENOUGH_S)
        assert not self.is_alive(), "a call without bound"
        return self

    def outputs(self) -> list[bytes]:
        """What each case printed, if all went well."""
        self.ended()
        assert self.error is None
        assert {result.ending for result in self.results} == {Ending.EXITED}, self.results
        return [result.stdout for result in self.results]

    def is_nobodys_fault(self) -> bool:
        """It ended by what is ours, and would not be counted against the submission."""
        self.ended()
        assert all(result.ending is Ending.EXITED for result in self.results), self.results
        assert type(self.error) in {SandboxUnavailable, ImageUnfit}, self.error
        return True


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def busy_container(pool: ExecutorPool, other_than: str = "") -> str:
    """The name of the container that is lent, once its program has begun."""

    def lent() -> list[str]:
        names = [executor._container for executor in list(pool._lent) if isinstance(executor, DockerExecutor)]
        return [name for name in names if name != other_than]

    wait_until(lent)
    time.sleep(0.4)
    [name] = lent()
    return name


# -- the engine ---------------------------------------------------------------------------------------------------


def test_an_engine_that_is_killed_in_the_middle_of_a_case_charges_nobody_and_its_containers_are_swept(
    engine: OwnEngine,
) -> None:
    with pool_of(engine, 2) as (pool, sandbox):
        run = Run(sandbox)
        busy_container(pool)
        engine.kill()
        try:
            assert run.is_nobodys_fault()
            assert Run(sandbox).is_nobodys_fault()
            with pytest.raises(SandboxUnavailable, match="does not answer"):
                sandbox.check()
        finally:
            engine.start()
        sandbox.check()
        assert Run(sandbox).outputs() == [b"9\n", b"16\n"]
        wait_until(lambda: len(pool._idle) == len(engine.executors()) == 2)


def test_executors_that_waited_when_the_engine_was_restarted_are_not_lent(engine: OwnEngine) -> None:
    """Else the first submissions after a restart would each fail once, at the door."""
    with pool_of(engine, 2) as (pool, sandbox):
        engine.restart()
        assert Run(sandbox).outputs() == [b"9\n", b"16\n"]
        wait_until(lambda: len(pool._idle) == len(engine.executors()) == 2)


def test_an_engine_that_hangs_is_noticed_in_time_and_nothing_is_left_when_it_goes_on(engine: OwnEngine) -> None:
    with pool_of(engine, 2) as (pool, sandbox):
        run = Run(sandbox)
        busy_container(pool)
        with engine.frozen():
            begun = time.monotonic()
            with pytest.raises(SandboxUnavailable, match="does not answer"):
                sandbox.check()
            assert time.monotonic() - begun < CALL_S + 5  # not without end; a busy host needs a while to say so
            other = Run(sandbox)
            assert run.is_nobodys_fault()
            assert other.is_nobodys_fault()
        wait_until(lambda: Run(sandbox).ended().error is None)
        wait_until(lambda: len(pool._idle) == len(engine.executors()) == 2)


def test_closing_takes_one_time_out_however_many_executors_a_hanging_engine_has(engine: OwnEngine) -> None:
    """The daemon's own end is bounded, too; what it could not remove, a sweep takes."""
    with pool_of(engine, 4) as (_, sandbox), engine.frozen():
        begun = time.monotonic()
        sandbox.close()
        assert time.monotonic() - begun < 3.5 * CALL_S  # one for each would be four
    assert sandbox.sweep() >= 3  # the first removal was asked for, and may be done by now


def test_an_engine_without_the_image_says_which_and_what_to_do(engine: OwnEngine) -> None:
    with pool_of(engine) as (pool, sandbox):
        engine.api.tag(engine.image, "kept")
        engine.api.remove_image(engine.image, force=True)
        try:
            pool.renew()
            run = Run(sandbox).ended()
            assert run.is_nobodys_fault()
            assert f"no image {engine.image}" in str(run.error)
            assert "submitter image build" in str(run.error)
            assert run.took_s < 2
            with pytest.raises(SandboxUnavailable, match="submitter image build"):
                DockerLauncher(engine.image).probe()
        finally:
            engine.api.tag("kept", *engine.image.split(":"))
        assert Run(sandbox).outputs() == [b"9\n", b"16\n"]


# -- containers that are taken away -------------------------------------------------------------------------------


def test_a_busy_container_that_somebody_removes_costs_a_second_run_of_the_case(engine: OwnEngine) -> None:
    with pool_of(engine) as (pool, sandbox):
        run = Run(sandbox)
        engine.api.remove_container(busy_container(pool), force=True)
        assert run.outputs() == [b"9\n", b"16\n"]


def remove(engine: OwnEngine, container: str) -> None:
    engine.api.remove_container(container, force=True)


def kill(engine: OwnEngine, container: str) -> None:
    engine.api.kill(container)


@pytest.mark.parametrize("take_away", [kill, pytest.param(remove, marks=pytest.mark.long)])
def test_a_case_whose_containers_somebody_takes_away_again_and_again_gets_no_verdict(
    engine: OwnEngine, take_away: Callable[[OwnEngine, str], None]
) -> None:
    with pool_of(engine) as (pool, sandbox):
        run = Run(sandbox, "import time\ntime.sleep(1.5)\n", "1")
        first = busy_container(pool)
        take_away(engine, first)
        take_away(engine, busy_container(pool, other_than=first))
        assert run.is_nobodys_fault()
        assert run.results == []


@pytest.mark.long
def test_a_container_that_ends_by_itself_again_and_again_is_its_program_s_doing(engine: OwnEngine) -> None:
    """As far as the engine can tell; a kill by the kernel looks the same."""
    with pool_of(engine) as (pool, sandbox):
        run = Run(sandbox, "import time\ntime.sleep(1.5)\n", "1")
        first = busy_container(pool)
        os.kill(engine.api.inspect_container(first)["State"]["Pid"], signal.SIGKILL)
        second = busy_container(pool, other_than=first)
        os.kill(engine.api.inspect_container(second)["State"]["Pid"], signal.SIGKILL)
        [result] = run.ended().results
        assert result.ending is Ending.SIGNALED


def test_a_container_whose_shim_is_killed_costs_a_second_run_of_the_case(engine: OwnEngine) -> None:
    with pool_of(engine) as (pool, sandbox):
        run = Run(sandbox)
        os.kill(engine.shim_of(engine.api.inspect_container(busy_container(pool))["Id"]), signal.SIGKILL)
        assert run.outputs() == [b"9\n", b"16\n"]


# -- single calls -------------------------------------------------------------------------------------------------

FAULTS: list[tuple[Action, dict[str, float]]] = [
    ("drop request", {}),
    ("drop reply", {}),
    ("error", {"status": 500}),
    ("reset", {}),
    ("hold", {"seconds": START_S + 1.0}),
]
LONG = {("attach", "hold"), ("start", "hold"), ("remove", "hold")}
CALLS = [
    pytest.param(
        operation,
        action,
        details,
        id=f"{operation}-{action.replace(' ', '_')}",
        marks=pytest.mark.long if (operation, action) in LONG or action == "drop request" else (),
    )
    for operation in ("create", "attach", "start", "remove")
    for action, details in FAULTS
]


@pytest.mark.parametrize(("operation", "action", "details"), CALLS)
def test_a_container_of_which_the_engine_does_not_tell_is_not_left(
    engine: OwnEngine, gateway: EngineGateway, operation: str, action: Action, details: dict[str, float]
) -> None:
    """It was made or started, or not: nobody knows. The next one is told of, and nothing else is there."""
    launcher = DockerLauncher(engine.image)
    gateway.add(operation, action, **details)
    begun = time.monotonic()
    if operation == "remove":
        launcher.start(STANDARD_ROOM).close()
    else:
        with pytest.raises(SandboxUnavailable, match="could not start an executor"):
            launcher.start(STANDARD_ROOM)
    assert time.monotonic() - begun < START_S + CALL_S + 2
    assert gateway.count(operation, action) == 1
    executor = launcher.start(STANDARD_ROOM)
    assert len(engine.executors()) == 1
    executor.close()


@pytest.mark.long
def test_a_submission_is_run_while_the_engine_is_slow(engine: OwnEngine, gateway: EngineGateway) -> None:
    with pool_of(engine) as (pool, sandbox):
        gateway.add("*", "delay", times=20, seconds=0.15)
        pool.renew()
        assert Run(sandbox).outputs() == [b"9\n", b"16\n"]


def test_while_no_executor_can_be_started_ahead_it_is_said_and_tried_again(
    engine: OwnEngine, gateway: EngineGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten failures in a row; the pauses between, which grow to a minute, are shortened here."""
    monkeypatch.setattr("submitter.executors.pool.LONGEST_REFILL_DELAY_S", 0.05)
    with capture_logs() as lines, pool_of(engine) as (pool, _):
        gateway.add("create", "error", times=10)
        pool.renew()
        wait_until(lambda: gateway.count("create", "error") == 10 and len(pool._idle) == 1)
        told = [line for line in lines if line["event"] == "executor_not_started"]
        assert [line["failures"] for line in told][:10] == list(range(1, 11))
        assert all(line["log_level"] == "error" for line in told)
        assert "told to" in told[0]["reason"]


def test_a_submission_may_have_an_executor_while_the_next_try_ahead_is_far_and_ends_the_waiting(
    engine: OwnEngine, gateway: EngineGateway
) -> None:
    with pool_of(engine) as (pool, sandbox):
        gateway.add("create", "error", times=4)
        pool.renew()
        wait_until(lambda: pool._failures == 1)  # and now two seconds' pause
        gateway.clear()
        assert Run(sandbox).outputs() == [b"9\n", b"16\n"]
        assert pool._failures == 0
        wait_until(lambda: len(pool._idle) == 1)
