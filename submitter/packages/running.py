"""Jury solutions through the engine that `submitter check` uses."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from submitter.checking import check_programs
from submitter.model import Assignment
from submitter.outcomes import GradeReport
from submitter.packages.problem import Solution
from submitter.packages.verify import Run
from submitter.ports import Sandbox


def engine(sandbox: Sandbox, at_once: int, on_done: Callable[[], None] = lambda: None) -> Run:
    """What runs solutions in a sandbox, so many at once; `on_done` is called, from other threads, after each."""

    def run(assignment: Assignment, solutions: Sequence[Solution]) -> Iterator[GradeReport | str]:
        with tempfile.TemporaryDirectory(prefix="submitter-package-") as root:
            paths = []
            for number, solution in enumerate(solutions):
                directory = Path(root, str(number))
                directory.mkdir()
                # Only the last part of a name that a stranger chose, and never as more than a file in our own folder.
                path = directory / PurePosixPath(solution.files[0].path).name
                path.write_bytes(solution.files[0].data)
                paths.append(path)
            for checked in check_programs(sandbox, assignment, paths, at_once, on_done):
                yield checked.report if checked.report is not None else checked.reason or "it was refused"

    return run
