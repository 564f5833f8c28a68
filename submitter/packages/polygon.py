"""
Polygon's packages: a problem.xml beside tests, solutions and a checker made with testlib.

Source: packages of polygon.codeforces.com, and testlib's standard checkers.
"""

import dataclasses
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from submitter.errors import AssignmentRefused
from submitter.model import MIB, Verdict
from submitter.packages.archive import Files
from submitter.packages.documents import as_number, as_positive
from submitter.packages.languages import language_of
from submitter.packages.problem import (
    ACCEPTED,
    FAILED,
    SLOW,
    WRONG,
    Case,
    Expectation,
    OutputRule,
    Problem,
    Rule,
    Solution,
    Source,
    Verdicts,
)
from submitter.points import Group, GroupRule

FORMAT = "polygon"
MARKER = "problem.xml"
MOST_XML = 4 << 20
MOST_TESTS = 10_000
DEFAULT_MEMORY_MIB = 256

_LARGE: Verdicts = frozenset({Verdict.MEMORY_LIMIT_EXCEEDED})
_TAGS: Mapping[str, Verdicts] = {
    "main": ACCEPTED,
    "accepted": ACCEPTED,
    "rejected": FAILED,
    "wrong-answer": WRONG,
    "presentation-error": WRONG,  # testlib's word for an output it cannot read: here it is a wrong answer too
    "time-limit-exceeded": SLOW,
    "time-limit-exceeded-or-accepted": SLOW | ACCEPTED,
    "time-limit-exceeded-or-memory-limit-exceeded": SLOW | _LARGE,
    "memory-limit-exceeded": _LARGE,
    "failed": FAILED,
}
_CHECKERS: Mapping[str, OutputRule] = {
    "wcmp": OutputRule(),
    "lcmp": OutputRule(rule=Rule.LINES),
    "fcmp": OutputRule(rule=Rule.EXACT),
    "hcmp": OutputRule(),
    "icmp": OutputRule(),
    "ncmp": OutputRule(),
    "uncmp": OutputRule(rule=Rule.UNORDERED_TOKENS),
    "yesno": OutputRule(ignore_case=True),
    "nyesno": OutputRule(ignore_case=True),
    "rcmp": OutputRule(absolute=1.5e-6),
    "acmp": OutputRule(absolute=1.5e-6),
    "rncmp": OutputRule(absolute=1.5e-5),
    "dcmp": OutputRule(absolute=1e-6, relative=1e-6),
    "rcmp4": OutputRule(absolute=1e-4, relative=1e-4),
    "rcmp6": OutputRule(absolute=1e-6, relative=1e-6),
    "rcmp9": OutputRule(absolute=1e-9, relative=1e-9),
}
_TYPES = {"python.2": "python2", "python.pypy2": "python2"}
_WRITTEN = {"python": "python.3", "c": "c.gcc", "cpp": "cpp.g++17", "java": "java11", "pascal": "pas.fpc", "go": "go"}
_NUMBER = re.compile(r"%0?([0-9]?)d")


def read(files: Files, name: str) -> Problem:
    """
    A package with problem.xml.

    Raises:
        AssignmentRefused: a file of it cannot be understood.
    """
    root = _parse(files[MARKER])
    cannot: list[str] = []
    judging = root.find("judging")
    testsets = [] if judging is None else judging.findall("testset")
    if judging is None or not testsets:
        raise AssignmentRefused("problem.xml has no testset")
    if judging.get("input-file") or judging.get("output-file"):
        cannot.append("its programs read and write files")
    if judging.get("run-count", "1") != "1":
        cannot.append("its programs are run more than once on a case")
    testset = next((one for one in testsets if one.get("name") == "tests"), testsets[0])
    cases, groups = _scored(_cases(files, testset, cannot), testset)
    left_out = [f"the testset {one.get('name')}" for one in testsets if one is not testset]
    if not groups and testset.find("groups/group") is not None:
        left_out.append("groups: no test has points, so every case counts one")
    checker = root.find("assets/checker")
    standard = "" if checker is None else checker.get("name", "").removeprefix("std::").removesuffix(".cpp")
    sources: tuple[Source, ...] = ()
    if root.find("assets/interactor") is not None:
        cannot.append("it is interactive")
    elif standard not in _CHECKERS:
        cannot.append("its outputs are judged by a checker of its own")
        sources = _sources(files, checker)
    return Problem(
        name=root.get("short-name") or name,
        format=FORMAT,
        cases=cases,
        groups=groups,
        solutions=tuple(_solutions(files, root)),
        output=_CHECKERS.get(standard, OutputRule()),
        time_limit_s=_number(testset, "time-limit", 1000.0),
        memory_limit_bytes=int(_number(testset, "memory-limit", 1.0) or DEFAULT_MEMORY_MIB * MIB),
        checker=sources,
        interactor=_sources(files, root.find("assets/interactor")),
        cannot_judge=tuple(cannot),
        left_out=tuple(left_out),
    )


def _parse(data: bytes) -> ET.Element:
    try:
        text = data.decode("utf-8-sig")
        # Entities can make a short document an endless one, and no problem.xml has any.
        if len(data) > MOST_XML or "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise AssignmentRefused("problem.xml is too large, or defines entities")
        root = ET.fromstring(text)
    except (ET.ParseError, UnicodeDecodeError, ValueError, RecursionError) as exc:
        raise AssignmentRefused(f"problem.xml is no XML that can be read: {exc}") from exc
    if root.tag != "problem":
        raise AssignmentRefused(f"problem.xml describes a {root.tag}, and no problem")
    return root


def _number(testset: ET.Element, name: str, divisor: float) -> float | None:
    number = as_positive(name, testset.findtext(name))
    return None if number is None else number / divisor


def _cases(files: Files, testset: ET.Element, cannot: list[str]) -> tuple[Case, ...]:
    tests = testset.findall("tests/test")
    if len(tests) > MOST_TESTS:
        raise AssignmentRefused(f"problem.xml lists more than {MOST_TESTS} tests")
    found, missing, unanswered = [], [], []
    for number, test in enumerate(tests, start=1):
        path, answer = (
            _numbered(testset.findtext(f"{kind}-path-pattern") or default, number)
            for kind, default in (("input", "tests/%02d"), ("answer", "tests/%02d.a"))
        )
        if path not in files:
            missing.append(path)
        elif answer not in files:
            unanswered.append(answer)
        else:
            found.append(
                Case(
                    name=str(number),
                    input=files[path],
                    answer=files[answer],
                    is_sample=test.get("sample") == "true",
                    group=test.get("group", ""),
                    points=as_number("points", test.get("points")),
                )
            )
    if missing:
        cannot.append(f"{len(missing)} of {len(tests)} tests are not in it, such as {missing[0]}: take a full package")
    if unanswered:
        cannot.append(f"{len(unanswered)} answers are not in it, such as {unanswered[0]}: take a full package")
    if not tests:
        cannot.append("it has no cases")
    return tuple(found)


def _numbered(pattern: str, number: int) -> str:
    return _NUMBER.sub(lambda found: str(number).zfill(int(found.group(1) or 0)), pattern)


def _scored(cases: tuple[Case, ...], testset: ET.Element) -> tuple[tuple[Case, ...], tuple[Group, ...]]:
    """The cases with their points and their groups; neither where the package knows no points."""
    described = {group.get("name", ""): group for group in testset.findall("groups/group")}
    members: dict[str, list[Case]] = {}
    for case in cases:
        members.setdefault(case.group, []).append(case)
    points = {case.name: case.points for case in cases if case.points is not None}
    groups = []
    for name, them in members.items():
        group = described.get(name)
        if group is None and not name:
            continue
        stated = None if group is None else as_number("points", group.get("points"))
        if stated and not any(case.name in points for case in them):  # the group's points alone are told
            points |= {case.name: stated / len(them) for case in them}
        groups.append(
            Group(
                name=name,
                rule=GroupRule.ALL_OR_NOTHING
                if group is not None and group.get("points-policy") == "complete-group"
                else GroupRule.SUM,
                depends_on=()
                if group is None
                else tuple(
                    needed
                    for one in group.findall("dependencies/dependency")
                    if (needed := one.get("group", "")) in members or needed not in described
                ),
            )
        )
    if not any(points.values()):
        return tuple(dataclasses.replace(case, group="", points=None) for case in cases), ()
    return tuple(dataclasses.replace(case, points=points.get(case.name, 0.0)) for case in cases), tuple(groups)


def _sources(files: Files, element: ET.Element | None) -> tuple[Source, ...]:
    paths = [] if element is None else [one.get("path", "") for one in element.findall("source")]
    return tuple(Source(path, files[path]) for path in paths if path in files)


def _solutions(files: Files, root: ET.Element) -> Iterator[Solution]:
    for solution in root.findall("assets/solutions/solution"):
        tag, source = solution.get("tag", ""), solution.find("source")
        path = "" if source is None else source.get("path", "")
        if source is None or path not in files:
            continue
        yield Solution(
            path=path,
            files=(Source(path, files[path]),),
            language=_TYPES.get(source.get("type", ""), language_of(path, files[path])),
            expectations=(Expectation(overall=_TAGS[tag]),) if tag in _TAGS else (),
            said_by=f"the tag {tag}",
        )


def write(problem: Problem) -> dict[str, bytes]:
    """
    The files of a package.

    Raises:
        AssignmentRefused: something of the problem has no place there.
    """
    if problem.checker or problem.interactor:
        raise AssignmentRefused("programs that judge are not written to Polygon's format")
    standard = next((name for name, rule in _CHECKERS.items() if rule == problem.output), None)
    if standard is None:
        raise AssignmentRefused(f"Polygon has no standard checker that compares {problem.output.rule} in this way")
    root = ET.Element("problem", {"revision": "1", "short-name": problem.name})
    names = ET.SubElement(root, "names")
    ET.SubElement(names, "name", {"language": "english", "value": problem.name})
    judging = ET.SubElement(root, "judging", {"input-file": "", "output-file": "", "run-count": "1"})
    testset = ET.SubElement(judging, "testset", {"name": "tests"})
    if problem.time_limit_s is not None:
        ET.SubElement(testset, "time-limit").text = f"{problem.time_limit_s * 1000:.0f}"
    ET.SubElement(testset, "memory-limit").text = str(problem.memory_limit_bytes or DEFAULT_MEMORY_MIB * MIB)
    ET.SubElement(testset, "test-count").text = str(len(problem.cases))
    ET.SubElement(testset, "input-path-pattern").text = "tests/%02d"
    ET.SubElement(testset, "answer-path-pattern").text = "tests/%02d.a"
    tests = ET.SubElement(testset, "tests")
    files: dict[str, bytes] = {}
    for number, case in enumerate(problem.cases, start=1):
        attributes = {"method": "manual"}
        attributes |= {"sample": "true"} if case.is_sample else {}
        attributes |= {"group": case.group} if case.group else {}
        attributes |= {"points": f"{case.points:.12g}"} if case.points is not None else {}
        ET.SubElement(tests, "test", attributes)
        files |= {f"tests/{number:02}": case.input, f"tests/{number:02}.a": case.answer}
    if problem.groups:
        groups = ET.SubElement(testset, "groups")
        for group in problem.groups:
            policy = "each-test" if group.rule is GroupRule.SUM else "complete-group"
            points = math.fsum(case.points or 0.0 for case in problem.cases if case.group == group.name)
            element = ET.SubElement(
                groups, "group", {"name": group.name, "points-policy": policy, "points": f"{points:.12g}"}
            )
            if group.depends_on:
                needed = ET.SubElement(element, "dependencies")
                for one in group.depends_on:
                    ET.SubElement(needed, "dependency", {"group": one})
    assets = ET.SubElement(root, "assets")
    ET.SubElement(assets, "checker", {"name": f"std::{standard}.cpp", "type": "testlib"})
    solutions = ET.SubElement(assets, "solutions")
    for solution in problem.solutions:
        tag, path = _tag_of(solution), _path_of(solution)
        element = ET.SubElement(solutions, "solution", {"tag": tag})
        kind = _WRITTEN.get(solution.language, solution.language)
        ET.SubElement(element, "source", {"path": path, "type": kind})
        if path in files:
            raise AssignmentRefused(f"two solutions would be called {path}; rename one")
        files[path] = solution.files[0].data
    ET.indent(root)
    files[MARKER] = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    return files


def _tag_of(solution: Solution) -> str:
    if len(solution.files) != 1:
        raise AssignmentRefused(f"{solution.path} has several files; Polygon runs programs of one")
    tags = {f"the tag {tag}": tag for tag in _TAGS}
    if solution.said_by in tags:
        return tags[solution.said_by]
    for tag in ("accepted", "wrong-answer", "time-limit-exceeded", "memory-limit-exceeded", "rejected"):
        if solution.is_reference == (tag == "accepted") and any(
            (one.overall or one.required or ACCEPTED) <= _TAGS[tag] for one in solution.expectations
        ):
            return tag
    raise AssignmentRefused(f"Polygon has no tag for what is expected of {solution.path}")


def _path_of(solution: Solution) -> str:
    path = solution.files[0].path
    return path if path.startswith("solutions/") else f"solutions/{PurePosixPath(path).name}"
