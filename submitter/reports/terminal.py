"""One submission for a terminal: lines of harmless text, each with what it is, for whoever chooses the colours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from submitter.accounts import Account, CaseAccount
from submitter.comparison import Comparison
from submitter.hints import sentence
from submitter.model import Step, SubmissionState, Verdict
from submitter.points import points_text
from submitter.reports.diff import DiffLine, compare
from submitter.reports.text import (
    case_points,
    compiler_message,
    facts,
    group_or_role,
    milliseconds,
    one_line,
    plain,
    points_of,
    reason_of,
    shown_to_student,
)

MOST_TEXT_LINES = 40  # of an input or output
MOST_TEXT_CHARS = 2000

Role = Literal["title", "plain", "good", "bad", "dim", "expected", "printed"]


@dataclass(frozen=True, slots=True)
class Line:
    role: Role
    text: str


def account_lines(account: Account) -> Iterator[Line]:
    """The whole account; spaces show as `·` and tabs as `→` in the lines of a diff."""
    yield Line("title", one_line(f"{account.ref}/{account.name}"))
    if account.students:
        yield Line("plain", "by " + ", ".join(one_line(one.email or one.token) for one in account.students))
    if account.state is SubmissionState.GRADING:
        yield Line("dim", "no result yet")
        return
    when = f", {account.graded_at:%Y-%m-%d %H:%M} UTC" if account.graded_at else ""
    attempt = f", attempt {account.number} of {account.attempts}" if account.number is not None else ""
    if account.state is SubmissionState.REJECTED:
        yield Line("bad", f"rejected{when}{attempt}: {plain(account.reason or '')}")
        return
    yield Line("plain", f"{points_of(account)}{when}{attempt}")
    if told := facts(account):
        yield Line("dim", ", ".join(told))
    if shown := shown_to_student(account):
        yield Line("dim", shown)
    if compiler := compiler_message(account):
        yield Line("bad", "what the compiler said")
        yield from _text("", compiler)
    for group in account.groups:
        worth = f"{points_text(group.score)}/{points_text(group.max_score)}"
        yield Line(
            "plain", f"group {one_line(group.group.name)}: {group.status} {worth}, by the rule {group.group.rule}"
        )
    for case in account.cases:
        yield from _case_lines(case, account.comparison)


def _case_lines(case: CaseAccount, comparison: Comparison | None) -> Iterator[Line]:
    used = ""
    if case.use is not None:
        used = f"  {milliseconds(case.use.wall_time_s)} ms  {case.use.memory_bytes / 2**20:.1f} MiB"
    group = group_or_role(case)
    head = f"{case.title:10} {case.verdict.code:3} {case_points(case)}{f'  {group}' if group else ''}{used}"
    if case.verdict is Verdict.ACCEPTED:
        yield Line("good", head)
        return
    yield Line("dim" if case.verdict is Verdict.SKIPPED else "bad", head)
    if case.texts is None or case.verdict is Verdict.COMPILE_ERROR:
        return
    if case.texts.input is not None and case.step is Step.RUN:
        yield from _text("input", case.texts.input)
    elif case.texts.is_changed:
        yield Line("dim", "    the case was changed after this was graded: its input and expected output are not known")
    is_compared = case.verdict is Verdict.WRONG_ANSWER and case.step is Step.RUN
    lines = compare(case.texts, comparison) if is_compared else []
    if lines and case.hint is not None:
        yield Line("plain", f"    hint: {sentence(case.hint)}")
    if not lines:
        yield from _text("", reason_of(case))
    for line in lines:
        yield _diff_line(line)


def _diff_line(line: DiffLine) -> Line:
    roles: dict[str, Role] = {"=": "plain", "≈": "plain", "-": "expected", "+": "printed", "…": "dim"}
    text = line.before + line.changed + line.after
    if line.sign != "…":
        text = text.replace(" ", "·").replace("\t", "→")
    return Line(roles[line.sign], f"    {' ' if line.sign == '=' else line.sign} {text}")


def _text(label: str, text: str) -> Iterator[Line]:
    lines = plain(text, MOST_TEXT_CHARS).split("\n")
    for number, line in enumerate(lines[:MOST_TEXT_LINES]):
        yield Line("plain", f"    {f'{label}: ' if label and number == 0 else ''}{line}")
    if len(lines) > MOST_TEXT_LINES:
        yield Line("dim", f"    … {len(lines) - MOST_TEXT_LINES} more lines")
