"""
What a case tells of the programs that were handed in: who passes it, and whether those are the better ones.

Counted are the results that students see, one for each submission. Cases that
were skipped, and those that failed by our own fault, say nothing of a program and
are left out of it; programs that do not compile say nothing of any case.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from submitter.model import CaseKind, Verdict
from submitter.outcomes import PublishedCase

_SAYS_NOTHING = frozenset({Verdict.SKIPPED, Verdict.INTERNAL_ERROR})
_DIGITS = 9  # of points: what is smaller comes from adding binary fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCase:
    """
    A case over all submissions.

    Attributes:
        tried, passed: by how many submissions.
        only_failures: for how many it was the only case that they failed.
        discrimination: -1 to 1, the point-biserial correlation between passing the case and the points for all
            other cases; None where there is none, since everybody or nobody passes or all have the same points else.
    """

    kind: CaseKind
    ordinal: int
    tried: int
    passed: int
    only_failures: int
    discrimination: float | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.ordinal}"

    @property
    def pass_rate(self) -> float | None:
        """0 to 1; None if nobody tried."""
        return self.passed / self.tried if self.tried else None

    @property
    def remarks(self) -> list[str]:
        """What an admin should look at, most serious first."""
        if not self.tried:
            return ["nobody tried"]
        if not self.passed:
            return ["nobody passes"]
        if self.passed == self.tried:
            return ["everybody passes"]
        remarks = []
        if self.discrimination is not None and self.discrimination < 0:
            remarks.append("who passes has fewer points elsewhere")
        if not self.only_failures:
            remarks.append("never the only failure")
        return remarks

    def document(self) -> dict[str, Any]:
        """The line that `submitter cases stats --json` prints of it."""
        return {
            "kind": str(self.kind),
            "ordinal": self.ordinal,
            "tried": self.tried,
            "passed": self.passed,
            "pass_rate": None if self.pass_rate is None else round(self.pass_rate, 4),
            "discrimination": None if self.discrimination is None else round(self.discrimination, 4),
            "only_failures": self.only_failures,
            "remarks": self.remarks,
        }


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of an assignment: how many submissions were counted, how many did not compile, and the cases in their order."""

    submissions: int
    did_not_compile: int
    cases: tuple[OneCase, ...]


def case_statistics(results: Sequence[Sequence[PublishedCase]]) -> Statistics:
    """
    The statistics of every case that is in some result.

    Args:
        results: one for each submission, as CaseStore.published_cases gives them.
    """
    compiled = [result for result in results if all(case.verdict is not Verdict.COMPILE_ERROR for case in result)]
    kinds = list(CaseKind)  # `test` before `grade`, the order in which they run
    of_case: dict[tuple[int, int], list[tuple[bool, float, bool]]] = {}  # passed, points elsewhere, the only failure
    for result in compiled:
        total = sum(case.points for case in result)
        told = [case for case in result if case.verdict not in _SAYS_NOTHING]
        failed = sum(case.verdict is not Verdict.ACCEPTED for case in told)
        for case in result:
            of_this = of_case.setdefault((kinds.index(case.kind), case.ordinal), [])
            if case.verdict not in _SAYS_NOTHING:
                passed = case.verdict is Verdict.ACCEPTED
                of_this.append((passed, round(total - case.points, _DIGITS), not passed and failed == 1))
    cases = tuple(
        OneCase(
            kind=kinds[kind],
            ordinal=ordinal,
            tried=len(tries),
            passed=sum(passed for passed, _, _ in tries),
            only_failures=sum(is_only for _, _, is_only in tries),
            discrimination=point_biserial([passed for passed, _, _ in tries], [rest for _, rest, _ in tries]),
        )
        for (kind, ordinal), tries in sorted(of_case.items())
    )
    return Statistics(len(compiled), len(results) - len(compiled), cases)


def point_biserial(passed: Sequence[bool], rest: Sequence[float]) -> float | None:
    """
    The correlation between a yes-or-no and a number, -1 to 1; None if one of the two never varies.

    It is Pearson's with 1 for yes and 0 for no. With the case's own points left
    out of `rest` it is what test theory calls the corrected item-total correlation.
    """
    if len(set(passed)) < 2 or len(set(rest)) < 2:
        return None
    return max(-1.0, min(1.0, statistics.correlation([float(one) for one in passed], rest)))
