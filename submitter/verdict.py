"""
The judgement: from a run and the expected output to a verdict, from verdicts to a score. All pure.

The order of precedence and every verdict's cause stand in docs/verdicts.md.
"""

import math
from collections.abc import Iterable, Sequence
from typing import assert_never

from submitter import scoring
from submitter.comparing import outputs_match
from submitter.hints import hint_for
from submitter.model import WALL_STRETCH, CaseKind, Comparison, Ending, Limits, Step, TestCase, Verdict
from submitter.outcomes import CaseResult, GradeReport
from submitter.points import Group
from submitter.runs import RunResult


def judge_run(limits: Limits, comparison: Comparison | None, run: RunResult, expected: bytes) -> Verdict:
    """
    Decide why one test case ended.

    A limit outranks the output: a program stopped at its limit is never
    accepted, even when it had already printed the right answer. The time that
    was used decides too, so that an answer printed after the limit, by a
    program that ended itself just before it was killed, is too late.

    Args:
        limits: the assignment's; cpu_time_s and wall_time_s in seconds.
        comparison: the assignment's; None if a checker has yet to judge the output, which is accepted until then.
        run: one finished run; run.stdout is cut at limits.output_bytes.
        expected: the whole reference output.
    """
    verdict = judge_ending(limits, run)
    if verdict is not None:
        return verdict
    if comparison is None or outputs_match(comparison, expected, run.stdout):
        return Verdict.ACCEPTED
    return Verdict.WRONG_ANSWER


def judge_ending(limits: Limits, run: RunResult) -> Verdict | None:
    """The verdict where how a run ended decides it; None where its output does. See `judge_run`."""
    match run.ending:
        case Ending.SETUP_FAILED:
            return Verdict.INTERNAL_ERROR
        case Ending.NOT_RUN:
            return Verdict.SKIPPED
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
        case Ending.PROVED:
            return Verdict.ACCEPTED
        case Ending.REFUTED:
            return Verdict.WRONG_ANSWER
        case Ending.TOOL_FAILED:
            return Verdict.RUNTIME_ERROR
        case Ending.EXITED | Ending.SIGNALED | Ending.STOPPED:
            pass
        case _:
            assert_never(run.ending)
    if run.cpu_time_s > limits.cpu_time_s:
        return Verdict.TIME_LIMIT_EXCEEDED
    # Time for which it could have run and was not let is not its own; the executor says the same while it runs.
    if run.wall_time_s - min(run.starved_s, (WALL_STRETCH - 1) * limits.wall_time_s) > limits.wall_time_s:
        return Verdict.WALL_TIME_LIMIT_EXCEEDED
    if run.ending is Ending.SIGNALED or (run.ending is Ending.EXITED and run.exit_code != 0):
        return Verdict.RUNTIME_ERROR
    return None


def judge_case(
    limits: Limits, comparison: Comparison | None, case: TestCase, run: RunResult, reason: str | None = None
) -> CaseResult:
    """
    A case's result: its points for an accepted run, nothing for any other, and what a wrong answer lacked.

    Args:
        limits: those that the case ran with.
        comparison: as `judge_run` takes it.
        reason: of a case that was not run, why, in words for its student.
    """
    expected = case.expected.encode()
    verdict = judge_run(limits, comparison, run, expected)
    points = scoring.points_of(case, 1.0 if verdict is Verdict.ACCEPTED else 0.0)
    # Not even computed for a hidden case: what there is not cannot get out.
    may_tell = verdict is Verdict.WRONG_ANSWER and case.kind is CaseKind.TEST and case.step is Step.RUN
    hint = hint_for(comparison, expected, run) if comparison is not None and may_tell else None
    return CaseResult(case, run, verdict, points, hint, reason=reason)


def summarize(results: Iterable[CaseResult], groups: Sequence[Group] = ()) -> GradeReport:
    """
    Add up a submission's case results, by the rules of scoring.py.

    Raises:
        AssignmentRefused: the groups make no sense, or are not those of the cases.
    """
    case_results = tuple(results)
    score, group_results = scoring.total(case_results, groups)
    return GradeReport(
        case_results=case_results,
        score=score,
        max_score=scoring.max_score(result.case for result in case_results),
        execution_time_s=math.fsum(result.run.wall_time_s for result in case_results),
        groups=group_results,
    )
