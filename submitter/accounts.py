"""
What became of a submission, as one frozen value: a store reads it, a check makes it, and every report draws it.

An account holds all that the course's admin may see. What is left of it for
the student is `results.seen_by_student`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from submitter.comparison import Comparison, Hint
from submitter.model import AssignmentRef, CaseKind, Step, SubmissionState, Verdict
from submitter.outcomes import CaseResult, GradeReport, ShownPoints
from submitter.points import CaseRole, GroupResult
from submitter.policy import USUAL, View

TEXT_CHARS = 16 * 1024  # of one input, expected output or output (there: bytes), at most: reports show less


class Try(StrEnum):
    """Which of a submission's results is meant."""

    LAST = "last"  # the one that the student sees
    BEST = "best"  # the most points among the newest results of each upload; of equals the newest


@dataclass(frozen=True, slots=True)
class Student:
    """Who handed it in; `email` is None if nobody registered the token."""

    token: str = field(repr=False)
    email: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTexts:
    """
    What went into a case and what came out, each cut after TEXT_CHARS.

    `input` and `expected` are None where they are not to be seen, and if the
    case `is_changed` since: what is there now is not what was graded.
    `stdout_bytes` and `stderr_bytes` count before the cut.
    """

    input: str | None = field(repr=False)
    expected: str | None = field(repr=False)
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)
    stdout_bytes: int
    stderr_bytes: int
    is_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUse:
    """What a case used, and how its program ended."""

    cpu_time_s: float
    wall_time_s: float
    memory_bytes: int
    exit_code: int | None
    signal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAccount:
    """
    How one case went; what is None is not to be seen, `texts` too if not asked for.

    `reason` is why it was not run; or why it ended so, where that is told without `use`. It may hold text of strangers.
    """

    kind: CaseKind
    ordinal: int
    verdict: Verdict
    points: float | None
    max_points: float | None
    use: CaseUse | None = None
    texts: CaseTexts | None = None
    group: str | None = None
    role: CaseRole = CaseRole.REGULAR
    hint: Hint | None = None
    reason: str | None = field(default=None, repr=False)
    step: Step = Step.RUN

    @property
    def name(self) -> str:
        return f"{self.kind} {self.ordinal}"

    @property
    def title(self) -> str:
        """Its name, with its step where the program is not run."""
        return self.name if self.step is Step.RUN else f"{self.name} ({self.step})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    A submission with one of its results; without a result (`state` is `grading`) there are no cases and no points.

    `name` is the subid, or a program's file when it was checked here. `number`
    is the attempt's whose result it is, `attempts` how many were begun.
    `language` and `comparison` are those of the newest attempt and of the
    assignment as it is now; None where nobody knows. `score` is what is left
    after the `penalty` for being `late_s` late. What its student was last shown
    of it say `view` and `shown`; where it `is_for_student`, the rest is gone.
    """

    ref: AssignmentRef
    name: str
    state: SubmissionState
    students: tuple[Student, ...] = ()
    attempts: int = 0
    number: int | None = None
    worker: str | None = None
    graded_at: datetime | None = None
    language: str | None = None
    comparison: Comparison | None = None
    late_s: float | None = None
    penalty: float = 0.0
    score: float = 0.0
    max_score: float = 0.0
    view: View = USUAL
    shown: ShownPoints = field(default_factory=ShownPoints)
    is_for_student: bool = False
    execution_time_s: float = 0.0
    reason: str | None = None  # why it was rejected
    cases: tuple[CaseAccount, ...] = ()
    groups: tuple[GroupResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFilter:
    """
    Which submissions, and which of their results; what is None does not matter.

    `verdict` is one that at least one case has, `student` a token or an e-mail
    address in any case of letters, `since` (aware) when the result is from, at the earliest.
    """

    ref: AssignmentRef | None = None
    subid: str | None = None
    state: SubmissionState | None = None
    verdict: Verdict | None = None
    student: str | None = None
    since: datetime | None = None
    which: Try = Try.LAST


def cases_of(report: GradeReport) -> tuple[CaseAccount, ...]:
    """A report's cases, with all that is known of them."""
    return tuple(map(_case_of, report.case_results))


def _case_of(result: CaseResult) -> CaseAccount:
    case, run = result.case, result.run
    return CaseAccount(
        kind=case.kind,
        ordinal=case.ordinal,
        verdict=result.verdict,
        points=result.points,
        max_points=case.points,
        use=CaseUse(
            cpu_time_s=run.cpu_time_s,
            wall_time_s=run.wall_time_s,
            memory_bytes=run.memory_bytes,
            exit_code=run.exit_code,
            signal=run.signal,
        ),
        texts=CaseTexts(
            input=case.input[:TEXT_CHARS],
            expected=case.expected[:TEXT_CHARS],
            stdout=run.stdout[:TEXT_CHARS],
            stderr=run.stderr[:TEXT_CHARS],
            stdout_bytes=len(run.stdout),
            stderr_bytes=len(run.stderr),
        ),
        group=case.group,
        role=case.role,
        hint=result.hint,
        reason=result.reason,
        step=case.step,
    )
