"""The judgement: which outputs count as equal, which cause outranks which, and how points add up."""

from typing import Any

import pytest

from submitter.model import CaseKind, Comparison, Ending, Limits, TestCase, Verdict
from submitter.runs import RunResult
from submitter.verdict import judge_case, judge_run, summarize

LIMITS = Limits(cpu_time_s=2.0, wall_time_s=10.0)
EXACT, TRAILING_BLANKS, WHITESPACE = Comparison.EXACT, Comparison.TRAILING_BLANKS, Comparison.WHITESPACE


def run(ending: Ending = Ending.EXITED, **changes: Any) -> RunResult:
    """A run that ended well and printed 9, changed."""
    values: dict[str, Any] = {"exit_code": 0, "stdout": b"9\n", "cpu_time_s": 0.01, "wall_time_s": 0.02}
    return RunResult(ending=ending, **values | changes)


def judge(result: RunResult) -> Verdict:
    return judge_run(LIMITS, TRAILING_BLANKS, result, b"9")


# -- verdicts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (run(), Verdict.ACCEPTED),
        (run(stderr=b"a warning"), Verdict.ACCEPTED),
        (run(stdout=b"6\n"), Verdict.WRONG_ANSWER),
        (run(stdout=b""), Verdict.WRONG_ANSWER),
        (run(exit_code=1), Verdict.RUNTIME_ERROR),
        (run(exit_code=255), Verdict.RUNTIME_ERROR),
        (run(exit_code=None), Verdict.RUNTIME_ERROR),
        (run(Ending.SIGNALED, exit_code=None, signal=11), Verdict.RUNTIME_ERROR),
        (run(Ending.SIGNALED, exit_code=0, signal=9), Verdict.RUNTIME_ERROR),
        (run(Ending.CPU_LIMIT), Verdict.TIME_LIMIT_EXCEEDED),
        (run(Ending.WALL_LIMIT), Verdict.WALL_TIME_LIMIT_EXCEEDED),
        (run(Ending.MEMORY_LIMIT), Verdict.MEMORY_LIMIT_EXCEEDED),
        (run(Ending.OUTPUT_LIMIT), Verdict.OUTPUT_LIMIT_EXCEEDED),
        (run(Ending.COMPILE_ERROR), Verdict.COMPILE_ERROR),
        (run(Ending.SETUP_FAILED), Verdict.INTERNAL_ERROR),
    ],
)
def test_run_has_the_verdict_of_its_ending(result: RunResult, verdict: Verdict) -> None:
    """All but the plainly wrong ones had printed the right answer: a limit outranks it."""
    assert judge(result) is verdict


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_has_a_verdict(ending: Ending) -> None:
    assert judge(run(ending)) in Verdict


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (run(cpu_time_s=2.0, wall_time_s=10.0), Verdict.ACCEPTED),  # a limit may be used up
        (run(cpu_time_s=2.001), Verdict.TIME_LIMIT_EXCEEDED),
        (run(wall_time_s=10.001), Verdict.WALL_TIME_LIMIT_EXCEEDED),
        (run(cpu_time_s=2.001, wall_time_s=10.001), Verdict.TIME_LIMIT_EXCEEDED),
        (run(cpu_time_s=2.001, stdout=b"6"), Verdict.TIME_LIMIT_EXCEEDED),
        (run(cpu_time_s=2.001, exit_code=1), Verdict.TIME_LIMIT_EXCEEDED),
        (run(wall_time_s=10.001, exit_code=1), Verdict.WALL_TIME_LIMIT_EXCEEDED),
        (run(Ending.SIGNALED, exit_code=None, signal=24, cpu_time_s=2.001), Verdict.TIME_LIMIT_EXCEEDED),
        (run(Ending.WALL_LIMIT, cpu_time_s=2.001), Verdict.WALL_TIME_LIMIT_EXCEEDED),
        (run(Ending.OUTPUT_LIMIT, cpu_time_s=2.001), Verdict.OUTPUT_LIMIT_EXCEEDED),
        (run(Ending.MEMORY_LIMIT, exit_code=1, cpu_time_s=2.001), Verdict.MEMORY_LIMIT_EXCEEDED),
        (run(Ending.SETUP_FAILED, cpu_time_s=2.001), Verdict.INTERNAL_ERROR),
        (run(exit_code=1, stdout=b"6"), Verdict.RUNTIME_ERROR),
    ],
)
def test_time_that_was_used_decides_even_of_a_program_that_ended_itself(result: RunResult, verdict: Verdict) -> None:
    """Between two looks of the executor a program can pass its limit, print the answer and exit with 0."""
    assert judge(result) is verdict


def test_judgement_follows_the_assignments_comparison() -> None:
    result = run(stdout=b" 9\n")
    verdicts = [judge_run(LIMITS, mode, result, b"9") for mode in (EXACT, TRAILING_BLANKS, WHITESPACE)]
    assert verdicts == [Verdict.WRONG_ANSWER, Verdict.WRONG_ANSWER, Verdict.ACCEPTED]


def test_expected_output_is_compared_as_utf_8() -> None:
    case = TestCase(CaseKind.TEST, 1, "", "žluť")
    assert judge_case(LIMITS, EXACT, case, run(stdout="žluť\n".encode())).verdict is Verdict.ACCEPTED
    assert judge_case(LIMITS, EXACT, case, run(stdout="žluť\n".encode("iso8859-2"))).verdict is Verdict.WRONG_ANSWER


# -- points -------------------------------------------------------------------------------------------------------


def test_accepted_case_earns_its_points_and_every_other_nothing() -> None:
    case = TestCase(CaseKind.GRADE, 1, "3", "9", points=2.5)
    points = dict.fromkeys(Verdict, 0.0)
    for result in [run(ending) for ending in Ending] + [run(stdout=b"6"), run(exit_code=1)]:
        judged = judge_case(LIMITS, EXACT, case, result)
        points[judged.verdict] = max(points[judged.verdict], judged.points)
    assert {verdict for verdict, earned in points.items() if earned} == {Verdict.ACCEPTED}
    assert points[Verdict.ACCEPTED] == 2.5


def test_report_adds_up_points_and_times_in_the_order_of_the_cases() -> None:
    results = [
        judge_case(LIMITS, EXACT, TestCase(CaseKind.TEST, 1, "", "9", 1.0), run(wall_time_s=0.5)),
        judge_case(LIMITS, EXACT, TestCase(CaseKind.TEST, 2, "", "8", 2.0), run(wall_time_s=0.25)),
        judge_case(LIMITS, EXACT, TestCase(CaseKind.GRADE, 1, "", "9", 4.0), run(wall_time_s=1.0)),
    ]
    report = summarize(iter(results))
    assert report.case_results == tuple(results)
    assert (report.score, report.max_score, report.execution_time_s) == (5.0, 7.0, 1.75)
    assert not report.passed_everything
    assert summarize([results[0], results[2]]).passed_everything


def test_sums_of_tenths_are_written_as_such() -> None:
    """Ten times 0.1 is 0.9999999999999999 when it is added up as floats are."""
    case = TestCase(CaseKind.TEST, 1, "", "9", points=0.1)
    for count, total in ((3, 0.3), (10, 1.0)):
        report = summarize([judge_case(LIMITS, EXACT, case, run())] * count)
        assert (report.score, report.max_score) == (total, total)


def test_all_of_nothing_is_nothing() -> None:
    report = summarize([])
    assert (report.score, report.max_score, report.execution_time_s) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("wall_time_s", "starved_s", "verdict"),
    [
        (12.0, 8.0, Verdict.ACCEPTED),
        (12.0, 1.0, Verdict.WALL_TIME_LIMIT_EXCEEDED),
        (39.0, 39.0, Verdict.ACCEPTED),
        (41.0, 41.0, Verdict.WALL_TIME_LIMIT_EXCEEDED),
    ],
)
def test_time_for_which_no_processor_was_free_is_not_held_against_a_program(
    wall_time_s: float, starved_s: float, verdict: Verdict
) -> None:
    """Up to four times its limit: for longer nobody waits."""
    limits = Limits(wall_time_s=10.0)
    run = RunResult(
        ending=Ending.EXITED, exit_code=0, stdout=b"9\n", wall_time_s=wall_time_s, starved_s=starved_s, cpu_time_s=0.1
    )
    assert judge_run(limits, Comparison.TRAILING_BLANKS, run, b"9\n") is verdict
