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
from submitter.errors import AssignmentRefused
from submitter.languages import languages
from submitter.model import Assignment, AssignmentRef, Comparison, Step
from submitter.points import points_text
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
@click.option("--language", help="Of the programs, such as c or python: docs/languages.md has them.")
@click.option("--notices/--no-notices", default=None, help="Tell students of their results by e-mail, or not.")
@click.option(
    "--reference",
    "references",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A program that has to pass every case, in place of a package's own.",
)
@click.option("--no-verify", is_flag=True, help="Run no reference solution.")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]), help="For reference solutions.")
@as_json
def cases_import(
    path: str,
    ref: AssignmentRef,
    in_bucket: bool,
    input_mode: str | None,
    comparison: Comparison | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
    language: str | None,
    notices: bool | None,
    references: tuple[Path, ...],
    no_verify: bool,
    sandbox: str | None,
    as_json: bool,
) -> None:
    """
    Put cases into Postgres: from a grading folder or a problem package.

    A grading folder has {test,grade}.{in,out}, case N in line N, and may have points and groups in grading.toml. A
    package is a folder, a zip or a tar archive in ICPC's, Kattis's, DMOJ's or Polygon's format; its limits and
    comparison come along. Reference solutions, those of the package or --reference, have to pass every case each time
    they are run.

    Makes the assignment if it is new, and replaces all of its cases; settings that no option names stay as they were.
    """
    from submitter import app
    from submitter.folders import bucket_reader, local_reader, read_comparison
    from submitter.grading import check_assignment
    from submitter.packages.formats import is_package
    from submitter.packages.importing import from_folder, from_package, reference_of, verified
    from submitter.packages.running import engine

    config = quiet_config(DATABASE, *([BUCKET] if in_bucket else []), sandbox=sandbox)
    told = None  # by a folder's file `comparison`
    if not in_bucket and is_package(Path(path)):
        imported = from_package(Path(path), comparison)
    else:
        read = bucket_reader(app.open_results(config), path) if in_bucket else local_reader(Path(path))
        imported = from_folder(read)
        told = read_comparison(read)
    to_run = tuple(reference_of(one, languages()) for one in references) or imported.references(languages())
    if not to_run and imported.problem is not None and not no_verify:
        raise AssignmentRefused(
            f"{path} has no accepted solution that can be run here; give a --reference program, or --no-verify"
        )
    with app.open_cases(config) as store:
        known = store.load_assignment(ref) or Assignment(ref=ref, cases=())
        assignment = imported.over(known)
        if told is not None:
            assignment = dataclasses.replace(assignment, comparison=told, checker=imported.cases.checker)
        assignment = with_options(assignment, input_mode, comparison, time_limit_s, memory_limit_mib)
        if language is not None:
            assignment = dataclasses.replace(assignment, language=language)
        if notices is not None:
            assignment = dataclasses.replace(assignment, notices=notices)
        check_assignment(assignment)
        if to_run and not no_verify:
            runner = app.open_sandbox(config)
            try:
                run = engine(runner, config.concurrency)
                assignment = verified(assignment, imported, to_run, run, sets_limit=time_limit_s is None)
            finally:
                runner.close()
        store.save_assignment(assignment)
    for note in imported.notes:
        click.echo(f"submitter: {note}", err=True)
    counts = {kind: sum(case.kind == kind for case in assignment.cases) for kind in ("test", "grade")}
    if as_json:
        print_json({"assignment": str(ref), "format": imported.format, "replaced": len(known.cases), **counts})
    else:
        replaced = f" in place of {len(known.cases)}" if known.cases else ""
        click.echo(f"{ref}: {counts['test']} test and {counts['grade']} grade cases{replaced}")


@cases.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
@click.option(
    "--format",
    "format",
    type=click.Choice(["folder", "icpc", "icpc-2023-07", "dmoj", "polygon"]),
    default="folder",
    help="A grading folder, or a problem package; a package may be a .zip.",
)
@as_json
def cases_export(target: Path, ref: AssignmentRef, format: str, as_json: bool) -> None:
    """Write an assignment's cases as a grading folder or a problem package."""
    from submitter.folders import write_folder
    from submitter.packages.assigned import problem_of
    from submitter.packages.formats import write_package

    if target.is_file():
        raise click.UsageError(f"{target} is a file.")
    assignment = cases_to_check(quiet_config(DATABASE), None, ref)
    broken = 0
    if format == "folder":
        broken = write_folder(target, assignment.cases, assignment.comparison, assignment.groups, assignment.checker)
    else:
        problem = problem_of(assignment, format)
        write_package(target, problem)
        for lost in problem.left_out:
            click.echo(f"submitter: left out: {lost}", err=True)
    if as_json:
        print_json({"assignment": str(ref), "directory": str(target), "cases": len(assignment.cases)})
    else:
        click.echo(f"{target}: {len(assignment.cases)} cases")
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
                (
                    case.name,
                    case.input if case.step is Step.RUN else "(proved, not run)",
                    case.expected,
                    points_text(case.points),
                    tables.group_or_role(case),
                    tables.own_limits(case),
                )
                for case in listed
            ]
            columns = ["case", "input", "expected", "points.", "group or role", "limits of its own"]
            tables.print_table(str(ref), columns, rows)
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
                    points_text(one.points),
                    "on" if one.notices else "off",
                    f"{one.updated_at:%Y-%m-%d %H:%M}",
                )
                for one in summaries
            ],
        )


@cases.command("stats")
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
@as_json
def cases_stats(ref: AssignmentRef, as_json: bool) -> None:
    """What each case tells of the programs: how many pass it, and whether those are the better ones."""
    from submitter import app, tables
    from submitter.case_statistics import case_statistics

    with app.open_cases(quiet_config(DATABASE)) as store:
        results = store.published_cases(ref)
        if not results and store.load_assignment(ref) is None:
            raise AssignmentRefused(f"no assignment {ref}: `submitter cases list` shows those that are there")
    statistics = case_statistics(results)
    if as_json:
        for one in statistics.cases:
            print_json(one.document())
        return
    if statistics.cases:
        rows = [
            (
                one.name,
                str(one.tried),
                str(one.passed),
                "" if one.pass_rate is None else f"{one.pass_rate:.0%}",
                "" if one.discrimination is None else f"{one.discrimination:.2f}",
                str(one.only_failures),
                ", ".join(one.remarks),
            )
            for one in statistics.cases
        ]
        columns = ["case", "tried.", "passed.", "rate.", "discrimination.", "only failure.", "remarks"]
        tables.print_table(str(ref), columns, rows)
    told = f"{statistics.submissions} submissions"
    if statistics.did_not_compile:
        told += f", and {statistics.did_not_compile} that did not compile and say nothing of the cases"
    click.echo(told, err=True)
