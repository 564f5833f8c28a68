"""
One attempt's results, as its runs come in: just ended, or kept from an earlier attempt. Pure.

Grading and judging anew both go through here, so that a verdict and a score
are the same whichever of the two found them.
"""

from dataclasses import replace

from submitter.exchanges import judge_exchange
from submitter.languages import Language, languages
from submitter.model import Assignment, Ending, Limits
from submitter.outcomes import CaseResult, GradeReport
from submitter.runs import Exchange, RunResult
from submitter.scoring import Progress
from submitter.test_sets import Recipe, was_starved
from submitter.verdict import judge_case, summarize

NOT_RUN = RunResult(ending=Ending.NOT_RUN)


class Judging:
    """
    Judges the cases of an assignment, each by its index; `order` has them as they run.

    `broken` is the run of a case that told that the program does not compile: then it is every case's.

    Args:
        recipe: what the runs came of; None: that is not known, and none of them will be kept.

    Raises:
        AssignmentRefused: its groups make no sense.
    """

    def __init__(self, assignment: Assignment, recipe: Recipe | None) -> None:
        self._assignment = assignment
        self._recipe = recipe
        self._progress = Progress(assignment.cases, assignment.groups)
        self._language = languages()[assignment.language]
        self._results: dict[int, CaseResult] = {}
        self._build_hangs_on_time = False
        self._comparison = assignment.comparison if assignment.checker is None else None
        self.order = self._progress.order
        self.broken: RunResult | None = None

    def limits_of(self, index: int) -> Limits:
        """What a program may use: the assignment's, or the case's own, as the language has them."""
        assignment = self._assignment
        return self._language.limits(assignment.limits.overridden(assignment.cases[index].limits))

    def is_wanted(self, index: int) -> bool | None:
        """Whether a case is to be run; None as long as that depends on others."""
        return True if self.broken is not None else self._progress.is_wanted(index)

    def look_whether_broken(self, run: RunResult) -> None:
        """A run that any case had, before its turn."""
        if run.ending is Ending.COMPILE_ERROR:
            self.broken = replace(run, cpu_time_s=0.0, wall_time_s=0.0)

    def take(self, index: int, ran: RunResult | Exchange) -> None:
        """
        A case's run has ended, or is not to be (`NOT_RUN`).

        Raises:
            SubmissionRejected: the interactor of an exchange failed.
            SandboxUnavailable: it could not be run.
        """
        run = ran if isinstance(ran, RunResult) else ran.run
        case = self._assignment.cases[index]
        reason = self._progress.reason(index) if run.ending is Ending.NOT_RUN else None
        if isinstance(ran, Exchange):
            result = judge_exchange(self.limits_of(index), case, ran, reason)
        else:
            result = judge_case(self.limits_of(index), self._comparison, case, run, reason)
        # Of a build that was too slow only the first case has its time.
        self._build_hangs_on_time = self._build_hangs_on_time or _is_slow_build(self._language, run)
        is_named = run.ending is not Ending.NOT_RUN and not self._build_hangs_on_time
        if self._recipe is not None and is_named:
            result = replace(result, run_key=self._recipe.key(case))
        self.look_whether_broken(run)
        self._results[index] = result
        self._progress.note(index, result.fraction)

    def results(self) -> list[CaseResult]:
        """When every case has its own; what a checker has yet to judge is accepted until then."""
        return [self._results[index] for index in range(len(self._assignment.cases))]

    def report(self) -> GradeReport:
        """When every case has its result, and no checker is to be asked."""
        return summarize(self.results(), self._assignment.groups)


def _is_slow_build(language: Language, run: RunResult) -> bool:
    """Whether a compiler was ended by the clock, or might have been on a machine with more room."""
    limits = language.build_limits
    return (
        run.ending is Ending.COMPILE_ERROR
        and bool(language.build)
        and (run.cpu_time_s >= limits.cpu_time_s or run.wall_time_s >= limits.wall_time_s or was_starved(run))
    )
