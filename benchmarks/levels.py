"""
Our own levels, by way of the engine that the daemon and the commands use.

`open_level` and `Level.start` are the only places that know how a sandbox is
opened and what a job looks like.
"""

import contextlib
import itertools
import os
import tempfile
import time
import uuid
from collections.abc import Generator, Sequence
from pathlib import Path

from benchmarks import processes
from benchmarks.work import CPU_TIME_S, FILE_BYTES, MEMORY_BYTES, PROCESSES, WALL_TIME_S, Failed, NotHere
from submitter.app import isolate
from submitter.config import Config
from submitter.errors import SandboxUnavailable
from submitter.executors.bubblewrap_executor import BubblewrapLauncher
from submitter.executors.docker_executor import LABEL, DockerLauncher
from submitter.executors.link import Launcher
from submitter.grading import Grader
from submitter.model import Assignment, AssignmentRef, CaseKind, Limits, TestCase
from submitter.ports import Sandbox
from submitter.runs import CaseInput, Job, RunResult

SANDBOXES = ("docker", "bubblewrap")
ISOLATIONS = ("strict", "container", "box")
WARM = ("container", "box")
OUR_LEVELS = [(sandbox, isolation) for isolation in ISOLATIONS for sandbox in SANDBOXES]
LIMITS = Limits(
    cpu_time_s=CPU_TIME_S,
    wall_time_s=WALL_TIME_S,
    memory_bytes=MEMORY_BYTES,
    file_bytes=FILE_BYTES,
    processes=PROCESSES,
)
WARM_TIMEOUT_S = 30.0  # for a pool to be filled and at rest
REST_LOOK_S = 0.02


def open_level(
    sandbox: str,
    isolation: str,
    executors: int = 1,
    preload: Sequence[str] = (),
    *,
    image: str | None = None,
    python: str | None = None,
    script: Path | None = None,
) -> Sandbox:
    """
    A sandbox of ours at one level, with that many warm executors.

    `image` and `python` name others than the usual ones, for programs that need more than the standard library;
    `script` another executeSubmission.py, in bubblewrap only.

    Raises:
        NotHere: this machine, or this version, does not have it.
    """
    config = Config.from_env(os.environ)
    arguments = ["--preload", ",".join(preload)] if preload else []
    try:
        launcher: Launcher
        if sandbox == "docker":
            launcher = DockerLauncher(image or config.image, config.runtime, arguments)
        else:
            launcher = bubblewrap = BubblewrapLauncher(python, arguments)
            if script is not None:
                bubblewrap._script = str(script)  # nobody else may run another one
        launcher.probe()
    except SandboxUnavailable as exc:
        raise NotHere(str(exc)) from exc
    return isolate(launcher, isolation, executors)


class Level:
    """A contender of ours: the Sandbox port, from a program to its last result."""

    def __init__(
        self,
        sandbox: str,
        isolation: str,
        executors: int = 1,
        preload: Sequence[str] = (),
        *,
        image: str | None = None,
        python: str | None = None,
        script: Path | None = None,
    ) -> None:
        self.name = level_name(sandbox, isolation)
        self.kind, self.isolation, self.executors = sandbox, isolation, executors
        self._directory = tempfile.TemporaryDirectory(prefix="submitter-benchmark-")
        self.directory = Path(self._directory.name)
        self.directory.chmod(0o755)
        try:
            self.sandbox = open_level(sandbox, isolation, executors, preload, image=image, python=python, script=script)
        except BaseException:
            self._directory.cleanup()
            raise

    def start(self, program: bytes, inputs: Sequence[int]) -> Generator[RunResult, None, None]:
        """Begin one submission; results come as its cases end."""
        job = Job(
            program=program,
            file_name="program.py",
            language="python",
            limits=LIMITS,
            inputs=tuple(CaseInput((str(n),)) for n in inputs),
        )
        return self.sandbox.run(job)

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        results = list(self.start(program, inputs))
        for result in results:
            if result.exit_code != 0:
                raise Failed(f"{result.ending}: {result.stderr[-200:].decode(errors='replace')}")
        return [result.stdout for result in results]

    def executor_trees(self) -> list[list[int]]:
        """The processes of each executor that is there, the one that was started first in front."""
        if self.kind == "docker":
            roots = _container_processes()
        else:
            mine = processes.children_of().get(os.getpid(), [])
            roots = [pid for pid in mine if processes.program_of(pid) == "bwrap"]
        return [processes.tree_of(root) for root in roots]

    def settle(self) -> None:
        """Wait until as many executors as there should be are there and use no processor time."""
        wanted = self.executors if self.isolation in WARM else 0
        deadline = time.monotonic() + WARM_TIMEOUT_S
        still, before = 0, (-1, -1)
        while still < 3:
            trees = self.executor_trees() if wanted else []
            now = (len(trees), processes.ticks_of(itertools.chain.from_iterable(trees)))
            still = still + 1 if now == before and now[0] >= wanted else 0
            before = now
            if not wanted:
                return
            if time.monotonic() > deadline:
                raise Failed(f"{now[0]} of {wanted} executors are there and at rest after {WARM_TIMEOUT_S:.0f} s")
            time.sleep(REST_LOOK_S)

    def close(self) -> None:
        self.sandbox.close()
        self._directory.cleanup()


class GradedLevel(Level):
    """The same by way of the Grader, which judges too: what the daemon pays, but for its message."""

    def __init__(self, sandbox: str, isolation: str, executors: int = 1) -> None:
        super().__init__(sandbox, isolation, executors)
        self.name += ", graded"
        self._grader = Grader(self.sandbox, self.directory)

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        cases = tuple(TestCase(CaseKind.TEST, number, str(n), str(n * n)) for number, n in enumerate(inputs, start=1))
        assignment = Assignment(ref=AssignmentRef("a", "b", "c"), cases=cases, limits=LIMITS)
        report = self._grader.grade(assignment, program, uuid.uuid4().hex)
        if not report.passed_everything:
            raise Failed("a case was not accepted")
        return [result.run.stdout for result in report.case_results]


def level_name(sandbox: str, isolation: str) -> str:
    return f"{isolation}, {sandbox}"


def _container_processes() -> list[int]:
    """The first process of each running executor container of this process."""
    import docker

    api = docker.from_env().api
    roots = list[int]()
    try:
        for container in api.containers(filters={"label": LABEL}):
            if container.get("Labels", {}).get("submitter.owner", "").partition(":")[0] != str(os.getpid()):
                continue
            with contextlib.suppress(docker.errors.NotFound):
                state = api.inspect_container(container["Id"])["State"]
                if state["Running"] and state["Pid"]:
                    roots.append(int(state["Pid"]))
    finally:
        api.close()
    return sorted(roots)
