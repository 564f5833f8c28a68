"""
Every way to misbehave that we know of, in every sandbox, beside an honest student and before one.

The programs are in tests/programs/hostile; what is promised of each stands in
its own header, what is promised after all of them in tests/hostile.py.
"""

import io
import os
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import docker
import docker.errors
import pytest

from submitter.app import isolate
from submitter.config import Config
from submitter.errors import SubmissionRejected
from submitter.executors.docker_executor import DockerLauncher
from submitter.grading import check_source
from tests.conftest import make_sandbox
from tests.hostile import (
    LIMITS,
    Arena,
    Program,
    case,
    look_round,
    program_named,
    programs,
    use_own_uids,
)

# The ways to misbehave are numbered from 1 to LAST_ROW; the programs' headers say which of them each one is.
LAST_ROW = 80
# Those that no program can be, or not alone: what shows them instead.
TESTS = {
    "S40": [
        "tests/unit/test_workdir.py::test_sweep_follows_no_link_and_removes_no_file",
        "tests/unit/test_workdir.py::test_sweep_leaves_what_is_not_named_as_a_submission_is",
    ],
    "S42": ["tests/contract/test_canaries.py::test_nothing_secret_can_be_found_from_inside"],
    "S66": ["tests/contract/test_canaries.py::test_nothing_secret_can_be_found_from_inside"],
    "S73": ["tests/contract/test_observed.py::test_a_running_case_looks_from_outside_as_it_must"],
    "S76": [
        "tests/unit/test_grading.py::test_program_that_no_interpreter_need_look_at_is_rejected",
        "tests/unit/test_grading.py::test_input_that_cannot_reach_a_program_is_refused_by_the_cases_name",
        "tests/acceptance/test_one_submission.py::test_a_program_that_is_none_is_rejected_in_words",
    ],
    "S77": [
        "tests/unit/test_protocol.py::test_metadata_that_cannot_be_read_is_rejected_and_says_why",
        "tests/unit/test_protocol.py::test_metadata_with_a_wrong_field_is_rejected_by_that_name",
        "tests/unit/test_protocol.py::test_no_metadata_has_any_other_effect_than_to_be_read_or_rejected",
        "tests/unit/test_protocol.py::test_key_outside_the_layout_is_not_understood",
    ],
    "S78": ["tests/contract/test_hostile.py::test_an_archive_is_no_program"],
    "S80": ["tests/contract/test_hostile.py::test_a_hundred_at_once_leave_honest_ones_alone"],
}
REASONS = {
    "S72": "All that can be learned is an address layout and a hash seed; an executor is replaced after a number of "
    "submissions, and docs/threat-model.md says what remains.",
}

FIGHTERS = 3  # at once: the program, one beside it, and an honest neighbour
EVERY_STRICT = 5
TARGETS = [(sandbox, isolation) for sandbox in ("docker", "bubblewrap") for isolation in ("box", "strict")]


def _marks(sandbox: str, isolation: str, number: int = 0) -> list[pytest.MarkDecorator]:
    """At `strict` the walls are those of `box`, and starting is slow: one program of five, the others in long form."""
    marks = [pytest.mark.docker] if sandbox == "docker" else []
    return [*marks, pytest.mark.long] if isolation == "strict" and number % EVERY_STRICT else marks


EVERY_TARGET = [pytest.param(target, marks=_marks(*target), id="-".join(target)) for target in TARGETS]
EVERY_FIGHT = [
    pytest.param(target, program, marks=_marks(*target, number), id="-".join((*target, program.path.stem)))
    for target in TARGETS
    for number, program in enumerate(programs(target[0]))
]


class Arenas:
    """One sandbox at a time, for all programs that are to be run in it one after the other."""

    def __init__(self, make_work_dir: Callable[[], Path]) -> None:
        self._make_work_dir = make_work_dir
        self._open = ExitStack()
        self._target: tuple[str, str] | None = None
        self._arena: Arena | None = None

    def get(self, target: tuple[str, str]) -> Arena:
        if self._arena is None or self._target != target:
            self.close()
            self._arena, self._target = self._open.enter_context(open_arena(*target, self._make_work_dir())), target
        return self._arena

    def close(self) -> None:
        self._arena = None
        self._open.close()


@contextmanager
def open_arena(sandbox_name: str, isolation: str, work_dir: Path) -> Iterator[Arena]:
    """A sandbox of a level; when it is closed, nothing of it is left."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_own_uids(monkeypatch)
        engine = docker.from_env() if sandbox_name == "docker" and _engine_answers() else None
        untouched = look_round(engine, work_dir)
        sandbox = make_sandbox(sandbox_name, isolation, executors=FIGHTERS)
        try:
            arena = Arena(sandbox, work_dir)
            yield arena
        finally:
            sandbox.close()
        more = arena.left(untouched)
        assert more == [], "after the sandbox was closed"


@pytest.fixture(scope="module")
def arenas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arenas]:
    arenas = Arenas(lambda: tmp_path_factory.mktemp("work"))
    yield arenas
    arenas.close()


@pytest.fixture
def arena(request: pytest.FixtureRequest, arenas: Arenas) -> Arena:
    """Not by itself one for the module: pytest would make it anew for every program."""
    return arenas.get(request.param)


def _engine_answers() -> bool:
    try:
        docker.from_env().ping()
    except docker.errors.DockerException:
        return False
    return True


@pytest.mark.parametrize(("arena", "program"), EVERY_FIGHT, indirect=["arena"])
def test_a_hostile_program_gets_its_verdict_and_hurts_nobody(arena: Arena, program: Program) -> None:
    arena.run(program)


@pytest.mark.parametrize("arena", EVERY_TARGET, indirect=True)
def test_what_is_looked_for_afterwards_is_seen_while_it_is_there(arena: Arena, request: pytest.FixtureRequest) -> None:
    """Else nothing would ever be found to be left."""
    program = program_named("S17_sleeps", arena.sandbox.name)
    seen: list[list[str]] = []
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(arena.grade, program.source, [case(1, "", "")]) for _ in range(4)]
        while not all(run.done() for run in runs):
            assert arena._engine is not None or arena.sandbox.name != "docker"
            seen.append(look_round(arena._engine, arena.work_dir).more_than(arena.before))
            threading.Event().wait(0.2)
    kinds = {line.split(" ", 1)[1].split(",")[0] for lines in seen for line in lines if line[0].isdigit()}
    wanted = {"processes", "threads of ours", "descriptors of ours"}
    if request.node.callspec.id.endswith("strict"):  # at `box` the next boxes are there before they are needed
        wanted.add("namespaces")
    assert wanted <= kinds, kinds
    assert ("containers" if arena.sandbox.name == "docker" else "children of ours") in kinds, kinds


@pytest.mark.parametrize("target", EVERY_TARGET)
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_at_once_leave_honest_ones_alone(
    target: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred hostile submissions, six at a time, with honest ones among them: every verdict is right."""
    use_own_uids(monkeypatch)
    sandbox = make_sandbox(*target, executors=6)
    try:
        _fight_a_hundred(Arena(sandbox, tmp_path))
    finally:
        sandbox.close()


def _fight_a_hundred(arena: Arena) -> None:
    hostile = [program for program in programs(arena.sandbox.name) if not program.beside]
    chosen = [hostile[number * 7 % len(hostile)] for number in range(100)]
    with ThreadPoolExecutor(6) as pool:
        runs = []
        for program in chosen:
            runs.append(pool.submit(arena._grade_program, program, program.cases))
            runs.append(pool.submit(arena.grade_honest))
        faults = [fault for run in runs for fault in run.result()]
    assert faults == []
    assert arena.left() == []


def _runsc_is_there() -> bool:
    try:
        return "runsc" in docker.from_env().info().get("Runtimes", {})
    except docker.errors.DockerException:
        return False


@pytest.mark.docker
@pytest.mark.parametrize(
    "name",
    [
        "S03_thread_bomb",
        "S04_allocates_until_death",
        "S04_huge_pages",
        "S05_memory_by_children",
        "S05_memory_in_files",
        "S05_memory_shared",
        "S06_huge_but_empty",
        "S07_stdout_flood",
        "S08_stderr_flood",
        "S09_drip",
        "S13_opens_all_it_can",
        "S14_spins_in_children",
        "S17_sleeps",
        "S22_kills_those_above",
        "S39_leaves_files",
    ]
    if _runsc_is_there()
    else [],
)
def test_gvisor_stops_them_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine has gVisor; docs/operators.md says of some others what does not hold there yet."""
    use_own_uids(monkeypatch)
    launcher = DockerLauncher(Config.from_env(os.environ).image, "runsc")
    launcher.probe()
    sandbox = isolate(launcher, "box", FIGHTERS)  # there are no boxes: every case gets an executor
    try:
        Arena(sandbox, tmp_path).run(program_named(name, "gvisor"))
    finally:
        sandbox.close()


# -- doors of our own ---------------------------------------------------------------------------------------------


def test_an_archive_is_no_program() -> None:
    """Python would run it: an archive with a __main__.py in it. No assignment takes one unless it says so."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", "print('done')")
        archive.writestr("../../../etc/passwd", b"\0" * (64 << 20))
    with pytest.raises(SubmissionRejected, match="You handed in an archive, and this assignment takes one file"):
        check_source(data.getvalue(), LIMITS)


# -- the list itself ----------------------------------------------------------------------------------------------


def test_every_way_to_misbehave_is_tried_or_has_a_reason() -> None:
    tried = {row for sandbox in ("docker", "bubblewrap") for program in programs(sandbox) for row in program.rows}
    rows = {f"S{number}" for number in range(1, LAST_ROW + 1)}
    assert tried | TESTS.keys() | REASONS.keys() == rows
    assert not REASONS.keys() & (tried | TESTS.keys())
    assert len(REASONS) <= 8


def test_every_named_test_is_there() -> None:
    root = Path(__file__).parents[2]
    for name in {name for names in TESTS.values() for name in names}:
        path, _, function = name.partition("::")
        assert re.search(rf"^def {function}\(", (root / path).read_text(), re.MULTILINE), name
