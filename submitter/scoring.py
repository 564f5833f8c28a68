"""
The rules of points: which cases are still worth running, and what cases and groups are worth together. All pure.

docs/admins.md states the rules for admins. Points are rounded to a millionth
wherever they are shown, so that sums of tenths print as such.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from submitter.errors import AssignmentRefused
from submitter.model import CaseKind, TestCase
from submitter.outcomes import CaseResult
from submitter.points import CaseRole, Group, GroupResult, GroupRule, GroupStatus

MAX_NAME_CHARS = 100
_NAME = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_NAME_CHARS}}}")


def rounded(points: float) -> float:
    return round(points, 6)


def points_of(case: TestCase, fraction: float) -> float:
    """
    What a case adds to the score by itself.

    Args:
        fraction: how much of it passed, 0 to 1.
    """
    match case.role:
        case CaseRole.REGULAR | CaseRole.BONUS:
            return rounded(fraction * case.points)
        case CaseRole.PENALTY:
            return rounded((fraction - 1) * case.points)
        case _:
            assert_never(case.role)


def max_score(cases: Iterable[TestCase]) -> float:
    """The most that can be reached without bonus cases."""
    return rounded(math.fsum(case.points for case in cases if case.role is CaseRole.REGULAR))


def total(results: Sequence[CaseResult], groups: Sequence[Group]) -> tuple[float, tuple[GroupResult, ...]]:
    """
    The score of all cases, and each group's result in the groups' order.

    Regular cases in no group count by themselves, as bonus and penalty cases
    do. Penalties never take the score below 0.

    Raises:
        AssignmentRefused: see `check_groups`.
    """
    check_groups([result.case for result in results], groups)
    members = {group.name: [result for result in results if result.case.group == group.name] for group in groups}
    by_name = {group.name: group for group in groups}

    def is_passed(name: str) -> bool:
        return all(result.fraction == 1 for result in members[name]) and all(map(is_passed, by_name[name].depends_on))

    scores = {}
    group_results = []
    for group in groups:
        is_open = all(map(is_passed, group.depends_on))
        most = math.fsum(result.case.points for result in members[group.name])
        scores[group.name] = _group_score(group.rule, members[group.name], most) if is_open else 0.0
        if not is_open:
            status = GroupStatus.SKIPPED
        elif is_passed(group.name):
            status = GroupStatus.PASSED
        else:
            status = GroupStatus.PARTIAL if scores[group.name] > 0 else GroupStatus.FAILED
        group_results.append(GroupResult(group, rounded(scores[group.name]), rounded(most), status))
    alone = [points_of(result.case, result.fraction) for result in results if result.case.group is None]
    return max(0.0, rounded(math.fsum([*scores.values(), *alone]))), tuple(group_results)


def _group_score(rule: GroupRule, members: Sequence[CaseResult], most: float) -> float:
    fractions = [result.fraction for result in members]
    match rule:
        case GroupRule.SUM:
            return math.fsum(result.fraction * result.case.points for result in members)
        case GroupRule.MINIMUM:
            return most * min(fractions, default=1.0)
        case GroupRule.ALL_OR_NOTHING:
            return most if all(fraction == 1 for fraction in fractions) else 0.0
        case _:
            assert_never(rule)


class Progress:
    """
    Which cases of one attempt are still worth running, as results come in.

    A case is skipped for certain as soon as a group that its own depends on has
    a case that did not pass in full, or its own group stops early and has a
    case that failed. Failed is: nothing was earned; in a group that is all or
    nothing, less than everything. So what is skipped never changes the score of
    a group that is all or nothing, or worth what its worst case is.

    `order` has the indices of the cases as they run: those in groups that
    depend on others after those others', else as they come.

    Raises:
        AssignmentRefused: see `check_groups`.
    """

    def __init__(self, cases: Sequence[TestCase], groups: Sequence[Group]) -> None:
        check_groups(cases, groups)
        self._cases = cases
        self._groups = {group.name: group for group in groups}
        depths = _depths(self._groups)
        self.order = sorted(range(len(cases)), key=lambda index: depths.get(cases[index].group or "", 0))
        self._open = {name: {i for i, case in enumerate(cases) if case.group == name} for name in self._groups}
        self._failed: dict[str, TestCase] = {}  # of a group, the first that failed
        self._not_passed: set[str] = set()  # groups of which a case did not pass in full

    def note(self, index: int, fraction: float) -> None:
        """A case has a result; so has one that was skipped, of 0."""
        case = self._cases[index]
        if case.group is None:
            return
        self._open[case.group].discard(index)
        if fraction < 1:
            self._not_passed.add(case.group)
        if fraction == 0 or (fraction < 1 and self._groups[case.group].rule is GroupRule.ALL_OR_NOTHING):
            self._failed.setdefault(case.group, case)

    def is_wanted(self, index: int) -> bool | None:
        """Whether a case is to be run; None as long as that depends on others."""
        case = self._cases[index]
        if case.group is None:
            return True
        if self.reason(index) is not None:
            return False
        group = self._groups[case.group]
        waits = group.stops_early and any(i != index for i in self._before(index))
        return None if waits or any(not self._is_done(name) for name in group.depends_on) else True

    def reason(self, index: int) -> str | None:
        """Why a case is not to be run, in words for the student; None if it is, or that is not known yet."""
        case = self._cases[index]
        if case.group is None:
            return None
        group = self._groups[case.group]
        for name in group.depends_on:
            if self._is_lost(name):
                return f"not run: the group “{name}” was not passed"
        if group.stops_early and case.group in self._failed:
            return f"not run: {self._failed[case.group].name} of the group “{case.group}” failed"
        return None

    def _before(self, index: int) -> Iterable[int]:
        """Cases of the same group without a result, which run before this one."""
        return (i for i in self._open[self._cases[index].group or ""] if i < index)

    def _is_lost(self, name: str) -> bool:
        return name in self._not_passed or any(map(self._is_lost, self._groups[name].depends_on))

    def _is_done(self, name: str) -> bool:
        return not self._open[name] and all(map(self._is_done, self._groups[name].depends_on))


def check_groups(cases: Sequence[TestCase], groups: Sequence[Group]) -> None:
    """
    See that groups make sense, and that cases name groups that there are.

    Raises:
        AssignmentRefused: which does not, and what to do (the admin's fault).
    """
    by_name: dict[str, Group] = {}
    for group in groups:
        if not _NAME.fullmatch(group.name) or group.name.strip() != group.name:
            raise AssignmentRefused(
                f"{group.name[:MAX_NAME_CHARS]!r} cannot be a group's name: write 1 to {MAX_NAME_CHARS} characters "
                "without control characters, and no blanks around them"
            )
        if group.name in by_name:
            raise AssignmentRefused(f"there are two groups “{group.name}”: give one of them another name")
        by_name[group.name] = group
    known = ", ".join(by_name) or "none"
    for group in groups:
        for name in group.depends_on:
            if name not in by_name:
                raise AssignmentRefused(
                    f"the group “{group.name}” depends on “{name}”, which is no group; there are: {known}"
                )
    for case in cases:
        if case.group is None:
            continue
        if case.group not in by_name:
            raise AssignmentRefused(f"{case.name} is in “{case.group}”, which is no group; there are: {known}")
        if case.role is not CaseRole.REGULAR:
            raise AssignmentRefused(
                f"{case.name} is a {case.role} case, which counts by itself: take it out of the group “{case.group}”"
            )
    _depths(by_name)
    with_kind = {kind: {case.group for case in cases if case.kind is kind and case.group} for kind in CaseKind}

    def hidden_below(name: str) -> str | None:
        """A group with grade cases, among those that this one depends on."""
        for other in by_name[name].depends_on:
            if found := other if other in with_kind[CaseKind.GRADE] else hidden_below(other):
                return found
        return None

    for name in sorted(with_kind[CaseKind.TEST]):
        if hidden := hidden_below(name):
            raise AssignmentRefused(
                f"the group “{name}” has test cases and depends on “{hidden}”, which has grade cases: whether those "
                "passed would show; let grade cases depend on test cases"
            )


def _depths(groups: Mapping[str, Group]) -> dict[str, int]:
    """How long the longest chain of groups is that each depends on; in an order that has those first."""
    depths: dict[str, int] = {}
    while len(depths) < len(groups):
        ready = [
            group
            for group in groups.values()
            if group.name not in depths and all(name in depths for name in group.depends_on)
        ]
        if not ready:
            chain = " → ".join(_circle(groups, depths))
            raise AssignmentRefused(f"groups depend on each other in a circle, {chain}: leave one of these out")
        for group in ready:
            depths[group.name] = 1 + max((depths[name] for name in group.depends_on), default=-1)
    return depths


def dependencies_first(groups: Sequence[Group]) -> list[Group]:
    """
    The groups, each after those that it depends on.

    Raises:
        AssignmentRefused: see `check_groups`.
    """
    by_name = {group.name: group for group in groups}
    return [by_name[name] for name in _depths(by_name)]


def _circle(groups: Mapping[str, Group], without: Mapping[str, int]) -> list[str]:
    """One circle among the groups that are left."""
    path = [next(name for name in groups if name not in without)]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in groups[path[-1]].depends_on if name not in without))
    return path[path.index(path[-1]) :]
