"""docs/verdicts.md shows examples of every comparison and hint: each holds."""

import json
import re
from pathlib import Path

import pytest

from submitter.comparing import outputs_match
from submitter.comparison import Comparison, ComparisonKind, Hint
from submitter.hints import hint_for
from submitter.model import Ending
from submitter.runs import RunResult

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "verdicts.md").read_text()

_TEXT = r'`("[^`]*")`'
COMPARISONS = re.findall(rf"^\| `([^`]+)` \| {_TEXT} \| {_TEXT} \| (right|wrong) \|$", PAGE, re.MULTILINE)
HINTS = re.findall(
    rf"^\| `(\w+)` \| .* \| `([^`]+)` \| {_TEXT} \| {_TEXT}(?:, and {_TEXT} on standard error)? \|$", PAGE, re.MULTILINE
)


def text(quoted: str) -> bytes:
    return str(json.loads(quoted)).encode() if quoted else b""


@pytest.mark.parametrize(("how", "expected", "actual", "answer"), COMPARISONS)
def test_an_output_is_right_where_the_page_says_so(how: str, expected: str, actual: str, answer: str) -> None:
    assert outputs_match(Comparison.parse(how), text(expected), text(actual)) is (answer == "right")


@pytest.mark.parametrize("kind", ComparisonKind)
def test_the_page_shows_what_every_comparison_forgives_and_what_not(kind: ComparisonKind) -> None:
    assert {answer for how, _, _, answer in COMPARISONS if Comparison.parse(how).kind is kind} == {"right", "wrong"}


@pytest.mark.parametrize(("hint", "how", "expected", "stdout", "stderr"), HINTS)
def test_a_wrong_answer_has_the_hint_that_the_page_says(
    hint: str, how: str, expected: str, stdout: str, stderr: str
) -> None:
    run = RunResult(ending=Ending.EXITED, exit_code=0, stdout=text(stdout), stderr=text(stderr))
    assert hint_for(Comparison.parse(how), text(expected), run) == hint


def test_the_page_shows_every_hint_in_the_order_in_which_they_are_tried() -> None:
    assert [hint for hint, *_ in HINTS] == list(Hint)
