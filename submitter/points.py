"""
What cases are worth, beyond a number of points each: the nouns. The rules are in scoring.py.
"""

from dataclasses import dataclass
from enum import StrEnum


class CaseRole(StrEnum):
    """How a case's points count."""

    REGULAR = "regular"  # earned when it passes; part of the most that can be reached
    BONUS = "bonus"  # earned when it passes, on top of the most that can be reached
    PENALTY = "penalty"  # lost when it fails


class GroupRule(StrEnum):
    """What a group of cases is worth."""

    SUM = "sum"  # what its cases are worth, added up
    MINIMUM = "minimum"  # all its points, times the fraction that its worst case earned
    ALL_OR_NOTHING = "all_or_nothing"  # all its points if every case earned all of its own, else none


@dataclass(frozen=True, slots=True)
class Group:
    """
    Cases of an assignment that are worth something together.

    `stops_early`: after the first of its cases that fails, the others are not run.
    `depends_on`: names of groups; unless every case of those passes in full, no
    case of this one is run, and it is worth nothing.
    """

    name: str
    rule: GroupRule = GroupRule.SUM
    stops_early: bool = False
    depends_on: tuple[str, ...] = ()


class GroupStatus(StrEnum):
    """What became of a group, in a word for its student."""

    PASSED = "passed"  # every case in full
    PARTIAL = "partial"  # some points
    FAILED = "failed"  # none
    SKIPPED = "skipped"  # a group that it depends on was not passed


@dataclass(frozen=True, slots=True)
class GroupResult:
    """A group and what it is worth in one attempt."""

    group: Group
    score: float
    max_score: float
    status: GroupStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOverrides:
    """
    Limits of a case's own, in the place of its assignment's; None where that one's holds.

    Raises:
        ValueError: one is not greater than 0.
    """

    cpu_time_s: float | None = None
    wall_time_s: float | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None
    file_bytes: int | None = None
    processes: int | None = None

    def __post_init__(self) -> None:
        for name, value in self.given().items():
            if not value > 0:
                raise ValueError(f"the limit {name} must be greater than 0, not {value!r}")

    def given(self) -> dict[str, float | int]:
        """Those that are set, by name."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value is not None}


NO_OVERRIDES = LimitOverrides()


def points_text(value: float) -> str:
    """Points for people and spreadsheets: to the millionth that they are rounded to, and without needless zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
