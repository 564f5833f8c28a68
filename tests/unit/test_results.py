"""The documents that go out: a line is a case, a grade case tells nothing, and no program writes our JSON."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from submitter.accounts import Account, CaseAccount
from submitter.comparison import Hint
from submitter.model import (
    AssignmentRef,
    CaseKind,
    Comparison,
    Ending,
    Limits,
    SubmissionKey,
    SubmissionState,
    TestCase,
    Verdict,
)
from submitter.outcomes import CaseResult, GradeReport
from submitter.points import CaseRole, Group, GroupRule
from submitter.policy import Level, Terms, View
from submitter.results import (
    SHOWN_TEXT_CHARS,
    case_inputs_file,
    case_outputs_file,
    encode_graded,
    encode_out,
    encode_rejected,
    explain,
    one_line,
    seen_by_student,
    showable,
)
from submitter.runs import RunResult
from submitter.verdict import judge_case, summarize

SUBID = "fc55c1c0a3a7c2f0a5b1e2d3c4f5a6b7"
KEY = SubmissionKey(AssignmentRef("m.soltys", "aws_labs", "lab5_containers"), SUBID, leading_slash=True)
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "results.schema.json"
TEST, GRADE = CaseKind.TEST, CaseKind.GRADE

quick = settings(deadline=None)
any_bytes = st.binary(max_size=60) | st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\\n", b"\0", b"\x1b[2J", b"\xff", b"\xe2\x80\xa8", b"x", "é".encode()]),
    max_size=12,
).map(b"".join)


@cache
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def read(document: bytes) -> dict[str, Any]:
    """A document, after it was held against the schema."""
    parsed = json.loads(document)
    validator().validate(parsed)
    assert isinstance(parsed, dict)
    return parsed


def exited(stdout: bytes = b"9\n", exit_code: int = 0, **changes: Any) -> RunResult:
    return RunResult(ending=Ending.EXITED, exit_code=exit_code, stdout=stdout, **changes)


def judged(kind: CaseKind, ordinal: int, run: RunResult, expected: str = "9", points: float = 1.0) -> CaseResult:
    case = TestCase(kind, ordinal, "3", expected, points)
    return judge_case(Limits(), Comparison.TRAILING_BLANKS, case, run)


def report_of(*runs: RunResult, kind: CaseKind = TEST) -> GradeReport:
    return summarize(judged(kind, ordinal, run) for ordinal, run in enumerate(runs, start=1))


# -- lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", b""),
        (b"9", b"9"),
        (b"9\n", b"9"),
        (b"9\r\n", b"9"),
        (b"9\n\n", b"9\\n"),
        (b"a\nb\n", b"a\\nb"),
        (b"a\r\nb\r\n", b"a\\nb"),
        (b"a\rb", b"a\\nb"),
        (b"\n", b""),
        (b"\n\n", b"\\n"),
        (b" a \t", b" a \t"),
        (b"\\n", b"\\n"),
        (b"\xff\0\x0b\x0c", b"\xff\0\x0b\x0c"),
    ],
)
def test_text_becomes_one_line(text: bytes, line: bytes) -> None:
    assert one_line(text) == line


@quick
@given(any_bytes)
def test_one_line_holds_no_line_break_and_is_made_once(text: bytes) -> None:
    line = one_line(text)
    assert b"\n" not in line
    assert b"\r" not in line
    assert one_line(line) == line
    if b"\n" not in text and b"\r" not in text:
        assert line == text


@quick
@given(st.lists(st.tuples(st.sampled_from(CaseKind), any_bytes), max_size=6))
@example([(TEST, b""), (TEST, b"\n\n\r"), (GRADE, b"x\n"), (TEST, b"\r\n")])
def test_line_n_of_out_is_always_test_case_n(runs: list[tuple[CaseKind, bytes]]) -> None:
    report = summarize(judged(kind, number, exited(out)) for number, (kind, out) in enumerate(runs, start=1))
    out = encode_out(report)
    lines = out.split(b"\n")
    assert lines.pop() == b""  # the last line is ended too
    assert lines == [one_line(text) for kind, text in runs if kind is TEST]
    assert b"\r" not in out


def test_case_files_hold_the_test_cases_line_for_line() -> None:
    cases = (TestCase(TEST, 1, "3", "9"), TestCase(TEST, 2, "a\nb\n", "ž\r\n9"), TestCase(GRADE, 1, "secret", "hidden"))
    assert case_inputs_file(cases) == b"3\na\\nb\n"
    assert case_outputs_file(cases) == "9\nž\\n9\n".encode()
    assert case_inputs_file(cases[2:]) == case_outputs_file(cases[2:]) == b""


# -- what a student may see ---------------------------------------------------------------------------------------

SECRETS = {"input": "tok-input", "expected": "tok-expected", "stdout": "tok-stdout", "stderr": "tok-stderr"}


@pytest.mark.parametrize(
    "changes",
    [
        {"ending": Ending.EXITED, "exit_code": 0},
        {"ending": Ending.EXITED, "exit_code": 77},
        {"ending": Ending.SIGNALED, "signal": 11},
        {"ending": Ending.CPU_LIMIT, "cpu_time_s": 77.77},
        {"ending": Ending.WALL_LIMIT, "signal": 9},
        {"ending": Ending.MEMORY_LIMIT, "memory_bytes": 7777},
        {"ending": Ending.OUTPUT_LIMIT},
        {"ending": Ending.COMPILE_ERROR, "exit_code": 1},
    ],
)
@pytest.mark.parametrize("expected", [SECRETS["expected"], SECRETS["stdout"]], ids=["failed", "passed"])
def test_grade_case_leaks_neither_input_nor_outputs_nor_what_it_used(changes: dict[str, Any], expected: str) -> None:
    """Otherwise a student reads the hidden cases, or has a program tell them through its exit code."""
    secret = RunResult(stdout=SECRETS["stdout"].encode(), stderr=SECRETS["stderr"].encode(), **changes)
    case = TestCase(GRADE, 1, SECRETS["input"], expected)
    report = summarize(
        [judged(TEST, 1, exited()), judge_case(Limits(), Comparison.EXACT, case, secret), judged(TEST, 2, exited())]
    )
    document = encode_graded(KEY, report)
    assert encode_out(report) == b"9\n9\n"
    for text in (*SECRETS.values(), "77"):
        assert text.encode() not in document
    entry = read(document)["tests"][1]
    assert set(entry) == {"number", "name", "visibility", "status", "score", "max_score", "verdict"}


def test_how_long_a_hidden_case_took_is_not_to_be_seen() -> None:
    """A program can sleep for as long as its input says: a sum over all cases would tell its student the input."""
    documents = {
        encode_graded(
            KEY, summarize([judged(TEST, 1, exited(b"9")), judged(GRADE, 1, exited(b"9", wall_time_s=slept))])
        )
        for slept in (0.01, 5.0)
    }
    assert len(documents) == 1


def test_secrets_would_be_found_if_they_were_in_the_document() -> None:
    """The test above proves something only as long as the same words of a `test` case do show."""
    run = exited(SECRETS["stdout"].encode(), exit_code=77, stderr=SECRETS["stderr"].encode())
    case = TestCase(TEST, 1, SECRETS["input"], SECRETS["expected"])
    document = encode_graded(KEY, summarize([judge_case(Limits(), Comparison.EXACT, case, run)]))
    for text in (*SECRETS.values(), "77"):
        assert text.encode() in document


# -- results.json -------------------------------------------------------------------------------------------------


def test_graded_document_is_the_designs_example_field_by_field() -> None:
    """Ten visible cases and one hidden: seven and a half of ten points."""
    wrong = exited(b"6\n", cpu_time_s=0.0112, wall_time_s=0.0128, memory_bytes=9437184)
    right = exited(b"9\n", cpu_time_s=0.001, wall_time_s=0.0028)
    cases = [
        judged(TEST, 1, wrong),
        *(judged(TEST, ordinal, right) for ordinal in range(2, 8)),
        judged(TEST, 8, right, points=0.5),
        *(judged(TEST, ordinal, wrong, points=0.75) for ordinal in (9, 10)),
        judged(GRADE, 1, right),
    ]
    document = read(encode_graded(KEY, summarize(cases)))
    tests = document.pop("tests")
    assert document == {
        "schema": 1,
        "subid": SUBID,
        "admin": "m.soltys",
        "event": "aws_labs",
        "assignment": "lab5_containers",
        "state": "graded",
        "score": 7.5,
        "max_score": 10.0,
        "execution_time": 0.058,  # the hidden case's time is a channel out of it, and left out
    }
    assert [entry["number"] for entry in tests] == [str(number) for number in range(1, 12)]
    assert tests[0] == {
        "number": "1",
        "name": "test 1",
        "visibility": "visible",
        "status": "failed",
        "score": 0.0,
        "max_score": 1.0,
        "verdict": "wrong_answer",
        "input": "3",
        "expected": "9",
        "actual": "6",
        "output": "expected 9, got 6",
        "hint": None,
        "cpu_time_s": 0.011,
        "wall_time_s": 0.013,
        "memory_bytes": 9437184,
        "exit_code": 0,
        "signal": None,
    }
    assert tests[10] == {
        "number": "11",
        "name": "grade 1",
        "visibility": "visible",
        "status": "passed",
        "score": 1.0,
        "max_score": 1.0,
        "verdict": "accepted",
    }


def test_wrong_answer_says_what_it_lacked() -> None:
    [entry] = read(encode_graded(KEY, report_of(exited(b" 9"))))["tests"]
    assert entry["hint"] == "white_space"
    assert entry["output"] == "expected 9, got  9; right but for white space"


def test_hidden_case_does_not_say_what_it_lacked() -> None:
    [entry] = read(encode_graded(KEY, report_of(exited(b" 9"), kind=GRADE)))["tests"]
    assert "hint" not in entry
    assert "white" not in json.dumps(entry)


def test_schema_knows_every_hint() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert schema["$defs"]["hint"]["enum"] == [*Hint, None]


def test_rejected_document_says_why_and_holds_no_tests() -> None:
    reason = 'Your program is empty.\n"Check" the file – žluť.'
    assert read(encode_rejected(KEY, reason)) == {
        "schema": 1,
        "subid": SUBID,
        "admin": "m.soltys",
        "event": "aws_labs",
        "assignment": "lab5_containers",
        "state": "rejected",
        "reason": reason,
        "output": reason,
        "output_format": "text",
        "score": 0.0,
        "max_score": 0.0,
        "execution_time": 0.0,
        "tests": [],
    }


@pytest.mark.parametrize("leading_slash", [False, True])
def test_document_does_not_depend_on_the_form_of_the_key(leading_slash: bool) -> None:
    key = SubmissionKey(KEY.ref, SUBID, leading_slash)
    assert encode_rejected(key, "x") == encode_rejected(KEY, "x")


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def strings_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings_in(inner)]
    return [value] if isinstance(value, str) else []


@quick
@given(any_bytes, any_bytes, st.text(st.characters(codec="utf-8"), max_size=20), st.integers(0, 255))
@example(b"\x1b]0;owned\x07\0", b"\xc2\x9b31m", "\x7f", 1)
def test_whatever_a_program_prints_the_document_is_valid_and_holds_no_control_characters(
    stdout: bytes, stderr: bytes, expected: str, exit_code: int
) -> None:
    """A terminal obeys escape codes, and Postgres refuses NUL in text and in JSON."""
    results = [
        judged(TEST, 1, exited(stdout, exit_code, stderr=stderr), expected),
        judged(TEST, 2, RunResult(ending=Ending.COMPILE_ERROR, stderr=stderr), expected),
        judged(TEST, 3, RunResult(ending=Ending.SIGNALED, signal=11, stdout=stdout, stderr=stderr), expected),
        judged(GRADE, 1, exited(stdout, exit_code, stderr=stderr), expected),
    ]
    document = encode_graded(KEY, summarize(results))
    assert not CONTROL.search(document.decode("utf-8"))
    assert not [text for text in strings_in(read(document)) if CONTROL.search(text)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", ""),
        (b"9\ta\r\nb", "9\ta\r\nb"),
        ("žluť 课程".encode(), "žluť 课程"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"a\0b", "a\\x00b"),
        (b"\x1b[31m", "\\x1b[31m"),
        ("\x85\x9b".encode(), "\\x85\\x9b"),
        (b"\x7f", "\\x7f"),
    ],
)
def test_bytes_are_shown_as_text(text: bytes, shown: str) -> None:
    assert showable(text) == shown


@pytest.mark.parametrize("unit", [b"x", "é".encode(), "课".encode(), "😀".encode(), b"\xff", b"\0"])
def test_long_text_is_cut_and_says_so_whatever_its_characters(unit: bytes) -> None:
    text = unit * 1_000_000
    shown = showable(text)
    assert len(shown) < SHOWN_TEXT_CHARS + 50
    assert shown.endswith(f"… ({len(text)} bytes in all)")
    assert showable(unit) * 2 == shown[: 2 * len(showable(unit))]


@quick
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40), st.integers(1, 40))
def test_text_is_cut_only_where_it_is_longer(text: str, most: int) -> None:
    shown = showable(text.encode(), most)
    if len(text) <= most:
        assert shown == text
    else:
        assert shown == f"{text[:most]}… ({len(text.encode())} bytes in all)"


# -- explanations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (exited(), "as expected"),
        (exited(b"6\n"), "expected 9, got 6"),
        (exited(b"6\n7\n"), "expected 9, got 6\\n7"),
        (exited(b""), "expected 9, got nothing"),
        (exited(b"\x1b[2J"), "expected 9, got \\x1b[2J"),
        (exited(exit_code=1), "ended with exit code 1"),
        (exited(exit_code=1, stderr=b"ValueError: x"), "ended with exit code 1\nValueError: x"),
        (RunResult(ending=Ending.SIGNALED, signal=11), "ended by signal 11"),
        (RunResult(ending=Ending.CPU_LIMIT, cpu_time_s=2.034), "used too much processor time (2.03 s)"),
        (
            RunResult(ending=Ending.WALL_LIMIT, wall_time_s=10.2),
            "took too long (10.20 s); is it waiting for something?",
        ),
        (RunResult(ending=Ending.MEMORY_LIMIT), "used too much memory"),
        (RunResult(ending=Ending.OUTPUT_LIMIT), "printed too much"),
        (RunResult(ending=Ending.COMPILE_ERROR, stderr=b"SyntaxError: \x1b"), "SyntaxError: \\x1b"),
        (RunResult(ending=Ending.SETUP_FAILED), "the grader failed; this is not your fault"),
    ],
)
def test_student_is_told_in_words_why_a_case_failed(run: RunResult, words: str) -> None:
    assert explain(judged(TEST, 1, run)) == words


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_explained(verdict: Verdict) -> None:
    run = exited(b"6", exit_code=1, stderr=b"message")
    assert explain(CaseResult(TestCase(TEST, 1, "3", "9"), run, verdict, 0.0))


def test_long_outputs_are_quoted_in_short_in_the_explanation() -> None:
    [result] = report_of(exited(b"x" * 100_000)).case_results
    assert len(explain(result)) < 300


# -- groups, bonus and penalty cases, cases that were skipped -----------------------------------------------------


def test_groups_and_skipped_cases_are_told() -> None:
    not_run = RunResult(ending=Ending.NOT_RUN)
    cases = (
        TestCase(TEST, 1, "2", "4", 2, "samples"),
        TestCase(TEST, 2, "3", "9", 2, "samples"),
        TestCase(TEST, 3, "4", "16", 3, role=CaseRole.PENALTY),
        TestCase(GRADE, 1, "secret", "secret", 5, role=CaseRole.BONUS),
    )
    runs = (exited(b"5"), not_run, exited(b"7"), exited(b"secret"))
    results = [
        judge_case(Limits(), Comparison.EXACT, case, run, "not run: test 1 failed" if run is not_run else None)
        for case, run in zip(cases, runs, strict=True)
    ]
    report = summarize(results, [Group("samples", GroupRule.MINIMUM, stops_early=True)])
    assert encode_out(report) == b"5\n\n7\n"  # line N stays test case N
    document = read(encode_graded(KEY, report))
    assert (document["score"], document["max_score"]) == (2.0, 4.0)
    assert document["groups"] == [
        {"name": "samples", "rule": "minimum", "score": 0.0, "max_score": 4.0, "status": "failed"}
    ]
    told = [
        (test["status"], test["verdict"], test["score"], test["max_score"], test.get("group"), test.get("role"))
        for test in document["tests"]
    ]
    assert told == [
        ("failed", "wrong_answer", 0.0, 2, "samples", None),
        ("failed", "skipped", 0.0, 2, "samples", None),
        ("failed", "wrong_answer", -3.0, 0.0, None, "penalty"),
        ("passed", "accepted", 5.0, 5, None, "bonus"),
    ]
    assert document["tests"][1]["output"] == "not run: test 1 failed"
    assert "output" not in document["tests"][3]


@pytest.mark.parametrize("hidden", [TEST, GRADE])
def test_why_a_case_was_skipped_does_not_tell_of_one_that_is_hidden(hidden: CaseKind) -> None:
    seen = GRADE if hidden is TEST else TEST
    cases = (TestCase(hidden, 7, "", "4", group="all"), TestCase(seen, 1, "", "4", group="all"))
    why = f"not run: {hidden} 7 of the group “all” failed"
    ran, skipped = (exited(b"5"), RunResult(ending=Ending.NOT_RUN))
    results = [
        judge_case(Limits(), Comparison.EXACT, cases[0], ran),
        judge_case(Limits(), Comparison.EXACT, cases[1], skipped, why),
    ]
    report = summarize(results, [Group("all", stops_early=True)])
    for level in (Level.NOTHING, Level.VERDICT):
        levels = {str(hidden): level, str(seen): Level.EVERYTHING}
        view = View(**levels)
        [*_, told] = read(encode_graded(KEY, report, Terms(view=view)))["tests"]
        assert told["output"] == ("not run" if level is Level.NOTHING else why)
        account = Account(
            ref=KEY.ref,
            name=KEY.subid,
            state=SubmissionState.GRADED,
            view=view,
            cases=(CaseAccount(kind=seen, ordinal=1, verdict=Verdict.SKIPPED, points=0.0, max_points=1.0, reason=why),),
        )
        assert seen_by_student(account).cases[0].reason == (None if level is Level.NOTHING else why)
