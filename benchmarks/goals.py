"""What was to be reached, against what was."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.levels import SANDBOXES, level_name
from benchmarks.peers import REFERENCE
from benchmarks.report import Cell, Table

# Of what is held after the last stretch, over the first.
FLAT = (
    ("median ms", 1.1),
    ("pool MB", 1.1),
    ("our MB", 1.1),
    ("our files", 1.1),
    ("pool files", 1.0),
    ("namespaces", 1.0),
    ("net in kernel", 1.0),
)


def goals(tables: Mapping[str, Table]) -> Table:
    """What was to be reached, against what was: from the tables that are there."""
    rows: list[Sequence[Cell]] = []
    for sandbox in SANDBOXES:
        name = level_name(sandbox, "box")
        if found := _rows_of(tables, "contenders", name):
            ratio = found[0][f"times as fast as {REFERENCE}"]
            rows.append(_at_least(f"{name}: times as fast as {REFERENCE}", 20, ratio))
            rows.append(_at_least(f"{name}: times as fast as isolate", 9, found[0]["as isolate"]))
        if found := _rows_of(tables, "cases", name):
            rows.append(_at_most(f"{name}: ms for a further case", 1.5, found[0]["further case ms"]))
        if found := _rows_of(tables, "compiled", name):
            for peer, column in (("isolate", "times as fast as isolate"), ("go-judge", "as go-judge")):
                rows.append(_at_least(f"{name}: a C program's run phase, times as fast as {peer}", 1, found[0][column]))
        if found := _rows_of(tables, "memory", name):
            rows.append(_at_most(f"{name}: MB of an idle executor", 12, found[0]["after a submission MB"]))
        if found := _rows_of(tables, "cost", name):
            ratio = found[0]["beside the run, over the calls"]
            rows.append(_at_most(f"{name}: beside the run, over the bare calls", 1.5, ratio))
        if found := _rows_of(tables, "service", name):
            ratio = found[0]["times as many as strict"]
            rows.append(_at_least(f"{name}: submissions a second of the daemon, over strict's", 5, ratio))
        if found := _rows_of(tables, "service-memory", name):
            more = found[-1]["MB over its libraries"]
            rows.append(_at_most(f"{name}: MB of the daemon over its libraries", 25, more))
            rows.append(_at_most(f"{name}: MB of the daemon, last stretch over first", 1.1, _growth(found, "MB")))
        if found := _rows_of(tables, "endurance", name):
            for column, most in FLAT:
                rows.append(_at_most(f"{name}: {column}, last stretch over first", most, _growth(found, column)))
    if found := _rows_of(tables, "rejudge", "one expected output"):
        rows.append(_at_most(f"s to judge {found[0]['submissions']} submissions anew", 10, found[0]["together s"]))
        rows.append(_at_most("programs run to judge them anew", 0, found[0]["programs run"]))
    return Table("goals", "What was to be reached", ["what", "goal", "measured.", "reached"], rows)


def _growth(rows: Sequence[Mapping[str, Cell]], column: str) -> Cell:
    first, last = rows[0][column], rows[-1][column]
    return last / first if isinstance(first, int | float) and isinstance(last, int | float) and first else None


def _at_least(what: str, goal: float, value: Cell) -> Sequence[Cell]:
    return what, f"at least {goal:g}", value, _reached(value, lambda number: number >= goal)


def _at_most(what: str, goal: float, value: Cell) -> Sequence[Cell]:
    return what, f"at most {goal:g}", value, _reached(value, lambda number: number <= goal)


def _reached(value: Cell, test: Callable[[float], bool]) -> str:
    return ("yes" if test(value) else "no") if isinstance(value, int | float) else "not measured"


def _rows_of(tables: Mapping[str, Table], table: str, name: str) -> list[Mapping[str, Cell]]:
    """The rows of a table whose first cell is `name`, by column; none when the table is not there."""
    rows: list[Mapping[str, Cell]] = tables[table].document()["rows"] if table in tables else []
    return [row for row in rows if next(iter(row.values())) == name]
