"""Who has what: tables, grade books, and reports as files."""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from submitter.accounts import Account, AccountFilter, Try
from submitter.commands.options import ASSIGNMENT, DATABASE, as_json, junit_file, quiet_config
from submitter.model import AssignmentRef, SubmissionState, Verdict
from submitter.protocol import is_token


class SinceType(click.ParamType[datetime]):
    """A day or a moment in ISO 8601; UTC unless it says otherwise."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            since = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day or time: write 2026-08-01, or 2026-08-01T18:00+02:00.", param, ctx)
        return since if since.tzinfo else since.replace(tzinfo=UTC)


class VerdictType(click.Choice[str]):
    """A verdict by its name in documents, or by the code that tables show."""

    def __init__(self) -> None:
        super().__init__([verdict.long_name for verdict in Verdict])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        codes = {verdict.code: verdict.long_name for verdict in Verdict}
        return super().convert(codes.get(value, value), param, ctx)


@click.command()
@click.argument("subid", required=False)
@click.option("--assignment", "ref", type=ASSIGNMENT, help="Those of this assignment.")
@click.option("--state", type=click.Choice([str(state) for state in SubmissionState]), help="Those in this state.")
@click.option("--verdict", type=VerdictType(), help="Those with such a case; its code, such as TLE, will do.")
@click.option("--student", metavar="WHO", help="Those of one student: a token or an e-mail address.")
@click.option("--since", type=SinceType(), metavar="WHEN", help="Those graded since, such as 2026-08-01; in UTC.")
@click.option(
    "--try",
    "which",
    type=click.Choice([str(one) for one in Try]),
    default=str(Try.LAST),
    show_default=True,
    help="The result that the student sees, or the best among all uploads'.",
)
@click.option(
    "--for",
    "audience",
    type=click.Choice(["admin", "student"]),
    default="admin",
    show_default=True,
    help="For a student no more than its results.json has, and nothing of other students.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a grade book instead of a table: a line for each student.")
@as_json
@click.option(
    "--html",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a page for each submission, and for admins an index.",
)
@junit_file
def results(
    subid: str | None,
    ref: AssignmentRef | None,
    state: str | None,
    verdict: str | None,
    student: str | None,
    since: datetime | None,
    which: str,
    audience: str,
    as_csv: bool,
    as_json: bool,
    html: Path | None,
    junit: Path | None,
) -> None:
    """
    Who has what: all submissions, or those that the options name.

    With SUBID the whole of one, case by case.
    """
    from submitter import app
    from submitter.reports.page import INDEX

    if as_csv and as_json:
        raise click.UsageError("give --csv or --json, not both.")
    if audience == "student" and (verdict or which == str(Try.BEST)):
        raise click.UsageError(
            "--verdict and --try best go by hidden cases too, and would tell of them: not with --for student."
        )
    if audience == "student" and html and (index := html / INDEX).exists():
        raise click.UsageError(f"{index} is an admin's index, and tells of everybody: name another folder.")
    if subid is not None and not is_token(subid):
        raise click.UsageError(f"{subid!r} is no submission: 32 lower-case hexadecimal digits.")
    wanted = AccountFilter(
        ref=ref,
        subid=subid,
        state=SubmissionState(state) if state else None,
        verdict=Verdict.named(verdict) if verdict else None,
        student=student,
        since=since,
        which=Try(which),
    )
    with_texts = bool(html or junit or subid)
    with app.open_cases(quiet_config(DATABASE)) as store, contextlib.ExitStack() as files:
        accounts = _exported(store.list_accounts(wanted, with_texts=with_texts), files, html, junit, ref, audience)
        if as_csv:
            _print_csv(accounts)
        elif as_json:
            _print_json(accounts)
        elif html or junit:
            count = _count(accounts)
            click.echo(f"wrote {count} submission{'' if count == 1 else 's'}")
        else:
            _print_tables(accounts, in_full=subid is not None)


def _exported(
    accounts: Iterator[Account],
    files: contextlib.ExitStack,
    html: Path | None,
    junit: Path | None,
    ref: AssignmentRef | None,
    audience: str,
) -> Iterator[Account]:
    """The accounts as the audience may see them, each when it was written to the files that were asked for."""
    from submitter import exports
    from submitter.results import seen_by_student

    sinks = []
    if html:
        sinks.append(files.enter_context(exports.page_folder(html)))
        if audience == "admin":
            sinks.append(files.enter_context(exports.index_file(html, str(ref) if ref else "results")))
    if junit:
        sinks.append(files.enter_context(exports.junit_file(junit)))
    for account in accounts:
        seen = seen_by_student(account) if audience == "student" else account
        for add in sinks:
            add(seen)
        yield seen


def _count(accounts: Iterator[Account]) -> int:
    """How many there are, as they are written; a terminal shows that something happens."""
    if not sys.stderr.isatty():
        return sum(1 for _ in accounts)
    with click.progressbar(accounts, label="writing", show_pos=True, file=sys.stderr) as bar:
        return sum(1 for _ in bar)


def _print_csv(accounts: Iterator[Account]) -> None:
    from submitter.reports import gradebook

    click.echo(gradebook.csv_line(gradebook.COLUMNS), nl=False)
    for account in accounts:
        click.echo(gradebook.csv_rows(account), nl=False)


def _print_json(accounts: Iterator[Account]) -> None:
    from submitter.reports import gradebook

    for account in accounts:
        click.echo(gradebook.json_line(account))


def _print_tables(accounts: Iterator[Account], *, in_full: bool) -> None:
    from submitter import tables

    if not in_full:
        first = next(accounts, None)
        if first is None:
            told = "`submitter results` lists all submissions, `submitter cases list` all assignments"
            click.echo(f"submitter: no submission is like that: {told}", err=True)
        else:
            tables.print_accounts(itertools.chain((first,), accounts))
        return
    is_there = False
    for account in accounts:
        is_there = True
        tables.print_account(account)
    if not is_there:
        raise click.ClickException("there is no such submission: `submitter results` lists those that are there")
