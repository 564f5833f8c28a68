"""The dead-letter queue: what was moved aside, and putting it back."""

import contextlib
from collections.abc import Callable

import click

from submitter.commands.options import QUEUE, as_json, print_json, quiet_config
from submitter.errors import QueueUnavailable

SHOWN_CHARACTERS = 60  # of a body, in the table; --json has all of it


@click.group()
def dlq() -> None:
    """The dead-letter queue."""


@dlq.command("list")
@as_json
def dlq_list(as_json: bool) -> None:
    """What was moved aside, when and why. Others do not see it meanwhile."""
    from submitter import app, tables

    letters = app.open_queue(quiet_config(QUEUE)).dead_letters()
    taken = []
    try:
        for letter in letters.take():
            taken.append(letter)
            if as_json:
                print_json(
                    {
                        "message_id": letter.message_id,
                        "sent_at": letter.sent_at.isoformat(),
                        "reason": letter.reason,
                        "body": letter.body,
                    }
                )
    finally:
        for letter in taken:
            with contextlib.suppress(QueueUnavailable):  # seen again by itself, only later
                letters.put_down(letter)
    if as_json:
        return
    if not taken:
        click.echo("the dead-letter queue is empty")
        return
    rows = [
        (
            letter.message_id,
            f"{letter.sent_at:%Y-%m-%d %H:%M}",
            letter.reason or "received too often: see the log",
            letter.body[:SHOWN_CHARACTERS],
        )
        for letter in taken
    ]
    tables.print_table("", ["message", "sent (UTC)", "reason", "body"], rows)


@dlq.command("redrive")
@click.argument("message_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@as_json
def dlq_redrive(message_ids: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Put messages back on the queue, as new ones; 1 if one was not there."""
    from submitter import app

    if bool(message_ids) == everything:
        raise click.UsageError("give either message ids, as `submitter dlq list` shows them, or --all.")
    queue = app.open_queue(quiet_config(QUEUE))
    letters = queue.dead_letters()
    is_wanted: Callable[[str], bool] = (lambda _: True) if everything else set(message_ids).__contains__
    moved, others = [], []
    try:
        for letter in letters.take():
            if not is_wanted(letter.message_id):
                others.append(letter)
                continue
            queue.send(letter.body)  # first: were we to die in between, it would be there twice, not lost
            letters.remove(letter)
            moved.append(letter.message_id)
            if as_json:
                print_json({"message_id": letter.message_id, "redriven": True})
    finally:
        for letter in others:
            with contextlib.suppress(QueueUnavailable):
                letters.put_down(letter)
    missing = sorted(set(message_ids) - set(moved))
    for message_id in missing:
        if as_json:
            print_json({"message_id": message_id, "redriven": False})
        else:
            click.echo(f"{message_id} is not in the dead-letter queue", err=True)
    if not as_json:
        click.echo(f"put back {len(moved)}")
    return 1 if missing else 0
