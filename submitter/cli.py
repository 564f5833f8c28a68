"""
The `submitter` command: arguments in, exit code out.

Exit codes: 0 done, 1 could not, 2 wrong use or settings; `check` ends with 3
when some program did not pass everything, `cases verify` when some solution
was not judged as its jury expects, `submit --wait` when the submission was
rejected. Data goes to standard output, all else to standard error.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from submitter import __version__
from submitter.commands import (
    courses,
    grading,
    machine,
    notices,
    packages,
    policies,
    queues,
    rejudging,
    results,
    similar,
    supplies,
)
from submitter.errors import ConfigError, SubmitterError


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
    _forget_what_cannot_be_said()
    sys.exit(code or 0)


def _forget_what_cannot_be_said() -> None:
    """Without a reader of standard error, Python would try once more at its end, and turn any exit code into 120."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _complain(text: str, code: int) -> int:
    click.echo(f"submitter: {' '.join(text.split())}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="submitter")
def cli() -> None:
    """Grades the programs that students upload."""


for _command in (
    grading.daemon,
    grading.process,
    grading.check,
    grading.submit,
    machine.demo,
    machine.stack,
    machine.doctor,
    machine.image,
    machine.list_languages,
    courses.db,
    courses.cases,
    queues.dlq,
    notices.notices,
    queues.requeue,
    policies.assignment,
    policies.publish,
    similar.similar,
    results.results,
    rejudging.rejudge,
):
    cli.add_command(_command)
courses.cases.add_command(packages.verify)
policies.assignment.add_command(supplies.files)
policies.assignment.add_command(supplies.preload)
