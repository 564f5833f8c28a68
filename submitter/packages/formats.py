"""Which format a package has, and who reads and writes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from submitter.errors import AssignmentRefused
from submitter.packages import dmoj, icpc, polygon
from submitter.packages.archive import Files, read_files, write_files
from submitter.packages.problem import Problem


@dataclass(frozen=True, slots=True)
class Format:
    """A format: known by a file at its top, read to and written from a Problem."""

    marker: str
    read: Callable[[Files, str], Problem]
    write: Callable[[Problem], dict[str, bytes]]


FORMATS: Mapping[str, Format] = {
    icpc.LEGACY: Format(icpc.MARKER, icpc.read, icpc.write),
    icpc.NEW: Format(icpc.MARKER, icpc.read, icpc.write),
    dmoj.FORMAT: Format(dmoj.MARKER, dmoj.read, dmoj.write),
    polygon.FORMAT: Format(polygon.MARKER, polygon.read, polygon.write),
}


def read_package(path: Path) -> Problem:
    """
    A problem from a folder or an archive, in whichever of the formats it is.

    Raises:
        AssignmentRefused: it is in none of them, or cannot be understood.
    """
    files = read_files(path)
    for one in FORMATS.values():
        if one.marker in files:
            return one.read(files, path.resolve().name.partition(".")[0])
    markers = ", ".join(dict.fromkeys(one.marker for one in FORMATS.values()))
    raise AssignmentRefused(f"{path} is no problem package: there is none of {markers} at its top")


def is_package(path: Path) -> bool:
    """Whether a path looks like a package rather than a grading folder, without reading it."""
    return path.is_file() or any((path / one.marker).is_file() for one in FORMATS.values())


def write_package(path: Path, problem: Problem) -> None:
    """
    A problem in the format that it says it has.

    Raises:
        AssignmentRefused: the format has no place for something of it, or it cannot be written.
    """
    write_files(path, FORMATS[problem.format].write(problem))
