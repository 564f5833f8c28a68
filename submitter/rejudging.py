"""
Judging anew: what a changed test set does to results that students have seen, found first and then carried out.

How it works: a plan compares every published result with what the present test
set makes of the runs that were kept, and says whose would change. It is stored
with the test set's digest and the attempts whose results it read. Carrying it
out publishes each result in its submission's turn, as an attempt of its own,
only over the very attempt that the plan read and only while the test set is
the plan's. So whatever came in between wins, an interruption loses nothing, and
a second call goes on where the first one ended.

Results are published by a few threads, in batches; programs whose runs were not
kept run one after the other. Before each batch and each such program it waits
until nothing waits on the queue.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog

from submitter.errors import (
    AssignmentRefused,
    LeaseLost,
    NewerUpload,
    SubmissionBusy,
    SubmissionRejected,
)
from submitter.grading import check_program, job_of, run_and_judge
from submitter.languages import languages
from submitter.model import Assignment, CaseKind, SubmissionKey
from submitter.outcomes import AttemptStart, GradeReport, Outcome
from submitter.planning import change_of, find_runs, ingredients_of, judge_kept, load, recipe_of
from submitter.points import points_text
from submitter.ports import CaseStore, ResultStore, Sandbox
from submitter.processing import Publication, Publisher
from submitter.runs import RunResult
from submitter.test_sets import (
    Change,
    Ingredients,
    Plan,
    PlanItem,
    ShownResult,
    Standing,
    digest_of,
    program_digest,
)

APPLIED_AT_ONCE = 50  # between two looks at the queue
LOOK_EVERY_S = 2.0  # at the queue, while others wait on it

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What carrying out a plan did to one submission.

    `outcome` is what was published, None if nothing was; then `problem` says why, unless an earlier call had done it.
    """

    item: PlanItem
    outcome: Outcome | None = None
    problem: str | None = None


class _Left(Exception):
    """Nothing is done to a submission; the text says why."""


class Rejudger:
    """
    Carries plans out.

    Args:
        open_sandbox: called once, when a program has to be run first; who gives it closes it.
        waiting: how many messages wait on the queue.
        worker: who does it, for the history.
        threads: how many results are published at once.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        cases: CaseStore,
        results: ResultStore,
        *,
        open_sandbox: Callable[[], Sandbox],
        waiting: Callable[[], int],
        worker: str,
        threads: int = 1,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cases = cases
        self._results = results
        self._publisher = Publisher(cases, results)
        self._open_sandbox = open_sandbox
        self._sandbox: Sandbox | None = None
        self._waiting = waiting
        self._worker = worker
        self._threads = threads
        self._pause = pause

    def apply(self, plan_id: int, *, allow_drops: bool = False) -> Iterator[Applied]:
        """
        Make a plan so, and tell of each submission; those first that need no run.

        A result that would fall is left as it is, unless `allow_drops`.

        Raises:
            AssignmentRefused: there is no such plan, or the test set is not the plan's any more: a new plan is needed.
            Unavailable: something we need is away; the same call goes on later.
        """
        plan = self._plan(plan_id)
        self._load(plan)
        standing = self._cases.rejudging.standing(plan_id)
        yield from (Applied(item) for item in plan.items if standing[item.subid] is Standing.DONE)
        newer = "has a newer result, which stays"
        yield from (Applied(item, None, newer) for item in plan.items if standing[item.subid] is Standing.NEWER)
        open_items = [item for item in plan.items if standing[item.subid] is Standing.OPEN]
        judged = [item for item in open_items if item.change is not Change.NEEDS_RUN]
        to_run = [item for item in open_items if item.change is Change.NEEDS_RUN]
        with ThreadPoolExecutor(self._threads, thread_name_prefix="rejudge") as threads:
            for size, items in ((APPLIED_AT_ONCE, judged), (1, to_run)):
                for start in range(0, len(items), size):
                    self._wait_for_quiet()
                    batch = items[start : start + size]
                    assignment = self._load(plan)
                    one = _Batch(plan_id, plan, assignment, ingredients_of(assignment), allow_drops)
                    subids = [item.subid for item in batch]
                    page = self._cases.rejudging.published(plan.ref, len(batch), among=subids)
                    runs = find_runs(self._cases, one.assignment, page)
                    found = {each.key.subid: (each, kept) for each, kept in zip(page, runs, strict=True)}
                    yield from threads.map(lambda item, one=one, found=found: self._apply_one(one, item, found), batch)

    def size_of(self, plan_id: int) -> int:
        """How many submissions a plan is about; errors as for `apply`."""
        return len(self._plan(plan_id).items)

    def _plan(self, plan_id: int) -> Plan:
        plan = self._cases.rejudging.load_plan(plan_id)
        if plan is None:
            raise AssignmentRefused(
                f"there is no plan {plan_id}: `submitter rejudge --assignment A/E/P --plan` makes one and prints its id"
            )
        return plan

    def _load(self, plan: Plan) -> Assignment:
        assignment = load(self._cases, plan.ref)
        if digest_of(assignment) != plan.digest:
            raise AssignmentRefused(
                f"the cases or settings of {plan.ref} have changed since the plan was made, "
                f"by test set {plan.test_set}: make a new one with `submitter rejudge --assignment {plan.ref} --plan`"
            )
        return assignment

    def _wait_for_quiet(self) -> None:
        """Live work comes first."""
        is_told = False
        while waiting := self._waiting():
            if not is_told:
                log.warning("rejudging_waits", waiting=waiting)
                is_told = True
            self._pause(LOOK_EVERY_S)

    def _apply_one(
        self, batch: "_Batch", item: PlanItem, found: Mapping[str, tuple[ShownResult, Sequence[RunResult | None]]]
    ) -> Applied:
        try:
            published, runs = found.get(item.subid, (None, ()))
            if published is None or published.attempt_id != item.attempt_id:
                raise _Left("has a newer result, which stays")
            if item.change is Change.NEEDS_RUN:
                report, published = self._run_and_judge(batch.assignment, published)
            else:
                report = self._judge(batch, published, runs, item)
            score, most = published.terms.after_penalty(report.score), report.max_score
            change = change_of(item.old_score, item.old_max, score, most)
            if change is Change.FALLS and not batch.allow_drops:
                would = "fall to" if score < item.old_score else "be a smaller share of all points:"
                raise _Left(f"would {would} {points_text(score)}/{points_text(most)}; --allow-drops lets it")
            outcome = self._publish(batch, published, report)
        except _Left as exc:
            return Applied(item, None, str(exc))
        except SubmissionBusy:
            return Applied(item, None, "is being graded just now; apply the plan again when that is done")
        except (NewerUpload, LeaseLost):
            return Applied(item, None, "has a newer upload or result, which stays")
        log.info("submission_rejudged", subid=item.subid, score=score, max_score=most)
        return Applied(item, outcome)

    def _judge(
        self, batch: "_Batch", published: ShownResult, runs: Sequence[RunResult | None], item: PlanItem
    ) -> GradeReport:
        assignment = batch.assignment
        report = judge_kept(
            assignment, runs, recipe_of(assignment, batch.ingredients, published), published.environment
        )
        if isinstance(report, list):
            raise _Left("a run that the plan was made with is not kept any more: make a new plan")
        score = published.terms.after_penalty(report.score)
        if (score, report.max_score) != (item.new_score, item.new_max):
            got = f"{points_text(score)}/{points_text(report.max_score)}"
            raise _Left(f"would get {got}, which is not what the plan says: make a new one")
        return report

    def _run_and_judge(self, assignment: Assignment, published: ShownResult) -> tuple[GradeReport, ShownResult]:
        """
        Run the cases of which no run is kept, where programs run now; all of them if the others ran elsewhere.

        With the report comes what is known of the result by then.
        """
        key = self._key_of(assignment, published)
        try:
            stored = self._results.get(_program_key(assignment, key), assignment.limits.source_bytes)
            if stored is None or stored.version != published.upload:
                raise _Left("has a newer upload: the queue brings its result")
            check_program(assignment, stored.data)
            job = job_of(assignment, stored.data, key.subid)
        except SubmissionRejected as exc:
            raise _Left(f"cannot be run ({exc}): put it back with `submitter requeue {key.metadata}`") from exc
        if self._sandbox is None:
            self._sandbox = self._open_sandbox()
        known = replace(published, program_digest=program_digest(stored.data), language=assignment.language)
        [runs] = find_runs(self._cases, assignment, [known], self._sandbox.environment)
        kept = {index: run for index, run in enumerate(runs) if run is not None}
        return run_and_judge(self._sandbox, assignment, job, kept), known

    def _key_of(self, assignment: Assignment, published: ShownResult) -> SubmissionKey:
        """With the leading slash that the front end gave it, or without."""
        if published.has_key_form:
            return published.key
        for leading_slash in (False, True):
            key = replace(published.key, leading_slash=leading_slash)
            if self._results.version(_program_key(assignment, key)) == published.upload is not None:
                return key
        raise _Left("has a newer upload, or its program is not in the bucket any more")

    def _publish(self, batch: "_Batch", published: ShownResult, report: GradeReport) -> Outcome:
        assignment, key = batch.assignment, self._key_of(batch.assignment, published)
        start = AttemptStart(
            key=key,
            tokens=published.tokens,
            language=assignment.language,
            upload=published.upload,
            worker=self._worker,
            receive_count=0,  # no message asks for it
            handed_in_at=published.terms.handed_in_at,
            assignment=assignment,
            test_set_digest=batch.plan.digest,
            program_digest=published.program_digest,
            plan_id=batch.plan_id,
        )
        return self._publisher.publish(
            Publication(
                key=key,
                turn=functools.partial(self._cases.rejudge_turn, start),
                policy=assignment.policy,
                watched={_program_key(assignment, key): published.upload},
                outcome=Outcome(report=report, terms=published.terms),
                replaces=published.attempt_id,
                has_same_outputs=_has_same_outputs(published, report),
            )
        )


def _program_key(assignment: Assignment, key: SubmissionKey) -> str:
    return key.program(languages()[assignment.language].extension)


def _has_same_outputs(published: ShownResult, report: GradeReport) -> bool:
    """Whether the `test` cases of both have the very same runs, in the same order: an attempt's own are taken first."""
    before = [line.run_key for line in published.cases if line.kind is CaseKind.TEST]
    now = [result.run_key for result in report.case_results if result.case.kind is CaseKind.TEST]
    return None not in before and before == now


@dataclass(frozen=True, slots=True)
class _Batch:
    plan_id: int
    plan: Plan
    assignment: Assignment  # whose digest is the plan's
    ingredients: Ingredients
    allow_drops: bool
