"""Cells of the tables that people read."""

import pytest

from submitter import tables
from submitter.model import CaseKind, TestCase
from submitter.points import CaseRole, LimitOverrides


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (LimitOverrides(), ""),
        (LimitOverrides(cpu_time_s=0.5), "cpu_time_s 0.5"),
        (LimitOverrides(memory_bytes=64 << 20, processes=3), "memory_bytes 67108864, processes 3"),
    ],
)
def test_limits_of_a_case_are_told_by_the_names_that_set_them(limits: LimitOverrides, told: str) -> None:
    assert tables.own_limits(TestCase(CaseKind.TEST, 1, "", "", limits=limits)) == told


@pytest.mark.parametrize(
    ("group", "role", "told"),
    [
        (None, CaseRole.REGULAR, ""),
        ("samples", CaseRole.REGULAR, "samples"),
        (None, CaseRole.BONUS, "bonus"),
    ],
)
def test_a_case_is_in_a_group_or_has_a_role(group: str | None, role: CaseRole, told: str) -> None:
    assert tables.group_or_role(TestCase(CaseKind.TEST, 1, "", "", group=group, role=role)) == told


SAID = 'program.py:1: error: Name "x" is not defined\nprogram.py:9: error: No return\nFound 2 errors in 1 file\n'


def test_a_student_reads_what_a_tool_found_and_not_how_often_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not shown at the level is not in the document; then there is nothing to print of it."""
    proof = {"step": "prove", "verdict": "wrong_answer", "score": 0.0}
    tests = [
        {"name": "test 1", "verdict": "runtime_error", "output": "ended with exit code 1\nTraceback:\nKeyError: 5\n"},
        {"name": "test 2", "output": f"not proved\n{SAID}"} | proof,
        {"name": "test 3", "output": "not proved\n" + "\n".join(f"line {n}" for n in range(30))} | proof,
        {"name": "grade 1"} | proof,
    ]
    document = {"state": "graded", "subid": "a" * 32, "score": 0.0, "max_score": 4.0, "tests": tests}
    tables.print_results(document)
    shown = capsys.readouterr().out
    assert "KeyError: 5" in shown
    assert "Traceback" not in shown
    assert shown.count("not proved") == 2
    assert "test 2:\n" + "".join(f"  {line}\n" for line in SAID.splitlines()) in shown
    assert "test 3:\n  … (results.json has all of it)\n  line 10\n" in shown
    assert "line 9\n" not in shown
    assert "grade 1:" not in shown
