"""Grading: the daemon, one submission, files on this machine, and handing in."""

import contextlib
import dataclasses
import json
import time
from pathlib import Path

import click

from submitter.commands.options import (
    ASSIGNMENT,
    BUCKET,
    DATABASE,
    QUEUE,
    TOKEN,
    as_json,
    cases_to_check,
    config_for,
    html_file,
    junit_file,
    limit_options,
    positive,
    print_json,
    progress,
    quiet_config,
    with_options,
)
from submitter.errors import MessageNotUnderstood, NotThereYet, Unavailable
from submitter.model import AssignmentRef, Comparison, SubmissionState
from submitter.points import points_text
from submitter.protocol import parse_metadata_key

NOT_ALL_PASSED = NOT_GRADED = 3  # it was judged, and is not what one hopes for


@click.command()
def daemon() -> int:
    """Take submissions from the queue until SIGTERM or SIGINT."""
    from submitter import app

    config = config_for(QUEUE, BUCKET, DATABASE)
    with app.open_daemon(config) as running:
        return running.run()


@click.command()
@click.argument("key")
@click.option("--dry-run", is_flag=True, help="Publish and record nothing.")
@as_json
def process(key: str, dry_run: bool, as_json: bool) -> None:
    """Grade one submission again, now, without the queue. KEY is its metadata's, …/SUBID/SUBID.json."""
    import tempfile

    from submitter import app
    from submitter.results import encode_graded, encode_rejected

    try:
        submission = parse_metadata_key(key)
    except MessageNotUnderstood as exc:
        raise click.UsageError(f"{exc}.") from exc
    config = quiet_config(BUCKET, DATABASE)
    with (
        tempfile.TemporaryDirectory(prefix="submitter-process-") as work_dir,
        app.open_processor(config, work_dir=Path(work_dir)) as (processor, lease),
    ):
        try:
            outcome = processor.process(submission, lease, dry_run=dry_run)
        except NotThereYet as exc:
            listed = f"`submitter requeue --assignment {submission.ref} --dry-run`"
            raise NotThereYet(f"{exc}: give the key as {listed} prints it; some begin with a slash") from exc
    if as_json:
        report, reason = outcome.report, outcome.reason
        terms = outcome.terms
        document = encode_graded(submission, report, terms) if report else encode_rejected(submission, reason or "")
        print_json(json.loads(document))
    elif outcome.report is None:
        click.echo(f"rejected: {outcome.reason}")
    else:
        from submitter import tables

        report = outcome.report
        points = f"{points_text(outcome.score)}/{points_text(report.max_score)} points"
        lost = f", {points_text(outcome.terms.penalty * 100)}% lost for being late" if outcome.terms.penalty else ""
        title = f"{submission.subid} {'would get' if dry_run else 'got'} {points}{lost}"
        rows = [
            (
                result.case.name,
                result.verdict.long_name,
                points_text(result.points),
                tables.milliseconds(result.run.wall_time_s),
                tables.group_or_role(result.case),
            )
            for result in report.case_results
        ]
        tables.print_table(title, ["case", "verdict", "points.", "ms.", "group"], rows)
        tables.print_groups(report.groups)


@click.command()
@click.argument("programs", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--cases", "folder", type=click.Path(path_type=Path), help="A folder with {test,grade}.{in,out}.")
@click.option("--assignment", type=ASSIGNMENT, help="An assignment in Postgres.")
@click.option("--main-file", metavar="NAME", help="With --cases: the program in archives of several files.")
@limit_options
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]))
@click.option("--isolation", type=click.Choice(["box", "container", "strict"]))
@html_file
@junit_file
@as_json
def check(
    programs: tuple[Path, ...],
    folder: Path | None,
    assignment: AssignmentRef | None,
    main_file: str | None,
    input_mode: str | None,
    comparison: Comparison | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
    sandbox: str | None,
    isolation: str | None,
    html: Path | None,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Grade files on this machine, on all cores; without an assignment, each in the language of its extension."""
    from submitter import app, exports
    from submitter.checking import account_of, check_programs
    from submitter.grading import check_assignment
    from submitter.languages import language_of_file
    from submitter.supplies import Supplies

    if (folder is None) == (assignment is None):
        raise click.UsageError("give either --cases or --assignment.")
    config = quiet_config(*([DATABASE] if assignment else []), sandbox=sandbox, isolation=isolation)
    graded = with_options(
        cases_to_check(config, folder, assignment), input_mode, comparison, time_limit_s, memory_limit_mib
    )
    if main_file is not None:
        if assignment is not None:
            raise click.UsageError("an --assignment has a main file of its own: see `submitter assignment files`.")
        try:
            graded = dataclasses.replace(
                graded, language=language_of_file(Path(main_file)), supplies=Supplies(main_file=main_file)
            )
        except ValueError as exc:
            raise click.UsageError(f"--main-file: {exc}.") from exc
    check_assignment(graded)
    runner = app.open_sandbox(config, executors=min(config.concurrency, len(programs)))
    if config.sandbox == "auto":
        click.echo(f"programs run in {runner.name}", err=True)
    everything_passed = True
    try:
        with contextlib.ExitStack() as files, progress(len(programs), "checking") as advance:
            sinks = [files.enter_context(exports.page_file(html, str(graded.ref)))] if html else []
            sinks += [files.enter_context(exports.junit_file(junit))] if junit else []
            checked = []
            checks = check_programs(
                runner,
                graded,
                programs,
                config.concurrency,
                advance,
                by_extension=assignment is None and main_file is None,
            )
            for one in checks:
                for add in sinks:
                    add(account_of(graded.ref, one))
                everything_passed = everything_passed and one.passed_everything
                if as_json:
                    print_json(one.document())
                else:
                    checked.append(one)
    finally:
        runner.close()
    if not as_json:
        from submitter import tables

        tables.print_checked(checked)
    return 0 if everything_passed else NOT_ALL_PASSED


@click.command()
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--assignment", type=ASSIGNMENT, required=True)
@click.option(
    "--token",
    "tokens",
    type=TOKEN,
    multiple=True,
    required=True,
    metavar="T",
    help="A student's token; one for each of a team.",
)
@click.option("--language", help="The assignment's, where the file's name does not tell it: of archives.")
@click.option("--wait", "wait_s", type=positive, metavar="S", help="Wait so long for the result and print it.")
@as_json
def submit(
    program: Path,
    assignment: AssignmentRef,
    tokens: tuple[str, ...],
    language: str | None,
    wait_s: float | None,
    as_json: bool,
) -> int:
    """
    Upload a program as the front end does.

    With --wait: 0 once it is graded, however many points it has, 3 if it is rejected, 1 without a result.
    """
    from submitter import app, tables
    from submitter.languages import language_of_file, languages
    from submitter.upload import upload, wait_for_results

    if language is not None and language not in languages():
        raise click.UsageError(f"no language {language}; there is {', '.join(languages())}.")
    config = quiet_config(BUCKET)
    store = app.open_results(config)
    submitted = upload(store, assignment, tokens, program.read_bytes(), language or language_of_file(program))
    if wait_s is None:
        if as_json:
            print_json({"subid": submitted.key.subid, "key": submitted.key.metadata})
        else:
            click.echo(f"uploaded {submitted.key.metadata}")
        return 0
    document = wait_for_results(store, submitted, time.monotonic() + wait_s)
    if document is None:
        raise Unavailable(f"no result of {submitted.key.subid} within {wait_s:g} s; is a daemon running?")
    if as_json:
        print_json(document)
    else:
        tables.print_results(document)
    return NOT_GRADED if document["state"] == SubmissionState.REJECTED else 0
