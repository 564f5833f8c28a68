"""What the suites of the port CaseStore share: values to store, and the store's witness."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg.rows import DictRow

from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase, Verdict
from submitter.outcomes import AttemptStart, CaseResult, GradeReport, Outcome
from submitter.ports import CaseStore
from submitter.runs import RunResult

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
KEY = SubmissionKey(REF, "ab" * 16)
ADA, GRACE = "a" * 32, "b" * 32
CASES = (
    TestCase(CaseKind.TEST, 1, "2", "4"),
    TestCase(CaseKind.TEST, 2, "two\nlines", "", points=0.5),
    TestCase(CaseKind.GRADE, 1, "-12", "144", points=2.5),
)
SQUARES = Assignment(ref=REF, cases=CASES)


@dataclass(frozen=True)
class Witness:
    """What a test must do or see that the port does not offer."""

    register: Callable[[str, str], object]
    history: Callable[[], list[tuple[str | None, str, bool]]]  # upload, state, published; in the order of beginning


def make_start(
    upload: str | None = "v1", *, key: SubmissionKey = KEY, tokens: tuple[str, ...] = (ADA,)
) -> AttemptStart:
    return AttemptStart(key=key, tokens=tokens, language="python", upload=upload, worker="host-1:42", receive_count=1)


def make_report(*verdicts: Verdict, run: RunResult | None = None) -> GradeReport:
    """A report with one `test` case per verdict, each worth a point."""
    run = run or RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4\n", cpu_time_s=0.01, wall_time_s=0.02)
    results = tuple(
        CaseResult(
            TestCase(CaseKind.TEST, ordinal, "2", "4"), run, verdict, 1.0 if verdict is Verdict.ACCEPTED else 0.0
        )
        for ordinal, verdict in enumerate(verdicts, start=1)
    )
    return GradeReport(results, sum(result.points for result in results), float(len(results)), 0.25)


GRADED = Outcome(report=make_report(Verdict.ACCEPTED, Verdict.WRONG_ANSWER))
REJECTED = Outcome(reason="There is no such assignment.")


def publish(store: CaseStore, attempt_id: int, outcome: Outcome, *, published: bool = True) -> None:
    with store.publish_turn(attempt_id) as turn:
        turn.record(outcome, published=published)


def gradebook(sql: psycopg.Connection[DictRow]) -> dict[str, object]:
    """The only submission's line."""
    (line,) = sql.execute("SELECT * FROM submitter.gradebook").fetchall()
    return line
