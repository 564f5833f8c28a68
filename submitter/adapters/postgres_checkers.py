"""Checkers in Postgres: an assignment's own, and what one said of the cases of an attempt."""

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import Cursor

from submitter.adapters.postgres_connections import Connection, storable
from submitter.model import Checker
from submitter.outcomes import GradeReport, Remarks

# Of submitter.assignments AS a, joined with its cases AS c, in the first row alone: a checker may be as large as
# thousands of cases. `checker_from` reads the column.
CHECKER: LiteralString = """
    CASE WHEN row_number() OVER (ORDER BY c.kind = 'grade', c.ordinal) = 1 THEN (
        SELECT jsonb_build_array(k.program, k.language, k.arguments, k.interactive)
        FROM submitter.checkers AS k WHERE k.assignment_id = a.id) END AS checker,
"""


def checker_from(column: Any) -> Checker | None:
    if column is None:
        return None
    program, language, arguments, interactive = column
    return Checker(program=program, language=language, arguments=tuple(arguments), interactive=interactive)


def save_checker(cursor: Cursor[Any], assignment_id: Any, checker: Checker | None) -> None:
    """In the place of the one that the assignment has."""
    cursor.execute("DELETE FROM submitter.checkers WHERE assignment_id = %s", (assignment_id,))
    if checker is not None:
        cursor.execute(
            "INSERT INTO submitter.checkers (assignment_id, language, program, arguments, interactive) "
            "VALUES (%s, %s, %s, %s, %s)",
            (assignment_id, checker.language, checker.program, list(checker.arguments), checker.interactive),
        )


def note_remarks(connection: Connection, attempt_id: int, report: GradeReport | None) -> None:
    """What a checker said of the report's cases, if one was asked."""
    rows = [
        (
            attempt_id,
            one.case.kind.value,
            one.case.ordinal,
            one.partial,
            storable(one.remarks.team),
            storable(one.remarks.judge),
        )
        for one in (report.case_results if report else ())
        if one.remarks is not None
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO submitter.case_remarks (attempt_id, kind, ordinal, fraction, team_message, judge_message) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                rows,
            )


def remarks_from(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row of case_results joined with its remarks: what CaseResult has of them."""
    if row["team_message"] is None:
        return {}
    return {"remarks": Remarks(row["team_message"], row["judge_message"]), "partial": row["fraction"]}
