"""Deadlines, tries and feedback of an assignment, and publishing what was held back."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import click

from submitter.commands.checkers import checker
from submitter.commands.options import (
    ASSIGNMENT,
    BUCKET,
    DATABASE,
    as_json,
    cases_to_check,
    no_assignment,
    print_json,
    progress,
    quiet_config,
)
from submitter.model import Assignment, AssignmentRef
from submitter.policy import Feedback, Late, Policy, Tries, parse_due

T = TypeVar("T")
NONE = "none"  # what turns a setting off


@click.group()
def assignment() -> None:
    """Deadline, tries, feedback and files of an assignment."""


@assignment.command("set")
@click.argument("ref", type=ASSIGNMENT, metavar="A/E/P")
@click.option("--due", metavar="TIME", help="With its zone: 2026-08-01T23:59:59+02:00; or `none`.")
@click.option("--late", metavar="TEXT", help="'10% per day, floor 50%, grace 5 min, cutoff 3 days'; or `none`.")
@click.option("--tries", metavar="TEXT", help="'3 per day, then grade nothing'; or `none`.")
@click.option(
    "--feedback",
    metavar="TEXT",
    help="'test: everything; grade: verdict, points after due, everything once published'; or `none`.",
)
@as_json
def assignment_set(
    ref: AssignmentRef, due: str | None, late: str | None, tries: str | None, feedback: str | None, as_json: bool
) -> None:
    """
    Change what is named; the rest, and the cases, stay.

    Results that are there stay, too: `submitter publish --refresh` shows them by the new feedback.
    """
    from submitter import app

    changes: dict[str, object] = {
        name: _parsed(f"--{option}", text, parse, off)
        for name, option, text, parse, off in (
            ("due_at", "due", due, parse_due, None),
            ("late", "late", late, Late.parse, None),
            ("tries", "tries", tries, Tries.parse, None),
            ("feedback", "feedback", feedback, Feedback.parse, Feedback()),
        )
        if text is not None
    }
    if not changes:
        raise click.UsageError("say what to change: --due, --late, --tries or --feedback.")
    config = quiet_config(DATABASE)
    with app.open_cases(config) as store:
        known = store.load_assignment(ref)
        policy = dataclasses.replace(known.policy if known else Policy(), **changes)  # type: ignore[arg-type]
        if known is None or not store.save_policy(ref, policy):
            raise no_assignment(ref)
    _print_settings(dataclasses.replace(known, policy=policy), as_json)
    if waiting := _waiting_for_due(policy):
        click.echo(
            f"submitter: {' and '.join(waiting)} will change nothing without a due date: set one with --due TIME",
            err=True,
        )


def _waiting_for_due(policy: Policy) -> list[str]:
    """The settings, by their option, that say what happens after a due date that there is not."""
    if policy.due_at is not None:
        return []
    waits = any(stages.after_due is not None for stages in (policy.feedback.test, policy.feedback.grade))
    return (["--late"] if policy.late else []) + (["`after due` in --feedback"] if waits else [])


@assignment.command("show")
@click.argument("ref", type=ASSIGNMENT, metavar="A/E/P")
@as_json
def assignment_show(ref: AssignmentRef, as_json: bool) -> None:
    """All settings: deadline, tries and feedback as `set` takes them, comparison, limits, files and the others."""
    _print_settings(cases_to_check(quiet_config(DATABASE), None, ref), as_json)


@click.command()
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
@click.option("--refresh", is_flag=True, help="Publish nothing new: show what may be seen by now, after the due date.")
@as_json
def publish(ref: AssignmentRef, refresh: bool, as_json: bool) -> int:
    """
    Give students the fullest feedback of an assignment, from now on and for all its results.

    Nothing is run and no grade changes. It may be called again; 1 if some result could not be written.
    """
    from submitter import app, publishing

    config = quiet_config(DATABASE, BUCKET)
    results = app.open_results(config)
    with app.open_cases(config) as cases:
        count = len(cases.list_submissions(ref))
        done = []
        with progress(count, "publishing") as advance:
            for one in publishing.publish(cases, results, ref, refresh=refresh):
                done.append(one)
                advance()
    problems = [one for one in done if one.problem is not None]
    if as_json:
        for one in done:
            view = None if one.view is None else {"test": one.view.test.value, "grade": one.view.grade.value}
            print_json({"subid": one.subid, "shown": view, "changed_cases": one.changed, "problem": one.problem})
    else:
        click.echo(f"{ref}: {len(done) - len(problems)} of {len(done)} results shown anew")
    for one in problems:
        click.echo(f"submitter: {one.subid}: {one.problem}", err=True)
    if changed := sum(one.changed > 0 for one in done):
        click.echo(
            f"submitter: {changed} of them have cases that were changed since: their text is not shown", err=True
        )
    return 1 if problems else 0


def _parsed(option: str, text: str, parse: Callable[[str], T], off: T | None) -> T | None:
    if text.strip().lower() == NONE:
        return off
    try:
        return parse(text)
    except ValueError as exc:
        raise click.UsageError(f"{option}: {exc}.") from exc


assignment.add_command(checker)


def _print_settings(known: Assignment, as_json: bool) -> None:
    """All that can be set of an assignment, its cases and groups apart."""
    from submitter import tables

    policy, checker, supplies = known.policy, known.checker, known.supplies
    limits = dataclasses.asdict(known.limits)
    ways: dict[str, str | None] = {
        "language": known.language,
        "input_mode": str(known.input_mode),
        "comparison": str(known.comparison),
        "checker": None
        if checker is None
        else " ".join((checker.language, *checker.arguments, *(["(interactive)"] if checker.interactive else []))),
        "main_file": supplies.main_file,
        "files": f"an archive of {len(supplies.archive)} bytes" if supplies.archive is not None else None,
        "preload": ",".join(supplies.preload) or None,
        "notices": "on" if known.notices else "off",
    }
    rules = {
        "due": policy.due_at.isoformat() if policy.due_at else None,
        "late": str(policy.late) if policy.late else None,
        "tries": str(policy.tries) if policy.tries else None,
        "feedback": str(policy.feedback),
        "published": policy.published_at.isoformat() if policy.published_at else None,
    }
    if as_json:
        print_json({"assignment": str(known.ref), **ways, "limits": limits, **rules})
    else:
        measured = {name: f"{value:.12g}" for name, value in limits.items()}
        rows = [(name, text or NONE) for name, text in {**ways, **measured, **rules}.items()]
        tables.print_table(str(known.ref), ["setting", "is"], rows)
