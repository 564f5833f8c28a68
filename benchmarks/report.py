"""Tables: the one form in which every figure is kept, printed and written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | float | int | None


@dataclass(slots=True)
class Table:
    """
    One chapter's figures.

    A column whose name ends with `.` holds numbers; None is what could not be
    measured. `notes` say what the figures do not.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]]
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        names = [column.removesuffix(".") for column in self.columns]
        return {
            "name": self.name,
            "title": self.title,
            "rows": [dict(zip(names, row, strict=True)) for row in self.rows],
            "notes": self.notes,
        }

    def texts(self) -> list[list[str]]:
        return [[show(cell) for cell in row] for row in self.rows]

    def markdown(self) -> str:
        names = [column.removesuffix(".") for column in self.columns]
        rules = ["---:" if column.endswith(".") else "---" for column in self.columns]
        lines = [f"### {self.title}", "", *(_line(cells) for cells in (names, rules, *self.texts()))]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def show(cell: Cell) -> str:
    """A cell for people: three digits that matter, no more."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)


def markdown_page(
    machine: Mapping[str, str], peers: Mapping[str, str], tables: Sequence[Table], pictures: Sequence[tuple[str, str]]
) -> str:
    """What goes between the marks in README.md; `pictures` are pairs of what one shows and its file."""
    parts = [
        "### The machine\n",
        "\n".join(f"- {name}: {value}" for name, value in {**machine, **peers}.items()) + "\n",
    ]
    parts += [f"![{text}]({name})\n" for text, name in pictures]
    parts += [table.markdown() for table in tables]
    return "\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
