"""
The judgement: from a run and the expected output to a verdict, from verdicts to a score. All pure.

The order of precedence and every verdict's cause stand in docs/verdicts.md.
"""

import math
from collections.abc import Iterable
from typing import assert_never

from submitter.comparing import outputs_match
from submitter.hints import hint_for
from submitter.model import (
    WALL_STRETCH,
    CaseKind,
    CaseResult,
    Comparison,
    Ending,
    GradeReport,
    Limits,
    RunResult,
    TestCase,
    Verdict,
)


def judge_run(limits: Limits, comparison: Comparison, run: RunResult, expected: bytes) -> Verdict:
    """
    Decide why one test case ended.

    A limit outranks the output: a program stopped at its limit is never
    accepted, even when it had already printed the right answer. The time that
    was used decides too, so that an answer printed after the limit, by a
    program that ended itself just before it was killed, is too late.

    Args:
        limits: the assignment's; cpu_time_s and wall_time_s in seconds.
        comparison: the assignment's.
        run: one finished run; run.stdout is cut at limits.output_bytes.
        expected: the whole reference output.
    """
    match run.ending:
        case Ending.SETUP_FAILED:
            return Verdict.INTERNAL_ERROR
        case Ending.COMPILE_ERROR:
            return Verdict.COMPILE_ERROR
        case Ending.OUTPUT_LIMIT:
            return Verdict.OUTPUT_LIMIT_EXCEEDED
        case Ending.MEMORY_LIMIT:
            return Verdict.MEMORY_LIMIT_EXCEEDED
        case Ending.CPU_LIMIT:
            return Verdict.TIME_LIMIT_EXCEEDED
        case Ending.WALL_LIMIT:
            return Verdict.WALL_TIME_LIMIT_EXCEEDED
        case Ending.EXITED | Ending.SIGNALED:
            pass
        case _:
            assert_never(run.ending)
    if run.cpu_time_s > limits.cpu_time_s:
        return Verdict.TIME_LIMIT_EXCEEDED
    # Time for which it could have run and was not let is not its own; the executor says the same while it runs.
    if run.wall_time_s - min(run.starved_s, (WALL_STRETCH - 1) * limits.wall_time_s) > limits.wall_time_s:
        return Verdict.WALL_TIME_LIMIT_EXCEEDED
    if run.ending is Ending.SIGNALED or run.exit_code != 0:
        return Verdict.RUNTIME_ERROR
    return Verdict.ACCEPTED if outputs_match(comparison, expected, run.stdout) else Verdict.WRONG_ANSWER


def judge_case(limits: Limits, comparison: Comparison, case: TestCase, run: RunResult) -> CaseResult:
    """A case's result: its points for an accepted run, nothing for any other, and what a wrong answer lacked."""
    expected = case.expected.encode()
    verdict = judge_run(limits, comparison, run, expected)
    # Not even computed for a hidden case: what there is not cannot get out.
    may_tell = verdict is Verdict.WRONG_ANSWER and case.kind is CaseKind.TEST
    return CaseResult(
        case,
        run,
        verdict,
        case.points if verdict is Verdict.ACCEPTED else 0.0,
        hint_for(comparison, expected, run) if may_tell else None,
    )


def summarize(results: Iterable[CaseResult]) -> GradeReport:
    """Add up a submission's case results; points are rounded to a millionth, so that sums of tenths print as such."""
    case_results = tuple(results)
    return GradeReport(
        case_results=case_results,
        score=round(math.fsum(result.points for result in case_results), 6),
        max_score=round(math.fsum(result.case.points for result in case_results), 6),
        execution_time_s=math.fsum(result.run.wall_time_s for result in case_results),
    )
