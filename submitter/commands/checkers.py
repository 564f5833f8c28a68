"""`submitter assignment checker`: the program that judges an assignment's outputs."""

import dataclasses
from pathlib import Path

import click

from submitter.commands.options import (
    ASSIGNMENT,
    DATABASE,
    as_json,
    cases_to_check,
    no_assignment,
    print_json,
    quiet_config,
)
from submitter.errors import AssignmentRefused
from submitter.model import AssignmentRef, Checker


@click.command("checker")
@click.argument("ref", type=ASSIGNMENT, metavar="A/E/P")
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--language", help="Of the program, where its file's name does not tell: python, cpp and others.")
@click.option("--argument", "arguments", multiple=True, metavar="TEXT", help="For the program; may be repeated.")
@click.option("--interactive", is_flag=True, help="It speaks to the students' programs while these run.")
@click.option("--none", "remove", is_flag=True, help="Compare outputs again, and ask no checker.")
@click.option("--no-verify", is_flag=True, help="Do not try the program on the expected outputs first.")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]), help="To try it in.")
@as_json
def checker(
    ref: AssignmentRef,
    program: Path | None,
    language: str | None,
    arguments: tuple[str, ...],
    interactive: bool,
    remove: bool,
    no_verify: bool,
    sandbox: str | None,
    as_json: bool,
) -> None:
    """
    Have PROGRAM judge the outputs, in the place of the comparison.

    It is an output validator as the ICPC's problem packages have them: docs/admins.md says what it gets and how it
    answers. Before it is stored, it judges the expected output of every case, unless it is interactive. Results that
    are there stay.
    """
    from submitter import app
    from submitter.asking import try_checker
    from submitter.checkers import check_checker
    from submitter.languages import language_of_file

    if (program is None) != remove:
        raise click.UsageError("give the PROGRAM that judges, or --none.")
    config = quiet_config(DATABASE, sandbox=sandbox)
    known = cases_to_check(config, None, ref)
    made = None
    not_accepted: list[str] = []
    if program is not None:
        made = Checker(
            program=_text_of(program),
            language=language or language_of_file(program),
            arguments=arguments,
            interactive=interactive,
        )
        check_checker(made)
        if known.cases and not interactive and not no_verify:
            runner = app.open_sandbox(config, executors=1)
            try:
                not_accepted = try_checker(runner, dataclasses.replace(known, checker=made))
            finally:
                runner.close()
    with app.open_cases(config) as store:
        if not store.save_checker(ref, made):
            raise no_assignment(ref)
    if as_json:
        told = {"checker": made and made.language, "interactive": interactive, "does_not_accept": not_accepted}
        print_json({"assignment": str(ref), **told})
    elif made is None:
        click.echo(f"{ref}: outputs are compared, by {known.comparison}")
    elif made.interactive:
        click.echo(f"{ref}: an interactor in {made.language} speaks to the programs; try it with `submitter check`")
    else:
        click.echo(f"{ref}: a checker in {made.language} judges the outputs")
    if not_accepted:
        few = ", ".join(not_accepted[:5]) + (f" and {len(not_accepted) - 5} more" if len(not_accepted) > 5 else "")
        click.echo(f"submitter: it does not accept the expected output of {few}; is that meant so?", err=True)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as exc:
        raise AssignmentRefused(f"cannot read the checker {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise AssignmentRefused(f"the checker {path} is not UTF-8 text; is it the right file?") from exc
