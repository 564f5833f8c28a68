"""Checking many programs at once on this machine: no queue, no bucket; the daemon's own Grader, on all cores."""

import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from submitter.accounts import Account, cases_of
from submitter.comparison import Comparison
from submitter.errors import AssignmentRefused, SubmissionRejected
from submitter.grading import Grader
from submitter.languages import language_of_file
from submitter.model import Assignment, AssignmentRef, SubmissionState
from submitter.outcomes import GradeReport, ShownPoints
from submitter.ports import Sandbox
from submitter.results import group_entry
from submitter.scoring import max_score

_SAFE_STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A checked program: its report, or why there is none."""

    path: Path
    max_score: float
    report: GradeReport | None
    reason: str | None = None
    language: str | None = None
    comparison: Comparison | None = None

    @property
    def passed_everything(self) -> bool:
        return self.report is not None and self.report.passed_everything

    def document(self) -> dict[str, Any]:
        """The line that `submitter check --json` prints of it."""
        document: dict[str, Any] = {"program": str(self.path), "score": 0.0, "max_score": self.max_score, "cases": []}
        if self.report is None:
            return document | {"reason": self.reason}
        document["score"] = self.report.score
        if self.report.groups:
            document["groups"] = [group_entry(group) for group in self.report.groups]
        document["cases"] = [
            {
                "kind": str(result.case.kind),
                "ordinal": result.case.ordinal,
                "verdict": result.verdict.long_name,
                "points": result.points,
                "max_points": result.case.points,
                "cpu_time_s": result.run.cpu_time_s,
                "wall_time_s": result.run.wall_time_s,
                "memory_bytes": result.run.memory_bytes,
                "exit_code": result.run.exit_code,
                "signal": result.run.signal,
                "group": result.case.group,
                "role": str(result.case.role),
                "reason": result.reason,
            }
            for result in self.report.case_results
        ]
        return document


def account_of(ref: AssignmentRef, checked: Checked) -> Account:
    """A checked program for the reports that a submission has."""
    report = checked.report
    return Account(
        ref=ref,
        name=str(checked.path),
        state=SubmissionState.GRADED if report else SubmissionState.REJECTED,
        language=checked.language,
        comparison=checked.comparison,
        score=report.score if report else 0.0,
        max_score=checked.max_score,
        shown=ShownPoints(report.score if report else 0.0, checked.max_score),
        execution_time_s=report.execution_time_s if report else 0.0,
        reason=checked.reason,
        cases=cases_of(report) if report else (),
        groups=report.groups if report else (),
    )


def check_programs(
    sandbox: Sandbox,
    assignment: Assignment,
    paths: Sequence[Path],
    at_once: int,
    on_done: Callable[[], None] = lambda: None,
    *,
    by_extension: bool = False,
) -> Iterator[Checked]:
    """
    Grade files against an assignment; yields in the order given, each as soon as those before it are done.

    `on_done` is called, from other threads, whenever a program is finished. `by_extension`: each program's language
    is told by its file's name, not by the assignment.

    Raises:
        SandboxUnavailable: programs cannot be run here (any more).
        AssignmentRefused: a program's file cannot be read.
    """
    most = max_score(assignment.cases)

    with tempfile.TemporaryDirectory(prefix="submitter-check-") as root:

        def check(numbered: tuple[int, Path]) -> Checked:
            number, path = numbered
            # A directory each, so that every program keeps its own name: it is what its tracebacks show.
            name = path.stem if _SAFE_STEM.fullmatch(path.stem) else "program"
            try:
                program = _read(path, assignment.limits.source_bytes)
                language = language_of_file(path) if by_extension else assignment.language
                graded = dataclasses.replace(assignment, language=language)
                report = Grader(sandbox, Path(root, str(number))).grade(graded, program, name)
                return Checked(path, most, report, None, language, assignment.comparison)
            except SubmissionRejected as exc:
                return Checked(path, most, None, exc.detail or str(exc))
            finally:
                on_done()

        threads = ThreadPoolExecutor(at_once, thread_name_prefix="check")
        try:
            yield from threads.map(check, enumerate(paths))
        except BaseException:
            sandbox.close()  # Ctrl-C, a closed pipe, a sandbox gone: the programs that still run are not wanted
            raise
        finally:
            threads.shutdown(cancel_futures=True)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)  # one more than allowed is refused by the grader, with the reason
    except OSError as exc:
        raise AssignmentRefused(f"cannot read the program {path}: {exc.strerror}") from exc
