"""docs/verdicts.md has an example program for each verdict: it gets that verdict."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from submitter.executors.sandbox import ExecutorSandbox
from submitter.grading import Grader
from submitter.model import Assignment, AssignmentRef, CaseKind, Limits, TestCase, Verdict
from tests.conftest import make_sandbox

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "verdicts.md").read_text()
EXAMPLES = re.findall(r"^\| `(\w+)` \| [A-Z]{2,3} \| .* \| `([^`]+)` \|$", PAGE, re.MULTILINE)

ASSIGNMENT = Assignment(
    ref=AssignmentRef("m.soltys", "aws_labs", "lab5"),
    cases=(TestCase(CaseKind.TEST, 1, "5", "25"),),
    limits=Limits(cpu_time_s=0.5, wall_time_s=1.5),  # less than by default, so as not to wait
)


@pytest.fixture(scope="module")
def bubblewrap() -> Iterator[ExecutorSandbox]:
    sandbox = make_sandbox("bubblewrap", "box")
    yield sandbox
    sandbox.close()


def test_every_verdict_that_there_can_be_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == {verdict.long_name for verdict in Verdict} - {"skipped", "internal_error"}


@pytest.mark.parametrize(("verdict", "program"), [pytest.param(*one, id=one[0]) for one in EXAMPLES])
def test_an_example_has_the_verdict_that_the_page_says(
    bubblewrap: ExecutorSandbox, tmp_path: Path, verdict: str, program: str
) -> None:
    report = Grader(bubblewrap, tmp_path).grade(ASSIGNMENT, program.encode(), "example")
    assert [result.verdict.long_name for result in report.case_results] == [verdict]
