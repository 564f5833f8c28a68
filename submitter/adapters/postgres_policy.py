"""
Deadlines, tries and feedback in Postgres: the settings, what they need to know, and results that are shown anew.

What is a try, and what time it is, Postgres says, in the turn that publishes:
nobody else can publish for the same submission meanwhile.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, LiteralString

from psycopg.rows import TupleRow, dict_row

from submitter.adapters.postgres_checkers import remarks_from
from submitter.adapters.postgres_connections import Connection, numeric, our_errors, storable
from submitter.comparison import Hint
from submitter.model import AssignmentRef, CaseKind, Ending, Step, TestCase, Verdict
from submitter.outcomes import CaseResult, GradeReport, Outcome, PublishedResult
from submitter.points import CaseRole, Group, GroupResult, GroupRule, GroupStatus
from submitter.policy import Feedback, Late, Level, Policy, Stages, Terms, Tried, Tries, View
from submitter.results import group_entry
from submitter.runs import Environment, RunResult

# Of submitter.assignments AS a; `policy_from` reads a row that has them.
COLUMNS: LiteralString = """
    a.due_at, a.late_percent, a.late_period_s, a.late_floor_percent, a.late_grace_s, a.late_cutoff_s,
    a.tries, a.tries_period_s, a.tries_then_test, a.tries_then_grade,
    a.feedback_test, a.feedback_test_after_due, a.feedback_test_published,
    a.feedback_grade, a.feedback_grade_after_due, a.feedback_grade_published, a.feedback_published_at
"""

# Of submitter.submissions AS s and the attempt in question, submitter.attempts AS t; `tried_from` reads the three.
# Each attempt's result is looked up by its key: joined, all results would be read where Postgres has no statistics yet.
_GRADED_AT: LiteralString = (
    "(SELECT r.graded_at FROM submitter.results AS r WHERE r.attempt_id = a.id AND r.published AND r.state = 'graded')"
)
TRIED: LiteralString = f"""
    clock_timestamp(),
    (SELECT min({_GRADED_AT}) FROM submitter.attempts AS a
     WHERE a.submission_id = s.id AND a.upload IS NOT DISTINCT FROM t.upload),
    (SELECT array_agg(other.first_at) FILTER (WHERE other.first_at IS NOT NULL) FROM (
        SELECT min({_GRADED_AT}) AS first_at FROM submitter.attempts AS a
        WHERE a.submission_id = s.id AND a.upload IS DISTINCT FROM t.upload
        GROUP BY a.upload) AS other)
"""


def policy_from(row: Mapping[str, Any]) -> Policy:
    def seconds(name: str) -> float:
        return float(row[name])

    def stages(kind: str) -> Stages:
        levels = (row[f"feedback_{kind}{when}"] for when in ("", "_after_due", "_published"))
        return Stages(*(None if level is None else Level(level) for level in levels))  # type: ignore[arg-type]

    late = tries = None
    if row["late_percent"] is not None:
        late = Late(
            percent=float(row["late_percent"]),
            every_s=seconds("late_period_s"),
            floor_percent=float(row["late_floor_percent"]),
            grace_s=seconds("late_grace_s"),
            cutoff_s=None if row["late_cutoff_s"] is None else seconds("late_cutoff_s"),
        )
    if row["tries"] is not None:
        then = View(Level(row["tries_then_test"]), Level(row["tries_then_grade"]))
        tries = Tries(count=row["tries"], every_s=seconds("tries_period_s"), then=then)
    return Policy(
        due_at=row["due_at"],
        late=late,
        tries=tries,
        feedback=Feedback(test=stages("test"), grade=stages("grade")),
        published_at=row["feedback_published_at"],
    )


def save_policy(connection: Connection, ref: AssignmentRef, policy: Policy) -> bool:
    """See the port. Since when it is published is left alone."""
    late, tries, feedback = policy.late, policy.tries, policy.feedback
    values: dict[str, object] = {
        "due_at": policy.due_at,
        "late_percent": None if late is None else numeric(late.percent),
        "late_cutoff_s": None if late is None or late.cutoff_s is None else numeric(late.cutoff_s),
        "late_period_s": numeric(late.every_s if late else 86400),
        "late_floor_percent": numeric(late.floor_percent if late else 0),
        "late_grace_s": numeric(late.grace_s if late else 0),
        "tries": None if tries is None else tries.count,
        "tries_period_s": numeric(tries.every_s if tries else 86400),
        "tries_then_test": tries.then.test.value if tries else "everything",
        "tries_then_grade": tries.then.grade.value if tries else "nothing",
        "admin": storable(ref.admin),
        "event": storable(ref.event),
        "name": storable(ref.assignment),
    }
    for kind, stages in (("test", feedback.test), ("grade", feedback.grade)):
        values[f"feedback_{kind}"] = stages.now.value
        values[f"feedback_{kind}_after_due"] = None if stages.after_due is None else stages.after_due.value
        values[f"feedback_{kind}_published"] = None if stages.published is None else stages.published.value
    changed = connection.execute(
        """
        UPDATE submitter.assignments SET
            due_at = %(due_at)s, late_percent = %(late_percent)s, late_period_s = %(late_period_s)s,
            late_floor_percent = %(late_floor_percent)s, late_grace_s = %(late_grace_s)s,
            late_cutoff_s = %(late_cutoff_s)s, tries = %(tries)s, tries_period_s = %(tries_period_s)s,
            tries_then_test = %(tries_then_test)s, tries_then_grade = %(tries_then_grade)s,
            feedback_test = %(feedback_test)s, feedback_test_after_due = %(feedback_test_after_due)s,
            feedback_test_published = %(feedback_test_published)s,
            feedback_grade = %(feedback_grade)s, feedback_grade_after_due = %(feedback_grade_after_due)s,
            feedback_grade_published = %(feedback_grade_published)s, updated_at = now()
        WHERE admin = %(admin)s AND event = %(event)s AND name = %(name)s
        """,
        values,
    )
    return changed.rowcount == 1


def publish_feedback(connection: Connection, ref: AssignmentRef) -> bool:
    """See the port."""
    changed = connection.execute(
        "UPDATE submitter.assignments SET feedback_published_at = coalesce(feedback_published_at, clock_timestamp()) "
        "WHERE admin = %s AND event = %s AND name = %s",
        (storable(ref.admin), storable(ref.event), storable(ref.assignment)),
    )
    return changed.rowcount == 1


def tried_from(values: TupleRow) -> Tried:
    now, first_at, others_at = values
    return Tried(now=now, first_at=first_at, others_at=tuple(others_at or ()))


def case_digest(case: TestCase) -> bytes:
    """Of input and expected output; they are told apart by the length of the first."""
    text = case.input.encode(errors="surrogatepass")
    made = hashlib.blake2b(f"{len(text)}:".encode(), digest_size=16)
    made.update(text)
    made.update(case.expected.encode(errors="surrogatepass"))
    return made.digest()


def groups_as_kept(report: GradeReport) -> list[dict[str, Any]]:
    """What groups were worth, and what has to be known to show them anew."""
    return [group_entry(one) | {"depends_on": list(one.group.depends_on)} for one in report.groups]


def groups_from(kept: list[dict[str, Any]]) -> tuple[GroupResult, ...]:
    return tuple(
        GroupResult(
            Group(one["name"], GroupRule(one["rule"]), depends_on=tuple(one["depends_on"])),
            one["score"],
            one["max_score"],
            GroupStatus(one["status"]),
        )
        for one in kept
    )


# -- shown anew ---------------------------------------------------------------------------------------------------


@contextmanager
def reshow_turn(connection: Connection, ref: AssignmentRef, subid: str) -> Iterator["PostgresReshowing | None"]:
    """See the port; the turn ends with the transaction."""
    with our_errors():
        held = connection.execute(
            "SELECT id, published_attempt, results_version FROM submitter.submissions "
            "WHERE admin = %s AND event = %s AND assignment = %s AND subid = %s AND state = 'graded' FOR UPDATE",
            (storable(ref.admin), storable(ref.event), storable(ref.assignment), storable(subid)),
        ).fetchone()
        if held is None:
            yield None
            return
        submission_id, attempt_id, version = held
        tried = connection.execute(
            "SELECT "
            + TRIED
            + "FROM submitter.attempts AS t JOIN submitter.submissions AS s ON s.id = t.submission_id WHERE t.id = %s",
            (attempt_id,),
        ).fetchone()
        assert tried is not None
        result = _published_result(connection, ref, attempt_id)
    yield PostgresReshowing(connection, submission_id, attempt_id, result, version, tried_from(tried))


class PostgresReshowing:
    """A turn to show a result anew: the transaction that holds the submission's row."""

    def __init__(
        self,
        connection: Connection,
        submission_id: int,
        attempt_id: int,
        result: PublishedResult,
        results_version: str | None,
        tried: Tried,
    ) -> None:
        self.result = result
        self.results_version = results_version
        self.tried = tried
        self._connection = connection
        self._submission_id = submission_id
        self._attempt_id = attempt_id

    def record(self, outcome: Outcome, results_version: str) -> None:
        """See the port."""
        shown, view = outcome.shown, outcome.terms.view
        with our_errors():
            self._connection.execute(
                "UPDATE submitter.results SET shown_test = %s, shown_grade = %s, shown_score = %s, "
                "shown_max_score = %s, shown_whole = %s WHERE attempt_id = %s",
                (
                    view.test.value,
                    view.grade.value,
                    numeric(shown.score),
                    numeric(shown.max_score),
                    shown.whole,
                    self._attempt_id,
                ),
            )
            self._connection.execute(
                "UPDATE submitter.submissions SET results_version = %s, updated_at = clock_timestamp() WHERE id = %s",
                (results_version, self._submission_id),
            )


def _published_result(connection: Connection, ref: AssignmentRef, attempt_id: int) -> PublishedResult:
    with connection.cursor(row_factory=dict_row) as cursor:
        result = cursor.execute(
            """
            SELECT coalesce(r.score_before_penalty, r.score)::float AS score, r.max_score::float, r.execution_time_s,
                   r.late_s, r.penalty::float, r.shown_test, r.shown_grade, r.groups, t.handed_in_at,
                   r.image, r.isolation, (SELECT number FROM submitter.test_sets WHERE id = t.test_set_id) AS test_set
            FROM submitter.results AS r JOIN submitter.attempts AS t ON t.id = r.attempt_id
            WHERE r.attempt_id = %s
            """,
            (attempt_id,),
        ).fetchone()
        assert result is not None
        settings = cursor.execute(
            "SELECT " + COLUMNS + "FROM submitter.assignments AS a WHERE admin = %s AND event = %s AND name = %s",
            (storable(ref.admin), storable(ref.event), storable(ref.assignment)),
        ).fetchone()
        rows = cursor.execute(
            """
            SELECT r.*, c.input, c.expected, m.fraction, m.team_message, m.judge_message
            FROM submitter.case_results AS r
            LEFT JOIN submitter.case_remarks AS m USING (attempt_id, kind, ordinal)
            LEFT JOIN (submitter.test_cases AS c JOIN submitter.assignments AS a
                       ON a.id = c.assignment_id AND a.admin = %s AND a.event = %s AND a.name = %s)
                ON c.kind = r.kind AND c.ordinal = r.ordinal
            WHERE r.attempt_id = %s
            ORDER BY r.kind = 'grade', r.ordinal
            """,
            (storable(ref.admin), storable(ref.event), storable(ref.assignment), attempt_id),
        ).fetchall()
    results, changed = [], set()
    for row in rows:
        case = TestCase(
            CaseKind(row["kind"]),
            row["ordinal"],
            row["input"] or "",
            row["expected"] or "",
            float(row["max_points"]),
            group=row["group_name"],
            role=CaseRole(row["role"]),
            step=Step(row["step"]),
        )
        if row["input"] is None or row["case_digest"] is None or bytes(row["case_digest"]) != case_digest(case):
            changed.add(case.name)
            case = replace(case, input="", expected="")
        results.append(
            CaseResult(
                case,
                _run_from(row),
                Verdict.named(row["verdict"]),
                float(row["points"]),
                row["hint"] and Hint(row["hint"]),
                reason=row["reason"],
                **remarks_from(row),
            )
        )
    environment = None if result["image"] is None else Environment(image=result["image"], isolation=result["isolation"])
    report = GradeReport(
        case_results=tuple(results),
        score=result["score"],
        max_score=result["max_score"],
        execution_time_s=result["execution_time_s"],
        groups=groups_from(result["groups"]),
        environment=environment,
    )
    usual = View()
    return PublishedResult(
        report=report,
        policy=policy_from(settings) if settings is not None else Policy(),
        terms=Terms(handed_in_at=result["handed_in_at"], late_s=result["late_s"], penalty=result["penalty"]),
        view=View(Level(result["shown_test"] or usual.test), Level(result["shown_grade"] or usual.grade)),
        changed=frozenset(changed),
        test_set=result["test_set"],
    )


def _run_from(row: Mapping[str, Any]) -> RunResult:
    """As far as it is kept: the verdict says how it ended, so that `ending` is not asked for."""
    return RunResult(
        ending=Ending.EXITED if row["signal"] is None else Ending.SIGNALED,
        exit_code=row["exit_code"],
        signal=row["signal"],
        stdout=bytes(row["stdout"]),
        stderr=bytes(row["stderr"]),
        cpu_time_s=row["cpu_time_s"],
        wall_time_s=row["wall_time_s"],
        memory_bytes=row["memory_bytes"],
        lost_bytes=row["stdout_bytes"] - len(row["stdout"]),
    )
