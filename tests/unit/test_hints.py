"""What a wrong answer lacked: the least that would have had to be forgiven, and nothing that is not so."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter.comparing import outputs_match
from submitter.comparison import Comparison, ComparisonKind, Hint
from submitter.hints import hint_for, relaxations, sentence
from submitter.model import CaseKind, Ending, Limits, TestCase, Verdict
from submitter.runs import RunResult
from submitter.verdict import judge_case

quick = settings(deadline=None)


def run(stdout: bytes, **changes: Any) -> RunResult:
    values: dict[str, Any] = {"exit_code": 0, "stdout": stdout}
    return RunResult(ending=Ending.EXITED, **values | changes)


@pytest.mark.parametrize(
    ("how", "expected", "stdout", "hint"),
    [
        ("exact", "9", "9", None),
        ("exact", "9", "9\n\n", Hint.FINAL_NEWLINE),
        ("exact", "9\n\n", "9", Hint.FINAL_NEWLINE),
        ("exact", "9", "9 ", Hint.TRAILING_BLANKS),
        ("exact", "9", "9\r\n", Hint.TRAILING_BLANKS),
        ("exact", "1 2", "1  2", Hint.WHITE_SPACE),
        ("exact", "yes", "Yes", Hint.CASE),
        ("exact", "yes", "Yes ", Hint.CASE_AND_WHITE_SPACE),
        ("exact ignore_case", "yes", "Yes ", Hint.TRAILING_BLANKS),
        ("exact", "1 2", "2 1", Hint.ORDER),
        ("exact", "a\nb", "b\na", Hint.ORDER),
        ("exact", "3", "3.0", Hint.ROUNDING),
        ("exact", "3.14159", "3.14", Hint.ROUNDING),
        ("trailing_blanks", "9", "9 ", None),
        ("trailing_blanks", "1 2", "1  2", Hint.WHITE_SPACE),
        ("trailing_blanks", "yes 1", "Yes  1", Hint.CASE_AND_WHITE_SPACE),
        ("trailing_blanks", "9", " 9", Hint.WHITE_SPACE),
        ("trailing_blanks", "9", "10", None),
        ("trailing_blanks", "9", "", None),
        ("trailing_blanks", "1000", "1001", None),  # within a hundredth, and yet not rounded
        ("trailing_blanks", "1000 1.5", "1001 1.51", None),
        ("trailing_blanks", "1000.0", "1001", Hint.ROUNDING),
        ("trailing_blanks", "1000", "01000", Hint.ROUNDING),
        ("trailing_blanks", "5.0", "6.0", None),
        ("whitespace", "a b", "B A", None),
        ("whitespace ignore_case", "a b", "B A", Hint.ORDER),
        ("unordered_lines", "a\nb", "B\na", Hint.CASE),
        ("unordered_lines", "a\nb", "a b", None),
        ("unordered_tokens", "a b", "B a", Hint.CASE),
        ("numbers absolute=1e-6", "3.14159", "3.1416", Hint.ROUNDING),
        ("numbers absolute=1e-6", "3.14159", "3.2", None),
        ("numbers absolute=1e-6", "1 2.5", "2.5 1", Hint.ORDER),
        ("numbers absolute=1", "100 3.5", "101 5.0", None),
        ("numbers absolute=1", "10 1000.5", "11 1002", Hint.ROUNDING),  # the 11 is within the tolerance
        ("numbers absolute=1", "1000 3", "1002 3", None),
        ("numbers absolute=1e-6", "Yes 1", "yes 1", Hint.CASE),
        ("regex", "[0-9]+", "12\n\n", Hint.FINAL_NEWLINE),
        ("regex", "[0-9]+", "12 \n", Hint.TRAILING_BLANKS),
        ("regex", "yes|no", "Yes", Hint.CASE),
        ("regex", "yes|no", "perhaps", None),
        ("trailing_blanks", "25", "Enter a number: 25", Hint.PROMPT),
        ("trailing_blanks", "25", "n? 25\n", Hint.PROMPT),
        ("trailing_blanks", "25", "Enter a number:\n25", Hint.PROMPT),
        ("trailing_blanks", "25", "a: b: 25", Hint.PROMPT),
        ("trailing_blanks", "12:30", "Time (hh:mm): 12:30", Hint.PROMPT),
        ("trailing_blanks", "1\n2", "> 1\n2", Hint.PROMPT),
        ("trailing_blanks", "25", "Answer 25", None),
        ("trailing_blanks", "25", "a: 125", None),
        ("trailing_blanks", "", "n: ", None),
    ],
)
def test_hint_names_the_weakest_relaxation(how: str, expected: str, stdout: str, hint: Hint | None) -> None:
    assert hint_for(Comparison.parse(how), expected.encode(), run(stdout.encode())) is hint


@pytest.mark.parametrize(
    ("expected", "stdout", "stderr", "hint"),
    [
        (b"9", b"", b"9\n", Hint.STDERR),
        (b"9", b"debug", b"9\n", Hint.STDERR),
        (b"9", b" 9", b"9\n", Hint.WHITE_SPACE),
        (b"9", b"", b"10\n", None),
        (b"9", b"", b"a warning\n9\n", None),
        (b"", b"x", b"", None),  # nothing was expected, and nothing on standard error is no answer
    ],
)
def test_an_answer_on_standard_error_is_found(expected: bytes, stdout: bytes, stderr: bytes, hint: Hint | None) -> None:
    assert hint_for(Comparison.TRAILING_BLANKS, expected, run(stdout, stderr=stderr)) is hint


@pytest.mark.parametrize("hint", Hint)
def test_every_hint_has_a_sentence(hint: Hint) -> None:
    assert sentence(hint)


pieces = [b"a", b"B", b"b", b"1", b"1.0", b"1.004", b"2", b":", b" ", b" ", b"\t", b"\n", b"\n"]
outputs = st.lists(st.sampled_from(pieces), max_size=6).map(b"".join)
ways = [Comparison(kind, ignore_case) for kind in ComparisonKind for ignore_case in (False, True)]
ways.append(Comparison.parse("numbers absolute=0.001"))
literal = [way for way in ways if way.kind is not ComparisonKind.REGEX]


@quick
@given(outputs, outputs, st.sampled_from(literal))
def test_what_is_accepted_needs_no_hint(expected: bytes, stdout: bytes, how: Comparison) -> None:
    if outputs_match(how, expected, stdout):
        assert hint_for(how, expected, run(stdout)) is None


@quick
@given(outputs, outputs, st.sampled_from(literal))
def test_the_hinted_relaxation_accepts_and_those_before_it_do_not(
    expected: bytes, stdout: bytes, how: Comparison
) -> None:
    hint = hint_for(how, expected, run(stdout))
    for weaker_hint, weaker in relaxations(how):
        if weaker_hint is Hint.FINAL_NEWLINE:
            accepts = outputs_match(weaker, expected.rstrip(b"\n"), stdout.rstrip(b"\n"))
        else:
            accepts = outputs_match(weaker, expected, stdout)
        if hint is weaker_hint:
            assert accepts
            return
        if weaker_hint is not Hint.ROUNDING:  # has a condition more, of whole numbers
            assert not accepts or outputs_match(how, expected, stdout)


@quick
@given(outputs, outputs, st.sampled_from(literal))
def test_a_relaxation_accepts_all_that_the_comparison_does(expected: bytes, stdout: bytes, how: Comparison) -> None:
    if outputs_match(how, expected, stdout):
        for _, weaker in relaxations(how):
            if (how.kind, weaker.kind) != (ComparisonKind.NUMBERS, ComparisonKind.UNORDERED_TOKENS):
                assert outputs_match(weaker, expected, stdout)


# -- who gets one -------------------------------------------------------------------------------------------------


def test_a_wrong_answer_of_a_test_case_has_its_hint() -> None:
    case = TestCase(CaseKind.TEST, 1, "", "yes")
    assert judge_case(Limits(), Comparison.EXACT, case, run(b"Yes")).hint is Hint.CASE
    assert judge_case(Limits(), Comparison.EXACT, case, run(b"yes")).hint is None
    assert judge_case(Limits(), Comparison.EXACT, case, run(b"Yes", exit_code=1)).hint is None


def test_no_hint_is_made_of_a_hidden_case() -> None:
    """It would answer a question about the hidden text with each submission."""
    case = TestCase(CaseKind.GRADE, 1, "", "yes")
    result = judge_case(Limits(), Comparison.EXACT, case, run(b"Yes"))
    assert (result.verdict, result.hint) == (Verdict.WRONG_ANSWER, None)
