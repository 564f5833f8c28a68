"""
What a case's result is where a checker or an interactor judges. Pure.

What a checker says of an output, or an interactor of a program, is judged here;
what one is given, and what its answer means, `checkers` knows.
"""

import dataclasses

from submitter import scoring
from submitter.checkers import CheckerBroken, Judgement, broken, judgement_of
from submitter.errors import SandboxUnavailable
from submitter.model import CaseKind, Ending, Limits, TestCase, Verdict
from submitter.outcomes import CaseResult, Remarks
from submitter.runs import Exchange, RunResult
from submitter.verdict import judge_case

BOTH_WAITED = (
    "took too long: your program and the assignment's judge each waited for the other to say something. "
    "Does your program print all that is asked for, end each line, and flush its output before it reads?"
)


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
        return judged_by(result, said)  # which has not come to run, and that is its fault
    crashed_late = result.verdict is Verdict.RUNTIME_ERROR and exchange.judge_ended_first
    if result.verdict is Verdict.ACCEPTED or crashed_late:
        judged = judged_by(result, said)
        return result if crashed_late and judged.verdict is Verdict.ACCEPTED else judged
    return result


def judged_by(result: CaseResult, run: RunResult) -> CaseResult:
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
