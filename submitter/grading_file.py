"""
`grading.toml`, which may lie beside a grading folder's case files: what cases are worth, their groups and limits.

    [[group]]
    name = "samples"
    rule = "minimum"             # sum (the default), minimum or all_or_nothing
    stops_early = true           # false by default
    depends_on = []
    cases = ["test 1-3", "grade 5"]

    [[case]]
    cases = ["grade 1-4"]
    points = 2.5
    role = "bonus"               # regular (the default), bonus or penalty
    cpu_time_s = 5               # and wall_time_s, memory_bytes, output_bytes, file_bytes, processes

    [[case]]
    cases = ["test 4"]           # whose lines in test.in and test.out are empty
    step = "prove"               # run (the default) or prove
    [checker]
    file = "checker.py"          # beside this one
    language = "python"          # if the file's name does not tell
    arguments = ["--strict"]     # none by default
    interactive = false          # whether it speaks to the program while that runs; false by default
"""

import dataclasses
import itertools
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from submitter.checkers import check_checker
from submitter.errors import AssignmentRefused
from submitter.languages import language_of_file
from submitter.model import CaseKind, Checker, Step, TestCase
from submitter.points import CaseRole, Group, GroupRule, LimitOverrides
from submitter.runs import check_file_name
from submitter.scoring import check_groups

NAME = "grading.toml"
_CASES = re.compile(r"(test|grade) ([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?")
# And the most that Postgres holds of them.
_WHOLE_LIMITS = {"memory_bytes": 2**63 - 1, "output_bytes": 2**63 - 1, "file_bytes": 2**63 - 1, "processes": 2**31 - 1}
_LIMITS = ("cpu_time_s", "wall_time_s", *_WHOLE_LIMITS)
_GROUP_KEYS = ("name", "rule", "stops_early", "depends_on", "cases")
_CHECKER_KEYS = ("file", "language", "arguments", "interactive")
_CASE_KEYS = ("cases", "points", "role", "step", *_LIMITS)


def apply(data: bytes, cases: Sequence[TestCase]) -> tuple[tuple[TestCase, ...], tuple[Group, ...]]:
    """
    The cases with what the file says of them, and its groups.

    Raises:
        AssignmentRefused: it is no such file, or makes no sense for these cases; the text says what to write.
    """
    document = _document(data)
    changed = {case.name: case for case in cases}
    for where, table in _tables(document, "case", _CASE_KEYS):
        settings = _settings(where, table)
        for name in _names(where, table, changed):
            if settings.get("step") is Step.PROVE and (changed[name].input or changed[name].expected):
                raise _refusal(where, f"{name} proves the program: leave its lines in the case files empty")
            own = {**changed[name].limits.given(), **settings["limits"]}
            changed[name] = dataclasses.replace(changed[name], **{**settings, "limits": LimitOverrides(**own)})
    groups = []
    for where, table in _tables(document, "group", _GROUP_KEYS):
        group = _group(where, table)
        groups.append(group)
        for name in _names(where, table, changed):
            if changed[name].group not in {None, group.name}:
                raise _refusal(where, f"{name} is in the group “{changed[name].group}” already: name it once")
            changed[name] = dataclasses.replace(changed[name], group=group.name)
    try:
        check_groups(tuple(changed.values()), groups)
    except AssignmentRefused as exc:
        raise AssignmentRefused(f"{NAME}: {exc}") from exc
    return tuple(changed.values()), tuple(groups)


def checker(data: bytes, read: Callable[[str], bytes | None]) -> Checker | None:
    """
    The checker that the file names; None if it names none.

    Args:
        read: gives the file of that name which lies beside this one; None if there is none.

    Raises:
        AssignmentRefused: it cannot be one; the text says what to write.
    """
    table = _document(data).get("checker")
    if table is None:
        return None
    where = "[checker]"
    if not isinstance(table, dict):
        raise AssignmentRefused(f"{NAME}: write the checker as a table that begins with {where}")
    if unknown := sorted(table.keys() - set(_CHECKER_KEYS)):
        raise _refusal(where, f"{unknown[0]!r} means nothing here; there are {', '.join(_CHECKER_KEYS)}")
    name, arguments = table.get("file"), table.get("arguments", [])
    if not isinstance(name, str):
        raise _refusal(where, 'say which file: file = "checker.py"')
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        raise _refusal(where, 'arguments are a list of texts: arguments = ["--strict"]')
    try:
        check_file_name(name)
        program = read(name)
        if program is None:
            raise _refusal(where, f"there is no {name} beside it")
        text = program.decode()
    except ValueError as exc:
        what = "it is not UTF-8 text" if isinstance(exc, UnicodeDecodeError) else exc
        raise _refusal(where, f"{name}: {what}") from exc
    language = str(table.get("language", language_of_file(PurePosixPath(name))))
    interactive = table.get("interactive", False)
    if not isinstance(interactive, bool):
        raise _refusal(where, "interactive is true or false, without quotes")
    made = Checker(program=text, language=language, arguments=tuple(arguments), interactive=interactive)
    check_checker(made)
    return made


def encode(
    cases: Sequence[TestCase], groups: Sequence[Group], checker: Checker | None = None, file_name: str = ""
) -> bytes | None:
    """
    The file that says so of cases, groups and checker; None if each case is worth a point, and that is all.

    Args:
        file_name: the checker's.
    """
    tables = []
    if checker is not None:
        tables.append(
            "[checker]\n"
            + _line("file", file_name)
            + _line("language", checker.language)
            + _line("arguments", list(checker.arguments))
            + _line("interactive", checker.interactive)
        )
    for group in groups:
        names = [case for case in cases if case.group == group.name]
        tables.append(
            "[[group]]\n"
            + _line("name", group.name)
            + _line("rule", str(group.rule))
            + _line("stops_early", group.stops_early)
            + _line("depends_on", list(group.depends_on))
            + _line("cases", _ranges(names))
        )
    alike: dict[tuple[tuple[str, object], ...], list[TestCase]] = {}
    for case in cases:
        said: dict[str, object] = {} if case.points == 1 else {"points": case.points}
        said |= {} if case.role is CaseRole.REGULAR else {"role": str(case.role)}
        said |= {} if case.step is Step.RUN else {"step": str(case.step)}
        said |= case.limits.given()
        if said:
            alike.setdefault(tuple(said.items()), []).append(case)
    for settings, members in alike.items():
        tables.append("[[case]]\n" + _line("cases", _ranges(members)) + "".join(_line(*one) for one in settings))
    return "\n".join(tables).encode() if tables else None


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as exc:
        raise AssignmentRefused(f"{NAME} is not UTF-8: save it as such") from exc
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise AssignmentRefused(f"{NAME} is no TOML: {exc}") from exc
    if unknown := sorted(document.keys() - {"group", "case", "checker"}):
        raise AssignmentRefused(
            f"{NAME}: {unknown[0]!r} means nothing here; write [[group]] and [[case]] tables, and [checker]"
        )
    return document


def _tables(document: dict[str, Any], kind: str, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = document.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise AssignmentRefused(f"{NAME}: write each {kind} as a table that begins with [[{kind}]]")
    for number, table in enumerate(tables, start=1):
        where = f"[[{kind}]] number {number}"
        if unknown := sorted(table.keys() - set(keys)):
            raise _refusal(where, f"{unknown[0]!r} means nothing here; there are {', '.join(keys)}")
        yield where, table


def _names(where: str, table: dict[str, Any], known: dict[str, TestCase]) -> list[str]:
    """The names of a table's cases."""
    written = table.get("cases")
    if not isinstance(written, list):
        raise _refusal(where, 'say which: cases = ["test 1-3", "grade 5"]')
    names: list[str] = []
    for text in written:
        match = _CASES.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise _refusal(where, f'{text!r} names no case; write "test 1", or "grade 2-5" for several')
        kind, first, last = match[1], int(match[2]), int(match[3] or match[2])
        for ordinal in (first, last):  # before the range is gone through, which may be a long one
            if f"{kind} {ordinal}" not in known:
                there = sum(case.kind == kind for case in known.values())
                raise _refusal(where, f"there is no case {kind} {ordinal}; the folder has {there} {kind} cases")
        if last < first:
            raise _refusal(where, f"{text!r} runs backwards; write the smaller number first")
        names += [f"{kind} {ordinal}" for ordinal in range(first, last + 1)]
    return names


def _group(where: str, table: dict[str, Any]) -> Group:
    name, depends_on = table.get("name"), table.get("depends_on", [])
    if not isinstance(name, str):
        raise _refusal(where, 'give it a name: name = "samples"')
    if not isinstance(depends_on, list) or not all(isinstance(needed, str) for needed in depends_on):
        raise _refusal(where, 'depends_on lists names of groups: depends_on = ["samples"]')
    stops_early = table.get("stops_early", False)
    if not isinstance(stops_early, bool):
        raise _refusal(where, "stops_early is true or false, without quotes")
    rule = _choice(where, "rule", table.get("rule", str(GroupRule.SUM)), GroupRule)
    return Group(name, GroupRule(rule), stops_early, tuple(depends_on))


def _settings(where: str, table: dict[str, Any]) -> dict[str, Any]:
    """What replaces the fields of a case."""
    settings: dict[str, Any] = {}
    if "points" in table:
        settings["points"] = float(_number(where, "points", table["points"], lambda value: value >= 0, "of 0 or more"))
    if "role" in table:
        settings["role"] = CaseRole(_choice(where, "role", table["role"], CaseRole))
    if "step" in table:
        settings["step"] = Step(_choice(where, "step", table["step"], Step))
    limits: dict[str, float | int] = {}
    for name in _LIMITS:
        if name in table:
            value = _number(where, name, table[name], lambda value: value > 0, "greater than 0")
            if (most := _WHOLE_LIMITS.get(name)) and (not isinstance(value, int) or value > most):
                what = "a whole number" if name == "processes" else "a whole number of bytes, such as 67108864"
                raise _refusal(where, f"{name} is {what}")
            limits[name] = value
    return settings | {"limits": limits}


def _number(where: str, key: str, value: object, is_right: Callable[[float], bool], what: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not is_right(value):
        raise _refusal(where, f"{key} is a number {what}, not {value!r}")
    return value


def _choice(where: str, key: str, value: object, choices: type[GroupRule] | type[CaseRole] | type[Step]) -> str:
    if value not in [str(choice) for choice in choices]:
        raise _refusal(where, f"{key} is one of {', '.join(choices)}, not {value!r}")
    return str(value)


def _ranges(cases: Sequence[TestCase]) -> list[str]:
    """Cases as the file names them, neighbours together."""
    names = []
    for kind in CaseKind:
        ordinals = sorted(case.ordinal for case in cases if case.kind is kind)
        starts = [one for before, one in itertools.pairwise([0, *ordinals]) if one != before + 1 or before == 0]
        ends = [one for one, after in itertools.pairwise([*ordinals, 0]) if after != one + 1]
        names += [
            f"{kind} {first}" + (f"-{last}" if last > first else "") for first, last in zip(starts, ends, strict=True)
        ]
    return names


def _line(key: str, value: object) -> str:
    # What JSON writes of texts without control characters, of lists of them, of numbers and truth values is TOML, too.
    return f"{key} = {json.dumps(value, ensure_ascii=False)}\n"


def _refusal(where: str, why: str) -> AssignmentRefused:
    return AssignmentRefused(f"{NAME}, {where}: {why}")
