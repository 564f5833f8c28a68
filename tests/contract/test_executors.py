"""Executors and their pool on the real launchers: what is lent, changed, replaced, swept and ended."""

import contextlib
import gc
import json
import os
import re
import runpy
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import network_namespaces_in_kernel
from benchmarks.work import Samples
from submitter.app import isolate
from submitter.containment import find_leaks
from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors import docker_executor
from submitter.executors.bubblewrap_executor import OWNER, BubblewrapExecutor, BubblewrapLauncher
from submitter.executors.docker_executor import DockerExecutor, DockerLauncher
from submitter.executors.link import Executor
from submitter.executors.owner import owner
from submitter.executors.pool import STANDARD_ROOM, ExecutorPool, ask_for_boxes
from submitter.executors.sandbox import ExecutorSandbox
from submitter.executors.wire import PROBE, decode_alive
from submitter.model import MIB, Ending, Limits
from submitter.resources import resource
from submitter.runs import CaseInput, Job, RunResult
from tests.conftest import LEVELS, make_launcher, make_sandbox
from tests.hostile import Arena, use_own_uids

ENOUGH_S = 15.0  # for what happens at once


def run(sandbox: ExecutorSandbox, program: str, *arguments: str, limits: Limits | None = None) -> list[RunResult]:
    """One case for each argument; a single one without arguments if there is none."""
    inputs = tuple(CaseInput((argument,)) for argument in arguments) or (CaseInput(()),)
    return list(
        sandbox.run(
            Job(
                program=program.encode(),
                file_name="program.py",
                language="python",
                limits=limits or Limits(),
                inputs=inputs,
            )
        )
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.fixture
def executor(sandbox_name: str) -> Iterator[Executor]:
    executor = make_launcher(sandbox_name).start(STANDARD_ROOM)
    yield executor
    executor.close()


def is_well(executor: Executor) -> bool:
    executor.send(PROBE, ENOUGH_S)
    return decode_alive(executor.read_line(4096, ENOUGH_S)) is None


def has_ended(executor: Executor) -> bool:
    if isinstance(executor, BubblewrapExecutor):
        return executor._process.poll() is not None
    assert isinstance(executor, DockerExecutor)
    return not executor._api.inspect_container(executor._container)["State"]["Running"]


# -- one executor -------------------------------------------------------------------------------------------------


def test_executors_make_boxes_here(sandbox_name: str) -> None:
    """Else the level `box` would quietly be another, and many tests would test that one."""
    assert ask_for_boxes(make_launcher(sandbox_name)) is None


def test_an_executor_ends_when_its_input_does(executor: Executor) -> None:
    """So it ends with the daemon, however that ends."""
    assert is_well(executor)
    if isinstance(executor, DockerExecutor):
        executor._attached.close()
    assert isinstance(executor, DockerExecutor | BubblewrapExecutor)
    executor._socket.close()
    wait_until(lambda: has_ended(executor))


@pytest.mark.docker
def test_an_executor_may_wait_for_longer_than_the_client_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream that is attached keeps the library's own time-out, if nobody takes it off."""
    make_launcher("docker")
    monkeypatch.setattr(docker_executor, "CALL_TIMEOUT_S", 2.0)
    launcher = make_launcher("docker")
    executor = launcher.start(STANDARD_ROOM)
    try:
        assert is_well(executor)
        time.sleep(4.0)
        assert is_well(executor)
    finally:
        executor.close()


def test_executors_that_have_ended_leave_no_descriptors_open(sandbox_name: str) -> None:
    """Not even until garbage is collected: a daemon replaces executors all day."""
    launcher = make_launcher(sandbox_name)
    counts = []
    gc.disable()
    try:
        for _ in range(4):
            executor = launcher.start(STANDARD_ROOM)
            assert is_well(executor)
            executor.close()
            counts.append(len(os.listdir("/proc/self/fd")))
    finally:
        gc.enable()
    assert counts[-1] <= counts[0]


@pytest.mark.docker
def test_a_sweep_takes_what_the_dead_left_and_spares_the_living() -> None:
    """Two daemons on one host must not end each other's executors."""
    launcher = make_launcher("docker")
    assert isinstance(launcher, DockerLauncher)
    living = launcher.start(STANDARD_ROOM)
    try:
        dying = (
            "import os, sys\n"
            "from submitter.executors.docker_executor import DockerLauncher\n"
            "from submitter.executors.pool import STANDARD_ROOM\n"
            "executor = DockerLauncher(sys.argv[1]).start(STANDARD_ROOM)\n"
            "print(executor._container, flush=True)\n"
            "os._exit(1)\n"
        )
        command = [sys.executable, "-c", dying, launcher._image]
        left = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        assert left
        assert launcher.sweep() >= 1
        listed: list[dict[str, Any]] = launcher._api.containers(all=True)
        assert left not in [container["Id"] for container in listed]
        assert is_well(living)
    finally:
        living.close()


@pytest.mark.parametrize("is_dead", [True, False])
def test_a_sweep_ends_a_sandbox_that_its_dead_owner_left_half_made(is_dead: bool) -> None:
    """As when a daemon is killed while bubblewrap starts: what dies with its parent had not got so far."""
    launcher = make_launcher("bubblewrap")
    assert isinstance(launcher, BubblewrapLauncher)
    says_owner = "from submitter.executors.owner import owner\nprint(owner())"
    command = [sys.executable, "-c", says_owner]
    of_dead = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    info, info_write = os.pipe()
    block, block_write = os.pipe()
    words = [launcher._bwrap, "--die-with-parent", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/"]
    words += ["--info-fd", str(info_write), "--userns-block-fd", str(block), "--", "/bin/true"]
    monitor = subprocess.Popen(words, pass_fds=[info_write, block], env={OWNER: of_dead if is_dead else owner()})
    os.close(info_write)
    with open(info, "rb") as file:
        child = os.pidfd_open(json.loads(file.read())["child-pid"])
    try:
        monitor.kill()
        monitor.wait()
        assert not select.select([child], [], [], 0.3)[0], "it has ended by itself: there is nothing to sweep"
        launcher.sweep()
        assert bool(select.select([child], [], [], 2)[0]) is is_dead
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)
        for fd in (child, block, block_write):
            os.close(fd)


# -- the pool -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def pool_of(sandbox_name: str, size: int = 1, serves: int = 100) -> Iterator[tuple[ExecutorPool, ExecutorSandbox]]:
    pool = ExecutorPool(make_launcher(sandbox_name), size=size, serves=serves)
    try:
        yield pool, ExecutorSandbox(pool, "fork")
    finally:
        pool.close()


SAYS_WHERE = "import os\nprint(os.stat('/proc/self/ns/mnt').st_ino, os.stat('/proc/self/ns/pid').st_ino)"


def test_every_submission_gets_boxes_of_its_own_in_the_same_executor(sandbox_name: str) -> None:
    """Two, between which its cases take turns; one, if they are few."""
    with pool_of(sandbox_name) as (pool, sandbox):
        submissions = [run(sandbox, SAYS_WHERE, *inputs) for inputs in ("1", "123456", "123", "1")]
        assert {result.ending for results in submissions for result in results} == {Ending.EXITED}
        boxes = [{result.stdout for result in results} for results in submissions]
        assert [len(of_one) for of_one in boxes] == [1, 2, 1, 1]
        assert len(set.union(*boxes)) == 5, "nobody has had another's"
        assert [warm.served for warm in pool._idle] == [4]


BOXES = 10_000


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_thousand_boxes_in_a_row_leave_nothing_and_the_last_are_as_quick_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted are those that a case of a program has seen; an executor serves some hundred of them."""
    use_own_uids(monkeypatch)
    with contextlib.closing(make_sandbox("bubblewrap")) as sandbox:
        arena = Arena(sandbox, tmp_path)
        in_kernel = network_namespaces_in_kernel()
        times_s: list[float] = []
        boxes = 0
        while boxes < BOXES:
            begun = time.perf_counter()
            results = run(sandbox, SAYS_WHERE, *"12345")
            times_s.append(time.perf_counter() - begun)
            assert {result.ending for result in results} == {Ending.EXITED}
            boxes += len({result.stdout for result in results})
        assert arena.left() == []
    tenth = len(times_s) // 10
    first, last = Samples(times_s[:tenth]).p95_ms, Samples(times_s[-tenth:]).p95_ms
    assert first is not None
    assert last is not None
    assert last <= 1.5 * first
    if in_kernel is not None:  # of the whole machine: others make some too, but not as many
        assert (network_namespaces_in_kernel() or 0) - in_kernel < BOXES / 20


@pytest.mark.parametrize("level", LEVELS)
def test_a_program_may_be_called_like_a_module_that_the_executor_needs(sandbox_name: str, level: str) -> None:
    """Once process 1 of the box imported `resource` from where the program lies, and ran it with all its rights."""
    program = b"import sys\nprint(__name__)\nif __name__ != '__main__':\n    raise SystemError('imported')\n"
    for name in ("resource", "struct", "select", "encodings", "warnings"):
        inputs = (CaseInput(("1",)),) * 5
        job = Job(program=program, file_name=f"{name}.py", language="python", limits=Limits(), inputs=inputs)
        with contextlib.closing(make_sandbox(sandbox_name, level, executors=1)) as sandbox:
            results = list(sandbox.run(job))
        assert [(result.ending, result.stdout) for result in results] == [(Ending.EXITED, b"__main__\n")] * 5, name


@pytest.mark.parametrize("name", ["", ".hidden.py", "../up.py", "in/a.py", "a\nb.py", "ü.py"])
def test_a_name_that_is_none_for_a_program_begins_nothing(sandbox_name: str, name: str) -> None:
    """The engine names programs by itself; whoever else calls the sandbox is told, and nothing of it has run."""
    job = Job(program=b"", file_name=name, language="python", limits=Limits(), inputs=(CaseInput(()),))
    with (
        contextlib.closing(make_sandbox(sandbox_name, "box", executors=1)) as sandbox,
        pytest.raises(SandboxUnavailable, match="the program's name is none"),
    ):
        list(sandbox.run(job))


def test_a_program_that_leaves_nothing_need_not_be_tidied_up() -> None:
    """It once was, always: a weak reference of our own looked like something that has to be told of its end."""
    script = runpy.run_path(str(resource("executeSubmission.py")), run_name="not main")
    has_an_end: Callable[[object], bool] = script["has_an_end"]

    class Plain: ...

    class Telling:
        def __del__(self) -> None: ...

    class Reference(weakref.ref[Plain]): ...

    plain = Plain()
    assert not any(map(has_an_end, ({}, [], plain, Plain, len, weakref.ref(plain))))
    suspended = (number for number in [1])
    watched, derived = weakref.ref(plain, print), Reference(plain)
    assert all(map(has_an_end, (Telling(), Telling, suspended, watched, derived, sys.stdout)))


def test_memory_is_that_of_the_assignment_for_whom_the_executor_is_lent(sandbox_name: str) -> None:
    program = "x = b'x' * (200 << 20)\nprint(len(x))"
    with pool_of(sandbox_name) as (_, sandbox):
        for limit, ending in ((128, Ending.MEMORY_LIMIT), (300, Ending.EXITED), (128, Ending.MEMORY_LIMIT)):
            [result] = run(sandbox, program, limits=Limits(memory_bytes=limit * MIB))
            assert result.ending is ending, limit


def test_an_executor_whose_memory_ran_out_is_replaced(sandbox_name: str) -> None:
    with pool_of(sandbox_name) as (pool, sandbox):
        run(sandbox, "print(1)")
        [first] = pool._idle
        run(sandbox, "x = b'x' * (200 << 20)", limits=Limits(memory_bytes=64 * MIB))
        wait_until(lambda: bool(pool._idle))
        assert first not in pool._idle
        with pytest.raises(ExecutorLost):
            is_well(first.executor)


def test_files_count_as_memory(sandbox_name: str) -> None:
    """They are in memory; where there is more room for files than for memory, it is memory that runs out."""
    program = (
        "with open('f', 'wb') as file:\n"
        "    for _ in range(200):\n"
        "        file.write(b'x' * (1 << 20)); file.flush()\n"
        "import time\n"
        "time.sleep(1)\n"
    )
    limits = Limits(memory_bytes=64 * MIB, file_bytes=256 * MIB, cpu_time_s=5)
    with contextlib.closing(make_sandbox(sandbox_name, "box")) as sandbox:
        [result] = run(sandbox, program, limits=limits)
    assert result.ending is Ending.MEMORY_LIMIT


def test_an_executor_that_is_killed_while_it_waits_is_not_missed(sandbox_name: str) -> None:
    with pool_of(sandbox_name) as (pool, sandbox):
        run(sandbox, "print(1)")
        [warm] = pool._idle
        if isinstance(warm.executor, DockerExecutor):
            warm.executor._api.kill(warm.executor._container)
        else:
            assert isinstance(warm.executor, BubblewrapExecutor)
            warm.executor._kill()
        warm.asked_at -= 1000.0  # as if it had waited for long
        [result] = run(sandbox, "print(2)")
        assert result.stdout == b"2\n"


# -- containment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_a_hostile_program_is_contained(sandbox_name: str, level: str) -> None:
    with contextlib.closing(make_sandbox(sandbox_name, level)) as sandbox:
        assert find_leaks(sandbox) == []


@pytest.mark.parametrize(
    ("wall", "leak"),
    [
        ("    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))\n", "calls"),
        ("    drop_capabilities()\n", "rights"),
        ("            renew_places(looks, file_bytes, files)\n", "look"),
    ],
)
def test_a_wall_that_is_missing_is_noticed(tmp_path: Path, wall: str, leak: str) -> None:
    """What is shown here is that the self-test can fail."""
    text = resource("executeSubmission.py").read_text()
    assert text.count(wall) == 1
    tmp_path.chmod(0o755)
    script = tmp_path / "executeSubmission.py"
    script.write_text(text.replace(wall, ""))
    launcher = BubblewrapLauncher()
    launcher._script = str(script)
    with contextlib.closing(isolate(launcher, "box", 1)) as sandbox:
        assert leak in {problem.split(":")[0] for problem in find_leaks(sandbox)}


# -- preloading ---------------------------------------------------------------------------------------------------

PRELOAD = "json,random,xml.dom.minidom"


def test_what_is_preloaded_does_not_show_until_it_is_imported() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import json\n"
        "print(sorted(before), sorted(set(sys.modules) - before))\n"
        "print(json.loads('[1]'), json.__spec__.name, json.decoder.__name__)\n"
        "import importlib, xml\n"
        "print(hasattr(xml, 'dom'))\n"
        "import xml.dom.minidom\n"
        "print(xml.dom.minidom.parseString('<a/>').documentElement.tagName, importlib.reload(json) is json)\n"
    )
    answers = []
    for level, preload in (("box", PRELOAD), ("strict", "")):
        with contextlib.closing(make_sandbox("bubblewrap", level, preload=preload, hash_seed=0)) as sandbox:
            answers.append(run(sandbox, program)[0])
    assert answers[0].stdout == answers[1].stdout
    assert answers[0].stderr == answers[1].stderr == b""


def test_chance_that_is_preloaded_is_not_the_same_for_all() -> None:
    with contextlib.closing(make_sandbox("bubblewrap", "box", preload=PRELOAD)) as sandbox:
        results = run(sandbox, "import random\nprint(random.random())", "1", "2", "3")
    assert len({result.stdout for result in results}) == 3


def imports(sandbox: ExecutorSandbox, preload: tuple[str, ...]) -> RunResult:
    """What a program of an assignment with these modules sees of them, and how long it then takes to import them."""
    program = (
        "import sys, time\nprint([name for name in ('json', 'decimal', 'xml.dom.minidom') if name in sys.modules])\n"
        "began = time.perf_counter()\nimport json, decimal, xml.dom.minidom\n"
        "print(time.perf_counter() - began, file=sys.stderr)\n"
        "print(json.loads('[1]'), decimal.Decimal('0.1') + 1, xml.dom.minidom.parseString('<a/>').documentElement)"
    )
    job = Job(
        program=program.encode(),
        file_name="program.py",
        language="python",
        limits=Limits(),
        inputs=(CaseInput(()),),
        preload=preload,
    )
    [result] = sandbox.run(job)
    return result


@pytest.mark.parametrize("level", LEVELS)
def test_an_assignment_s_modules_are_ready_for_its_programs_alone(sandbox_name: str, level: str) -> None:
    """Whose output does not tell; and a list that cannot be imported costs nobody a verdict."""
    modules = ("json", "decimal", "xml.dom.minidom")
    with contextlib.closing(make_sandbox(sandbox_name, level, executors=1)) as sandbox:
        results = [imports(sandbox, preload) for preload in (modules, (), modules, ("no_such_module",))]
    assert [result.exit_code for result in results] == [0] * 4, results
    assert len({re.sub(rb" at 0x[0-9a-f]+", b"", result.stdout) for result in results}) == 1
    assert results[0].stdout.startswith(b"[]\n")
    if level != "strict":  # where every case is a fresh interpreter, which imports for itself
        with_them, without = float(results[2].stderr), float(results[1].stderr)
        assert with_them < without / 3, (with_them, without)


def test_what_cannot_be_preloaded_is_told() -> None:
    reason = ask_for_boxes(make_launcher("bubblewrap", ["--preload", "no_such_module"]))
    assert reason is not None
    assert "no_such_module" in reason


# -- time that is fair --------------------------------------------------------------------------------------------

SPINS = """\
import sys, time
end = time.process_time() + float(sys.argv[1])
while time.process_time() < end: pass
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_runs_under_load_get_the_same_verdict(sandbox_name: str) -> None:
    """Twice as many programs as processors, all spinning: who stays below the limit passes, who does not, does not."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        with contextlib.closing(make_sandbox(sandbox_name, "box")) as sandbox:
            limits = Limits(cpu_time_s=0.5, wall_time_s=2.0)
            below = run(sandbox, SPINS, *["0.2"] * 100, limits=limits)
            above = run(sandbox, SPINS, *["5"] * 20, limits=limits)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert {result.ending for result in below} == {Ending.EXITED}
    assert {result.ending for result in above} == {Ending.CPU_LIMIT}
