"""The queue: putting submissions back, and the dead-letter queue with what was moved aside."""

import contextlib
from collections.abc import Callable

import click

from submitter.commands.options import (
    ASSIGNMENT,
    BUCKET,
    DATABASE,
    QUEUE,
    as_json,
    print_json,
    progress,
    quiet_config,
)
from submitter.errors import MessageNotUnderstood, QueueUnavailable, Unavailable
from submitter.model import AssignmentRef, SubmissionState
from submitter.protocol import parse_metadata_key

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


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--assignment", "ref", type=ASSIGNMENT, help="Those of this assignment.")
@click.option("--status", type=click.Choice([str(state) for state in SubmissionState]), help="Those in this state.")
@click.option("--dry-run", is_flag=True, help="Only print the keys of those that would be put back.")
@as_json
def requeue(keys: tuple[str, ...], ref: AssignmentRef | None, status: str | None, dry_run: bool, as_json: bool) -> int:
    """
    Put submissions back on the queue, to be graded again; 1 if one could not be.

    KEY is the metadata's, …/SUBID/SUBID.json, with a leading slash or without. Without keys, those
    that Postgres knows of an assignment, in a state, or both.
    """
    from submitter import app
    from submitter.requeue import Wanted, find_wanted, requeue

    if bool(keys) == (ref is not None or status is not None):
        raise click.UsageError("give either keys, or --assignment, --status or both.")
    try:
        wanted = [Wanted(parse_metadata_key(key), as_written=True) for key in dict.fromkeys(keys)]
    except MessageNotUnderstood as exc:
        raise click.UsageError(f"{exc}.") from exc
    config = quiet_config(BUCKET, QUEUE, *([] if keys else [DATABASE]))
    if not keys:
        with app.open_cases(config) as cases:
            wanted = find_wanted(cases, ref, SubmissionState(status) if status else None)

    sent, problems = 0, []
    try:
        with progress(len(wanted), "looking" if dry_run else "putting back") as advance:
            for one in requeue(app.open_results(config), app.open_queue(config), wanted, dry_run=dry_run):
                advance()
                sent += one.problem is None
                problems += [one.problem] if one.problem else []
                if as_json:
                    requeued = one.problem is None and not dry_run
                    print_json({"key": one.key.metadata, "requeued": requeued, "problem": one.problem})
                elif dry_run and one.problem is None:
                    click.echo(one.key.metadata)
    except Unavailable as exc:
        told = f"{sent} of {len(wanted)} were put back before that; when it answers, give the same command again"
        raise Unavailable(f"{exc}; {told} (grading one twice changes nothing)") from exc
    if not as_json:
        for problem in problems:
            click.echo(f"submitter: {problem}", err=True)
        if dry_run:
            click.echo(f"would put back {sent}", err=True)
        else:
            click.echo(f"put back {sent}")
    return 1 if problems else 0
