"""What the tests of reports share: accounts to draw, every way to draw one, and what no drawing may hold."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from submitter.accounts import Account, CaseAccount, CaseTexts, CaseUse, Student
from submitter.checking import Checked, account_of
from submitter.model import AssignmentRef, CaseKind, SubmissionState, Verdict
from submitter.outcomes import ShownPoints
from submitter.reports import gradebook, junit, page, terminal

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
ADA, GRACE = Student("a" * 32, "ada@example.edu"), Student("b" * 32, None)

RENDERERS: Mapping[str, Callable[[Account], str]] = {
    "page": page.page,
    "many on a page": lambda account: page.open_page("x") + page.section(account) + page.close_page(),
    "index": lambda account: page.open_index(str(account.ref)) + page.index_row(account) + page.close_index(),
    "junit": lambda account: junit.OPEN + junit.suite(account) + junit.CLOSE,
    "csv": gradebook.csv_rows,
    "json": gradebook.json_line,
    "terminal": lambda account: "\n".join(line.text for line in terminal.account_lines(account)),
}


def case(
    verdict: Verdict = Verdict.WRONG_ANSWER,
    kind: CaseKind = CaseKind.TEST,
    ordinal: int = 1,
    use: Mapping[str, Any] | None = None,
    **texts: Any,
) -> CaseAccount:
    """A case worth a point; `texts` and `use` replace what is there by default."""
    told = {"input": "3", "expected": "9", "stdout": b"6\n", "stderr": b"", **texts}
    sizes = {"stdout_bytes": len(told["stdout"]), "stderr_bytes": len(told["stderr"])}
    used = {"cpu_time_s": 0.011, "wall_time_s": 0.013, "memory_bytes": 9 << 20, "exit_code": 0, "signal": None}
    return CaseAccount(
        kind=kind,
        ordinal=ordinal,
        verdict=verdict,
        points=1.0 if verdict is Verdict.ACCEPTED else 0.0,
        max_points=1.0,
        use=CaseUse(**{**used, **(use or {})}),
        texts=CaseTexts(**{**sizes, **told}),
    )


def account(*cases: CaseAccount, **changes: Any) -> Account:
    """A graded submission of two students."""
    score = sum(one.points or 0.0 for one in cases)
    told = Account(
        ref=REF,
        name="ab" * 16,
        state=SubmissionState.GRADED,
        students=(ADA, GRACE),
        attempts=3,
        number=2,
        worker="host-1:42",
        graded_at=datetime(2026, 8, 1, 8, 30, tzinfo=UTC),
        score=score,
        max_score=float(len(cases)),
        shown=ShownPoints(score, float(len(cases))),
        execution_time_s=sum(one.use.wall_time_s for one in cases if one.use),
        cases=cases,
    )
    return replace(told, **changes)


def rejected(reason: str, **changes: Any) -> Account:
    return account(state=SubmissionState.REJECTED, reason=reason, **changes)


def open_() -> Account:
    return account(state=SubmissionState.GRADING, number=None, graded_at=None)


def refused_file(path: str, reason: str) -> Account:
    """A program that `check` would not run."""
    return account_of(REF, Checked(Path(path), 3.0, None, reason))


def is_harmful(character: str) -> bool:
    """By Unicode's own categories: control, invisible, half a surrogate pair, another line break, no character."""
    number = ord(character)
    is_none = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
    return character not in "\n\t" and (unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or is_none)
