"""What commands print for people: tables, with rich. Documents for machines are printed by the commands themselves."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from submitter.accounts import Account
from submitter.checking import Checked
from submitter.demo import DemoRow
from submitter.doctor import Finding, Health
from submitter.model import CaseKind, TestCase, Verdict
from submitter.outcomes import GradeReport
from submitter.points import CaseRole, GroupResult, points_text
from submitter.reports.terminal import account_lines
from submitter.reports.text import one_line
from submitter.results import explain

_STYLES = {Verdict.ACCEPTED: "green", Verdict.SKIPPED: "dim", Verdict.INTERNAL_ERROR: "magenta"}
_LINES = {
    "title": "bold",
    "plain": "",
    "good": "green",
    "bad": "red",
    "dim": "dim",
    "expected": "red",
    "printed": "green",
}
_MOST_FINDINGS = 20  # lines of a tool's
_MARKS = {Health.OK: ("ok", "green"), Health.ABSENT: ("--", "dim"), Health.BROKEN: ("!!", "bold red")}


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]], whole: str = "") -> None:
    """
    Print a table to standard output; columns whose name ends with `.` are numbers, aligned to the right.

    `whole` is a column whose cells are never folded, to be copied or searched for.
    """
    if title:
        _console().print(Text(title))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["right", "left"] = "right" if column.endswith(".") else "left"
        table.add_column(column.removesuffix("."), justify=justify, overflow="fold", no_wrap=column == whole)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    _console().print(table)


def verdict_codes(verdicts: Iterable[Verdict]) -> Text:
    """Every case's short code, in order, coloured on a terminal."""
    text = Text()
    for verdict in verdicts:
        text.append(" " if text else "")
        text.append(verdict.code, style=_STYLES.get(verdict, "red"))
    return text


def verdict_counts(verdicts: Iterable[Verdict]) -> Text:
    """How often each verdict came, in the order in which it came first: `12 AC 1 WA`."""
    text = Text()
    for verdict, count in Counter(verdicts).items():
        text.append(" " if text else "")
        text.append(f"{count} {verdict.code}", style=_STYLES.get(verdict, "red"))
    return text


def score(report: GradeReport) -> str:
    return f"{points_text(report.score)}/{points_text(report.max_score)}"


def group_or_role(case: TestCase) -> str:
    """The group that a case belongs to; of one that is in none, whether it is a bonus or a penalty."""
    return case.group or ("" if case.role is CaseRole.REGULAR else str(case.role))


def own_limits(case: TestCase) -> str:
    """The limits that a case has in the place of its assignment's, as SQL and `grading.toml` name them."""
    return ", ".join(f"{name} {points_text(value)}" for name, value in case.limits.given().items())


def print_groups(groups: Sequence[GroupResult]) -> None:
    """What each group was worth, if there are any."""
    if groups:
        rows = [
            (
                one.group.name,
                str(one.group.rule),
                str(one.status),
                f"{points_text(one.score)}/{points_text(one.max_score)}",
            )
            for one in groups
        ]
        print_table("", ["group", "rule", "status", "points."], rows)


def _group(result: GroupResult) -> str:
    return f"{result.group.name} {points_text(result.score)}/{points_text(result.max_score)} {result.status}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def print_checked(checked: Sequence[Checked]) -> None:
    """What `check` found: a line a program, then for each that failed the first `test` case that did."""
    rows: list[Sequence[str | Text]] = []
    for one in checked:
        if one.report is None:
            rows.append((str(one.path), Text("refused", style="red"), f"0/{points_text(one.max_score)}", ""))
        else:
            codes = verdict_codes(result.verdict for result in one.report.case_results)
            rows.append((str(one.path), codes, score(one.report), milliseconds(one.report.execution_time_s)))
    print_table("", ["program", "verdicts", "points.", "ms."], rows)
    for one in checked:
        if one.report and one.report.groups:
            _console().print(Text(f"{one.path}: {', '.join(map(_group, one.report.groups))}"))
        if note := _first_failure(one):
            _console().print(Text(f"{one.path}: {note}"))


def _first_failure(checked: Checked) -> str | None:
    if checked.report is None:
        return checked.reason
    for result in checked.report.case_results:
        if result.verdict not in {Verdict.ACCEPTED, Verdict.SKIPPED} and result.case.kind is CaseKind.TEST:
            return f"{result.case.name}: {result.verdict.long_name}: {explain(result).strip()}"
    return None


def print_results(document: Mapping[str, Any]) -> None:
    """A results document, as its student may see it."""
    if document["state"] == "rejected":
        _console().print(Text(f"rejected: {document['reason']}"))
        return
    rows = [
        (
            test["name"],
            test["verdict"],
            points_text(test["score"]) if "score" in test else "",
            _last_line(test),
        )
        for test in document["tests"]
    ]
    title = f"{document['subid']}: {points_text(document['score'])}/{points_text(document['max_score'])} points"
    if document.get("penalty"):
        title += f", {points_text(document['penalty'] * 100)}% lost for being late"
    print_table(title, ["case", "verdict", "points.", ""], rows)
    for test in document["tests"]:
        _print_findings(test)
    if note := document.get("feedback", {}).get("note"):
        _console().print(Text(note))
    if groups := document.get("groups"):
        worth = [
            (one["name"], one["rule"], one["status"], f"{points_text(one['score'])}/{points_text(one['max_score'])}")
            for one in groups
        ]
        print_table("", ["group", "rule", "status", "points."], worth)


def _last_line(test: Mapping[str, Any]) -> str:
    """Of what is told of a case: of a traceback the error itself; of a proof what came of it, its findings follow."""
    told = test.get("output", "").strip()
    return str(told.partition("\n")[0] if test.get("step") == "prove" else told.rpartition("\n")[2])


def _print_findings(test: Mapping[str, Any]) -> None:
    """What the tool that should have proved a program found, if its student may see that."""
    _, _, said = test.get("output", "").strip().partition("\n")
    if test.get("step") != "prove" or not said:
        return
    lines = said.splitlines()
    if len(lines) > _MOST_FINDINGS:
        lines = ["… (results.json has all of it)", *lines[-_MOST_FINDINGS:]]  # tools begin with their own name
    _console().print(Text("\n".join((f"{test['name']}:", *(f"  {line}" for line in lines)))))


def print_account(account: Account) -> None:
    """One submission's whole account."""
    console = _console()
    for line in account_lines(account):
        console.print(Text(line.text, style=_LINES[line.role]), soft_wrap=True)
    console.print()


def print_accounts(accounts: Iterable[Account]) -> None:
    """A line for each submission."""
    print_table(
        "",
        ["assignment", "submission", "students", "state", "points.", "verdicts", "attempts.", "graded (UTC)"],
        [
            (
                one_line(str(one.ref)),
                one.name,
                ", ".join(one_line(student.email or student.token) for student in one.students),
                str(one.state),
                f"{points_text(one.score)}/{points_text(one.max_score)}" if one.number is not None else "",
                verdict_codes(case.verdict for case in one.cases) if one.cases else one_line(one.reason or ""),
                str(one.attempts),
                f"{one.graded_at:%Y-%m-%d %H:%M}" if one.graded_at else "",
            )
            for one in accounts
        ],
        whole="submission",
    )


def print_demo(rows: Iterable[DemoRow]) -> None:
    """The demo's one table."""
    print_table(
        "",
        ["student", "handed in", "test 1-10, grade 1-4", "points.", "ms."],
        [
            (
                row.student,
                row.what,
                verdict_codes(row.verdicts) if row.verdicts else Text(row.reason, style="red"),
                f"{points_text(row.score)}/{points_text(row.max_score)}",
                milliseconds(row.seconds),
            )
            for row in rows
        ],
    )


def print_finding(finding: Finding) -> None:
    """A line of the doctor's report."""
    mark, style = _MARKS[finding.health]
    _console().print(Text.assemble((f"{mark:3}", style), f"{finding.what}: {finding.text}"))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=160)  # a pipe has no width: do not fold for it
