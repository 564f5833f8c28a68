"""
A problem as its package describes it, whatever the package's format. Frozen values, no I/O.

Times are seconds, sizes are bytes. Statements are left out: Submitter shows none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from submitter.model import Checker, Verdict
from submitter.points import Group

Verdicts = frozenset[Verdict]

ACCEPTED: Verdicts = frozenset({Verdict.ACCEPTED})
WRONG: Verdicts = frozenset({Verdict.WRONG_ANSWER})
SLOW: Verdicts = frozenset({Verdict.TIME_LIMIT_EXCEEDED})
# Where a format knows four verdicts, a program that was stopped for its memory or its output has crashed.
CRASHED: Verdicts = frozenset({Verdict.RUNTIME_ERROR, Verdict.MEMORY_LIMIT_EXCEEDED, Verdict.OUTPUT_LIMIT_EXCEEDED})
FAILED: Verdicts = WRONG | SLOW | CRASHED | {Verdict.COMPILE_ERROR}
ANYTHING: Verdicts = ACCEPTED | FAILED


class Rule(StrEnum):
    """How a package holds an output against the answer, before case and tolerances."""

    TOKENS = "tokens"  # runs of anything but white space, in order
    LINES = "lines"  # the tokens of every line, in order; empty lines do not count
    TRAILING_BLANKS = "trailing_blanks"  # as they are, but for blanks at line ends and empty lines at the end
    EXACT = "exact"  # byte by byte, but for a final newline
    UNORDERED_LINES = "unordered_lines"
    UNORDERED_TOKENS = "unordered_tokens"
    CHARACTERS = "characters"  # all but white space, in any order and case


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRule:
    """A rule with what it forgives: an error of a number is forgiven if it is within either tolerance."""

    rule: Rule = Rule.TOKENS
    ignore_case: bool = False
    absolute: float | None = None
    relative: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    A case; its name is unique in the package and sorts nothing: cases come in the package's order.

    `points` is None where the package gives none to any case: then all are worth the same.
    """

    name: str
    input: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    is_sample: bool = False
    group: str = ""
    points: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a program, by its path within the package."""

    path: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """
    What a jury says of one of its solutions.

    `permitted` is for every case, `required` for at least one; `overall` is the
    first verdict that is not accepted, or accepted if there is none. `some_groups`:
    passes at least one group, and not all. `cases` narrows the first two to cases
    whose name, or that of a folder above, matches this pattern.
    """

    permitted: Verdicts | None = None
    required: Verdicts | None = None
    overall: Verdicts | None = None
    some_groups: bool = False
    cases: str = ""


ALL_ACCEPTED = Expectation(permitted=ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """
    A program of the jury's, with all that is expected of it, all of which must hold.

    `said_by` is where the package says so, such as the folder's name. `language`
    is a name of ours (`languages.py`) or what the package calls it. The limits
    are set where the package gives this very solution some of its own.
    """

    path: str
    files: tuple[Source, ...]
    language: str
    expectations: tuple[Expectation, ...]
    said_by: str
    time_limit_s: float | None = None
    memory_limit_bytes: int | None = None

    @property
    def is_reference(self) -> bool:
        """Whether it is expected to pass everything."""
        return any(ACCEPTED in (one.permitted, one.overall) and not one.cases for one in self.expectations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    A whole package.

    `time_limit_s` is None where the jury's solutions decide it: `time_multiplier`
    times what the slowest accepted one takes. `cannot_judge` says, in words,
    why no verdict on this problem could be trusted here; `cannot_score` why its
    points could not be given here, in which case it has no groups and no points;
    `left_out` what of it is not kept, without touching any verdict. `checker` are
    sources of a program that judges outputs; `validator` is what of them can be
    run here, if they can.
    """

    name: str
    format: str
    cases: tuple[Case, ...]
    solutions: tuple[Solution, ...] = ()
    groups: tuple[Group, ...] = ()
    output: OutputRule = OutputRule()
    time_limit_s: float | None = None
    time_multiplier: float = 5.0
    memory_limit_bytes: int | None = None
    checker: tuple[Source, ...] = ()
    validator: Checker | None = None
    interactor: tuple[Source, ...] = ()
    cannot_judge: tuple[str, ...] = ()
    cannot_score: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def duplicates(cases: Sequence[Case]) -> list[tuple[str, str]]:
    """Names of cases whose input an earlier case has already: the earlier one first."""
    first: dict[bytes, str] = {}
    found = []
    for case in cases:
        if (earlier := first.setdefault(case.input, case.name)) != case.name:
            found.append((earlier, case.name))
    return found
