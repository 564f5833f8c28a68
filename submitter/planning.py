"""
Planning to judge anew: what a changed test set makes of the runs that were kept, and whose result would change.

Nothing is run, and nothing published; rejudging.py carries plans out.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from submitter.errors import (
    AssignmentRefused,
)
from submitter.grading import check_assignment
from submitter.judging import NOT_RUN, Judging
from submitter.languages import languages
from submitter.model import Assignment, AssignmentRef, CaseKind, TestCase
from submitter.outcomes import CaseResult, GradeReport
from submitter.points import points_text
from submitter.ports import CaseStore
from submitter.runs import Environment, Phases, RunResult
from submitter.test_sets import (
    Change,
    Ingredients,
    Plan,
    PlanItem,
    Recipe,
    ShownResult,
    changed_cases,
    changed_settings,
    content_of,
    digest_of,
)

PLANNED_AT_ONCE = 100  # submissions, whose kept outputs are in memory together


@dataclass(frozen=True, slots=True)
class _Differences:
    """Between two versions of a test set, in words: by the name of a case, and those of the settings."""

    cases: Mapping[str, str] = field(default_factory=dict)
    settings: Sequence[str] = ()


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
    differences: dict[int | None, _Differences] = {None: _Differences()}  # by the version that a result was judged by
    items: list[PlanItem] = []
    unchanged, after = 0, ""
    while page := cases.rejudging.published(ref, PLANNED_AT_ONCE, after):
        for published, runs in zip(page, find_runs(cases, assignment, page), strict=True):
            if published.test_set not in differences:
                old = cases.rejudging.load_test_set(ref, published.test_set or 0)
                differences[published.test_set] = (
                    _Differences(changed_cases(old, content), changed_settings(old, content)) if old else _Differences()
                )
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
    page: Sequence[ShownResult],
    environment: Environment | None = None,
) -> list[list[RunResult | None]]:
    """
    For each result the runs that were kept, in the order of the assignment's cases; None where there is none.

    `environment` is where they must have been made; None: where the result's own were.
    """
    wanted: dict[int, list[str]] = {}
    ingredients = ingredients_of(assignment)
    for published in page:
        recipe = recipe_of(assignment, ingredients, published, environment)
        wanted[published.attempt_id] = [recipe.key(case) for case in assignment.cases] if recipe else []
    kept = cases.rejudging.kept_runs(wanted)
    nothing: list[RunResult | None] = [None] * len(assignment.cases)
    return [
        [kept.get((one.attempt_id, key)) for key in wanted[one.attempt_id]] if wanted[one.attempt_id] else nothing
        for one in page
    ]


def ingredients_of(assignment: Assignment) -> Ingredients:
    return Ingredients(assignment, languages()[assignment.language])


def recipe_of(
    assignment: Assignment,
    ingredients: Ingredients,
    published: ShownResult,
    environment: Environment | None = None,
) -> Recipe | None:
    """None where it is not known what a result's runs came of. `environment`: as for `find_runs`."""
    environment = environment or published.environment
    if published.program_digest is None or environment is None or published.language != assignment.language:
        return None
    return Recipe(published.program_digest, environment, ingredients)


def judge_kept(
    assignment: Assignment, runs: Sequence[RunResult | None], recipe: Recipe | None, environment: Environment | None
) -> GradeReport | list[TestCase]:
    """
    What the runs that were kept come to; or, where they do not suffice, the cases of which one is missing.

    A case that a group skips needs none. Whether it does may hang on a case that is missing: then it may be among these
    and yet not be run.
    """
    began_s = time.monotonic()
    judging = Judging(assignment, recipe)
    for run in runs:
        if run is not None:
            judging.look_whether_broken(run)
    missing = []
    for index in judging.order:
        run = judging.broken if runs[index] is None else runs[index]
        if judging.is_wanted(index) is False:
            judging.take(index, NOT_RUN)
        elif run is None:
            missing.append(assignment.cases[index])
        else:
            judging.take(index, run)
    if missing:
        return missing
    phases = Phases(judge_s=time.monotonic() - began_s)
    return replace(judging.report(), environment=environment, phases=phases)


def _item_of(
    assignment: Assignment,
    published: ShownResult,
    runs: Sequence[RunResult | None],
    differences: "_Differences",
) -> PlanItem | None:
    """What would become of a result; None if nothing would."""
    report = judge_kept(assignment, runs, None, None)
    if isinstance(report, list):
        return PlanItem(
            subid=published.key.subid,
            attempt_id=published.attempt_id,
            change=Change.NEEDS_RUN,
            old_score=published.score,
            old_max=published.max_score,
            to_run=len(report),
            reasons=(f"no run is kept for {', '.join(case.name for case in report)}",),
        )
    reasons = _reasons(published, report.case_results, differences.cases)
    new_score = published.terms.after_penalty(report.score)
    if not reasons and (new_score, report.max_score) == (published.score, published.max_score):
        return None
    reasons = reasons or list(differences.settings)  # what cases are worth together, for instance
    return PlanItem(
        subid=published.key.subid,
        attempt_id=published.attempt_id,
        change=change_of(published.score, published.max_score, new_score, report.max_score),
        old_score=published.score,
        old_max=published.max_score,
        new_score=new_score,
        new_max=report.max_score,
        reasons=tuple(reasons),
    )


def _reasons(published: ShownResult, results: Sequence[CaseResult], differences: Mapping[str, str]) -> list[str]:
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
            was = f"{points_text(line.points)}/{points_text(line.max_points)}"
            now = f"{points_text(result.points)}/{points_text(result.case.points)}"
            reasons.append(f"{name}: {was} → {now} points{note}")
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
