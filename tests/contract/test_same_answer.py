"""
The three levels of isolation give the same answers: no program can tell that it was forked.

How it works. Before the first test of a level in a sandbox, all programs that
are to be tested there are run once, two at a time; each test then holds one
program's answers at `box` or `container` against those at `strict`, which
starts a fresh interpreter for every case. `container` is `box` with a fresh
executor for every program: there, and in Docker, where a fresh executor takes
longer, it is every tenth program, and all of them in the long form.
tests/programs/README.md says how a program tells what it wants.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest.mark import ParameterSet

from submitter.errors import SandboxUnavailable
from submitter.model import MIB, Ending, Limits
from submitter.runs import CaseInput, Job, RunResult
from tests.conftest import make_sandbox

PROGRAMS = Path(__file__).parents[1] / "programs" / "same_answer"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.py"))
ORACLE, LEVELS = "strict", ("box", "container")
LIMITS: dict[str, Any] = {
    "cpu_time_s": 2.0,
    "wall_time_s": 10.0,
    "memory_bytes": 128 * MIB,
    "processes": 32,
    "file_bytes": 4 * MIB,
}
# Of each ending there are at least so many runs.
AT_LEAST = {"exited 0": 200, "exited not 0": 60, "signaled": 15, "compile_error": 20, "limit": 10}
NO_ANSWER = "no answer"

# What a program can tell it by, if it goes and looks, and is not mended.
FROZEN = "what was there before the program is kept from the garbage collector, or every case would copy it"
SUBCLASSES = "classes of modules that the executor uses are there from the start"
KNOWN_DIFFERENCES = {
    "gc_files": FROZEN,
    "gc_modules": FROZEN,
    "gc_objects_by_module": FROZEN,
    "gc_state": FROZEN,
    "gc_strings_of_runner": FROZEN,
    "module_exception_tree": SUBCLASSES,
    "subprocess_fingerprint": SUBCLASSES,
    "sys_subclasses": SUBCLASSES,
    "sys_subclasses_of_builtins": SUBCLASSES,
    "sys_subclasses_of_exceptions": SUBCLASSES,
    "process_command_line": "/proc/self/cmdline is the executor's",
}

pytestmark = pytest.mark.timeout(900)  # the first test of a sandbox waits for all programs


class Answer(NamedTuple):
    """What of a run must be the same; times and memory need not."""

    ending: str
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes


class Program:
    """A program and what its comments say of how to run it."""

    def __init__(self, name: str) -> None:
        self.source = (PROGRAMS / f"{name}.py").read_bytes()
        cases = [json.loads(text) for text in self._comments("case")] or [{}]
        self.inputs = tuple(
            CaseInput(
                tuple(case.get("arguments", ())),
                base64.b64decode(case.get("stdin_base64", "")) or case.get("stdin", "").encode(),
            )
            for case in cases
        )
        self.limits = Limits(**{**LIMITS, **json.loads("".join(self._comments("limits")) or "{}")})
        self.normalise = [re.compile(text.split()[0].encode()) for text in self._comments("normalise")]
        self.is_silent = not self.source.strip() or bool(re.search(rb"^# silent\r?$", self.source, re.MULTILINE))

    def _comments(self, name: str) -> list[str]:
        found = re.findall(rb"^# " + name.encode() + rb": (.*?)\r?$", self.source, re.MULTILINE)
        return [text.decode() for text in found]

    def job(self) -> Job:
        return Job(
            program=self.source, file_name="program.py", language="python", limits=self.limits, inputs=self.inputs
        )

    def answer(self, result: RunResult) -> Answer:
        # Of a run that was ended at a limit it is chance whether its own end was seen as well.
        own = result.ending in (Ending.EXITED, Ending.SIGNALED, Ending.COMPILE_ERROR)
        return Answer(
            result.ending,
            result.exit_code if own else None,
            result.signal if own else None,
            self._without_chance(result.stdout),
            self._without_chance(result.stderr),
        )

    def _without_chance(self, stream: bytes) -> bytes:
        for pattern in self.normalise:
            stream = pattern.sub(b"*", stream)
        return stream


Answers = dict[str, list[Answer]]  # by the program's name


@cache
def run_all(sandbox_name: str, level: str, names: tuple[str, ...]) -> Answers:
    with closing(make_sandbox(sandbox_name, level, hash_seed=0)) as sandbox, ThreadPoolExecutor(2) as pool:

        def run(name: str) -> list[Answer]:
            program = Program(name)
            try:
                return [program.answer(result) for result in sandbox.run(program.job())]
            except SandboxUnavailable as exc:  # not for others to suffer from: this program's test tells
                return [Answer(NO_ANSWER, None, None, b"", str(exc).encode())]

        return dict(zip(names, pool.map(run, names), strict=True))


@pytest.fixture
def answers(request: pytest.FixtureRequest, sandbox_name: str, level: str) -> dict[str, Answers]:
    """The answers at that level, and those of the oracle, of all programs that this session is to test there."""
    wanted: dict[str, set[str]] = {ORACLE: set(), **{each: set() for each in LEVELS}}
    for item in request.session.items:
        chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if item.path == request.path and chosen.get("sandbox_name") == sandbox_name and "name" in chosen:
            wanted[ORACLE].add(str(chosen["name"]))
            wanted[str(chosen["level"])].add(str(chosen["name"]))
    return {each: run_all(sandbox_name, each, tuple(sorted(wanted[each]))) for each in (ORACLE, level)}


def programs_in_sandboxes() -> list[ParameterSet]:
    often = set(NAMES[::10])
    return [
        pytest.param(
            sandbox_name,
            level,
            name,
            marks=[
                *([pytest.mark.docker] if sandbox_name == "docker" else []),
                *([] if name in often or (sandbox_name, level) == ("bubblewrap", "box") else [pytest.mark.long]),
            ],
        )
        for sandbox_name in ("bubblewrap", "docker")
        for level in LEVELS
        for name in NAMES
    ]


def differences(expected: list[Answer], found: list[Answer]) -> Iterator[str]:
    if len(expected) != len(found):
        yield f"{len(found)} answers instead of {len(expected)}: {found}"
        return
    for number, (wanted, got) in enumerate(zip(expected, found, strict=True), start=1):
        for field in Answer._fields:
            if getattr(wanted, field) != getattr(got, field):
                yield f"case {number}, {field}:\n  strict {getattr(wanted, field)!r}\n  here   {getattr(got, field)!r}"


@pytest.mark.parametrize(("sandbox_name", "level", "name"), programs_in_sandboxes())
def test_the_answer_is_the_same_at_every_level(answers: dict[str, Answers], level: str, name: str) -> None:
    expected = answers[ORACLE][name]
    assert all(answer.ending != NO_ANSWER for answer in expected), expected
    # Two programs that both print nothing by accident agree about nothing.
    assert Program(name).is_silent != any(answer.stdout or answer.stderr for answer in expected), expected
    told = list(differences(expected, answers[level][name]))
    if name in KNOWN_DIFFERENCES:
        assert told, "it is mended: take it off the list"
    else:
        assert not told, "\n".join(told)


def test_programs_end_in_every_way() -> None:
    """A corpus whose programs all ended alike would not show that endings are the same."""
    counts: Counter[str] = Counter()
    for answer in chain.from_iterable(run_all("bubblewrap", "box", tuple(NAMES)).values()):
        if answer.ending == Ending.EXITED:
            counts["exited 0" if answer.exit_code == 0 else "exited not 0"] += 1
        else:
            counts["limit" if answer.ending.endswith("_limit") else answer.ending] += 1
    assert all(counts[ending] >= least for ending, least in AT_LEAST.items()), counts


# -- what must differ ---------------------------------------------------------------------------------------------

TELL_CHANCE = b"import random\nprint(hash('a'), id(object()), random.random(), sep='\\n')\n"


def chances(sandbox_name: str) -> list[tuple[bytes, ...]]:
    """Hash, address and random number of two cases of one submission, in a box of a sandbox of their own."""
    with closing(make_sandbox(sandbox_name, "box")) as sandbox:
        job = Job(
            program=TELL_CHANCE,
            file_name="program.py",
            language="python",
            limits=Limits(),
            inputs=(CaseInput(()), CaseInput(())),
        )
        return [tuple(result.stdout.split()) for result in sandbox.run(job)]


@pytest.mark.parametrize("sandbox_name", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def test_two_zygotes_differ(sandbox_name: str) -> None:
    """Cases of one zygote share the layout of memory and the hash seed; those of two do not, nor chance in one."""
    (hash_1, address_1, random_1), (_, _, random_2) = chances(sandbox_name)
    (hash_2, address_2, random_3), _ = chances(sandbox_name)
    assert hash_1 != hash_2
    assert address_1 != address_2
    assert len({random_1, random_2, random_3}) == 3
