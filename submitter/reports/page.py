"""
Pages of HTML: a submission's account, and an index of many.

A page is one file. It has no script, fetches nothing, and says so to the
browser by a policy that allows its own style sheet alone. Everything that is
not written in this module passes `_text`, which makes it harmless and escapes it.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from submitter.accounts import Account, CaseAccount
from submitter.comparison import Comparison, ComparisonKind
from submitter.hints import sentence
from submitter.model import Step, SubmissionState, Verdict
from submitter.points import points_text
from submitter.policy import Level
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

MOST_DETAILS = 100  # cases of a submission that are told in full; the table has all

INDEX = "index.html"

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff; --faint: #6b6b6b; --line: #d8d8d8; --box: #f5f5f5;
  --good: #0a6b2d; --bad: #a8201a; --minus: #fbe3e1; --plus: #dcefe1; --mark: #f3c02b66; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --faint: #a0a0a0; --line: #3a3a3a;
  --box: #222; --good: #6fce8b; --bad: #ff8a80; --minus: #4a2321; --plus: #1d3b27; --mark: #c9981a99; } }
body { font: 16px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 1.8rem 0 .3rem; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; }
h4 { font-size: .8rem; font-weight: 600; margin: .7rem 0 .1rem; color: var(--faint); }
p { margin: .2rem 0; overflow-wrap: anywhere; } .faint { color: var(--faint); }
.points { font-size: 1.3rem; font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
table { border-collapse: collapse; margin: .8rem 0; width: 100%; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; } .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th { font-size: .8rem; color: var(--faint); font-weight: 600; } meter { width: 4rem; margin-left: .5rem; }
pre { font: 13px/1.45 ui-monospace, monospace; background: var(--box); border: 1px solid var(--line); margin: .1rem 0;
  border-radius: 4px; padding: .4rem .6rem; white-space: pre-wrap; overflow-wrap: anywhere; overflow: hidden;
  unicode-bidi: isolate; direction: ltr; tab-size: 4; }
pre del, pre ins { text-decoration: none; display: block; } pre del { background: var(--minus); }
pre ins { background: var(--plus); } mark { background: var(--mark); color: inherit; border-radius: 2px; }
pre i { font-style: normal; color: var(--faint); opacity: .75; } pre .left-out { color: var(--faint); display: block; }
pre .same { display: block; } a { color: inherit; } summary { cursor: pointer; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } pre { font-size: 8.5pt; }
  section { break-inside: avoid-page; } meter { display: none; } a { text-decoration: none; } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(account: Account) -> str:
    """One submission's page."""
    opening = open_page(f"{account.ref.assignment}: {account.name}")
    return f"{opening}<h1>{_text(account.ref.assignment)}</h1>\n{section(account)}{close_page()}"


def file_name(account: Account) -> str:
    """What the index calls a submission's page: its subid, which is hexadecimal digits alone."""
    assert account.name.isalnum(), "a subid, not a program's file: it becomes a name in somebody's directory"
    return f"{account.name}.html"


def open_index(name: str) -> str:
    """The index of a folder of pages, before its rows: everybody's points, for the course's admin."""
    columns = ["assignment", "submission", "students", "state", "points.", "verdicts", "attempts.", "graded (UTC)"]
    return f"{open_page(name)}{title(name)}{_open_table(columns)}"


def index_row(account: Account) -> str:
    """A submission in the index, with a link to its page in the same folder."""
    has_result = account.state is not SubmissionState.GRADING
    score = f"{points_text(account.score)}/{points_text(account.max_score)}" if has_result else ""
    when = f"{account.graded_at:%Y-%m-%d %H:%M}" if account.graded_at else ""
    students = ", ".join(_text(one.email or one.token) for one in account.students)
    verdicts = " ".join(case.verdict.code for case in account.cases) or _text(account.reason or "")
    return (
        f'<tr><td>{_text(str(account.ref))}</td><td><a href="{file_name(account)}">{_text(account.name)}</a></td>'
        f"<td>{students}</td><td>{account.state}</td>"
        f'<td class="n">{score}</td><td>{verdicts}</td><td class="n">{account.attempts}</td><td>{when}</td></tr>\n'
    )


def close_index() -> str:
    return f"</tbody>\n</table>\n{close_page()}"


def title(text: str) -> str:
    return f"<h1>{_text(text)}</h1>\n"


def open_page(title: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    )


def close_page() -> str:
    return "</body>\n</html>\n"


def section(account: Account) -> str:
    """All that an account says, for a page that has a title."""
    head = [
        f"<h2>{_text(account.name)}</h2>\n",
        f'<p class="faint">{_text(str(account.ref))}',
        f" · {account.graded_at:%Y-%m-%d %H:%M} UTC" if account.graded_at else "",
        f" · attempt {account.number} of {account.attempts}" if account.number is not None else "",
        "</p>\n",
    ]
    if account.students:
        head.append(f"<p>{', '.join(_text(one.email or one.token) for one in account.students)}</p>\n")
    if account.state is SubmissionState.GRADING:
        return "".join([*head, "<p>There is no result yet.</p>\n"])
    if account.state is SubmissionState.REJECTED:
        reason = _text(account.reason or "", keep_lines=True)
        return "".join([*head, f'<p class="points bad">rejected</p>\n<pre>{reason}</pre>\n'])
    head.append(f'<p class="points">{points_of(account)}</p>\n')
    if told := facts(account):
        head.append(f'<p class="faint">{_text(" · ".join(told))}</p>\n')
    if shown := shown_to_student(account):
        head.append(f'<p class="faint">{_text(shown)}</p>\n')
    if compiler := compiler_message(account):
        head.append(f"<section>\n<h3>what the compiler said</h3>\n<pre>\n{escape(compiler)}</pre>\n</section>\n")
    return "".join([*head, _groups(account), _table(account.cases), *_details(account)])


def _groups(account: Account) -> str:
    """What each group of cases was worth, if there are any."""
    rows = [
        f"<tr><td>{_text(one.group.name)}</td><td>{one.group.rule.replace('_', ' ')}</td><td>{one.status}</td>"
        f'<td class="n">{points_text(one.score)}/{points_text(one.max_score)}</td></tr>\n'
        for one in account.groups
    ]
    return f"{_open_table(['group', 'rule', 'status', 'points.'])}{''.join(rows)}</tbody>\n</table>\n" if rows else ""


def _table(cases: tuple[CaseAccount, ...]) -> str:
    used = [case.use for case in cases if case.use is not None]
    most_s = max((use.wall_time_s for use in used), default=0.0)
    most_bytes = max((use.memory_bytes for use in used), default=0)
    has_groups = any(map(group_or_role, cases))
    rows = []
    for case in cases:
        use = case.use
        group = f"<td>{escape(group_or_role(case))}</td>" if has_groups else ""
        time = _measure(milliseconds(use.wall_time_s), use.wall_time_s, most_s) if use else ""
        cpu = milliseconds(use.cpu_time_s) if use else ""
        memory = _measure(f"{use.memory_bytes / 2**20:.1f}", use.memory_bytes, most_bytes) if use else ""
        rows.append(
            f"<tr><td>{case.title}</td>{group}<td>{_verdict(case.verdict)}</td>"
            f'<td class="n">{case_points(case)}</td>'
            f'<td class="n">{cpu}</td><td class="n">{time}</td><td class="n">{memory}</td></tr>\n'
        )
    columns = ["case", *(["group"] if has_groups else []), "verdict", "points.", "CPU ms.", "ms.", "MiB."]
    opening = _open_table(columns)
    return f"{opening}{''.join(rows)}</tbody>\n</table>\n"


def _open_table(columns: list[str]) -> str:
    """Up to its rows; columns whose name ends with `.` are numbers."""
    heads = "".join(
        f'<th scope="col" class="n">{name[:-1]}</th>' if name.endswith(".") else f'<th scope="col">{name}</th>'
        for name in columns
    )
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"


def _measure(number: str, value: float, most: float) -> str:
    """A number with a small bar, as long as its part of the largest; printed pages have the number alone."""
    if most <= 0:
        return number
    return f'{number}<meter min="0" max="1" value="{value / most:.3f}">{number}</meter>'


def _verdict(verdict: Verdict) -> str:
    style = {Verdict.ACCEPTED: "good", Verdict.SKIPPED: "faint"}.get(verdict, "bad")  # not run is no failure
    return f'<span class="{style}">{verdict.long_name.replace("_", " ")}</span>'


def _details(account: Account) -> Iterator[str]:
    # What a compiler said, it said of all cases: it is told once, above.
    told = [case for case in account.cases if case.texts is not None and case.verdict is not Verdict.COMPILE_ERROR]
    # Those that failed first: they are why somebody looks at the page.
    told.sort(key=lambda case: case.verdict is Verdict.ACCEPTED)
    for case in told[:MOST_DETAILS]:
        level = None if account.is_for_student else account.view.of(case.kind)
        yield _case(case, account.comparison, "" if level is None else _WHAT_A_STUDENT_SEES[level])
    if len(told) > MOST_DETAILS:
        yield f'<p class="faint">{len(told) - MOST_DETAILS} more cases are in the table only.</p>\n'


_WHAT_A_STUDENT_SEES = {
    Level.NOTHING: "hidden from the student",
    Level.VERDICT: "hidden from the student, but for the verdict",
    Level.POINTS: "hidden from the student, but for verdict and points",
    Level.DIFF: "the student does not see its input",
    Level.EVERYTHING: "",
}


def _case(case: CaseAccount, comparison: Comparison | None, note: str) -> str:
    texts = case.texts
    assert texts is not None
    parts = []
    if texts.is_changed:
        parts.append(
            "<p>The case was changed after this was graded: its input and expected output are not known.</p>\n"
        )
    elif texts.input is not None and case.step is Step.RUN:
        parts.append(_block("input", texts.input))
    if case.hint is not None:
        parts.append(f'<p class="hint">Hint: {sentence(case.hint)}.</p>\n')
    is_compared = case.step is Step.RUN
    diff = compare(texts, comparison) if case.verdict is Verdict.WRONG_ANSWER and is_compared else []
    if diff:
        parts.append(f"<h4>expected and printed: {_legend(diff)}</h4>\n<pre>{''.join(map(_diff_line, diff))}</pre>\n")
    else:
        if case.verdict is not Verdict.ACCEPTED:
            parts.append(_block("what happened", reason_of(case)))
        if texts.expected is not None and case.verdict is not Verdict.ACCEPTED and is_compared:
            is_pattern = comparison is not None and comparison.kind is ComparisonKind.REGEX
            parts.append(_block("expected: text that matches" if is_pattern else "expected", texts.expected))
        parts.append(_block("printed", texts.stdout, texts.stdout_bytes))
    if texts.stderr and case.verdict not in {Verdict.RUNTIME_ERROR, Verdict.COMPILE_ERROR}:  # which has told it
        parts.append(_block("standard error", texts.stderr, texts.stderr_bytes))
    hidden = f' <span class="faint">({note})</span>' if note else ""
    title = f"{case.title}: {_verdict(case.verdict)}{hidden}"
    if case.verdict is Verdict.ACCEPTED:
        return f"<details>\n<summary>{title}</summary>\n{''.join(parts)}</details>\n"
    return f"<section>\n<h3>{title}</h3>\n{''.join(parts)}</section>\n"


def _block(label: str, text: str | bytes, whole: int | None = None) -> str:
    shown = escape(plain(text, whole=whole)) if text else '<span class="left-out">nothing</span>'
    # A line break right after <pre> is dropped by every browser, and would be missing from what was printed.
    return f"<h4>{label}</h4>\n<pre>\n{shown}</pre>\n"


def _diff_line(line: DiffLine) -> str:
    if line.sign == "…":
        return f'<span class="left-out">… {escape(line.before)}</span>'
    changed = f"<mark>{_blanks(line.changed)}</mark>" if line.changed else ""
    text = f"{_blanks(line.before)}{changed}{_blanks(line.after)}"
    if line.sign in "=≈":
        return f'<span class="same">{line.sign.replace("=", " ")} {text}</span>'
    element, sign = ("del", "−") if line.sign == "-" else ("ins", "+")
    return f"<{element}>{sign} {text}</{element}>"


def _legend(diff: list[DiffLine]) -> str:
    forgiven = " ≈ differs and is forgiven," if any(line.sign == "≈" for line in diff) else ""
    return f"− is missing, + is too much,{forgiven} · is a space, → a tab"


def _blanks(text: str) -> str:
    """Escaped, with blanks to be seen; the escapes themselves hold none."""
    return escape(text).replace(" ", "<i>·</i>").replace("\t", "<i>→</i>")


def _text(text: str, *, keep_lines: bool = False) -> str:
    """Text of strangers in a page, or in a quoted attribute of it."""
    return escape(plain(text) if keep_lines else one_line(text))
