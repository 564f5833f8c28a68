"""
Points and batches of DMOJ's archives, as groups and back.

A batch is worth what its worst case earned of its points, and stops at its first failure. A case or batch of 0 points
is a gate there: once it fails, nothing after it is run. So all that comes after depends on it.
Source: dmoj/problem.py and dmoj/judge.py in DMOJ/judge-server.
"""

import math
from collections.abc import Sequence
from typing import Any

from submitter.errors import AssignmentRefused
from submitter.packages.problem import Case, Problem
from submitter.points import Group, GroupRule
from submitter.scoring import dependencies_first


class Groups:
    """The groups of cases that are read in order."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.cannot_score: tuple[str, ...] = ()
        self._batches = 0
        self._gate: tuple[str, ...] = ()  # the last case or batch of 0 points, which depends on those before it

    def batch(self, needs: Sequence[str], points: float) -> str:
        """The name of the next batch's group; `needs` has numbers of earlier batches."""
        self._batches += 1
        if needs and points == 0:  # it is passed by where it is not run, and fails all others where it fails
            self.cannot_score = (f"batch {self._batches} is worth nothing and depends on another",)
        depends_on = tuple(dict.fromkeys((*(f"batch {number}" for number in needs), *self._gate)))
        return self._add(f"batch {self._batches}", GroupRule.MINIMUM, True, depends_on, points)

    def of_single(self, number: int, points: float) -> str:
        """The group of a case in no batch: "" unless it is a gate, or comes after one."""
        if points == 0:
            return self._add(f"case {number}", GroupRule.SUM, False, self._gate, points)
        if not self._gate:
            return ""
        last = self.groups[-1]
        if last.name.startswith("from case") and last.depends_on == self._gate:
            return last.name
        return self._add(f"from case {number}", GroupRule.SUM, False, self._gate, points)

    def _add(self, name: str, rule: GroupRule, stops_early: bool, depends_on: tuple[str, ...], points: float) -> str:
        self.groups.append(Group(name, rule, stops_early, depends_on))
        if points == 0:
            self._gate = (name,)
        return name


def listed(problem: Problem) -> list[tuple[dict[str, Any], tuple[Case, ...]]]:
    """
    The entries of test_cases without files, each with its cases: a single one if the entry is no batch.

    Cases that are worth nothing are left out, unless all others depend on them.

    Raises:
        AssignmentRefused: groups depend on cases that are worth nothing.
    """
    members: dict[str, list[Case]] = {}
    for case in problem.cases:
        members.setdefault(case.group, []).append(case)
    entries: list[tuple[dict[str, Any], tuple[Case, ...]]] = []
    for case in members.pop("", []):
        if case.points != 0:
            entries.append(({} if case.points is None else {"points": case.points}, (case,)))
    stands_alone = bool(entries)
    ordered = [group for group in dependencies_first(problem.groups) if group.name in members]
    needed = {name for group in ordered for name in group.depends_on}
    numbers: dict[str, list[int]] = {}
    gates: set[str] = set()
    batches = 0
    for position, group in enumerate(ordered):
        cases = members[group.name]
        points = math.fsum(case.points or 0.0 for case in cases)
        needs = [number for name in group.depends_on for number in numbers.get(name, [])]
        if points == 0 and group.name not in needed:
            continue
        if points == 0:
            later = ordered[position + 1 :]
            if stands_alone or position != len(gates) or not all(_needs(one, group.name, ordered) for one in later):
                raise AssignmentRefused(
                    f"“{group.name}” is worth nothing, and only some groups depend on it: in DMOJ's format, either all "
                    "others do or none; give it a point"
                )
            gates.add(group.name)
        if group.rule is not GroupRule.SUM or points == 0:
            parts = [cases]
        else:
            parts = [[case] for case in cases if case.points]
            if len(parts) < len(cases) and (group.stops_early or group.name in needed):
                raise AssignmentRefused(
                    f"cases of “{group.name}” are worth nothing, and others depend on them: DMOJ's format cannot say "
                    "so; give them a point"
                )
            if not (needs or group.name in needed or group.stops_early or set(group.depends_on) & gates):
                entries += [({"points": case.points}, (case,)) for case in cases if case.points]
                continue
        numbers[group.name] = []
        for part in parts:
            batches += 1
            worth = math.fsum(case.points or 0.0 for case in part)
            entry: dict[str, Any] = {"points": round(worth, 9), "batched": []}
            entries.append((entry | ({"dependencies": list(needs)} if needs else {}), tuple(part)))
            numbers[group.name].append(batches)
            if group.stops_early:
                needs = [*needs, batches]
    return entries


def _needs(group: Group, name: str, ordered: Sequence[Group]) -> bool:
    """Whether a group depends on another, if by others in between."""
    by_name = {one.name: one for one in ordered}
    open_, seen = [group.name], set[str]()
    while open_:
        for one in by_name[open_.pop()].depends_on:
            if one == name:
                return True
            if one in by_name and one not in seen:
                seen.add(one)
                open_.append(one)
    return False
