"""The command: `python -m benchmarks`, from the checkout."""

import json
import logging
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import structlog

from benchmarks import chart
from benchmarks.chapters import CHAPTERS
from benchmarks.goals import goals
from benchmarks.levels import ISOLATIONS, SANDBOXES, level_name
from benchmarks.machine import describe_machine
from benchmarks.peers import REFERENCE, versions
from benchmarks.plan import Plan, quick_plan
from benchmarks.report import Table, markdown_page
from submitter.tables import print_table

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- figures: written by `python -m benchmarks --write` -->", "<!-- end of the figures -->"


@click.command()
@click.option("--quick", is_flag=True, help="A few rounds of everything: to see that it works, not for the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@click.option("--only", multiple=True, type=click.Choice(list(CHAPTERS)), help="This chapter only; may be repeated.")
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/README.md and draw the pictures.")
def main(quick: bool, as_json: bool, only: tuple[str, ...], write: bool) -> None:
    """Measure Submitter's levels against each other and against others, on this machine."""
    if write and only:
        raise click.UsageError("--write is for a whole run: the page must not mix figures of several")
    # Ended from outside we still end what we started: executors, a server, directories.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What the engine logs of itself would stand between the figures.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    def say(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(text, err=True)

    plan = quick_plan(say) if quick else Plan(say=say)
    machine, peers = describe_machine(), versions()
    tables = dict[str, Table]()
    for name in only or CHAPTERS:
        say(f"-- {name}")
        tables[name] = CHAPTERS[name](plan)
        if not as_json:
            show(tables[name])
    reached = goals(tables)
    if reached.rows:
        tables = {"goals": reached, **tables}
        if not as_json:
            show(reached)
    if as_json:
        documents = [table.document() for table in tables.values()]
        click.echo(json.dumps({"quick": quick, "machine": machine, "peers": peers, "tables": documents}, indent=1))
    else:
        print_table("The machine", ["", ""], [*machine.items(), *peers.items()])
    if write:
        write_page(machine, peers, tables, quick)


def show(table: Table) -> None:
    print_table(table.title, table.columns, table.texts())
    for note in table.notes:
        click.echo(f"  {note}")
    click.echo()


def write_page(machine: Mapping[str, str], peers: Mapping[str, str], tables: Mapping[str, Table], quick: bool) -> None:
    """Put the figures between the marks of README.md, and draw the pictures that it shows."""
    pictures = []
    if bars := draw_contenders(tables["contenders"]):
        (HERE / "contenders.svg").write_text(bars)
        pictures.append(("How long ten cases take, a bar for everybody", "contenders.svg"))
    if lines := draw_endurance(tables["endurance"]):
        (HERE / "endurance.svg").write_text(lines)
        pictures.append(("The latency of many submissions, stretch by stretch", "endurance.svg"))
    page = HERE / "README.md"
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise click.ClickException(f"{page} has lost the marks between which figures are written")
    warning = "**From a quick run: rough.**\n\n" if quick else ""
    figures = markdown_page(machine, peers, list(tables.values()), pictures)
    page.write_text(f"{before}{BEGIN}\n\n{warning}{figures}\n{END}{after}")


def draw_contenders(table: Table) -> str:
    """Bars of the medians, the slowest on top; empty when nothing was measured."""
    ours = {level_name(sandbox, isolation) for sandbox in SANDBOXES for isolation in ISOLATIONS}
    bars = []
    for row in table.document()["rows"]:
        if row["median ms"] is not None:
            ratio = row[f"times as fast as {REFERENCE}"]
            text = f"{row['median ms']:.0f} ms" + (f", {ratio:.1f} ×" if ratio and row["who"] != REFERENCE else "")
            bars.append((row["who"], row["median ms"], text, row["who"] in ours))
    bars.sort(key=lambda bar: -bar[1])
    note = f"Median, from set-up to clean-up; shorter is better; × is how many times as fast as {REFERENCE}."
    return chart.draw_bars(table.title, note, bars) if bars else ""


def draw_endurance(table: Table) -> str:
    """Lines of the medians, stretch by stretch; empty when nothing was measured."""
    lines = dict[str, list[float]]()
    steps = dict[str, None]()
    for row in table.document()["rows"]:
        if row["median ms"] is not None:
            lines.setdefault(row["level"], []).append(row["median ms"])
            steps[str(row["submissions"])] = None
    return chart.draw_lines(table.title, "Median in ms, over the submissions so far.", [*steps], lines) if lines else ""


if __name__ == "__main__":
    main()
