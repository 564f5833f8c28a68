"""
What goes into a sandbox and what comes out of it, as frozen values: jobs, inputs and runs.

What programs printed stays bytes until a document is written from them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from submitter.model import Ending, Limits, Step


@dataclass(frozen=True, slots=True)
class CaseInput:
    """
    What of a case enters an executor: its arguments and standard input, never its expected output.

    `files` are names and data of files that lie in the case's own directory
    when it begins, and count against its limit of files.

    Raises:
        ValueError: a name is none that a file there can have.
    """

    arguments: tuple[str, ...]
    stdin: bytes = field(default=b"", repr=False)
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    step: Step = Step.RUN

    def __post_init__(self) -> None:
        for name, _ in self.files:
            check_file_name(name)

    @property
    def files_bytes(self) -> int:
        return sum(len(data) for _, data in self.files)


_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


def check_file_name(name: str) -> None:
    """
    See that a file in a case's directory can be called so: one part of plain characters, not hidden.

    Raises:
        ValueError: it cannot.
    """
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a file's name: write letters, digits and _.- alone, and no . at its start"
        )


class Role(StrEnum):
    """
    Whose program it is. Who judges gets to see expected outputs, and so never runs where a student's program does.
    """

    STUDENT = "student"
    JUDGE = "judge"


FEEDBACK_DIRECTORY = "/tmp/feedback"  # in a box, whose /tmp is the case's own


def always(_: int) -> bool:
    """Every input is wanted, whatever the results of others."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One program to run against inputs, as a sandbox gets it.

    `file_name` is what the program is called where it runs: /usr/src/submitter/<file_name>. `is_archive`: `program` is
    a zip or tar with that file in it. `files` is an archive of the assignment's, for the program to find. `preload` are
    modules that it may find ready; what it prints does not depend on that.
    `is_wanted` says of an input, by its index, whether it is to be run: None as
    long as that depends on results that were not given yet, which none does
    whose predecessors' results were all given.
    `collect` are names of files that are wanted back from each case, which for
    that finds an empty directory FEEDBACK_DIRECTORY.
    """

    program: bytes = field(repr=False)
    file_name: str
    language: str
    limits: Limits
    inputs: tuple[CaseInput, ...]
    is_archive: bool = False
    files: bytes | None = field(default=None, repr=False)
    preload: tuple[str, ...] = ()
    is_wanted: Callable[[int], bool | None] = field(default=always, compare=False, repr=False)
    role: Role = Role.STUDENT
    collect: tuple[str, ...] = ()
    streamed: bool = False  # whether another program speaks to it while it runs; only in `Sandbox.converse`

    @property
    def is_unpacked(self) -> bool:
        """Whether there is anything to unpack before it can run."""
        return self.is_archive or self.files is not None

    @property
    def step(self) -> Step:
        """Of its inputs, where all have the same: executors get no other jobs (steps.run_in_steps)."""
        return self.inputs[0].step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """
    One finished run, as the executor saw it.

    `stdout` is cut at the output limit, `stderr` at the executor's own bound.
    `exit_code` is set when it exited, `signal` when a signal ended it.
    `memory_bytes` is the peak that could be seen, 0 where nothing ran.
    `starved_s` is for how long the program could have run and no processor was
    free. `earlier` is the run that this one takes the place of, since it
    was too slow on a machine that was short of processors. `lost_bytes` is how
    much followed on `stdout` that was not kept: of runs read back from the history.
    `collected` has what was left of the files that the job wanted back, cut at a
    bound of the executor's.
    """

    ending: Ending
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    memory_bytes: int = 0
    starved_s: float = 0.0
    earlier: "RunResult | None" = None
    lost_bytes: int = 0
    collected: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    How a program and one that judges it spoke to each other.

    `judge_ended_first`: it closed its side before the program had ended.
    `both_waited`: when the program's wall time was over, each waited for the
    other to say something, and nothing was under way.
    """

    run: RunResult
    judge: RunResult
    judge_ended_first: bool = False
    both_waited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What programs run in: `image` is a digest of the interpreter and the executor, `isolation` as in `docker/box`."""

    image: str
    isolation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """
    Where an attempt's time went, in seconds; None where that is not known.

    `fetch_s`: metadata, program and cases; `wait_s`: until an executor began with
    the first case; `run_s`: from there to the last answer; `judge_s`: the judgement.
    """

    fetch_s: float | None = None
    wait_s: float | None = None
    run_s: float | None = None
    judge_s: float | None = None
