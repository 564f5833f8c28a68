"""What an assignment brings beside its cases: files, what programs are called, modules to import ahead."""

import dataclasses
import hashlib
from pathlib import Path

import click

from submitter.commands.options import ASSIGNMENT, DATABASE, as_json, no_assignment, print_json, quiet_config
from submitter.config import Config
from submitter.errors import AssignmentRefused, NotBegun, SandboxUnavailable
from submitter.model import Assignment, AssignmentRef
from submitter.ports import CaseStore
from submitter.runs import CaseInput, Job
from submitter.supplies import MAX_ARCHIVE_BYTES, Supplies

NONE = "none"  # what turns a setting off


@click.command("files")
@click.argument("ref", type=ASSIGNMENT, metavar="A/E/P")
@click.argument("archive", required=False, type=click.Path(path_type=Path))
@click.option("--main-file", metavar="NAME", help="What programs are called, in archives too: main.py; or `none`.")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]), help="Where it is tried.")
@as_json
def files(ref: AssignmentRef, archive: Path | None, main_file: str | None, sandbox: str | None, as_json: bool) -> None:
    """
    Give an assignment files of its own, and let programs be of several files.

    ARCHIVE is a zip or tar, or `none`; what is in it every program finds where it lies and in its working directory.
    It is unpacked in the sandbox before it is stored. With --main-file students may hand in a zip or tar that has a
    program of that name. What is not named stays; without anything, the settings are printed.
    """
    from submitter import app
    from submitter.grading import check_main_file

    config = quiet_config(DATABASE, sandbox=sandbox)
    with app.open_cases(config) as store:
        assignment = _known(store, ref)
        supplies = assignment.supplies
        try:
            if main_file is not None:
                supplies = dataclasses.replace(supplies, main_file=None if main_file == NONE else main_file)
            if archive is not None:
                supplies = dataclasses.replace(supplies, archive=None if str(archive) == NONE else _read(archive))
        except ValueError as exc:
            raise click.UsageError(f"{exc}.") from exc
        assignment = dataclasses.replace(assignment, supplies=supplies)
        check_main_file(assignment)
        if archive is not None and supplies.archive is not None:
            _try(config, assignment)
        if main_file is not None or archive is not None:
            _save(store, ref, supplies)
    _print(ref, supplies, as_json)


@click.command("preload")
@click.argument("ref", type=ASSIGNMENT, metavar="A/E/P")
@click.argument("modules", required=False, metavar="[MODULE,…]")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]), help="Where it is tried.")
@as_json
def preload(ref: AssignmentRef, modules: str | None, sandbox: str | None, as_json: bool) -> None:
    """
    Have executors import modules once, before programs of an assignment come, in place of every case.

    MODULES have commas between, or are `none`; an executor tries them before they are stored. Without any, those that
    are set are printed.
    """
    from submitter import app
    from submitter.languages import languages

    config = quiet_config(DATABASE, sandbox=sandbox)
    with app.open_cases(config) as store:
        assignment = _known(store, ref)
        supplies = assignment.supplies
        if modules is not None:
            try:
                names = () if modules == NONE else tuple(modules.split(","))
                supplies = dataclasses.replace(supplies, preload=names)
            except ValueError as exc:
                raise click.UsageError(f"{exc}.") from exc
            language = languages().get(assignment.language)
            if names and language is not None and language.run:
                raise AssignmentRefused(f"{ref} takes programs in {language.name}: only Python's modules are preloaded")
            if names:
                _try_preload(config, supplies.preload)
            _save(store, ref, supplies)
    if as_json:
        print_json({"assignment": str(ref), "preload": list(supplies.preload)})
    else:
        click.echo(f"{ref}: {', '.join(supplies.preload) or 'nothing'} preloaded")


def _try_preload(config: Config, modules: tuple[str, ...]) -> None:
    """
    Have an executor import them.

    Raises:
        AssignmentRefused: it cannot, or could not run programs afterwards; the text says why.
        SandboxUnavailable: there is no sandbox to try it in.
    """
    from submitter import app
    from submitter.executors.pool import ask_for_boxes

    launcher = app.choose_launcher(config)
    try:
        reason = ask_for_boxes(launcher, modules)
    except SandboxUnavailable as exc:
        reason = str(exc)  # unless executors do not start here at all, which is asked next
    if reason is None:
        return
    if (without := ask_for_boxes(launcher)) is not None:
        raise SandboxUnavailable(f"executors cannot make boxes here, without which nothing is preloaded: {without}")
    raise AssignmentRefused(f"{', '.join(modules)} cannot be preloaded in {launcher.name}: {reason}")


def _known(store: CaseStore, ref: AssignmentRef) -> Assignment:
    assignment = store.load_assignment(ref)
    if assignment is None:
        raise no_assignment(ref)
    return assignment


def _save(store: CaseStore, ref: AssignmentRef, supplies: Supplies) -> None:
    if not store.save_supplies(ref, supplies):
        raise AssignmentRefused(f"{ref} was removed meanwhile")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ARCHIVE_BYTES + 1)
    except OSError as exc:
        raise AssignmentRefused(f"cannot read {path}: {exc.strerror}") from exc
    return data


def _try(config: Config, assignment: Assignment) -> None:
    """
    Have an executor unpack the files, as it will for every submission.

    Raises:
        AssignmentRefused: it cannot; the text says why.
        SandboxUnavailable: there is no sandbox to try it in.
    """
    from submitter import app

    trial = Job(
        program=b"pass\n",
        file_name="trial.py",
        language="python",
        limits=assignment.limits,
        inputs=(CaseInput(()),),
        files=assignment.supplies.archive,
    )
    runner = app.open_sandbox(config, executors=1)
    try:
        list(runner.run(trial))
    except NotBegun as exc:
        raise AssignmentRefused(str(exc)) from exc
    finally:
        runner.close()


def _print(ref: AssignmentRef, supplies: Supplies, as_json: bool) -> None:
    from submitter import tables

    archive = supplies.archive
    digest = None if archive is None else hashlib.sha256(archive).hexdigest()
    if as_json:
        size = None if archive is None else len(archive)
        print_json({"assignment": str(ref), "main_file": supplies.main_file, "bytes": size, "sha256": digest})
        return
    brought = NONE if archive is None else f"{len(archive):,} bytes, sha256 {digest}"
    rows = [("main file", supplies.main_file or NONE), ("files", brought)]
    tables.print_table(str(ref), ["setting", "is"], rows)
