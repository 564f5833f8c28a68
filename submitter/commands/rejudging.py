"""Judging published results anew, after cases or settings were changed."""

from collections import Counter

import click

from submitter.commands.options import ASSIGNMENT, BUCKET, DATABASE, QUEUE, as_json, print_json, progress, quiet_config
from submitter.errors import Unavailable
from submitter.model import AssignmentRef
from submitter.points import points_text
from submitter.test_sets import Change, PlanItem

SMALLER_SHARE = "smaller share"
ORDER = (Change.FALLS, Change.RISES, Change.NEEDS_RUN, Change.SAME)  # what somebody has to decide about comes first


@click.command()
@click.option("--assignment", "ref", type=ASSIGNMENT, help="With --plan: whose results.")
@click.option("--plan", "is_plan", is_flag=True, help="Show whose result would rise and fall, and why; changes none.")
@click.option("--apply", "plan_id", type=click.IntRange(min=1), metavar="ID", help="Make a plan so.")
@click.option("--allow-drops", is_flag=True, help="With --apply: let results fall, too.")
@as_json
def rejudge(ref: AssignmentRef | None, is_plan: bool, plan_id: int | None, allow_drops: bool, as_json: bool) -> int:
    """
    Judge results anew, by the runs that were kept: first a plan, then its id.

    Programs are run only for cases of which no run was kept. 1 if a result could not be changed as planned.
    """
    if is_plan == (plan_id is not None) or is_plan != (ref is not None) or (is_plan and allow_drops):
        raise click.UsageError("give either --assignment A/E/P --plan, or --apply ID, with --allow-drops if you like.")
    if ref is not None:
        _plan(ref, as_json)
        return 0
    assert plan_id is not None
    return _apply(plan_id, allow_drops, as_json)


def _plan(ref: AssignmentRef, as_json: bool) -> None:
    from submitter import app, tables
    from submitter.planning import make_plan, why

    with app.open_cases(quiet_config(DATABASE)) as cases:
        plan_id, plan = make_plan(cases, ref)
        changed = why(cases, ref, plan.test_set)
    items = sorted(plan.items, key=lambda item: (ORDER.index(item.change), item.subid))
    if as_json:
        head = {"plan": plan_id, "assignment": str(ref), "test_set": plan.test_set, "unchanged": plan.unchanged}
        print_json(head | {"changed": changed})
        for item in items:
            print_json(
                {
                    "subid": item.subid,
                    "change": item.change,
                    "old_score": item.old_score,
                    "old_max_score": item.old_max,
                    "new_score": item.new_score,
                    "new_max_score": item.new_max,
                    "cases_to_run": item.to_run,
                    "reasons": item.reasons,
                }
            )
        return
    click.echo(f"{ref}: test set {plan.test_set}")
    for text in changed:
        click.echo(f"  {text}")
    if items:
        rows = [
            (
                item.subid,
                _word(item),
                _score(item.old_score, item.old_max),
                _score(item.new_score, item.new_max),
                "; ".join(item.reasons),
            )
            for item in items
        ]
        tables.print_table("", ["submission", "", "is.", "would be.", "why"], rows)
    counts = Counter(item.change for item in items)
    words = ("fall", "rise", "need a run", "stay")
    told = [f"{counts[change]} {text}" for change, text in zip(ORDER, words, strict=True)]
    if shares := sum(_word(item) == SMALLER_SHARE for item in items):
        told[0] += f" ({shares} in their share of all points alone)"
    click.echo(f"{', '.join(told)} with other verdicts or cases to see; {plan.unchanged} unchanged")
    if items:
        drops = ", and --allow-drops for those that fall" if counts[Change.FALLS] or counts[Change.NEEDS_RUN] else ""
        click.echo(f"plan {plan_id}: make it so with `submitter rejudge --apply {plan_id}`{drops}")


def _word(item: PlanItem) -> str:
    """What is seen to happen: a change may be one of the share that the points are of the most alone."""
    if item.new_score is not None and item.change is Change.FALLS and item.new_score >= item.old_score:
        return SMALLER_SHARE
    if item.change is Change.RISES and item.new_score == item.old_score:
        return "larger share"
    return item.change.replace("_", " ")


def _score(score: float | None, most: float | None) -> str:
    """`7/10`; that it is not known, if cases have to be run first."""
    return "?" if score is None or most is None else f"{points_text(score)}/{points_text(most)}"


def _apply(plan_id: int, allow_drops: bool, as_json: bool) -> int:
    from submitter import app

    done, before, problems = 0, 0, []
    config = quiet_config(QUEUE, BUCKET, DATABASE)
    try:
        with app.open_rejudger(config) as rejudger, progress(rejudger.size_of(plan_id), "judging") as advance:
            for one in rejudger.apply(plan_id, allow_drops=allow_drops):
                advance()
                done += one.outcome is not None
                before += one.outcome is None and one.problem is None
                problems += [f"{one.item.subid} {one.problem}"] if one.problem else []
                if as_json:
                    score = one.outcome.score if one.outcome else None
                    print_json({"subid": one.item.subid, "new_score": score, "problem": one.problem})
    except Unavailable as exc:
        raise Unavailable(f"{exc}; {done} were judged anew before that: give the same command again") from exc
    if not as_json:
        for problem in problems:
            click.echo(f"submitter: {problem}", err=True)
        click.echo(f"judged {done} anew" + (f"; {before} had been before" if before else ""))
    return 1 if problems else 0
