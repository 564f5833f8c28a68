"""
The documents that go out: `<subid>.out`, `<subid>.results.json`, and the case files `test.in` and `test.out`.

What a student may see is cut out here and nowhere else, by the levels that the
terms give: of a `grade` case only its number, verdict and points leave, unless
the assignment's policy says more or less.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from submitter.accounts import Account, CaseAccount
from submitter.hints import sentence
from submitter.model import CaseKind, Ending, Step, SubmissionKey, TestCase, Verdict
from submitter.outcomes import CaseResult, GradeReport, shown_groups, shown_points, without_hidden_groups
from submitter.points import CaseRole, GroupResult
from submitter.policy import USUAL, USUAL_TERMS, Level, Terms, View
from submitter.runs import RunResult

SCHEMA_VERSION = 1
SHOWN_TEXT_CHARS = 4000  # of one output in results.json; the whole of it is in `.out`
SHOWN_DIFF_CHARS = 200  # of an output quoted inside a sentence

_NOT_KEPT = "the case was changed after this was graded"

_LINE_BREAK = re.compile(rb"\r\n|\n|\r")
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all control characters but tab and line breaks


def one_line(text: bytes) -> bytes:
    """Text as one line of a file: no final newline, every line break inside written as the two characters \\n."""
    return _LINE_BREAK.sub(rb"\\n", text.removesuffix(b"\n").removesuffix(b"\r"))


def encode_lines(texts: list[bytes]) -> bytes:
    """A case file or `.out`: line N is text N."""
    return b"".join(one_line(text) + b"\n" for text in texts)


def case_inputs_file(cases: tuple[TestCase, ...]) -> bytes:
    """`test.in`: the inputs of the `test` cases, in order. Those of `grade` cases never go into a file."""
    return encode_lines([case.input.encode() for case in cases if case.kind is CaseKind.TEST])


def case_outputs_file(cases: tuple[TestCase, ...]) -> bytes:
    """`test.out`: the expected outputs of the `test` cases, in order."""
    return encode_lines([case.expected.encode() for case in cases if case.kind is CaseKind.TEST])


def encode_out(report: GradeReport, view: View = USUAL) -> bytes:
    """
    `<subid>.out`: what the program printed for each `test` case, in order, byte for byte but for line breaks.

    Empty where outputs are not shown. Those of `grade` cases are in it at no level.
    """
    if not view.test.shows(Level.DIFF):
        return b""
    return encode_lines([result.run.stdout for result in report.case_results if result.case.kind is CaseKind.TEST])


def encode_graded(
    key: SubmissionKey,
    report: GradeReport,
    terms: Terms = USUAL_TERMS,
    changed: frozenset[str] = frozenset(),
    test_set: int | None = None,
) -> bytes:
    """
    `<subid>.results.json` of a graded submission (docs/results.schema.json), with what the terms let its student see.

    `changed` are names of cases whose text is not the one that was graded: it is shown at no level.
    `test_set` is the number of the test set's version, where it is known. Not its digest, from which a hidden expected
    output could be guessed; nor the host and the phases, whose times are those of hidden cases, too.
    """
    view = terms.view
    shown = [
        replace(one, reason=None) if one.verdict is Verdict.SKIPPED and _has_hidden_kind(view) else one
        for one in report.case_results
        if view.of(one.case.kind).shows(Level.VERDICT)
    ]
    points = shown_points(report, terms)
    groups = shown_groups(report, view)
    tests = [
        # Numbered among those that are shown: a gap would tell how many are not.
        _test_entry(number, result, view.of(result.case.kind), result.case.name in changed)
        for number, result in enumerate(shown, start=1)
    ]
    return _encode(
        _head(key, "graded")
        | {"score": points.score, "max_score": points.max_score}
        | _lateness(terms)
        | _feedback(terms)
        | {"execution_time": round(_visible_time_s(report, view), 3), "tests": tests}
        | ({"groups": [group_entry(group) for group in groups]} if groups else {})
        | ({} if test_set is None else {"test_set": test_set})
        | ({} if report.environment is None else {"image": report.environment.image})
    )


def group_entry(result: GroupResult) -> dict[str, Any]:
    """What a group was worth, by which rule; for students, of a group that `shown_groups` gives."""
    return {
        "name": result.group.name,
        "rule": str(result.group.rule),
        "score": result.score,
        "max_score": result.max_score,
        "status": str(result.status),
    }


def _lateness(terms: Terms) -> dict[str, Any]:
    if terms.late_s is None or terms.handed_in_at is None:
        return {}
    return {"handed_in_at": _instant(terms.handed_in_at), "late_s": round(terms.late_s, 3), "penalty": terms.penalty}


def _feedback(terms: Terms) -> dict[str, Any]:
    """Nothing for an assignment without a policy: its results look as they always did."""
    if terms.view == USUAL and terms.note is None and terms.tries is None:
        return {}
    told: dict[str, Any] = {"test": terms.view.test.value, "grade": terms.view.grade.value}
    if terms.tries is not None:
        told |= {"tries_used": terms.tries_used, "tries": terms.tries}
    if terms.note is not None:
        told["note"] = terms.note
    if terms.more_at is not None:
        told["more_at"] = _instant(terms.more_at)
    return {"feedback": told}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _visible_time_s(report: GradeReport, view: View) -> float:
    """Of cases that are all open: a program could sleep for as long as a hidden input says, and read it here."""
    return sum(
        result.run.wall_time_s for result in report.case_results if view.of(result.case.kind).shows(Level.EVERYTHING)
    )


def seen_by_student(account: Account) -> Account:
    """
    What is left of an account for its student: never more than the results.json has that was written last.

    Of each kind of case what the level shows that was recorded then, and the
    points that it told. Nor who else handed it in and with what tokens, nor our
    machines' names.
    """
    levels = {kind: account.view.of(kind) for kind in CaseKind}
    seen = [
        replace(case, reason=None) if case.verdict is Verdict.SKIPPED and _has_hidden_kind(account.view) else case
        for case in account.cases
        if levels[case.kind].shows(Level.VERDICT)
    ]
    cases = tuple(_seen_case(case, levels[case.kind]) for case in seen)
    hidden = {case.group for case in account.cases if not levels[case.kind].shows(Level.POINTS)}
    return replace(
        account,
        students=(),
        worker=None,
        cases=cases,
        groups=without_hidden_groups(account.groups, hidden),
        score=account.shown.score,
        max_score=account.shown.max_score,
        execution_time_s=sum(case.use.wall_time_s for case in cases if case.use is not None),
        is_for_student=True,
    )


def _has_hidden_kind(view: View) -> bool:
    """Whether there may be cases of which nothing is shown: then why one was not run may name one, and how it went."""
    return not all(view.of(kind).shows(Level.VERDICT) for kind in CaseKind)


def _seen_case(case: CaseAccount, level: Level) -> CaseAccount:
    if not level.shows(Level.POINTS):
        case = replace(case, points=None, max_points=None, group=None, role=CaseRole.REGULAR)
    if not level.shows(Level.DIFF):
        return replace(case, use=None, texts=None, hint=None, reason=None)
    if level.shows(Level.EVERYTHING):
        return case
    reason, texts = None, case.texts
    if texts is not None and not texts.is_changed:
        reason = reason_of(case)
    if texts is not None:
        # Standard error is told in the reason, where it says why; else it is part of everything.
        texts = replace(texts, input=None, stderr=b"", stderr_bytes=0)
    return replace(case, use=None, texts=texts, reason=reason)


def reason_of(case: CaseAccount) -> str:
    """As `explain`, of an account's case; only the verdict where nothing more is to be seen."""
    if case.reason is not None:
        return case.reason
    texts, use = case.texts, case.use
    if texts is None or use is None:
        return case.verdict.long_name.replace("_", " ")
    if case.verdict is Verdict.WRONG_ANSWER and texts.expected is None and case.step is Step.RUN:
        return "not the expected output"
    run = RunResult(
        ending=Ending.EXITED,  # `explain` goes by the verdict
        exit_code=use.exit_code,
        signal=use.signal,
        stdout=texts.stdout,
        stderr=texts.stderr,
        cpu_time_s=use.cpu_time_s,
        wall_time_s=use.wall_time_s,
        lost_bytes=texts.stdout_bytes - len(texts.stdout),
    )
    judged = TestCase(case.kind, case.ordinal, texts.input or "", texts.expected or "", step=case.step)
    return explain(CaseResult(judged, run, case.verdict, 0.0, case.hint))


def encode_rejected(key: SubmissionKey, reason: str) -> bytes:
    """
    `<subid>.results.json` of a submission that cannot be graded; `reason` is for its student.

    It is there twice, since Gradescope knows a text for the whole submission by the name `output`.
    """
    nothing = {"score": 0.0, "max_score": 0.0, "execution_time": 0.0, "tests": []}
    return _encode(_head(key, "rejected") | {"reason": reason, "output": reason, "output_format": "text"} | nothing)


def showable(text: bytes, most: int = SHOWN_TEXT_CHARS, lost_bytes: int = 0) -> str:
    """
    Bytes from a program as text for people and JSON; `lost_bytes` followed them and were not kept.

    Invalid UTF-8 and control characters are written as \\xNN (a terminal would
    obey an escape code, Postgres and some JSON readers refuse NUL); long text is cut, and says so.
    """
    shown = text[: 4 * most + 4].decode("utf-8", errors="backslashreplace")
    shown = _UNSHOWABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", shown)
    if len(shown) > most or len(text) > 4 * most + 4 or lost_bytes:
        return f"{shown[:most]}… ({len(text) + lost_bytes} bytes in all)"
    return shown


def explain(result: CaseResult) -> str:
    """One sentence, or a compiler's message, on why a `test` case ended as it did: for its student."""
    run = result.run
    if result.reason is not None:
        return result.reason
    if result.case.step is Step.PROVE and (text := _explain_proof(result.verdict, run)):
        return text
    match result.verdict:
        case Verdict.ACCEPTED:
            return "as expected"
        case Verdict.WRONG_ANSWER:
            expected = showable(one_line(result.case.expected.encode()), SHOWN_DIFF_CHARS)
            got = showable(one_line(run.stdout), SHOWN_DIFF_CHARS, run.lost_bytes)
            text = f"expected {expected}, got {got or 'nothing'}"
            return text if result.hint is None else f"{text}; {sentence(result.hint)}"
        case Verdict.RUNTIME_ERROR if run.signal is not None:
            return f"ended by signal {run.signal}" + _stderr_note(run)
        case Verdict.RUNTIME_ERROR:
            return f"ended with exit code {run.exit_code}" + _stderr_note(run)
        case Verdict.TIME_LIMIT_EXCEEDED:
            return f"used too much processor time ({run.cpu_time_s:.2f} s)"
        case Verdict.WALL_TIME_LIMIT_EXCEEDED:
            return f"took too long ({run.wall_time_s:.2f} s); is it waiting for something?"
        case Verdict.MEMORY_LIMIT_EXCEEDED:
            return "used too much memory"
        case Verdict.OUTPUT_LIMIT_EXCEEDED:
            return "printed too much"
        case Verdict.COMPILE_ERROR:
            return showable(run.stderr)
        case Verdict.SKIPPED:
            return "not run"
        case Verdict.INTERNAL_ERROR:
            return "the grader failed; this is not your fault"


def _explain_proof(verdict: Verdict, run: RunResult) -> str | None:
    """What the tool said, where it spoke of the program."""
    said = showable(run.stdout + run.stderr, lost_bytes=run.lost_bytes)
    match verdict:
        case Verdict.ACCEPTED:
            return "proved"
        case Verdict.WRONG_ANSWER:
            return f"not proved\n{said}"
        case Verdict.RUNTIME_ERROR:
            how = f"exit code {run.exit_code}" if run.signal is None else f"signal {run.signal}"
            return f"the tool could not deal with the program: it ended with {how}\n{said}"
        case _:
            return None


def _stderr_note(run: RunResult) -> str:
    return f"\n{showable(run.stderr)}" if run.stderr else ""


def _head(key: SubmissionKey, state: str) -> dict[str, Any]:
    ref = key.ref
    return {
        "schema": SCHEMA_VERSION,
        "subid": key.subid,
        "admin": ref.admin,
        "event": ref.event,
        "assignment": ref.assignment,
        "state": state,
    }


def _test_entry(number: int, result: CaseResult, level: Level, is_changed: bool = False) -> dict[str, Any]:
    case, run = result.case, result.run
    entry: dict[str, Any] = {
        "number": str(number),
        "name": case.name,
        "visibility": "visible",
        "status": "passed" if result.verdict is Verdict.ACCEPTED and result.fraction == 1 else "failed",
    }
    if case.step is not Step.RUN:
        entry["step"] = str(case.step)
    if level.shows(Level.POINTS):
        entry |= {"score": result.points, "max_score": 0.0 if case.role is CaseRole.PENALTY else case.points}
        if case.group is not None:
            entry["group"] = case.group
        if case.role is not CaseRole.REGULAR:
            entry["role"] = str(case.role)
    entry["verdict"] = result.verdict.long_name
    if level.shows(Level.EVERYTHING):
        entry["input"] = _NOT_KEPT if is_changed else showable(case.input.encode())
    if level.shows(Level.DIFF):
        entry |= {
            "expected": _NOT_KEPT if is_changed else showable(case.expected.encode()),
            "actual": showable(run.stdout.removesuffix(b"\n"), lost_bytes=run.lost_bytes),
            "output": _NOT_KEPT if is_changed else explain(result),
            "hint": None if is_changed else result.hint,
        }
    if level.shows(Level.EVERYTHING):
        entry |= {
            "cpu_time_s": round(run.cpu_time_s, 3),
            "wall_time_s": round(run.wall_time_s, 3),
            "memory_bytes": run.memory_bytes,
            "exit_code": run.exit_code,
            "signal": run.signal,
        }
    return entry


def _encode(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
