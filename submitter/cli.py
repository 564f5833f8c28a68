"""
The `submitter` command: arguments in, exit code out.

Exit codes: 0 done, 1 could not, 2 wrong use or settings; `check` ends with 3
when some program did not pass everything. Data goes to standard output, all
else to standard error. What a command needs is imported inside it, so that
`submitter --help` is quick.
"""

import contextlib
import dataclasses
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from submitter import __version__
from submitter.config import Config
from submitter.errors import AssignmentRefused, ConfigError, MessageNotUnderstood, SubmitterError, Unavailable
from submitter.model import MIB, Assignment, AssignmentRef, Comparison, InputMode, Limits
from submitter.protocol import parse_assignment_ref, parse_metadata_key
from submitter.resources import resource

NOT_ALL_PASSED = 3
QUEUE, BUCKET, DATABASE = "queue_url", "bucket", "database_url"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; errors are one line on standard error."""
    try:
        code = cli.main(
            args=list(arguments) if arguments is not None else None, prog_name="submitter", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        code = 2
    except click.UsageError as exc:
        command = exc.ctx.command_path if exc.ctx else "submitter"
        code = _complain(f"{exc.format_message().removesuffix('.')}. Try `{command} --help`.", 2)
    except click.ClickException as exc:
        code = _complain(exc.format_message(), exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        code = _complain("interrupted", 130)
    except ConfigError as exc:
        code = _complain(str(exc), 2)
    except SubmitterError as exc:
        code = _complain(str(exc), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read us has gone; nothing is left to say
        code = 1
    sys.exit(code or 0)


def _complain(text: str, code: int) -> int:
    click.echo(f"submitter: {' '.join(text.split())}", err=True)
    return code


# -- shared options -----------------------------------------------------------------------------------------------


class _AssignmentType(click.ParamType[AssignmentRef]):
    name = "A/E/P"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AssignmentRef:
        if isinstance(value, AssignmentRef):
            return value
        try:
            return parse_assignment_ref(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class _PositiveType(click.FloatRange):
    """A number greater than 0; FloatRange alone lets NaN and infinity pass."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return number


ASSIGNMENT = _AssignmentType()
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
positive = _PositiveType()


def _config(*required: str, **overrides: Any) -> Config:
    from submitter import logs

    config = Config.from_env(os.environ, required)
    logs.configure(config.log_format)
    return dataclasses.replace(config, **{name: value for name, value in overrides.items() if value is not None})


def _quiet_config(*required: str, **overrides: Any) -> Config:
    """For commands whose own output is the message: information is not logged."""
    from submitter import logs

    config = _config(*required, **overrides)
    logs.configure(config.log_format, quiet=True)
    return config


def _changed(
    assignment: Assignment,
    input_mode: str | None,
    comparison: str | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
) -> Assignment:
    """The assignment with what the options say; a longer time limit takes the wall time limit along."""
    limits = assignment.limits
    if time_limit_s is not None:
        wall_time_s = max(limits.wall_time_s, Limits().wall_time_s / Limits().cpu_time_s * time_limit_s)
        limits = dataclasses.replace(limits, cpu_time_s=time_limit_s, wall_time_s=wall_time_s)
    if memory_limit_mib is not None:
        limits = dataclasses.replace(limits, memory_bytes=memory_limit_mib * MIB)
    return dataclasses.replace(
        assignment,
        limits=limits,
        input_mode=InputMode(input_mode) if input_mode else assignment.input_mode,
        comparison=Comparison(comparison) if comparison else assignment.comparison,
    )


def _limit_options(command: Any) -> Any:
    for option in (
        click.option("--memory-limit", "memory_limit_mib", type=click.IntRange(min=8), metavar="MIB"),
        click.option("--time-limit", "time_limit_s", type=positive, metavar="S", help="Processor time of a case."),
        click.option("--comparison", type=click.Choice([str(mode) for mode in Comparison])),
        click.option("--input-mode", type=click.Choice([str(mode) for mode in InputMode])),
    ):
        command = option(command)
    return command


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="submitter")
def cli() -> None:
    """Grades the programs that students upload."""


# -- grading ------------------------------------------------------------------------------------------------------


@cli.command()
def daemon() -> int:
    """Take submissions from the queue until SIGTERM or SIGINT."""
    from submitter import app

    config = _config(QUEUE, BUCKET, DATABASE)
    with app.open_daemon(config) as running:
        return running.run()


@cli.command()
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
    config = _quiet_config(BUCKET, DATABASE)
    with (
        tempfile.TemporaryDirectory(prefix="submitter-process-") as work_dir,
        app.open_processor(config, work_dir=Path(work_dir)) as processor,
    ):
        outcome = processor.process(submission, dry_run=dry_run)
    if as_json:
        report, reason = outcome.report, outcome.reason
        document = encode_graded(submission, report) if report else encode_rejected(submission, reason or "")
        _print_json(json.loads(document))
    elif outcome.report is None:
        click.echo(f"rejected: {outcome.reason}")
    else:
        from submitter import tables

        report = outcome.report
        title = f"{submission.subid} {'would get' if dry_run else 'got'} {tables.score(report)} points"
        rows = [
            (
                result.case.name,
                result.verdict.long_name,
                tables.points(result.points),
                tables.milliseconds(result.run.wall_time_s),
            )
            for result in report.case_results
        ]
        tables.print_table(title, ["case", "verdict", "points.", "ms."], rows)


@cli.command()
@click.argument("programs", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--cases", "folder", type=click.Path(path_type=Path), help="A folder with {test,grade}.{in,out}.")
@click.option("--assignment", type=ASSIGNMENT, help="An assignment in Postgres.")
@_limit_options
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]))
@click.option("--isolation", type=click.Choice(["strict"]))
@as_json
def check(
    programs: tuple[Path, ...],
    folder: Path | None,
    assignment: AssignmentRef | None,
    input_mode: str | None,
    comparison: str | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
    sandbox: str | None,
    isolation: str | None,
    as_json: bool,
) -> int:
    """Grade files on this machine, on all cores."""
    from submitter import app
    from submitter.checking import check_programs
    from submitter.grading import check_assignment

    if (folder is None) == (assignment is None):
        raise click.UsageError("give either --cases or --assignment.")
    config = _quiet_config(*([DATABASE] if assignment else []), sandbox=sandbox, isolation=isolation)
    graded = _changed(
        _cases_to_check(config, folder, assignment), input_mode, comparison, time_limit_s, memory_limit_mib
    )
    check_assignment(graded)
    runner = app.open_sandbox(config)
    everything_passed = True
    try:
        with _progress(len(programs), "checking") as advance:
            checked = []
            for one in check_programs(runner, graded, programs, config.concurrency, advance):
                everything_passed = everything_passed and one.passed_everything
                if as_json:
                    _print_json(one.document())
                else:
                    checked.append(one)
    finally:
        runner.close()
    if not as_json:
        from submitter import tables

        tables.print_checked(checked)
    return 0 if everything_passed else NOT_ALL_PASSED


def _cases_to_check(config: Config, folder: Path | None, ref: AssignmentRef | None) -> Assignment:
    from submitter import app
    from submitter.folders import local_reader, read_folder

    if folder is not None:
        return Assignment(
            ref=AssignmentRef("local", "local", folder.name or "cases"), cases=read_folder(local_reader(folder))
        )
    assert ref is not None
    with app.open_cases(config) as store:
        assignment = store.load_assignment(ref)
    if assignment is None:
        raise AssignmentRefused(f"no assignment {ref}: `submitter cases list` shows those that are there")
    return assignment


@contextlib.contextmanager
def _progress(length: int, label: str) -> Iterator[Any]:
    """A bar on a terminal, nothing in a pipe; gives a function that counts one more, from any thread."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    lock = threading.Lock()
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:

        def advance() -> None:
            with lock:
                bar.update(1)

        yield advance


@cli.command()
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--assignment", type=ASSIGNMENT, required=True)
@click.option(
    "--token", "tokens", multiple=True, required=True, metavar="T", help="A student's token; one for each of a team."
)
@click.option("--wait", "wait_s", type=positive, metavar="S", help="Wait so long for the result and print it.")
@as_json
def submit(
    program: Path, assignment: AssignmentRef, tokens: tuple[str, ...], wait_s: float | None, as_json: bool
) -> None:
    """Upload a program as the front end does."""
    from submitter import app, tables
    from submitter.upload import upload, wait_for_results

    config = _quiet_config(BUCKET)
    store = app.open_results(config)
    submitted = upload(store, assignment, tokens, program.read_bytes())
    if wait_s is None:
        if as_json:
            _print_json({"subid": submitted.key.subid, "key": submitted.key.metadata})
        else:
            click.echo(f"uploaded {submitted.key.metadata}")
        return
    document = wait_for_results(store, submitted, time.monotonic() + wait_s)
    if document is None:
        raise Unavailable(f"no result of {submitted.key.subid} within {wait_s:g} s; is a daemon running?")
    if as_json:
        _print_json(document)
    else:
        tables.print_results(document)


# -- this machine -------------------------------------------------------------------------------------------------


@cli.command()
@as_json
def demo(as_json: bool) -> None:
    """Everything on this machine, nothing to configure: grade sample programs and print a table."""
    from submitter import tables
    from submitter.demo import run_demo

    _quiet_config()
    rows = run_demo(lambda text: click.echo(text, err=True))
    if as_json:
        for row in rows:
            _print_json(row.document())
    else:
        tables.print_demo(rows)


@cli.command()
@click.option(
    "--env-file", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Where to write the environment."
)
def stack(env_file: Path | None) -> None:
    """S3, SQS, the trigger and Postgres on this machine, in the foreground, until Ctrl-C."""
    from submitter.stack import Stack

    _quiet_config()
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: ended.set())
    with Stack(resource("sql")) as running:
        lines = "".join(f"{name}={value}\n" for name, value in running.environment.items())
        if env_file is None:
            click.echo(lines, nl=False)
        else:
            _write_privately(env_file, lines)
            click.echo(f"ready; to use it: set -a; . {env_file}; set +a", err=True)
        try:
            while not ended.wait(1.0):  # a wait without end would keep Python from running the handler
                pass
        finally:
            if env_file is not None:
                env_file.unlink(missing_ok=True)


def _write_privately(path: Path, text: str) -> None:
    """Whole or not at all, readable for us alone: it holds the way to the database."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        unfinished.replace(path)
    except OSError as exc:
        unfinished.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {exc.strerror}") from exc


@cli.command()
@as_json
def doctor(as_json: bool) -> int:
    """What on this machine is missing, and how to mend it."""
    from submitter import logs, tables
    from submitter.doctor import Health, examine

    logs.configure("auto", quiet=True)
    healthy = True
    for finding in examine(os.environ):
        healthy = healthy and finding.health is not Health.BROKEN
        if as_json:
            _print_json(finding.document())
        else:
            tables.print_finding(finding)
    return 0 if healthy else 1


@cli.group()
def image() -> None:
    """The executor image."""


@image.command("build")
@click.option("--base", default=None, metavar="IMAGE", help="The Python to build on; the default is an official image.")
@click.option("--tag", default=None, metavar="IMAGE", help="Its name; the default is SUBMITTER_IMAGE.")
def image_build(base: str | None, tag: str | None) -> None:
    """Build the executor image."""
    from submitter.image import DEFAULT_BASE, build

    config = _quiet_config()
    for line in build(tag or config.image, base or DEFAULT_BASE):
        click.echo(line, err=True)
    click.echo(f"built {tag or config.image}")


@image.command("check")
def image_check() -> None:
    """Whether the engine has the image, made of this very executeSubmission.py; 1 if not."""
    from submitter.executors.docker_executor import DockerLauncher

    config = _quiet_config()
    DockerLauncher(config.image, config.runtime).probe()
    click.echo(f"{config.image} is up to date")


# -- Postgres -----------------------------------------------------------------------------------------------------


@cli.group()
def db() -> None:
    """The schema in Postgres."""


@db.command("migrate")
@as_json
def db_migrate(as_json: bool) -> None:
    """Apply the migrations that the database lacks; safe to run twice, and on two hosts at once."""
    from submitter import migrations

    applied = migrations.apply(_quiet_config(DATABASE).database_url, resource("sql"))
    if as_json:
        _print_json({"applied": applied})
    else:
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@db.command("status")
@as_json
def db_status(as_json: bool) -> int:
    """Which migrations are applied; 1 if some are not."""
    from submitter import migrations, tables

    statuses = migrations.status(_quiet_config(DATABASE).database_url, resource("sql"))
    if as_json:
        for status in statuses:
            applied_at = status.applied_at.isoformat() if status.applied_at else None
            _print_json(
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


@cli.group()
def cases() -> None:
    """Assignments and their cases."""


@cases.command("import")
@click.argument("path")
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
@click.option("--bucket", "in_bucket", is_flag=True, help="PATH is a prefix in SUBMITTER_BUCKET, not a folder here.")
@_limit_options
@as_json
def cases_import(
    path: str,
    ref: AssignmentRef,
    in_bucket: bool,
    input_mode: str | None,
    comparison: str | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
    as_json: bool,
) -> None:
    """
    Put a grading folder into Postgres: {test,grade}.{in,out}, case N in line N.

    Makes the assignment if it is new, and replaces all of its cases; settings that no option names stay as they were.
    """
    from submitter import app
    from submitter.folders import bucket_reader, local_reader, read_folder
    from submitter.grading import check_assignment

    config = _quiet_config(DATABASE, *([BUCKET] if in_bucket else []))
    read = bucket_reader(app.open_results(config), path) if in_bucket else local_reader(Path(path))
    imported = read_folder(read)
    with app.open_cases(config) as store:
        known = store.load_assignment(ref) or Assignment(ref=ref, cases=())
        assignment = _changed(
            dataclasses.replace(known, cases=imported), input_mode, comparison, time_limit_s, memory_limit_mib
        )
        check_assignment(assignment)
        store.save_assignment(assignment)
    counts = {kind: sum(case.kind == kind for case in imported) for kind in ("test", "grade")}
    if as_json:
        _print_json({"assignment": str(ref), "replaced": len(known.cases), **counts})
    else:
        replaced = f" in place of {len(known.cases)}" if known.cases else ""
        click.echo(f"{ref}: {counts['test']} test and {counts['grade']} grade cases{replaced}")


@cases.command("export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--assignment", "ref", type=ASSIGNMENT, required=True)
def cases_export(directory: Path, ref: AssignmentRef) -> None:
    """Write an assignment's cases as a grading folder."""
    from submitter.folders import write_folder

    assignment = _cases_to_check(_quiet_config(DATABASE), None, ref)
    broken = write_folder(directory, assignment.cases)
    click.echo(f"{directory}: {len(assignment.cases)} cases")
    if broken:
        click.echo(rf"submitter: {broken} of them hold line breaks, written as the two characters \n", err=True)


@cases.command("list")
@click.option("--assignment", "ref", type=ASSIGNMENT, help="Its cases, instead of all assignments.")
@as_json
def cases_list(ref: AssignmentRef | None, as_json: bool) -> None:
    """The assignments, or one's cases."""
    from submitter import app, tables

    config = _quiet_config(DATABASE)
    if ref is not None:
        listed = _cases_to_check(config, None, ref).cases
        if as_json:
            for case in listed:
                _print_json(dataclasses.asdict(case))
        else:
            rows = [(case.name, case.input, case.expected, tables.points(case.points)) for case in listed]
            tables.print_table(str(ref), ["case", "input", "expected", "points."], rows)
        return
    with app.open_cases(config) as store:
        summaries = store.list_assignments()
    if as_json:
        for summary in summaries:
            updated_at = summary.updated_at.isoformat()
            _print_json(dataclasses.asdict(summary) | {"ref": str(summary.ref), "updated_at": updated_at})
    else:
        tables.print_table(
            "",
            ["assignment", "language", "input", "test.", "grade.", "points.", "changed"],
            [
                (
                    str(one.ref),
                    one.language,
                    str(one.input_mode),
                    str(one.test_cases),
                    str(one.grade_cases),
                    tables.points(one.points),
                    f"{one.updated_at:%Y-%m-%d %H:%M}",
                )
                for one in summaries
            ],
        )
