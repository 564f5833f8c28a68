"""
Outputs before a checker: one job for all outputs of an attempt, in executors that run no student's program.

The programs have all run by then. So a group that stops early has had more of
its cases run than its points need; what is told of them is what would have
been told if they had not. An interactor is another matter: it judges each case
while its program runs (`judge_exchange`).
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

from submitter import scoring
from submitter.checkers import CheckerBroken, Judgement, broken, checking_job, judgement_of
from submitter.errors import AssignmentRefused, SandboxUnavailable, SubmissionRejected
from submitter.model import (
    Assignment,
    CaseKind,
    CaseResult,
    Ending,
    Exchange,
    Limits,
    Remarks,
    RunResult,
    TestCase,
    Verdict,
)
from submitter.ports import Sandbox
from submitter.scoring import Progress
from submitter.verdict import judge_case

BOTH_WAITED = (
    "took too long: your program and the assignment's judge each waited for the other to say something. "
    "Does your program print all that is asked for, end each line, and flush its output before it reads?"
)


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
    to_judge = [index for index in progress.order if results[index].verdict is Verdict.ACCEPTED]
    if not to_judge:
        return list(results)
    cases = [assignment.cases[index] for index in to_judge]
    job = checking_job(assignment.checker, cases, [results[index].run.stdout for index in to_judge])
    job = dataclasses.replace(job, is_wanted=lambda number: progress.is_wanted(to_judge[number]))
    judged: dict[int, CaseResult] = {}
    with contextlib.closing(sandbox.run(job)) as runs:
        for index in progress.order:
            result = results[index]
            if result.verdict is Verdict.ACCEPTED:
                run = next(runs)
                go_on()
                result = _skipped(result) if run.ending is Ending.NOT_RUN else _judged(result, run)
            elif progress.is_wanted(index) is False:
                result = _skipped(result)
            if result.verdict is Verdict.SKIPPED and result.reason is None:
                result = dataclasses.replace(result, reason=progress.reason(index))
            judged[index] = result
            progress.note(index, result.fraction)
        for _ in runs:  # there is none; but only now the executor can say that it has put all away
            raise SandboxUnavailable("more outputs were judged than there are")
    return [judged[index] for index in range(len(results))]


def judge_exchange(limits: Limits, case: TestCase, exchange: Exchange, reason: str | None) -> CaseResult:
    """
    A case's result where an interactor judges.

    What the program did wrong by itself decides, unless the interactor had rejected it before that.

    Args:
        limits: those that the program ran with.
        reason: of a case that was not run, why, in words for its student.

    Raises:
        SubmissionRejected: the interactor failed: its own fault, so that nothing can be said of the program.
        SandboxUnavailable: ours.
    """
    run, said = exchange.run, exchange.judge
    result = judge_case(limits, None, case, run, reason)
    if exchange.both_waited:
        return dataclasses.replace(result, reason=BOTH_WAITED)
    if run.ending is Ending.NOT_RUN and said.ending is not Ending.NOT_RUN:
        return _judged(result, said)  # which has not come to run, and that is its fault
    crashed_late = result.verdict is Verdict.RUNTIME_ERROR and exchange.judge_ended_first
    if result.verdict is Verdict.ACCEPTED or crashed_late:
        judged = _judged(result, said)
        return result if crashed_late and judged.verdict is Verdict.ACCEPTED else judged
    return result


def _judged(result: CaseResult, run: RunResult) -> CaseResult:
    if run.ending is Ending.SETUP_FAILED:
        raise SandboxUnavailable("the executor could not run the checker")
    try:
        judgement = judgement_of(run)
    except CheckerBroken as exc:
        raise broken(result.case, exc) from exc
    remarks = _remarks(result.case.kind, judgement)
    return dataclasses.replace(
        result,
        verdict=Verdict.ACCEPTED if judgement.is_accepted else Verdict.WRONG_ANSWER,
        points=scoring.points_of(result.case, judgement.fraction),
        partial=judgement.partial,
        remarks=remarks,
        reason=_in_words(judgement, remarks),
    )


def _in_words(judgement: Judgement, remarks: Remarks) -> str | None:
    """For the student. The expected output is not told: it is one of perhaps many that would be accepted."""
    if not judgement.is_accepted:
        text = "not accepted by the assignment's checker"
    elif judgement.fraction < 1:
        text = f"accepted for {100 * judgement.fraction:.4g} % of its points"
    else:
        text = "accepted" if remarks.team else ""
    return "\n".join(filter(None, (text, remarks.team))) or None


def _remarks(kind: CaseKind, judgement: Judgement) -> Remarks:
    """Nothing for the student of a hidden case: what there is not cannot get out."""
    remarks = judgement.remarks
    if kind is CaseKind.TEST or not remarks.team:
        return remarks
    return Remarks("", "\n".join(filter(None, (remarks.judge, f"(to the student, of a test case: {remarks.team})"))))


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
    cases = tuple(dataclasses.replace(case, group=None) for case in assignment.cases)
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
