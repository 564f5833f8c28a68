"""Mails to students about their results: those that were not sent."""

import click

from submitter.commands.options import DATABASE, as_json, print_json, quiet_config


@click.group()
def notices() -> None:
    """Mails to students about their results."""


@notices.command("list")
@as_json
def notices_list(as_json: bool) -> None:
    """Those that were not sent, or not yet, and why."""
    from submitter import app, tables

    with app.open_cases(quiet_config(DATABASE)) as store:
        lines = store.notices.unsent()
    if as_json:
        for line in lines:
            print_json(
                {
                    "assignment": str(line.ref),
                    "subid": line.subid,
                    "email": line.email,
                    "state": str(line.state),
                    "tries": line.tries,
                    "problem": line.problem,
                    "noted_at": line.noted_at.isoformat(),
                }
            )
    elif not lines:
        click.echo("all notices are sent")
    else:
        tables.print_table(
            "",
            ["assignment", "submission", "to", "state", "tries.", "result", "problem"],
            [
                (
                    str(line.ref),
                    line.subid,
                    line.email or "",
                    str(line.state),
                    str(line.tries),
                    f"{line.noted_at:%Y-%m-%d %H:%M}",
                    line.problem or "",
                )
                for line in lines
            ],
        )


@notices.command("retry")
@as_json
def notices_retry(as_json: bool) -> None:
    """Send those that failed, and those of which nobody knows: such a student may be told twice."""
    from submitter import app

    with app.open_cases(quiet_config(DATABASE)) as store:
        count = store.notices.retry()
    if as_json:
        print_json({"waiting": count})
    else:
        click.echo(f"{count} wait to be sent")
