"""
Outputs before a checker: one job for all outputs of an attempt, in executors that run no student's program.

The programs have all run by then. So a group that stops early has had more of
its cases run than its points need; what is told of them is what would have
been told if they had not.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

from submitter import scoring
from submitter.checkers import checking_job
from submitter.errors import AssignmentRefused, SandboxUnavailable, SubmissionRejected
from submitter.exchanges import judged_by
from submitter.model import Assignment, Ending, Step, Verdict
from submitter.outcomes import CaseResult
from submitter.ports import Sandbox
from submitter.runs import RunResult
from submitter.scoring import Progress


def ask_checker(
    sandbox: Sandbox, assignment: Assignment, results: Sequence[CaseResult], go_on: Callable[[], None]
) -> list[CaseResult]:
    """
    The results of an attempt after its assignment's checker has judged those that are accepted so far.

    Args:
        results: of all cases, in the assignment's order; of programs that have ended.
        go_on: called after each output; an exception of it ends the run, and passes.

    Raises:
        SubmissionRejected: the checker failed: its own fault, so that nothing can be said of the program.
        SandboxUnavailable: ours.
    """
    assert assignment.checker is not None
    progress = Progress(assignment.cases, assignment.groups)
    to_judge = [index for index in progress.order if _has_output(results[index])]
    if not to_judge:
        return list(results)
    cases = [assignment.cases[index] for index in to_judge]
    job = checking_job(assignment.checker, cases, [results[index].run.stdout for index in to_judge])
    job = dataclasses.replace(job, is_wanted=lambda number: progress.is_wanted(to_judge[number]))
    judged: dict[int, CaseResult] = {}
    with contextlib.closing(sandbox.run(job)) as runs:
        for index in progress.order:
            result = results[index]
            if _has_output(result):
                run = next(runs)
                go_on()
                result = _skipped(result) if run.ending is Ending.NOT_RUN else judged_by(result, run)
            elif progress.is_wanted(index) is False:
                result = _skipped(result)
            if result.verdict is Verdict.SKIPPED and result.reason is None:
                result = dataclasses.replace(result, reason=progress.reason(index))
            judged[index] = result
            progress.note(index, result.fraction)
        for _ in runs:  # there is none; but only now the executor can say that it has put all away
            raise SandboxUnavailable("more outputs were judged than there are")
    return [judged[index] for index in range(len(results))]


def _has_output(result: CaseResult) -> bool:
    """Whether its program has ended well, and printed what is to be judged."""
    return result.verdict is Verdict.ACCEPTED and result.case.step is Step.RUN


def _skipped(result: CaseResult) -> CaseResult:
    """As if it had not been run."""
    if result.verdict is Verdict.SKIPPED:
        return result
    return CaseResult(
        result.case, RunResult(ending=Ending.NOT_RUN), Verdict.SKIPPED, scoring.points_of(result.case, 0.0)
    )


def try_checker(sandbox: Sandbox, assignment: Assignment) -> list[str]:
    """
    Have an assignment's checker judge the expected output of every case, as if a program had printed it.

    Returns the names of the cases whose own it does not accept, which it need not.

    Raises:
        AssignmentRefused: it fails on one; the text has all that it said.
        SandboxUnavailable: programs cannot be run here.
    """
    cases = tuple(dataclasses.replace(case, group=None) for case in assignment.cases if case.step is Step.RUN)
    printed = [
        CaseResult(
            case,
            RunResult(ending=Ending.EXITED, exit_code=0, stdout=case.expected.encode()),
            Verdict.ACCEPTED,
            case.points,
        )
        for case in cases
    ]
    alone = dataclasses.replace(assignment, cases=cases, groups=())
    try:
        results = ask_checker(sandbox, alone, printed, lambda: None)
    except SubmissionRejected as exc:
        raise AssignmentRefused(exc.detail or str(exc)) from exc
    return [one.case.name for one in results if one.verdict is not Verdict.ACCEPTED]
