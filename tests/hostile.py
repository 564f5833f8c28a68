"""
Hostile programs: how tests/programs/hostile is read and run, and what may be left in the world afterwards.

The headers of the programs are described in tests/programs/hostile/README.md.
"""

import contextlib
import dataclasses
import gc
import os
import re
import secrets
import socket
import stat
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import docker
import docker.errors
import pytest

from submitter.executors import link
from submitter.executors.docker_executor import _labels
from submitter.grading import Grader
from submitter.model import Assignment, AssignmentRef, CaseKind, InputMode, Limits, SubmissionKey, TestCase, Verdict
from submitter.outcomes import CaseResult, GradeReport
from submitter.ports import Sandbox
from submitter.results import encode_graded, encode_out

PROGRAMS = Path(__file__).parent / "programs" / "hostile"
ATTEMPTS = PROGRAMS / "attempts.py"
MIB = 1 << 20
LIMITS = Limits(
    cpu_time_s=1.0, wall_time_s=2.0, memory_bytes=128 * MIB, output_bytes=64 << 10, file_bytes=4 * MIB, processes=32
)
HONEST_LIMITS = Limits(cpu_time_s=10.0, wall_time_s=30.0, memory_bytes=128 * MIB)
STDERR_BYTES = 64 << 10
SLACK_S = 1.0  # by which a limit of time may be overrun on a busy machine
SETTLE_S = 20.0  # what the kernel and the pool need to tidy up behind an executor
CLIENTS_POOL = 65  # connections that clients of the engine may keep: two pools of docker-py's 25, and the tests' own
LOST_BYTES = 512 * MIB  # of the disk: others write there too, but not as much as a program in a second

REF = AssignmentRef("tests", "tests", "hostile")


# -- the programs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What one case must get; several verdicts only where the row allows several."""

    argument: str
    verdicts: frozenset[str]
    signal: int | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class Program:
    path: Path
    rows: tuple[str, ...]
    headers: dict[str, str]
    cases: tuple[Expected, ...]
    beside: tuple[Expected, ...]

    @property
    def source(self) -> bytes:
        """What is handed in: `attempts.py` before it, when it says so; as many lines further down is then its own."""
        own = self.path.read_bytes()
        return ATTEMPTS.read_bytes() + own if self.headers.get("uses") == ATTEMPTS.name else own

    @property
    def looks(self) -> tuple[Expected, ...]:
        """The cases that look for what others left; a submission of nothing else comes after the first."""
        return tuple(case for case in self.cases if case.argument == "look")[:1]


_HEADER = re.compile(r"# (verdict|case (?P<case>.*?)|beside (?P<beside>.*?))( \((?P<only>\w+)\))?: (?P<what>.+)")


def read_program(path: Path, sandbox: str) -> Program:
    """Read a program's header, with what it says of that sandbox in place of what it says of all."""
    first, *lines = path.read_text().splitlines()
    rows, colon, _ = first.removeprefix("# ").partition(":")
    assert colon, f"{path.name} does not begin with its rows"
    cases: dict[tuple[str, int], Expected] = {}
    beside: dict[str, Expected] = {}
    headers: dict[str, str] = {}
    seen: list[str] = []
    for line in lines:
        if not line.startswith("# "):
            break
        if match := _HEADER.fullmatch(line):
            expected = _expected(match["case"] or match["beside"] or "", match["what"])
            if match["only"] not in (None, sandbox):
                continue
            if match["beside"] is not None:
                beside[expected.argument] = expected
                continue
            if match["only"] is None:
                seen.append(expected.argument)
            cases[expected.argument, seen.count(expected.argument)] = expected
        elif re.match(r"# [a-z-]+: ", line):
            name, _, value = line.removeprefix("# ").partition(": ")
            headers[name] = value
    assert cases, f"{path.name} names no verdict"
    return Program(path, tuple(rows.split(", ")), headers, tuple(cases.values()), tuple(beside.values()))


def _expected(argument: str, what: str) -> Expected:
    match = re.fullmatch(r"(\w+(?: or \w+)*)(?: signal (\d+))?(?: exit (\d+))?", what)
    assert match, what
    verdicts = frozenset(match[1].split(" or "))
    known = {verdict.long_name for verdict in Verdict} - {Verdict.INTERNAL_ERROR.long_name}
    assert verdicts <= known, f"{verdicts - known} is not for programs"
    signal, exit_code = (int(text) if text else None for text in match.groups()[1:])
    return Expected(argument, verdicts, signal, exit_code)


def programs(sandbox: str) -> list[Program]:
    """All programs that are for that sandbox and this machine, by name."""
    paths = sorted(PROGRAMS.glob("S[0-9]*.py"))
    found = [read_program(path, sandbox) for path in paths]
    here = os.uname().machine
    return [
        program
        for program in found
        if program.headers.get("only", sandbox) == sandbox and program.headers.get("machine", here) == here
    ]


def program_named(name: str, sandbox: str) -> Program:
    return read_program(PROGRAMS / f"{name}.py", sandbox)


# -- running them -------------------------------------------------------------------------------------------------

HONEST = b"""\
import os, sys
left = os.listdir('.') + os.listdir('/dev/shm')
open('mine', 'w').write('x')
print(int(sys.argv[1]) ** 2, left)
"""


class Arena:
    """A sandbox, what was in the world before anything hostile ran in it, and an honest student beside it."""

    def __init__(self, sandbox: Sandbox, work_dir: Path, quiet: bool = False) -> None:
        """`quiet`: nobody looks round afterwards, so that nothing need be known of the time before."""
        self.sandbox = sandbox
        self.work_dir = work_dir
        self._grader = Grader(sandbox, work_dir)
        self._engine = docker.from_env() if sandbox.name == "docker" else None
        if quiet:
            return
        with ThreadPoolExecutor(3) as pool:  # as many at once as will be later: pools and connections are made now
            for done in [pool.submit(self.grade_honest) for _ in range(3)]:
                done.result()
        self.before = self.settled()

    def grade(
        self,
        source: bytes,
        cases: Sequence[TestCase],
        mode: InputMode = InputMode.ARGUMENT,
        limits: Limits = LIMITS,
    ) -> GradeReport:
        assignment = Assignment(ref=REF, cases=tuple(cases), input_mode=mode, limits=limits)
        return self._grader.grade(assignment, source, secrets.token_hex(16))

    def grade_honest(self) -> list[str]:
        """An honest student must get what they deserve, at any time; there is nothing to complain of."""
        number = secrets.randbelow(10**6)
        cases = [case(n, str(number + n), f"{(number + n) ** 2} []") for n in (1, 2)]
        report = self.grade(HONEST, cases, limits=HONEST_LIMITS)
        assert report.passed_everything, [
            ("the honest one", result.verdict, result.run) for result in report.case_results
        ]
        return []

    def run(self, program: Program) -> None:
        """Run a program, with an honest neighbour all the while and an honest student after it; assert all promises."""
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            neighbour = pool.submit(self._neighbour, ended)
            try:
                faults = self.fight(program)
            finally:
                ended.set()
            neighbour.result()
        self.grade_honest()
        faults += self.left()
        assert not faults, "\n".join(faults)

    def fight(self, program: Program) -> list[str]:
        """
        Run a program, and beside it what its header names; returns what was not as promised.

        One that looks for what others left has a second submission, for that alone.
        """
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(self._grade_program, program, program.beside)
            faults = self._grade_program(program, program.cases)
            if program.looks and not program.beside:
                faults += self._grade_program(program, program.looks)
            return faults + beside.result()

    def _neighbour(self, ended: threading.Event) -> None:
        while True:
            self.grade_honest()
            if ended.wait(0.2):
                return

    def _grade_program(self, program: Program, expected: Sequence[Expected]) -> list[str]:
        if not expected:
            return []
        size = int(program.headers.get("input-bytes", 0))
        cases = [case(n, each.argument.ljust(size, "x"), "done") for n, each in enumerate(expected, start=1)]
        mode = InputMode(program.headers.get("input-mode", "argument"))
        limits = limits_for(expected)
        report = self.grade(program.source, cases, mode, limits)
        encode_out(report)
        encode_graded(SubmissionKey(REF, "0" * 32), report)
        most_s = float(program.headers.get("most-seconds", limits.wall_time_s))
        return [
            f"{program.path.stem} {each.argument!r}: {fault}"
            for each, result in zip(expected, report.case_results, strict=True)
            for fault in faults_of(each, result, most_s)
        ]

    # -- what is left --

    def settled(self) -> "World":
        """The world when it has stopped changing."""
        world = look_round(self._engine, self.work_dir)
        while True:
            time.sleep(0.3)
            again = look_round(self._engine, self.work_dir)
            if again.counts == world.counts:
                return again
            world = again

    def left(self, before: "World | None" = None) -> list[str]:
        """What there is more of than before the first hostile program, once the kernel has had its time."""
        end = time.monotonic() + SETTLE_S
        while True:
            more = look_round(self._engine, self.work_dir).more_than(before or self.before)
            if not more or time.monotonic() > end:
                return more
            time.sleep(0.05)


def limits_for(expected: Sequence[Expected]) -> Limits:
    """Little time by the clock for those who wait, more for those who work: a busy machine gives them little of it."""
    waits = any(Verdict.WALL_TIME_LIMIT_EXCEEDED.long_name in each.verdicts for each in expected)
    return LIMITS if waits else dataclasses.replace(LIMITS, wall_time_s=30.0)


def case(ordinal: int, text: str, expected: str, kind: CaseKind = CaseKind.TEST) -> TestCase:
    return TestCase(kind=kind, ordinal=ordinal, input=text, expected=expected)


def faults_of(expected: Expected, result: CaseResult, most_s: float = LIMITS.wall_time_s) -> list[str]:
    """What is not as it must be: the verdict, how it ended, its account, and every attempt that was not refused."""
    run = result.run
    faults = []
    if result.verdict.long_name not in expected.verdicts:
        faults.append(f"{result.verdict.long_name}, not {' or '.join(sorted(expected.verdicts))}: {run}")
        faults.append(f"it said {run.stdout[:300]!r} and {run.stderr[-600:]!r}")
    for name, wanted, found in (("signal", expected.signal, run.signal), ("exit", expected.exit_code, run.exit_code)):
        if wanted is not None and wanted != found:
            faults.append(f"{name} {found}, not {wanted}")
    faults += [line.decode(errors="replace") for line in told(run.stdout + b"\n" + run.stderr)]
    if run.wall_time_s > most_s + run.starved_s + SLACK_S:
        faults.append(f"it took {run.wall_time_s} s")
    if run.cpu_time_s > LIMITS.cpu_time_s + SLACK_S:
        faults.append(f"it used {run.cpu_time_s} s of the processor")
    if len(run.stdout) > LIMITS.output_bytes or len(run.stderr) > STDERR_BYTES:
        faults.append("more of its output was kept than the limit")
    if result.verdict is Verdict.OUTPUT_LIMIT_EXCEEDED and len(run.stdout) != LIMITS.output_bytes:
        faults.append(f"{len(run.stdout)} bytes were kept of {LIMITS.output_bytes}")
    return faults


def told(output: bytes) -> list[bytes]:
    """The lines by which a program says that something was not refused, or not by what should have refused it."""
    return [line for line in output.splitlines() if line.startswith((b"SUCCEEDED", b"UNEXPECTED"))]


# -- what there is in the world -----------------------------------------------------------------------------------


def use_own_uids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process's executors uids that nobody else's have, so that they can be counted."""
    monkeypatch.setattr(link, "UID_FIRST", 2_000_000_000 + secrets.randbelow(90_000) * 1000)
    monkeypatch.setattr(link, "UID_COUNT", 1000)


@dataclass(frozen=True)
class World:
    """Counts of what an executor is made of, and the mounts."""

    counts: dict[str, int]
    mounts: frozenset[str] = field(repr=False)
    free_bytes: int

    def more_than(self, before: "World") -> list[str]:
        more = [
            f"{now} {name}, not {before.counts[name]}" for name, now in self.counts.items() if now > before.counts[name]
        ]
        more += [f"the mount {place}" for place in self.mounts - before.mounts - _mounts_of_containers()]
        if before.free_bytes - self.free_bytes > LOST_BYTES:
            more.append(f"{before.free_bytes - self.free_bytes} bytes less on the disk")
        return more


def look_round(engine: "docker.DockerClient | None", work_dir: Path) -> World:
    gc.collect()  # sockets of the engine's client wait in circles
    processes = sandbox_processes()
    usage = os.statvfs(work_dir)
    connections = _connections_to_the_engine()
    counts = {
        "connections to the engine": max(CLIENTS_POOL, connections),
        "threads of ours": threading.active_count(),
        "descriptors of ours": len(os.listdir("/proc/self/fd")) - connections,
        "children of ours": len(_children(os.getpid())),
        "processes": len(processes),
        "namespaces": len({name for pid in processes for name in _namespaces(pid)}),
        "containers": len(own_containers(engine)) if engine else 0,
        "cgroups": len(_stray_cgroups(engine)) if engine else 0,
        "entries in the work directory": len(os.listdir(work_dir)),
    }
    with open("/proc/self/mountinfo") as file:
        places = (line.split()[4] for line in file)
        # Others of this machine mount what they like; what an executor needs is the engine's, or where we work.
        mounts = frozenset(place for place in places if "docker" in place or place.startswith(str(work_dir)))
    return World(counts, mounts, usage.f_bavail * usage.f_frsize)


def _connections_to_the_engine() -> int:
    """Our descriptors that lead to the engine: its client keeps a pool of them, which grows to a bound."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    found += str(sock.getpeername()).endswith("/docker.sock")
    return found


def sandbox_processes() -> list[int]:
    """Every process that has a uid of one of our executors, or is ours in another PID namespace."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_of_a_sandbox(pid)]


def _is_of_a_sandbox(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status") as file:
            uid = next(int(line.split()[1]) for line in file if line.startswith("Uid:"))
        if link.UID_FIRST <= uid < link.UID_FIRST + link.UID_COUNT:
            return True
        return uid == os.getuid() != 0 and os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    except OSError:
        return False  # it ended meanwhile, or is another's


def _namespaces(pid: int) -> set[str]:
    found = set()
    for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def own_containers(engine: "docker.DockerClient") -> list[str]:
    """The ids of the containers that this process has made."""
    label = f"submitter.owner={_labels()['submitter.owner']}"
    return [found["Id"] for found in engine.api.containers(all=True, filters={"label": label})]


def _stray_cgroups(engine: "docker.DockerClient") -> set[str]:
    """Cgroups that are named after a container which is no more."""
    named = re.compile(r"[0-9a-f]{64}")
    found = set()
    for top in ("/sys/fs/cgroup/memory/docker", "/sys/fs/cgroup/docker", "/sys/fs/cgroup/system.slice"):
        with contextlib.suppress(OSError):
            found |= {match[0] for name in os.listdir(top) if (match := named.search(name))}
    return found - {each["Id"] for each in engine.api.containers(all=True)} if found else found


def _mounts_of_containers() -> set[str]:
    """Mounts of containers that are there: others' too, and our own are counted as what they are."""
    found = set()
    with contextlib.suppress(docker.errors.DockerException):
        engine = docker.from_env()
        for container in engine.api.containers():
            with contextlib.suppress(docker.errors.NotFound):
                told = engine.api.inspect_container(container["Id"])
                found |= {
                    (told["GraphDriver"]["Data"] or {}).get("MergedDir", ""),
                    told["NetworkSettings"]["SandboxKey"],
                    f"/var/lib/docker/containers/{container['Id']}/mounts/shm",
                }
        engine.close()
    return found
