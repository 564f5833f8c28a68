"""
Grade books: CSV for spreadsheets, JSON lines for programs.

Cells are text of strangers. A spreadsheet takes one that begins with `=` or
the like for a formula, and a formula can send the others away: such a cell gets
an apostrophe before it, which spreadsheets take for "this is text".
"""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from submitter.accounts import Account, Student
from submitter.points import points_text
from submitter.reports.text import one_line
from submitter.results import group_entry

COLUMNS = (
    "admin",
    "event",
    "assignment",
    "subid",
    "token",
    "email",
    "state",
    "score",
    "max_score",
    "verdicts",
    "attempt",
    "attempts",
    "graded_at",
    "reason",
    "late_s",
    "penalty",
)

_NOBODY = Student("", None)
_FORMULA_STARTS = tuple("=+-@|%＝＋－＠")  # the last four are as wide as an ideograph


def csv_rows(account: Account) -> str:
    """A submission's lines: one for each student, or one if nobody is known."""
    ref = account.ref
    has_result = account.number is not None
    return "".join(
        csv_line(
            [
                ref.admin,
                ref.event,
                ref.assignment,
                account.name,
                student.token,
                student.email or "",
                str(account.state),
                account.score if has_result else None,
                account.max_score if has_result else None,
                " ".join(case.verdict.code for case in account.cases),
                account.number,
                account.attempts,
                account.graded_at.isoformat(timespec="seconds") if account.graded_at else "",
                account.reason or "",
                account.late_s,
                account.penalty if has_result else None,
            ]
        )
        for student in account.students or (_NOBODY,)
    )


def json_line(account: Account) -> str:
    """
    A submission in one line of JSON: its students, its points and its cases, without what went in or came out.

    In ASCII, so that text is exact and yet harmless where somebody looks at it.
    """
    return json.dumps(_record(account), allow_nan=False)


def _record(account: Account) -> dict[str, Any]:
    ref = account.ref
    return {
        "admin": ref.admin,
        "event": ref.event,
        "assignment": ref.assignment,
        "subid": account.name,
        "students": [{"token": student.token, "email": student.email} for student in account.students],
        "state": str(account.state),
        "score": account.score,
        "max_score": account.max_score,
        "attempt": account.number,
        "attempts": account.attempts,
        "graded_at": account.graded_at.isoformat() if account.graded_at else None,
        "reason": account.reason,
        "language": account.language,
        "late_s": account.late_s,
        "penalty": account.penalty,
        "shown": {
            "test": str(account.view.test),
            "grade": str(account.view.grade),
            "score": account.shown.score,
            "max_score": account.shown.max_score,
            "whole": account.shown.whole,
        },
        "execution_time_s": account.execution_time_s,
        "groups": [group_entry(group) for group in account.groups],
        "cases": [
            {
                "kind": str(case.kind),
                "ordinal": case.ordinal,
                "step": str(case.step),
                "verdict": case.verdict.long_name,
                "points": case.points,
                "max_points": case.max_points,
                "group": case.group,
                "role": str(case.role),
                "hint": case.hint,
            }
            | (
                {
                    "cpu_time_s": case.use.cpu_time_s,
                    "wall_time_s": case.use.wall_time_s,
                    "memory_bytes": case.use.memory_bytes,
                    "exit_code": case.use.exit_code,
                    "signal": case.use.signal,
                }
                if case.use is not None
                else {}
            )
            for case in account.cases
        ],
    }


def csv_line(cells: Iterable[str | float | None]) -> str:
    """A line of a CSV file, in UTF-8's characters: text made harmless, numbers as they are, None as nothing."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        _text(cell) if isinstance(cell, str) else _number(cell) for cell in cells
    )
    return line.getvalue()


def _text(cell: str) -> str:
    shown = one_line(cell)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA_STARTS) else shown


def _number(cell: float | None) -> str:
    return "" if cell is None else points_text(cell)
