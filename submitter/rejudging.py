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

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog

from submitter.errors import (
    AssignmentRefused,
    LeaseLost,
    NewerUpload,
    SandboxUnavailable,
    SubmissionBusy,
    SubmissionRejected,
    Unavailable,
)
from submitter.grading import add_up, check_assignment, check_source, job_of, judge
from submitter.model import (
    LANGUAGES,
    Assignment,
    AssignmentRef,
    AttemptStart,
    CaseKind,
    CaseResult,
    Environment,
    GradeReport,
    Outcome,
    Phases,
    RunResult,
    SubmissionKey,
    Verdict,
)
from submitter.ports import CaseStore, ResultStore, Sandbox
from submitter.processing import Publisher
from submitter.test_sets import (
    Change,
    Plan,
    PlanItem,
    PublishedResult,
    Recipe,
    Standing,
    changed_cases,
    changed_settings,
    content_of,
    digest_of,
    program_digest,
)

PLANNED_AT_ONCE = 100  # submissions, whose kept outputs are in memory together
APPLIED_AT_ONCE = 20  # between two looks at the queue
LOOK_EVERY_S = 2.0  # at the queue, while others wait on it

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What carrying out a plan did to one submission.

    `report` is what was published, None if nothing was; then `problem` says why, unless an earlier call had done it.
    """

    item: PlanItem
    report: GradeReport | None = None
    problem: str | None = None


# -- the plan -----------------------------------------------------------------------------------------------------


def make_plan(cases: CaseStore, ref: AssignmentRef) -> tuple[int, Plan]:
    """
    Find what judging an assignment's published results anew would change, and keep that under the id returned.

    Runs nothing, and publishes nothing.

    Raises:
        AssignmentRefused: there is no such assignment, or its cases cannot be run.
        CasesUnavailable: Postgres did not answer.
    """
    assignment = load(cases, ref)
    number, content = cases.rejudging.note_test_set(assignment), content_of(assignment)
    differences: dict[int | None, Mapping[str, str]] = {None: {}}  # by the version that a result was judged by
    items: list[PlanItem] = []
    unchanged, after = 0, ""
    while page := cases.rejudging.published(ref, PLANNED_AT_ONCE, after):
        for published, runs in zip(page, find_runs(cases, assignment, page), strict=True):
            if published.test_set not in differences:
                old = cases.rejudging.load_test_set(ref, published.test_set or 0)
                differences[published.test_set] = changed_cases(old, content) if old else {}
            item = _item_of(assignment, published, runs, differences[published.test_set])
            if item is None:
                unchanged += 1
            else:
                items.append(item)
        after = page[-1].key.subid
    plan = Plan(ref=ref, test_set=number, digest=digest_of(assignment), unchanged=unchanged, items=tuple(items))
    return cases.rejudging.save_plan(plan), plan


def why(cases: CaseStore, ref: AssignmentRef, number: int) -> list[str]:
    """What differs between a version of a test set and the one before it, in words."""
    new, old = (cases.rejudging.load_test_set(ref, one) for one in (number, number - 1))
    if new is None or old is None:
        return []
    return changed_settings(old, new) + [f"{name}: {text}" for name, text in changed_cases(old, new).items()]


def load(cases: CaseStore, ref: AssignmentRef) -> Assignment:
    """
    The assignment as it is now.

    Raises:
        AssignmentRefused: there is none, or it cannot be graded by.
    """
    assignment = cases.load_assignment(ref)
    if assignment is None:
        raise AssignmentRefused(f"no assignment {ref}: `submitter cases list` shows those that are there")
    check_assignment(assignment)
    return assignment


def find_runs(
    cases: CaseStore,
    assignment: Assignment,
    page: Sequence[PublishedResult],
    environment: Environment | None = None,
) -> list[list[RunResult | None]]:
    """
    For each result the runs that were kept, in the order of the assignment's cases; None where there is none.

    `environment` is where they must have been made; None: where the result's own were.
    """
    wanted: dict[int, list[str]] = {}
    for published in page:
        recipe = _recipe_of(assignment, published, environment)
        wanted[published.attempt_id] = [recipe.key(case) for case in assignment.cases] if recipe else []
    kept = cases.rejudging.kept_runs(wanted)
    nothing: list[RunResult | None] = [None] * len(assignment.cases)
    return [
        [kept.get((one.attempt_id, key)) for key in wanted[one.attempt_id]] if wanted[one.attempt_id] else nothing
        for one in page
    ]


def _recipe_of(
    assignment: Assignment, published: PublishedResult, environment: Environment | None = None
) -> Recipe | None:
    environment = environment or published.environment
    if published.program_digest is None or environment is None or published.language != assignment.language:
        return None
    return Recipe(published.program_digest, environment, assignment)


def _report_of(
    assignment: Assignment, runs: Sequence[RunResult], recipe: Recipe | None, environment: Environment | None
) -> GradeReport:
    began_s = time.monotonic()
    results = [judge(assignment, case, run, recipe) for case, run in zip(assignment.cases, runs, strict=True)]
    phases = Phases(judge_s=time.monotonic() - began_s)
    return replace(add_up(assignment, results), environment=environment, phases=phases)


def _item_of(
    assignment: Assignment,
    published: PublishedResult,
    runs: Sequence[RunResult | None],
    differences: Mapping[str, str],
) -> PlanItem | None:
    """What would become of a result; None if nothing would."""
    there = [run for run in runs if run is not None]
    if len(there) < len(runs):
        missing = [case.name for case, run in zip(assignment.cases, runs, strict=True) if run is None]
        return PlanItem(
            subid=published.key.subid,
            attempt_id=published.attempt_id,
            change=Change.NEEDS_RUN,
            old_score=published.score,
            old_max=published.max_score,
            to_run=len(missing),
            reasons=(f"no run is kept for {', '.join(missing)}",),
        )
    report = _report_of(assignment, there, None, None)
    reasons = _reasons(published, report.case_results, differences)
    if not reasons and (report.score, report.max_score) == (published.score, published.max_score):
        return None
    return PlanItem(
        subid=published.key.subid,
        attempt_id=published.attempt_id,
        change=change_of(published.score, published.max_score, report.score, report.max_score),
        old_score=published.score,
        old_max=published.max_score,
        new_score=report.score,
        new_max=report.max_score,
        reasons=tuple(reasons),
    )


def _reasons(published: PublishedResult, results: Sequence[CaseResult], differences: Mapping[str, str]) -> list[str]:
    """Which cases end otherwise, or look otherwise to the student, and what of them was changed."""
    before = {line.name: line for line in published.cases}
    reasons = []
    for result in results:
        name, verdict = result.case.name, result.verdict.long_name
        line, difference = before.pop(name, None), differences.get(name)
        note = f" ({difference})" if difference else ""
        if line is None:
            reasons.append(f"{name}: new, {verdict}")
        elif line.verdict is not result.verdict:
            reasons.append(f"{name}: {line.verdict.long_name} → {verdict}{note}")
        elif (line.points, line.max_points) != (result.points, result.case.points):
            points = f"{line.points:g}/{line.max_points:g} → {result.points:g}/{result.case.points:g} points"
            reasons.append(f"{name}: {points}{note}")
        elif difference and result.case.kind is CaseKind.TEST:
            reasons.append(f"{name}: still {verdict}{note}")
    reasons += [f"{name}: gone, was {line.verdict.long_name}" for name, line in before.items()]
    return reasons


def change_of(old_score: float, old_max: float, new_score: float, new_max: float) -> Change:
    """It falls if the points do or their share of all; it rises if one of them does and none falls."""
    old_share, new_share = (
        score / most if most else 0.0 for score, most in ((old_score, old_max), (new_score, new_max))
    )
    if new_score < old_score or new_share < old_share:
        return Change.FALLS
    return Change.RISES if new_score > old_score or new_share > old_share else Change.SAME


# -- carrying it out ----------------------------------------------------------------------------------------------


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
        plan = self._cases.rejudging.load_plan(plan_id)
        if plan is None:
            raise AssignmentRefused(
                f"there is no plan {plan_id}: `submitter rejudge --assignment A/E/P --plan` makes one"
            )
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
                    one = _Batch(plan_id, plan, self._load(plan), allow_drops)
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
        self, batch: "_Batch", item: PlanItem, found: Mapping[str, tuple[PublishedResult, Sequence[RunResult | None]]]
    ) -> Applied:
        try:
            published, runs = found.get(item.subid, (None, ()))
            if published is None or published.attempt_id != item.attempt_id:
                raise _Left("has a newer result, which stays")
            if item.change is Change.NEEDS_RUN:
                report, published = self._run_and_judge(batch.assignment, published)
            else:
                report = self._judge(batch.assignment, published, runs, item)
            change = change_of(item.old_score, item.old_max, report.score, report.max_score)
            if change is Change.FALLS and not batch.allow_drops:
                raise _Left(f"would fall to {report.score:g}/{report.max_score:g}; --allow-drops lets it")
            self._publish(batch, published, report)
        except _Left as exc:
            return Applied(item, None, str(exc))
        except SubmissionBusy:
            return Applied(item, None, "is being graded just now; apply the plan again when that is done")
        except (NewerUpload, LeaseLost):
            return Applied(item, None, "has a newer upload or result, which stays")
        log.info("submission_rejudged", subid=item.subid, score=report.score, max_score=report.max_score)
        return Applied(item, report)

    def _judge(
        self, assignment: Assignment, published: PublishedResult, runs: Sequence[RunResult | None], item: PlanItem
    ) -> GradeReport:
        there = [run for run in runs if run is not None]
        if len(there) < len(runs):
            raise _Left("a run that the plan was made with is not kept any more: make a new plan")
        report = _report_of(assignment, there, _recipe_of(assignment, published), published.environment)
        if (report.score, report.max_score) != (item.new_score, item.new_max):
            raise _Left(
                f"would get {report.score:g}/{report.max_score:g}, which is not what the plan says: make a new one"
            )
        return report

    def _run_and_judge(self, assignment: Assignment, published: PublishedResult) -> tuple[GradeReport, PublishedResult]:
        """
        Run the cases of which no run is kept, where programs run now; all of them if the others ran elsewhere.

        With the report comes what is known of the result by then.
        """
        key = self._key_of(assignment, published)
        try:
            stored = self._results.get(key.program(LANGUAGES[assignment.language]), assignment.limits.source_bytes)
            if stored is None or stored.version != published.upload:
                raise _Left("has a newer upload: the queue brings its result")
            check_source(stored.data, assignment.limits)
        except SubmissionRejected as exc:
            raise _Left(f"cannot be run ({exc}): put it back with `submitter requeue {key.metadata}`") from exc
        if self._sandbox is None:
            self._sandbox = self._open_sandbox()
        environment = self._sandbox.environment
        known = replace(published, program_digest=program_digest(stored.data), language=assignment.language)
        [runs] = find_runs(self._cases, assignment, [known], environment)
        missing = [case for case, run in zip(assignment.cases, runs, strict=True) if run is None]
        with contextlib.closing(self._sandbox.run(job_of(assignment, stored.data, key.subid, missing))) as made:
            fresh = iter(list(made))
        recipe = _recipe_of(assignment, known, environment)
        whole = [next(fresh) if run is None else run for run in runs]
        report = _report_of(assignment, whole, recipe, environment)
        if any(result.verdict is Verdict.INTERNAL_ERROR for result in report.case_results):
            raise SandboxUnavailable("the executor could not run every case")
        return report, known

    def _key_of(self, assignment: Assignment, published: PublishedResult) -> SubmissionKey:
        """With the leading slash that the front end gave it, or without."""
        if published.has_key_form:
            return published.key
        for leading_slash in (False, True):
            key = replace(published.key, leading_slash=leading_slash)
            if self._results.version(key.program(LANGUAGES[assignment.language])) == published.upload is not None:
                return key
        raise _Left("has a newer upload, or its program is not in the bucket any more")

    def _publish(self, batch: "_Batch", published: PublishedResult, report: GradeReport) -> None:
        assignment, key = batch.assignment, self._key_of(batch.assignment, published)
        attempt_id = self._cases.begin_attempt(
            AttemptStart(
                key=key,
                tokens=published.tokens,
                language=assignment.language,
                upload=published.upload,
                worker=self._worker,
                receive_count=0,  # no message asks for it
                assignment=assignment,
                program_digest=published.program_digest,
                plan_id=batch.plan_id,
            )
        )
        try:
            watched = {key.program(LANGUAGES[assignment.language]): published.upload}
            outcome = Outcome(report=report)
            self._publisher.publish(
                key,
                attempt_id,
                watched,
                outcome,
                replaces=published.attempt_id,
                is_out_there=_has_same_outputs(published, report),
            )
        except BaseException:
            with contextlib.suppress(Unavailable):
                self._cases.end_attempt(attempt_id, None)
            raise


def _has_same_outputs(published: PublishedResult, report: GradeReport) -> bool:
    """Whether the `test` cases of both have the very same runs, in the same order: an attempt's own are taken first."""
    before = [line.run_key for line in published.cases if line.kind is CaseKind.TEST]
    now = [result.run_key for result in report.case_results if result.case.kind is CaseKind.TEST]
    return None not in before and before == now


@dataclass(frozen=True, slots=True)
class _Batch:
    plan_id: int
    plan: Plan
    assignment: Assignment
    allow_drops: bool
