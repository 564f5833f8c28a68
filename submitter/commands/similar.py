"""Similar programs: which pairs of an assignment's programs, or of files, are most alike."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from submitter.commands.options import (
    ASSIGNMENT,
    BUCKET,
    DATABASE,
    as_json,
    print_json,
    progress,
    quiet_config,
)
from submitter.errors import AssignmentRefused
from submitter.model import AssignmentRef

if TYPE_CHECKING:
    from submitter.similar import NotCompared, Source
    from submitter.similarity import Pair, Program

MOST_PAIRS = 500


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE | DIRECTORY]...", type=click.Path(exists=True, path_type=Path))
@click.option("--assignment", "ref", type=ASSIGNMENT, help="The newest upload of each submission for it.")
@click.option(
    "--template",
    "templates",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Code that was handed out and does not count; may be given several times.",
)
@click.option("--most", type=click.IntRange(1, MOST_PAIRS), default=20, show_default=True, help="So many pairs.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write them side by side.")
@click.option("--names", is_flag=True, help="With --assignment: the e-mail addresses of who handed in.")
@as_json
def similar(
    paths: tuple[Path, ...],
    ref: AssignmentRef | None,
    templates: tuple[Path, ...],
    most: int,
    page: Path | None,
    names: bool,
    as_json: bool,
) -> int:
    """
    Rank pairs of programs by how alike they are; 1 if some program could not be compared.

    Names, comments, layout and the order of functions do not count. Programs are read and never run.
    """
    from submitter.similar import NotCompared, Source, local_sources, make_programs, read_file
    from submitter.similarity import Program, rank

    if bool(paths) == (ref is not None):
        raise click.UsageError("give either files and directories, or --assignment.")
    if names and ref is None:
        raise click.UsageError("--names goes with --assignment: nobody knows whose files are.")
    handed_out = [Source(str(path), path.name, read_file(path)) for path in templates]
    addresses: Mapping[str, str] = {}
    if ref is None:
        found = list(local_sources(paths))
    else:
        found, addresses = _of_assignment(ref, names)
    sources = [one for one in found if isinstance(one, Source)]
    left_out = [one for one in found if isinstance(one, NotCompared)]
    programs: list[Program] = []
    with progress(len(sources), "reading") as advance:
        for one in make_programs(sources, handed_out, advance):
            if isinstance(one, Program):
                programs.append(one)
            else:
                left_out.append(one)
    pairs = rank(programs, most)
    if page is not None:
        _write_page(page, f"Similar programs: {ref or 'files'}", pairs, addresses, left_out)
    _print_pairs(pairs, len(programs), addresses, left_out, as_json)
    return 1 if left_out else 0


def _of_assignment(ref: AssignmentRef, names: bool) -> tuple[list["Source | NotCompared"], Mapping[str, str]]:
    """What was handed in, and by whom if `names`."""
    from submitter import app
    from submitter.similar import Source, fetch_sources, find_subids

    config = quiet_config(BUCKET, DATABASE)
    with app.open_cases(config) as cases:
        language, subids = find_subids(cases, ref)
        with progress(len(subids), "fetching") as advance:
            at_once = 2 * config.concurrency
            found = list(fetch_sources(app.open_results(config), ref, language, subids, at_once, advance))
        teams = [one.team for one in found if isinstance(one, Source)]
        return found, cases.addresses(frozenset().union(*teams)) if names else {}


def _write_page(
    path: Path, title: str, pairs: "Sequence[Pair]", addresses: Mapping[str, str], left_out: "Sequence[NotCompared]"
) -> None:
    from submitter.similar_page import similar_page

    notes = [f"{one.name} was not compared: {one.reason}" for one in left_out]
    document = similar_page(title, pairs, addresses, notes).encode()
    try:
        # Students' programs, and maybe their names: for whoever asked, and nobody else on this machine.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(document)
    except OSError as exc:
        raise AssignmentRefused(f"cannot write {path}: {exc.strerror}") from exc


def _print_pairs(
    pairs: "Sequence[Pair]",
    compared: int,
    addresses: Mapping[str, str],
    left_out: "Sequence[NotCompared]",
    as_json: bool,
) -> None:
    from submitter import tables

    if as_json:
        for pair in pairs:
            sides = (("a", pair.a, pair.share_of_a), ("b", pair.b, pair.share_of_b))
            documents = {side: _document(program, share, addresses) for side, program, share in sides}
            print_json({"similarity": round(pair.similarity, 4), **documents})
        for one in left_out:
            print_json({"program": one.name, "problem": one.reason})
        return
    rows = []
    for pair in pairs:
        row = [f"{pair.similarity:.0%}"]
        for program, share in ((pair.a, pair.share_of_a), (pair.b, pair.share_of_b)):
            row += ["\n".join([program.name, *_known(program, addresses)]), f"{share:.0%}"]
        rows.append([*row, str(min(pair.a.fingerprints.tokens, pair.b.fingerprints.tokens))])
    if rows:
        tables.print_table("", ["similar.", "program", "of it.", "program", "of it.", "tokens."], rows)
    click.echo(f"{compared} programs compared" + ("" if rows else "; no two of them have anything in common"), err=True)
    for one in left_out:
        click.echo(f"submitter: {one.name} was not compared: {one.reason}", err=True)


def _document(program: "Program", share: float, addresses: Mapping[str, str]) -> dict[str, Any]:
    document = {"program": program.name, "share": round(share, 4), "tokens": program.fingerprints.tokens}
    return document | ({"emails": _known(program, addresses)} if addresses else {})


def _known(program: "Program", addresses: Mapping[str, str]) -> list[str]:
    return [addresses[token] for token in sorted(program.team) if token in addresses]
