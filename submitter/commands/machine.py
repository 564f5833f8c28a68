"""This machine: the demo, the embedded services, what is missing, the executor image."""

import os
import shlex
import signal
import threading
from pathlib import Path

import click

from submitter.commands.options import as_json, print_json, quiet_config
from submitter.errors import ConfigError
from submitter.resources import resource


@click.command()
@as_json
def demo(as_json: bool) -> None:
    """Everything on this machine, nothing to configure: grade sample programs and print a table."""
    from submitter import tables
    from submitter.demo import run_demo

    quiet_config()
    rows = run_demo(lambda text: click.echo(text, err=True))
    if as_json:
        for row in rows:
            print_json(row.document())
    else:
        tables.print_demo(rows)


@click.command()
@click.option(
    "--env-file", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Where to write the environment."
)
def stack(env_file: Path | None) -> None:
    """S3, SQS, the trigger and Postgres on this machine, in the foreground, until Ctrl-C."""
    from submitter.stack import Stack

    quiet_config()
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: ended.set())
    with Stack(resource("sql")) as running:
        lines = "".join(f"{name}={value}\n" for name, value in running.environment.items())
        if env_file is None:
            click.echo(lines, nl=False)
        else:
            _write_privately(env_file, lines)
            click.echo(f"ready; to use it: set -a; . {shlex.quote(str(env_file.resolve()))}; set +a", err=True)
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


@click.command()
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
            print_json(finding.document())
        else:
            tables.print_finding(finding)
    return 0 if healthy else 1


@click.command("languages")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]))
@as_json
def list_languages(sandbox: str | None, as_json: bool) -> None:
    """The languages that programs may be in, and which tool chains are there to run them."""
    from submitter import app, tables
    from submitter.toolchains import find_tool_chains

    runner = app.open_sandbox(quiet_config(sandbox=sandbox), executors=1)
    try:
        found = list(find_tool_chains(runner))
    finally:
        runner.close()
    if as_json:
        for one in found:
            print_json(one.document())
    else:
        rows = [
            (
                one.language.name,
                one.language.extension,
                one.version or "no tool chain",
                "" if one.language.proof is None else one.prover or f"no {one.language.proof.version[0]}",
            )
            for one in found
        ]
        tables.print_table(f"in {runner.name}", ["language", "extension", "version", "proved by"], rows)


@click.group()
def image() -> None:
    """The executor image."""


@image.command("build")
@click.option("--base", default=None, metavar="IMAGE", help="The Python to build on; the default is an official image.")
@click.option("--tag", default=None, metavar="IMAGE", help="Its name; the default is SUBMITTER_IMAGE.")
@click.option(
    "--languages", default="", metavar="NAME,…", help="Beside Python's, such as c,cpp,java; see docs/languages.md."
)
@click.option(
    "--prove", default="", metavar="NAME,…", help="Languages whose tools for the step prove are wanted, such as python."
)
def image_build(base: str | None, tag: str | None, languages: str, prove: str) -> None:
    """Build the executor image."""
    from submitter.image import DEFAULT_BASE, build

    config = quiet_config()
    names, proved = ([name.strip() for name in given.split(",") if name.strip()] for given in (languages, prove))
    for line in build(tag or config.image, base or DEFAULT_BASE, names, proved):
        click.echo(line, err=True)
    click.echo(f"built {tag or config.image}")


@image.command("check")
def image_check() -> None:
    """Whether the engine has the image, made of this very executeSubmission.py; 1 if not."""
    from submitter.executors.docker_executor import DockerLauncher

    config = quiet_config()
    DockerLauncher(config.image, config.runtime).probe()
    click.echo(f"{config.image} is up to date")
