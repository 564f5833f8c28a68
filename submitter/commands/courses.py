"""Courses: the schema in Postgres, assignments and their cases."""

import dataclasses
from pathlib import Path

import click

from submitter.commands.options import (
    ASSIGNMENT,
    BUCKET,
    DATABASE,
    as_json,
    cases_to_check,
    limit_options,
    print_json,
    quiet_config,
    with_options,
)
from submitter.model import Assignment, AssignmentRef, Comparison
from submitter.resources import resource


@click.group()
def db() -> None:
    """The schema in Postgres."""


@db.command("migrate")
@as_json
def db_migrate(as_json: bool) -> None:
    """Apply the migrations that the database lacks; safe to run twice, and on two hosts at once."""
    from submitter import migrations

    applied = migrations.apply(quiet_config(DATABASE).database_url, resource("sql"))
    if as_json:
        print_json({"applied": applied})
    else:
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@db.command("status")
@as_json
def db_status(as_json: bool) -> int:
    """Which migrations are applied; 1 if some are not."""
    from submitter import migrations, tables

    statuses = migrations.status(quiet_config(DATABASE).database_url, resource("sql"))
    if as_json:
        for status in statuses:
            applied_at = status.applied_at.isoformat() if status.applied_at else None
            print_json(
                {"number": status.number, "name": status.name, "applied_at": applied_at, "problem": status.problem}
            )
    else:
        rows = [
            (
                str(status.number),
                status.name,
                f"{status.applied_at:%Y-%m-%d %H:%M}" if status.applied_at else "not applied",
                status.problem or "",
            )
            for status in statuses
        ]
        tables.print_table("", ["number.", "migration", "applied", "problem"], rows)
    return 0 if all(status.applied_at and not status.problem for status in statuses) else 1


@click.group()
def cases() -> None:
    """Assignments and their cases."""


@cases.command("import")
@click.argument("path")
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
@click.option("--bucket", "in_bucket", is_flag=True, help="PATH is a prefix in SUBMITTER_BUCKET, not a folder here.")
@limit_options
@click.option("--notices/--no-notices", default=None, help="Tell students of their results by e-mail, or not.")
@as_json
def cases_import(
    path: str,
    ref: AssignmentRef,
    in_bucket: bool,
    input_mode: str | None,
    comparison: Comparison | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
    notices: bool | None,
    as_json: bool,
) -> None:
    """
    Put a grading folder into Postgres: {test,grade}.{in,out}, case N in line N; points and groups in grading.toml.

    Makes the assignment if it is new, and replaces all of its cases; settings that no option names stay as they were.
    """
    from submitter import app
    from submitter.folders import bucket_reader, local_reader, read_comparison, read_grading
    from submitter.grading import check_assignment

    config = quiet_config(DATABASE, *([BUCKET] if in_bucket else []))
    read = bucket_reader(app.open_results(config), path) if in_bucket else local_reader(Path(path))
    imported, groups = read_grading(read)
    comparison = comparison or read_comparison(read)
    with app.open_cases(config) as store:
        known = store.load_assignment(ref) or Assignment(ref=ref, cases=())
        known = dataclasses.replace(known, groups=groups)
        assignment = with_options(
            dataclasses.replace(known, cases=imported), input_mode, comparison, time_limit_s, memory_limit_mib
        )
        if notices is not None:
            assignment = dataclasses.replace(assignment, notices=notices)
        check_assignment(assignment)
        store.save_assignment(assignment)
    counts = {kind: sum(case.kind == kind for case in imported) for kind in ("test", "grade")}
    if as_json:
        print_json({"assignment": str(ref), "replaced": len(known.cases), **counts})
    else:
        replaced = f" in place of {len(known.cases)}" if known.cases else ""
        click.echo(f"{ref}: {counts['test']} test and {counts['grade']} grade cases{replaced}")


@cases.command("export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
@as_json
def cases_export(directory: Path, ref: AssignmentRef, as_json: bool) -> None:
    """Write an assignment's cases as a grading folder."""
    from submitter.folders import write_folder

    assignment = cases_to_check(quiet_config(DATABASE), None, ref)
    broken = write_folder(directory, assignment.cases, assignment.comparison, assignment.groups)
    if as_json:
        print_json({"assignment": str(ref), "directory": str(directory), "cases": len(assignment.cases)})
    else:
        click.echo(f"{directory}: {len(assignment.cases)} cases")
    if broken:
        click.echo(rf"submitter: {broken} of them hold line breaks, written as the two characters \n", err=True)


@cases.command("list")
@click.option("--assignment", "ref", type=ASSIGNMENT, help="Its cases, instead of all assignments.")
@as_json
def cases_list(ref: AssignmentRef | None, as_json: bool) -> None:
    """The assignments, or one's cases."""
    from submitter import app, tables

    config = quiet_config(DATABASE)
    if ref is not None:
        listed = cases_to_check(config, None, ref).cases
        if as_json:
            for case in listed:
                print_json(dataclasses.asdict(case))
        else:
            rows = [
                (case.name, case.input, case.expected, tables.points(case.points), tables.group_or_role(case))
                for case in listed
            ]
            tables.print_table(str(ref), ["case", "input", "expected", "points.", "group"], rows)
        return
    with app.open_cases(config) as store:
        summaries = store.list_assignments()
    if as_json:
        for summary in summaries:
            updated_at = summary.updated_at.isoformat()
            print_json(dataclasses.asdict(summary) | {"ref": str(summary.ref), "updated_at": updated_at})
    else:
        tables.print_table(
            "",
            ["assignment", "language", "input", "test.", "grade.", "points.", "notices", "changed"],
            [
                (
                    str(one.ref),
                    one.language,
                    str(one.input_mode),
                    str(one.test_cases),
                    str(one.grade_cases),
                    tables.points(one.points),
                    "on" if one.notices else "off",
                    f"{one.updated_at:%Y-%m-%d %H:%M}",
                )
                for one in summaries
            ],
        )
