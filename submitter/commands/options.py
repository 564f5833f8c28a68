"""
What several commands share: option types, settings, how data is printed.

What a command needs beyond this is imported inside it, so that
`submitter --help` is quick.
"""

import contextlib
import dataclasses
import json
import math
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from submitter.config import Config
from submitter.errors import AssignmentRefused
from submitter.model import MIB, Assignment, AssignmentRef, Comparison, InputMode, Limits
from submitter.protocol import is_token, parse_assignment_ref

MOST_SECONDS = 3600.0  # an hour for one case, or for one wait: more is a slip of the finger
MOST_MIB = 1024 * 1024  # a tebibyte
QUEUE, BUCKET, DATABASE = "queue_url", "bucket", "database_url"


class AssignmentType(click.ParamType[AssignmentRef]):
    name = "A/E/P"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AssignmentRef:
        if isinstance(value, AssignmentRef):
            return value
        try:
            return parse_assignment_ref(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class PositiveType(click.FloatRange):
    """A number of seconds greater than 0; NaN, which FloatRange alone lets pass, is none."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True, max=MOST_SECONDS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return number


class TokenType(click.ParamType[str]):
    """A student's token, refused here rather than by the daemon after the upload."""

    name = "T"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_token(str(value)):
            self.fail(f"{value!r} is no token: 32 lower-case hexadecimal digits.", param, ctx)
        return str(value)


class ComparisonType(click.ParamType[Comparison]):
    name = "comparison"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Comparison:
        if isinstance(value, Comparison):
            return value
        try:
            return Comparison.parse(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


ASSIGNMENT = AssignmentType()
TOKEN = TokenType()
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
positive = PositiveType()
html_file = click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page to read or print."
)
junit_file = click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write JUnit XML, as CI reads it."
)


def config_for(*required: str, **overrides: Any) -> Config:
    from submitter import logs

    config = Config.from_env(os.environ, required)
    logs.configure(config.log_format)
    return dataclasses.replace(config, **{name: value for name, value in overrides.items() if value is not None})


def quiet_config(*required: str, **overrides: Any) -> Config:
    """For commands whose own output is the message: information is not logged."""
    from submitter import logs

    config = config_for(*required, **overrides)
    logs.configure(config.log_format, quiet=True)
    return config


def with_options(
    assignment: Assignment,
    input_mode: str | None,
    comparison: Comparison | None,
    time_limit_s: float | None,
    memory_limit_mib: int | None,
) -> Assignment:
    """
    The assignment with what the options say; a longer time limit takes the wall time limit along.

    Whoever says how to compare wants no checker in the place of that.
    """
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
        comparison=comparison or assignment.comparison,
        checker=None if comparison else assignment.checker,
    )


def limit_options(command: Any) -> Any:
    for option in (
        click.option("--memory-limit", "memory_limit_mib", type=click.IntRange(min=8, max=MOST_MIB), metavar="MIB"),
        click.option("--time-limit", "time_limit_s", type=positive, metavar="S", help="Processor time of a case."),
        click.option(
            "--comparison",
            type=ComparisonType(),
            metavar="HOW",
            help="When an output is right: exact, whitespace, 'numbers absolute=1e-6', 'exact ignore_case' and others.",
        ),
        click.option("--input-mode", type=click.Choice([str(mode) for mode in InputMode])),
    ):
        command = option(command)
    return command


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def cases_to_check(config: Config, folder: Path | None, ref: AssignmentRef | None) -> Assignment:
    from submitter import app
    from submitter.folders import local_reader, read_checker, read_comparison, read_grading

    if folder is not None:
        read = local_reader(folder)
        cases, groups = read_grading(read)
        return Assignment(
            ref=AssignmentRef("local", "local", folder.name or "cases"),
            cases=cases,
            groups=groups,
            comparison=read_comparison(read) or Comparison.TRAILING_BLANKS,
            checker=read_checker(read),
        )
    assert ref is not None
    with app.open_cases(config) as store:
        assignment = store.load_assignment(ref)
    if assignment is None:
        raise no_assignment(ref)
    return assignment


def no_assignment(ref: AssignmentRef) -> AssignmentRefused:
    """What to say of an assignment that is not there, to whoever might have been about to make it."""
    return AssignmentRefused(
        f"no assignment {ref}: `submitter cases list` shows those that are there, `submitter cases import` makes one"
    )


@contextlib.contextmanager
def progress(length: int, label: str) -> Iterator[Any]:
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
