"""
What became of an attempt, as frozen values: results of cases, a report, an outcome, and what a student is shown of it.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime

from submitter.comparison import Hint
from submitter.model import Assignment, CaseKind, SubmissionKey, TestCase, Verdict
from submitter.points import CaseRole, GroupResult
from submitter.policy import Level, Policy, Terms, View
from submitter.runs import Environment, Phases, RunResult


@dataclass(frozen=True, slots=True)
class Remarks:
    """What a checker says of a case, in words: to its student (of `test` cases alone) and to the staff."""

    team: str = ""
    judge: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """
    A case, how its run went and what it is worth.

    `points` are less than 0 for a penalty case that failed. What a group is worth
    is not in them. `reason` says, in words for its student, why it was not run or
    what a checker made of it. `run_key` names all that the run came of
    (test_sets.Recipe), None where that is not known.
    """

    case: TestCase
    run: RunResult
    verdict: Verdict
    points: float
    hint: Hint | None = None  # of a wrong answer, of `test` cases alone
    partial: float | None = None  # the fraction it earned, 0 to 1; None: all if it was accepted, else nothing
    reason: str | None = None
    run_key: str | None = None
    remarks: Remarks | None = None  # of a checker, if one has judged it

    @property
    def fraction(self) -> float:
        """How much of it passed, 0 to 1."""
        if self.partial is not None:
            return self.partial
        return 1.0 if self.verdict is Verdict.ACCEPTED else 0.0


@dataclass(frozen=True, slots=True)
class GradeReport:
    """All case results of one attempt, in the order of the assignment's cases."""

    case_results: tuple[CaseResult, ...]
    score: float
    max_score: float
    execution_time_s: float  # wall time of all runs together
    groups: tuple[GroupResult, ...] = ()
    environment: Environment | None = None
    phases: Phases = field(default_factory=Phases)

    @property
    def passed_everything(self) -> bool:
        return all(result.verdict is Verdict.ACCEPTED and result.fraction == 1 for result in self.case_results)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """
    One object of the bucket; `version` tells two uploads of a key apart, even of the same bytes.

    `modified_at` is when it was uploaded, by the bucket's clock, in whole seconds.
    """

    data: bytes = field(repr=False)
    version: str
    modified_at: datetime


MOST_FAILURES = 5  # of attempts for one message that may be the submission's own doing


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStart:
    """
    What is known of an attempt at its start.

    `upload` is the program's version, None if there is no program; `message_id`
    the message that asked for the attempt, None if a command did; `lease_s` for
    how many seconds nobody else may grade the same upload; `handed_in_at` when
    the program was uploaded, by the bucket's clock. `assignment` is what it is
    judged by, as it was loaded, and `program_digest` the sha256 of the program;
    None where it did not come so far. `test_set_digest` is the assignment's, if
    somebody knows it already. `plan_id` is of the plan that it carries out.
    """

    key: SubmissionKey
    tokens: tuple[str, ...]
    language: str
    upload: str | None
    worker: str
    receive_count: int
    message_id: str | None = None
    lease_s: float = 120.0
    handed_in_at: datetime | None = None
    assignment: Assignment | None = field(default=None, repr=False)
    test_set_digest: str | None = None
    program_digest: str | None = None
    plan_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    How an attempt ended for good: graded (`report`) or rejected (`reason`).

    Exactly one of the two is set. `detail` is what exactly is wrong with the
    assignment, where that is the reason: for its staff. `terms` say what the assignment's policy
    makes of a report: points after a penalty, and how much of it is shown.
    """

    report: GradeReport | None = None
    reason: str | None = None
    detail: str | None = None
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        if (self.report is None) == (self.reason is None):
            raise ValueError("an outcome has either a report or a reason")

    @property
    def state(self) -> str:
        return "graded" if self.report is not None else "rejected"

    @property
    def score(self) -> float:
        """For the gradebook: all points, after the penalty."""
        return 0.0 if self.report is None else self.terms.after_penalty(self.report.score)

    @property
    def shown(self) -> "ShownPoints":
        return ShownPoints() if self.report is None else shown_points(self.report, self.terms)


@dataclass(frozen=True, slots=True)
class ShownPoints:
    """The points that a student is shown, after the penalty; not `whole` where those of some cases are not."""

    score: float = 0.0
    max_score: float = 0.0
    whole: bool = True


def shown_points(report: GradeReport, terms: Terms) -> ShownPoints:
    """A sum over all cases would tell of those that are hidden, so that it is over the others alone."""
    if all(terms.view.of(kind).shows(Level.POINTS) for kind in CaseKind):  # whether there are such cases or not
        return ShownPoints(terms.after_penalty(report.score), report.max_score)
    groups = shown_groups(report, terms.view)
    alone = [
        one
        for one in report.case_results
        if one.case.group is None and terms.view.of(one.case.kind).shows(Level.POINTS)
    ]
    score = round(math.fsum([*(one.points for one in alone), *(group.score for group in groups)]), 6)
    regular = (one.case.points for one in alone if one.case.role is CaseRole.REGULAR)
    max_score = round(math.fsum([*regular, *(group.max_score for group in groups)]), 6)
    return ShownPoints(terms.after_penalty(max(0.0, score)), max_score, whole=False)


def shown_groups(report: GradeReport, view: View) -> tuple[GroupResult, ...]:
    """The groups of which the points of all cases are shown, and those of all groups that they depend on."""
    hidden = {one.case.group for one in report.case_results if not view.of(one.case.kind).shows(Level.POINTS)}
    return without_hidden_groups(report.groups, hidden)


def without_hidden_groups(groups: tuple[GroupResult, ...], hidden: set[str | None]) -> tuple[GroupResult, ...]:
    """Those of the groups that are not `hidden`, by name, and depend on none that is."""
    depends_on = {one.group.name: one.group.depends_on for one in groups}

    def is_hidden(name: str) -> bool:
        return name in hidden or any(map(is_hidden, depends_on[name]))

    return tuple(one for one in groups if not is_hidden(one.group.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """
    A graded result that was published, read back from the history to be shown anew.

    `report` has the cases as they are now. One that was changed since, or is
    gone, is named in `changed`, and its input and expected output are empty.
    `test_set` is the number of the version that it was judged by, where that is known.
    """

    report: GradeReport
    policy: Policy
    terms: Terms  # only the side of the points, as it was recorded
    view: View  # what was shown last
    changed: frozenset[str] = frozenset()  # names of cases
    test_set: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedCase:
    """How a case went in the result that a student sees; the case is named as it was when that was graded."""

    kind: CaseKind
    ordinal: int
    verdict: Verdict
    points: float
