"""
Points and groups of ICPC and Kattis packages: what testdata.yaml (legacy) and test_group.yaml (2023-07) say of folders.

How the legacy format works: every folder is graded by a default grader, which adds up, averages or takes the least or
the largest of what is in it, and says whether the folder is accepted; the score of a submission that is not accepted
is ignored. So the points are those of our groups only where a score above 0 comes with acceptance (`_Legacy.is_open`),
or where nothing but everything is accepted. What has no equal among our groups is said, and no points are given.

Source: sections Test Data Groups and Default grader specification of the legacy format, Result aggregation of 2025-09.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from submitter.packages.documents import as_mapping, as_number, as_text
from submitter.packages.problem import Case
from submitter.points import Group, GroupRule

SAMPLE, SECRET = "sample", "secret"
A_MILLIONTH = 1e-6
MOST_LEVELS = 10  # of folders below data/
LEGACY_KEYS = frozenset({"on_reject", "grader_flags", "accept_score"})  # which drafts of 2023-07 had, too

_EXPECTED_SCORE = re.compile(rb"@EXPECTED_SCORE@:[ \t]*([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class Scored:
    """Cases with their points and groups, or why those cannot be given, in words: then there are none."""

    cases: tuple[Case, ...]
    groups: tuple[Group, ...] = ()
    cannot_score: tuple[str, ...] = ()


class _NoEqual(Exception):
    """The jury's points are not those of any groups of ours; the text says why."""


@dataclass
class _Giver:
    """Gives points to cases, as groups are found."""

    points: dict[str, float] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def add(self, group: Group, cases: Sequence[Case], most: float) -> None:
        """A group whose points, `most`, are shared by its cases."""
        self.groups.append(group)
        for case in cases:
            self.group[case.name] = group.name
            self.points[case.name] = most / len(cases)

    def scored(self, cases: tuple[Case, ...]) -> Scored:
        return Scored(
            tuple(
                dataclasses.replace(case, group=self.group.get(case.name, ""), points=self.points.get(case.name, 0.0))
                for case in cases
            ),
            tuple(self.groups),
        )


def legacy(cases: tuple[Case, ...], settings_of: Callable[[str], Mapping[str, Any]]) -> Scored:
    """
    Cases of a legacy package with their points.

    Args:
        settings_of: what holds for a folder such as `data/secret`, inherited settings included.
    """
    try:
        return _Legacy(cases, settings_of).scored()
    except _NoEqual as exc:
        return Scored(cases, cannot_score=(str(exc),))


def held_against(scored: Scored, programs: Iterable[bytes]) -> Scored:
    """
    The same, unless @EXPECTED_SCORE@ lines expect another score of the best program than all points together.

    DOMjudge, which reads them, gives `accept_score` to a folder whose cases all pass; Kattis gives it to every case.
    """
    expected = [float(found.group(1)) for one in programs if (found := _EXPECTED_SCORE.search(one))]
    most = math.fsum(case.points or 0.0 for case in scored.cases)
    if scored.cannot_score or not expected or abs(max(expected) - most) < A_MILLIONTH:
        return scored
    cases = tuple(dataclasses.replace(case, group="", points=None) for case in scored.cases)
    why = f"its programs expect {max(expected):g} points (@EXPECTED_SCORE@), and testdata.yaml gives {most:g}"
    return Scored(cases, cannot_score=(why,))


@dataclass(slots=True)
class _Folder:
    """A folder of test data; `accepts` says of which of its parts acceptance depends: all, any, or always."""

    name: str
    cases: list[Case]
    folders: list["_Folder"]
    mode: str = "sum"
    accepts: str = "all"
    breaks: bool = True
    accept_score: float = 1.0

    def all_cases(self) -> list[Case]:
        return self.cases + [case for one in self.folders for case in one.all_cases()]

    def most(self) -> float:
        """The score if every case passes."""
        values = [self.accept_score] * len(self.cases) + [one.most() for one in self.folders]
        match self.mode:
            case "min":
                return min(values)
            case "max":
                return max(values)
            case "avg":
                return math.fsum(values) / len(values)
        return math.fsum(values)

    def is_strict(self) -> bool:
        """Whether it is accepted only if every case passes."""
        return self.accepts == "all" and all(one.is_strict() for one in self.folders)

    def is_open(self) -> bool:
        """Whether it is accepted whenever it has a score above 0."""
        if self.accepts == "always" or len(self.cases) + len(self.folders) == 1 or self.mode == "min":
            return all(one.is_open() for one in self.folders)
        return self.accepts == "any" and all(one.is_open() for one in self.folders)


class _Legacy:
    def __init__(self, cases: tuple[Case, ...], settings_of: Callable[[str], Mapping[str, Any]]) -> None:
        self._cases, self._settings_of, self._giver = cases, settings_of, _Giver()

    def scored(self) -> Scored:
        root = self._read("data", [])
        sample, secret = (self._tree(name) for name in (SAMPLE, SECRET))
        words = as_text("grader_flags", self._settings_of("data").get("grader_flags")).split()
        needs: tuple[str, ...] = ()
        beside = 0.0
        if sample is not None:
            counts = "ignore_sample" not in words
            if counts and (root.accepts == "any" or root.mode != "sum"):
                raise _NoEqual(f"its samples count by grader_flags: {' '.join(words)}")
            beside = sample.most() if counts else 0.0
            if (root.accepts == "all" and counts) or root.breaks:
                if not sample.is_strict():
                    raise _NoEqual("whether its samples are accepted depends on more than all of them")
                self._giver.add(Group(SAMPLE, stops_early=sample.breaks), sample.all_cases(), 0.0)
                needs = (SAMPLE,)
        if secret is None:
            raise _NoEqual("it has no secret cases")
        if root.accepts == "always" or secret.is_open():
            if beside and root.accepts == "always" and not needs:
                for case in sample.all_cases() if sample else []:
                    self._giver.points[case.name] = beside / len(sample.all_cases() if sample else [])
            elif beside:
                raise _NoEqual("points of its samples count only if secret cases pass")
            self._give(secret, 1.0, needs)
        elif secret.is_strict():
            group = Group(SECRET, GroupRule.ALL_OR_NOTHING, secret.breaks, needs)
            self._giver.add(group, secret.all_cases(), secret.most() + beside)
        else:
            raise _NoEqual("only some of its groups have to pass for a score to count at all")
        return self._giver.scored(self._cases)

    def _give(self, folder: _Folder, factor: float, needs: tuple[str, ...]) -> tuple[str, ...]:
        """Makes groups of a folder; returns their names."""
        parts = len(folder.cases) + len(folder.folders)
        if folder.cases and folder.folders:
            raise _NoEqual(f"data/{folder.name} has cases beside folders of cases")
        if folder.mode == "max" and parts > 1:
            raise _NoEqual(f"data/{folder.name} is worth the largest score of what is in it")
        if folder.cases:
            rule = GroupRule.MINIMUM if folder.mode == "min" else GroupRule.SUM
            group = Group(folder.name, rule, folder.breaks, needs)
            self._giver.add(group, folder.cases, folder.most() * factor)
            return (group.name,)
        if folder.mode == "min" and parts > 1:
            if not all(_is_least(one) for one in folder.folders):
                raise _NoEqual(f"data/{folder.name} is worth the least of several sums")
            group = Group(folder.name, GroupRule.ALL_OR_NOTHING, folder.breaks, needs)
            self._giver.add(group, folder.all_cases(), folder.most() * factor)
            return (group.name,)
        made: tuple[str, ...] = ()
        for one in folder.folders:
            names = self._give(one, factor / parts if folder.mode == "avg" else factor, needs)
            made += names
            if folder.breaks and one.accepts != "always":
                if not one.is_strict():
                    raise _NoEqual(f"data/{folder.name} breaks after a folder that may be accepted in part")
                needs = names  # which themselves depend on those before
        return made

    def _tree(self, name: str) -> _Folder | None:
        below = [case for case in self._cases if case.name.startswith(f"{name}/")]
        return self._read(name, below) if below else None

    def _read(self, name: str, cases: Sequence[Case]) -> _Folder:
        """A folder, with the cases in it and below."""
        if name.count("/") > MOST_LEVELS:
            raise _NoEqual(f"its folders are more than {MOST_LEVELS} deep")
        folder = _Folder(name, [], [])
        below: dict[str, list[Case]] = {}
        for case in cases:
            parts = PurePosixPath(case.name).relative_to(name).parts
            if len(parts) == 1:
                folder.cases.append(case)
            else:
                below.setdefault(f"{name}/{parts[0]}", []).append(case)
        folder.folders = [self._read(*one) for one in sorted(below.items())]
        where = "data" if name == "data" else f"data/{name}"
        settings = self._settings_of(where)
        if settings.get("grading", "default") != "default":
            raise _NoEqual(f"{where} is graded by a program")
        for word in as_text("grader_flags", settings.get("grader_flags")).split():
            if word in ("sum", "avg", "min", "max"):
                folder.mode = word
            elif word in ("always_accept", "accept_if_any_accepted"):
                folder.accepts = "always" if word == "always_accept" else "any"
        folder.breaks = settings.get("on_reject", "break") != "continue"
        score = as_number("accept_score", settings.get("accept_score", 1))
        folder.accept_score = 0.0 if score is None else score
        if folder.accept_score < 0 or as_number("reject_score", settings.get("reject_score", 0)):
            raise _NoEqual(f"{where} has scores below 0, or for rejected cases")
        return folder


def _is_least(folder: _Folder) -> bool:
    """Whether it is worth all of its points or none."""
    return (folder.mode == "min" or len(folder.cases) + len(folder.folders) == 1) and all(
        map(_is_least, folder.folders)
    )


# -- 2023-07 ------------------------------------------------------------------------------------------------------


def new(cases: tuple[Case, ...], settings: Mapping[str, Mapping[str, Any]]) -> Scored:
    """
    Cases of a package of 2023-07 or 2025-09 with their points.

    Args:
        settings: what test_group.yaml says, by folder, such as `data/secret`; nothing of this is inherited.
    """
    try:
        return _new(cases, settings)
    except _NoEqual as exc:
        return Scored(cases, cannot_score=(str(exc),))


def _new(cases: tuple[Case, ...], settings: Mapping[str, Mapping[str, Any]]) -> Scored:
    members: dict[str, list[Case]] = {}
    for case in cases:
        parts = case.name.split("/")
        if len(parts) > 3:
            raise _NoEqual(f"data/{case.name} lies deeper than a group of secret cases")
        members.setdefault(SAMPLE if parts[0] == SAMPLE else "/".join(parts[:-1]), []).append(case)
    samples = members.pop(SAMPLE, [])
    if SECRET in members and len(members) > 1:
        raise _NoEqual("data/secret has cases beside groups of cases")
    whole = _Told(settings, SECRET, "sum", 100)
    told = [whole] if SECRET in members else [_Told(settings, name, "pass-fail", "unbounded") for name in members]
    known = {*members, *([SAMPLE] if samples else [])}
    giver = _Giver()
    if samples and any(SAMPLE in one.needs(known) for one in (whole, *told)):
        giver.add(Group(SAMPLE), samples, 0.0)
    if SECRET not in members and whole.mode != "sum":
        if any(one.mode == "sum" and len(members[one.name]) > 1 for one in told):
            raise _NoEqual("data/secret is worth the least of several sums")
        if any(needed != SAMPLE for one in told for needed in one.needs(known)):
            raise _NoEqual("the groups that data/secret takes together depend on each other")
        most = whole.most() if whole.mode == "pass-fail" else min(one.most() for one in told)
        group = Group(SECRET, GroupRule.ALL_OR_NOTHING, depends_on=whole.needs(known))
        giver.add(group, [case for them in members.values() for case in them], most)
        return giver.scored(cases)
    for one in told:
        needs = tuple(dict.fromkeys((*whole.needs(known), *one.needs(known))))
        giver.add(Group(one.name, one.rule(), depends_on=needs), members[one.name], one.most())
    return giver.scored(cases)


class _Told:
    """What test_group.yaml says of a group, or of all secret cases; drafts put some of it below `scoring`."""

    _RULES: Mapping[str, GroupRule] = {
        "sum": GroupRule.SUM,
        "min": GroupRule.MINIMUM,
        "pass-fail": GroupRule.ALL_OR_NOTHING,
    }

    def __init__(
        self, settings: Mapping[str, Mapping[str, Any]], name: str, aggregation: str, max_score: int | str
    ) -> None:
        self.name = name
        self._own = settings.get(f"data/{name}", {})
        draft = as_mapping("scoring", self._own.get("scoring"))
        self.mode = as_text(
            "score_aggregation", self._own.get("score_aggregation", draft.get("aggregation")), aggregation
        )
        self._max_score = self._own.get("max_score", draft.get("max_score", draft.get("score", max_score)))
        if self.mode not in self._RULES:
            raise _NoEqual(f"data/{name} is scored by {self.mode}")

    def rule(self) -> GroupRule:
        return self._RULES[self.mode]

    def most(self) -> float:
        score = None if self._max_score == "unbounded" else as_number("max_score", self._max_score)
        if score is None:
            raise _NoEqual(f"data/{self.name} has no max_score: its validator alone says what an output is worth")
        if self._own.get("static_validation_score"):
            raise _NoEqual(f"data/{self.name} has points for what a program says of a submission's source")
        return score

    def needs(self, known: set[str]) -> tuple[str, ...]:
        stated = self._own.get("require_pass", [])
        names = [as_text("require_pass", one) for one in ([stated] if isinstance(stated, str) else stated)]
        return tuple(name if name in known else f"{SECRET}/{name}" for name in names if name != SAMPLE or name in known)
