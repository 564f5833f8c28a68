"""
What packages say of points is what our groups give, held against small models of the juries' own systems.

The models are written from the specifications, in the plainest way, and know nothing of groups.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from submitter import scoring
from submitter.errors import AssignmentRefused
from submitter.model import Assignment, AssignmentRef, CaseKind, Comparison, Ending, InputMode, TestCase
from submitter.model import Verdict as V
from submitter.outcomes import CaseResult
from submitter.packages.assigned import assignment_of, names_of, problem_of, samples_of
from submitter.packages.formats import FORMATS
from submitter.packages.importing import from_package
from submitter.packages.problem import Problem
from submitter.points import CaseRole, Group, GroupRule, LimitOverrides
from submitter.runs import RunResult
from tests.problem_packages import LEGACY, POLYGON, unpacked
from tests.unit.test_packages import read

REF = AssignmentRef("a", "e", "p")
SUM, MINIMUM, ALL_OR_NOTHING = GroupRule
Passed = Mapping[str, bool]


def score(assignment: Assignment, passes: Callable[[TestCase], bool]) -> float:
    """What a program gets that passes these cases, each run only if it is wanted."""
    progress = scoring.Progress(assignment.cases, assignment.groups)
    fractions = [0.0] * len(assignment.cases)
    for index in progress.order:
        wanted = progress.is_wanted(index)
        assert wanted is not None
        fractions[index] = float(wanted and passes(assignment.cases[index]))
        progress.note(index, fractions[index])
    run = RunResult(ending=Ending.EXITED, exit_code=0)
    results = [
        CaseResult(case, run, V.ACCEPTED if got else V.WRONG_ANSWER, scoring.points_of(case, got))
        for case, got in zip(assignment.cases, fractions, strict=True)
    ]
    return scoring.total(results, assignment.groups)[0]


def outcomes(names: Sequence[str]) -> list[dict[str, bool]]:
    return [dict(zip(names, them, strict=True)) for them in itertools.product((True, False), repeat=len(names))]


def imported_score(problem: Problem, passed: Passed) -> float:
    assignment = assignment_of(problem, REF, 1.0)
    names = dict(zip(assignment.cases, names_of(problem), strict=True))
    return score(assignment, lambda case: passed[names[case]])


def legacy(**folders: Any) -> dict[str, bytes]:
    """A package that scores, with these testdata.yaml by folder, `_` for a slash, and cases from the folders named."""
    files = {"problem.yaml": b"type: scoring\n"}
    for key, settings_ in folders.items():
        folder = key.replace("_", "/")
        own = dict(settings_)
        for number in range(own.pop("cases", 0)):
            files |= {f"{folder}/{number}.in": b"%d\n" % len(files), f"{folder}/{number}.ans": b"x\n"}
        if own:
            files[f"{folder}/testdata.yaml"] = yaml.safe_dump(own).encode()
    return files


OPEN = {"on_reject": "continue", "grader_flags": "accept_if_any_accepted"}
IGNORED = {"on_reject": "continue", "grader_flags": "ignore_sample"}


def test_groups_of_a_legacy_package_are_ours() -> None:
    files = legacy(
        data=IGNORED,
        data_sample={"cases": 1, "accept_score": 0},
        data_secret=OPEN,
        data_secret_a={"cases": 2, "accept_score": 40, "grader_flags": "min", "on_reject": "break"},
        data_secret_b={"cases": 4, "accept_score": 5, "grader_flags": "always_accept", "on_reject": "continue"},
    )
    problem = read(files)
    assert problem.groups == (Group("secret/a", MINIMUM, stops_early=True), Group("secret/b"))
    assert [(case.group, case.points) for case in problem.cases] == [
        ("", 0.0),
        *[("secret/a", 20.0)] * 2,
        *[("secret/b", 5.0)] * 4,
    ]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (legacy(data=IGNORED, data_secret={"cases": 2, "grader_flags": "max always_accept"}), "the largest score"),
        (legacy(data=IGNORED, data_secret={"cases": 1, "reject_score": 1}), "for rejected cases"),
        (legacy(data=IGNORED, data_secret={"cases": 1, "grading": "custom"}), "graded by a program"),
        (legacy(data=IGNORED, data_secret={**OPEN, "cases": 1}, data_secret_a={"cases": 1}), "beside folders of cases"),
        (legacy(data={"grader_flags": "max"}, data_sample={"cases": 1}, data_secret={"cases": 1}), "its samples count"),
        ({**legacy(data=IGNORED, data_secret={"cases": 1}), "graders/g.py": b""}, "a program of its own grades"),
        (
            {**legacy(data_secret={"cases": 1}), "problem.yaml": b"type: scoring\ngrading: {objective: min}\n"},
            "less is",
        ),
    ],
)
def test_points_without_an_equal_are_no_import_and_no_hindrance_to_verdicts(
    files: Mapping[str, bytes], reason: str, tmp_path: Path
) -> None:
    problem = read(files)
    assert reason in "; ".join(problem.cannot_score)
    assert not problem.groups
    assert {case.points for case in assignment_of(problem, REF, 1.0).cases} == {1.0}
    with pytest.raises(AssignmentRefused, match=r"points cannot be given as its jury wants.*grading folder"):
        from_package(unpacked(tmp_path / "p", files), None)


def test_programs_that_expect_another_score_are_believed() -> None:
    """As in DOMjudge's packages, where accept_score is for a whole folder."""
    files = legacy(data=IGNORED, data_secret=OPEN, data_secret_a={"cases": 2, "accept_score": 30, **OPEN})
    program = "submissions/accepted/a.py"
    assert not read({**files, program: b"# @EXPECTED_SCORE@: 60\n"}).cannot_score
    problem = read({**files, program: b"# @EXPECTED_SCORE@: 30\n"})
    assert problem.cannot_score == ("its programs expect 30 points (@EXPECTED_SCORE@), and testdata.yaml gives 60",)
    assert {case.points for case in problem.cases} == {None}


class Kattis:
    """The default grader of the legacy format, over a tree of folders."""

    def __init__(self, files: Mapping[str, bytes], passed: Passed) -> None:
        self.files, self.passed = files, passed

    def settings(self, folder: str) -> dict[str, Any]:
        parts = folder.split("/")
        found: dict[str, Any] = {}
        for count in range(1, len(parts) + 1):
            found |= yaml.safe_load(self.files.get("/".join(parts[:count]) + "/testdata.yaml", b"{}"))
        return found

    def grade(self, folder: str) -> tuple[bool, float]:
        own = self.settings(folder)
        inside = {path[len(folder) + 1 :].split("/")[0] for path in self.files if path.startswith(f"{folder}/")}
        results: list[tuple[bool, float]] = []
        for name in sorted(one.removesuffix(".in") for one in inside if not one.endswith((".ans", ".yaml"))):
            if f"{folder}/{name}.in" in self.files:
                is_right = self.passed[f"{folder}/{name}".removeprefix("data/")]
                results.append((is_right, float(own.get("accept_score", 1)) if is_right else 0.0))
            else:
                results.append(self.grade(f"{folder}/{name}"))
            if not results[-1][0] and own.get("on_reject", "break") == "break":
                break
        words = own.get("grader_flags", "").split()
        if folder == "data" and "ignore_sample" in words:
            results = results[-1:]
        accepted = all(one for one, _ in results)
        accepted |= "always_accept" in words or ("accept_if_any_accepted" in words and any(one for one, _ in results))
        mode = next((word for word in reversed(words) if word in ("sum", "avg", "min", "max")), "sum")
        scores = [points for _, points in results]
        count = len(scores)
        return accepted, {"sum": sum(scores), "avg": sum(scores) / count, "min": min(scores), "max": max(scores)}[mode]

    def score(self) -> float:
        accepted, points = self.grade("data")
        return points if accepted else 0.0


FLAGS = st.lists(st.sampled_from(["sum", "min", "max", "avg", "always_accept", "accept_if_any_accepted"]), max_size=2)
TOLD = st.fixed_dictionaries(
    {},
    optional={
        "on_reject": st.sampled_from(["break", "continue"]),
        "accept_score": st.sampled_from([0, 1, 10]),
        "grader_flags": FLAGS.map(" ".join),
    },
)
ROOT = st.sampled_from(
    [{}, IGNORED, {"on_reject": "continue"}, {"grader_flags": "ignore_sample"}, {"grader_flags": "always_accept"}]
)


@settings(max_examples=100, deadline=None)
@given(root=ROOT, sample=TOLD, secret=TOLD, groups=st.lists(st.tuples(st.integers(1, 2), TOLD), max_size=3))
def test_a_legacy_package_gives_the_points_that_kattis_gives(
    root: dict[str, Any], sample: dict[str, Any], secret: dict[str, Any], groups: list[tuple[int, dict[str, Any]]]
) -> None:
    """
    For every outcome of all cases. An average over cases that were not run is another there: it is not compared.
    """
    told: dict[str, Any] = {"data": root, "data_sample": {**sample, "cases": 1}}
    told["data_secret"] = {**secret, "cases": 0 if groups else 3}
    for number, (cases, own) in enumerate(groups):
        told[f"data_secret_g{number}"] = {**own, "cases": cases}
    files = legacy(**told)
    problem = read(files)
    assume(not problem.cannot_score)
    assume(not any("avg" in str(one.get("grader_flags")) for one in (sample, secret, *(own for _, own in groups))))
    for passed in outcomes([case.name for case in problem.cases]):
        assert imported_score(problem, passed) == pytest.approx(Kattis(files, passed).score()), passed


# -- 2023-07 ------------------------------------------------------------------------------------------------------


def new(**folders: Any) -> dict[str, bytes]:
    files = {name.replace("testdata.yaml", "test_group.yaml"): data for name, data in legacy(**folders).items()}
    return files | {"problem.yaml": b"problem_format_version: 2023-07\ntype: scoring\n"}


def test_groups_of_2023_07_are_ours_and_what_they_require() -> None:
    problem = read(
        new(
            data_sample={"cases": 1},
            data_secret_a={"cases": 2, "max_score": 40, "require_pass": "sample"},
            data_secret_b={"cases": 2, "max_score": 50, "score_aggregation": "sum", "require_pass": ["secret/a"]},
            data_secret_c={"cases": 1, "max_score": 10, "score_aggregation": "min", "require_pass": ["a"]},
        )
    )
    assert problem.groups == (
        Group("sample"),
        Group("secret/a", ALL_OR_NOTHING, depends_on=("sample",)),
        Group("secret/b", SUM, depends_on=("secret/a",)),
        Group("secret/c", MINIMUM, depends_on=("secret/a",)),
    )
    assert [case.points for case in problem.cases] == [0.0, 20.0, 20.0, 25.0, 25.0, 10.0]


def test_a_draft_of_2023_07_with_the_legacy_s_words_is_read_as_such() -> None:
    files = legacy(data=IGNORED, data_secret=OPEN, data_secret_a={"cases": 2, "accept_score": 7, "grader_flags": "min"})
    problem = read({**files, "problem.yaml": b"problem_format_version: 2023-07-draft\ntype: scoring\n"})
    assert problem.groups == (Group("secret/a", MINIMUM),)


def test_secret_cases_without_groups_share_a_hundred_points() -> None:
    problem = read(new(data_secret={"cases": 4}))
    assert {(case.group, case.points) for case in problem.cases} == {("secret", 25.0)}
    assert problem.groups == (Group("secret", SUM),)


@pytest.mark.parametrize("aggregation", ["pass-fail", "min"])
def test_secret_groups_that_count_together_are_one(aggregation: str) -> None:
    problem = read(
        new(
            data_secret={"max_score": 30, "score_aggregation": aggregation},
            data_secret_a={"cases": 1, "max_score": 30},
            data_secret_b={"cases": 2, "max_score": 30},
        )
    )
    assert problem.groups == (Group("secret", ALL_OR_NOTHING),)
    assert [imported_score(problem, passed) for passed in outcomes(names_of(problem))] == [30.0] + [0.0] * 7


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (new(data_secret_a={"cases": 1}), "has no max_score"),
        (new(data_secret={"cases": 1, "max_score": "unbounded"}), "has no max_score"),
        (new(data_secret={"cases": 1, "static_validation_score": 5}), "a submission's source"),
        (new(data_secret={"cases": 1, "score_aggregation": "median"}), "scored by median"),
        (new(data_secret_a_b={"cases": 1}), "lies deeper"),
        (new(data_secret={"cases": 1}, data_secret_a={"cases": 1}), "beside groups of cases"),
    ],
)
def test_scores_of_2023_07_without_an_equal_are_told(files: Mapping[str, bytes], reason: str) -> None:
    assert reason in "; ".join(read(files).cannot_score)


# -- DMOJ ---------------------------------------------------------------------------------------------------------


def dmoj_score(cases: Sequence[dict[str, Any]], passed: Passed) -> float:
    """What DMOJ's judge and site make of it: short circuits, dependencies, and a batch's worst case."""
    total, number, batch = 0.0, 0, 0
    is_short, stays_short = False, False
    passed_batches: set[int] = set()
    for entry in cases:
        inner = entry.get("batched", [entry])
        points = entry.get("points", 1)
        if "batched" in entry:
            batch += 1
            is_short |= not set(entry.get("dependencies", [])) <= passed_batches
        worst = float(points)
        for _ in inner:
            number += 1
            is_right = not is_short and passed[str(number)]
            if not is_short and not is_right:
                stays_short |= not points
                is_short |= "batched" in entry or stays_short
            worst = min(worst, points if is_right else 0.0)
        if "batched" in entry:
            passed_batches |= set() if is_short else {batch}
            is_short = stays_short
        total += worst
    return total


@st.composite
def dmoj_cases(draw: st.DrawFn) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    batches = 0
    for _ in range(draw(st.integers(1, 4))):
        points = draw(st.sampled_from([0, 3, 10]))
        case = {"in": "i", "out": "o"}
        if draw(st.booleans()):
            needs = draw(st.sets(st.integers(1, batches), max_size=2)) if batches else set()
            batches += 1
            batch = {"points": points, "batched": [case] * draw(st.integers(1, 2))}
            entries.append(batch | ({"dependencies": sorted(needs)} if needs else {}))
        else:
            entries.append(case | draw(st.sampled_from([{"points": points}, {}])))
    return entries


@settings(max_examples=100, deadline=None)
@given(dmoj_cases())
def test_a_dmoj_archive_gives_the_points_that_dmoj_gives(cases: list[dict[str, Any]]) -> None:
    problem = read({"init.yml": yaml.safe_dump({"test_cases": cases}).encode(), "i": b"", "o": b""})
    if any(case["points"] == 0 and case.get("dependencies") for case in cases if "batched" in case):
        assert problem.cannot_score
        return
    for passed in outcomes([case.name for case in problem.cases]):
        assert imported_score(problem, passed) == pytest.approx(dmoj_score(cases, passed)), passed


def test_pretests_of_dmoj_are_worth_nothing_and_all_depends_on_them() -> None:
    cases = [{"in": "i", "out": "o", "points": 5}]
    document = {"pretest_test_cases": cases, "test_cases": cases}
    problem = read({"init.yml": yaml.safe_dump(document).encode(), "i": b"", "o": b""})
    assert [imported_score(problem, one) for one in outcomes(["1", "2"])] == [5.0, 0.0, 0.0, 0.0]


# -- Polygon ------------------------------------------------------------------------------------------------------


def polygon(tests: Sequence[str], groups: Sequence[str]) -> dict[str, bytes]:
    text = POLYGON["problem.xml"].decode()
    start, end = text.index("<tests>"), text.index("</groups>") + len("</groups>")
    middle = "<tests>" + "".join(f"<test {one}/>" for one in tests) + "</tests>"
    files = {"problem.xml": (text[:start] + middle + f"<groups>{''.join(groups)}</groups>" + text[end:]).encode()}
    for number in range(1, len(tests) + 1):
        files |= {f"tests/{number:02}": b"%d\n" % number, f"tests/{number:02}.a": b"x\n"}
    return files


def polygon_group(name: str, policy: str, needs: str = "", points: str = "") -> str:
    dependencies = f'<dependencies><dependency group="{needs}"/></dependencies>' if needs else ""
    stated = f'points="{points}"' if points else ""
    return f'<group name="{name}" points-policy="{policy}" {stated}>{dependencies}</group>'


def test_groups_of_polygon_are_ours() -> None:
    files = polygon(
        ['group="0" points="0" sample="true"', 'group="1" points="0"', 'group="1" points="9"', 'group="2" points="4"'],
        [
            polygon_group("0", "complete-group"),
            polygon_group("1", "complete-group", "0"),
            polygon_group("2", "each-test", "1"),
        ],
    )
    problem = read(files)
    assert problem.groups == (
        Group("0", ALL_OR_NOTHING),
        Group("1", ALL_OR_NOTHING, depends_on=("0",)),
        Group("2", SUM, depends_on=("1",)),
    )
    found = [imported_score(problem, passed) for passed in outcomes(["1", "2", "3", "4"])]
    assert found[:6] == [13.0, 9.0, 0.0, 0.0, 0.0, 0.0]
    assert set(found[6:]) == {0.0}


def test_points_of_a_polygon_group_alone_are_shared_by_its_tests() -> None:
    problem = read(polygon(['group="1"', 'group="1"'], [polygon_group("1", "each-test", points="6")]))
    assert [case.points for case in problem.cases] == [3.0, 3.0]


def test_polygon_groups_without_any_points_are_left_out_and_told() -> None:
    problem = read(polygon(['group="1"', 'group="2"'], [polygon_group("1", "each-test")]))
    assert (problem.groups, {case.points for case in problem.cases}) == ((), {None})
    assert any("no test has points" in one for one in problem.left_out)


def test_samples_in_a_group_that_depends_on_hidden_cases_become_hidden_and_that_is_told(tmp_path: Path) -> None:
    """Whether they were run would show whether the hidden cases passed."""
    files = polygon(
        ['group="1" points="5"', 'group="2" points="0" sample="true"', 'group="2" points="5"'],
        [polygon_group("1", "complete-group"), polygon_group("2", "complete-group", "1")],
    )
    assert samples_of(read(files)) == frozenset()
    imported = from_package(unpacked(tmp_path / "p", files), None)
    assert {case.kind for case in imported.cases.cases} == {CaseKind.GRADE}
    assert any(note.startswith("1 samples become grade cases") for note in imported.notes)


def test_groups_in_a_circle_are_refused_in_words() -> None:
    files = polygon(
        ['group="1" points="5"', 'group="2" points="5"'],
        [polygon_group("1", "each-test", "2"), polygon_group("2", "each-test", "1")],
    )
    with pytest.raises(AssignmentRefused, match="in a circle"):
        assignment_of(read(files), REF, 1.0)


# -- import and export --------------------------------------------------------------------------------------------


def test_what_is_imported_has_the_groups_of_the_package(tmp_path: Path) -> None:
    files = legacy(data=IGNORED, data_secret=OPEN, data_secret_a={"cases": 2, "accept_score": 7, "grader_flags": "min"})
    imported = from_package(unpacked(tmp_path / "p", files), None)
    known = Assignment(ref=REF, cases=(), groups=(Group("old"),))
    assert imported.over(known).groups == (Group("secret/a", MINIMUM),)
    assert not any("group" in note for note in imported.notes)


@st.composite
def assignments(draw: st.DrawFn) -> Assignment:
    names = [f"g{number}" for number in range(draw(st.integers(0, 3)))]
    groups = []
    for number, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=2)) if number else []
        groups.append(Group(name, draw(st.sampled_from(GroupRule)), draw(st.booleans()), tuple(needs)))
    cases = []
    for number in range(1, draw(st.integers(2, 6))):
        group = draw(st.sampled_from([None, *names]))
        points = draw(st.sampled_from([0.0, 1.0, 2.5])) if number > 1 else 1.0
        cases.append(TestCase(CaseKind.GRADE, number, f"{number}", "x", points, group))
    return Assignment(
        ref=REF,
        cases=tuple(cases),
        groups=tuple(groups),
        input_mode=InputMode.STDIN,
        comparison=Comparison.WHITESPACE,
    )


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(assignments())
def test_an_assignment_is_worth_the_same_when_it_comes_back(format: str, assignment: Assignment) -> None:
    """Unless it is refused, or what is left out is told and touches the points."""
    problem = problem_of(assignment, format)
    assume("that groups stop early" not in problem.left_out)
    try:
        files = FORMATS[format].write(problem)
    except AssignmentRefused:
        assume(False)
    read_again = read(files)
    assume(read_again.cases)  # DMOJ's leave out what is worth nothing
    again = assignment_of(read_again, REF, 1.0)
    knows_points = format in ("dmoj", "polygon") or bool(again.groups)
    for passed in outcomes([case.input for case in assignment.cases]):
        passes = partial(_passes, passed)
        if knows_points:
            assert score(again, passes) == pytest.approx(score(assignment, passes)), (passed, files)
        else:  # all cases are worth the same, and the package has no points
            assert len({case.points for case in assignment.cases}) == 1
            assert score(again, passes) == sum(passed.values())


def _passes(passed: Passed, case: TestCase) -> bool:
    return passed[case.input]


def test_what_a_format_has_no_word_for_is_told() -> None:
    cases = (
        TestCase(CaseKind.TEST, 1, "1", "x", 1.0),
        TestCase(CaseKind.GRADE, 1, "2", "x", 0.0),
        TestCase(CaseKind.GRADE, 2, "3", "x", 2.0, role=CaseRole.BONUS),
        TestCase(CaseKind.GRADE, 3, "4", "x", 2.0, "g", limits=LimitOverrides(cpu_time_s=3)),
    )
    groups = (Group("g", MINIMUM, stops_early=True),)
    assignment = Assignment(ref=REF, cases=cases, groups=groups, input_mode=InputMode.STDIN)
    told = {format: " ".join(problem_of(assignment, format).left_out) for format in FORMATS}
    assert all("bonus and penalty" in text and "limits of single cases" in text for text in told.values())
    assert {format for format, text in told.items() if "worth nothing" in text} == {"dmoj"}
    assert {format for format, text in told.items() if "points of test cases" in text} == {"icpc", "icpc-2023-07"}
    assert {format for format, text in told.items() if "which cases are test cases" in text} == {"dmoj"}
    assert {format for format, text in told.items() if "stop early" in text} == {"icpc-2023-07", "polygon"}
    assert {format for format, text in told.items() if "worst case" in text} == {"polygon"}
    whole = replace(assignment, groups=(Group("g", ALL_OR_NOTHING),))
    assert any("all or nothing" in one for one in problem_of(whole, "dmoj").left_out)


def test_a_package_without_points_has_none() -> None:
    assert {case.points for case in read(LEGACY).cases} == {None}


# -- one by one ---------------------------------------------------------------------------------------------------


def test_a_folder_that_breaks_makes_each_group_depend_on_the_one_before() -> None:
    own = {"cases": 1, "accept_score": 5, "grader_flags": "min"}
    broken = {"on_reject": "break", "grader_flags": "accept_if_any_accepted"}
    problem = read(legacy(data=IGNORED, data_secret=broken, data_secret_a=own, data_secret_b=own))
    assert [group.depends_on for group in problem.groups] == [(), ("secret/a",)]


def test_the_least_of_several_sums_has_no_equal() -> None:
    sums = {"cases": 2, "grader_flags": "sum always_accept"}
    files = legacy(
        data=IGNORED, data_secret={"grader_flags": "min always_accept"}, data_secret_a=sums, data_secret_b=sums
    )
    assert read(files).cannot_score == ("data/secret is worth the least of several sums",)


def test_a_dmoj_batch_of_no_points_that_depends_on_another_has_no_equal() -> None:
    case = {"in": "i", "out": "o"}
    cases = [{"points": 3, "batched": [case]}, {"points": 0, "batched": [case], "dependencies": [1]}, case]
    problem = read({"init.yml": yaml.safe_dump({"test_cases": cases}).encode(), "i": b"", "o": b""})
    assert problem.cannot_score == ("batch 2 is worth nothing and depends on another",)
    assert not problem.groups


def grouped(groups: tuple[Group, ...], *cases: tuple[float, str | None]) -> Assignment:
    made = (TestCase(CaseKind.GRADE, n, str(n), "x", *one) for n, one in enumerate(cases, start=1))
    return Assignment(
        ref=REF, cases=tuple(made), groups=groups, input_mode=InputMode.STDIN, comparison=Comparison.WHITESPACE
    )


def test_a_group_of_no_points_is_left_out_of_a_dmoj_archive() -> None:
    """There, it would stop everything after it."""
    problem = problem_of(grouped((Group("a", MINIMUM), Group("b", MINIMUM)), (0.0, "a"), (2.0, "b")), "dmoj")
    again = read(FORMATS["dmoj"].write(problem))
    assert [(case.input, case.points) for case in again.cases] == [(b"2", 2.0)]


def test_a_group_without_cases_hands_on_what_it_depends_on() -> None:
    groups = (Group("a"), Group("empty", depends_on=("a",)), Group("b", depends_on=("empty",)))
    problem = problem_of(grouped(groups, (1.0, "a"), (1.0, "b")), "polygon")
    assert problem.groups == (Group("a"), Group("b", depends_on=("a",)))


def test_a_polygon_group_without_tests_is_no_hindrance() -> None:
    files = polygon(
        ['group="1" points="5"'], [polygon_group("0", "each-test"), polygon_group("1", "complete-group", "0")]
    )
    assert read(files).groups == (Group("1", ALL_OR_NOTHING),)


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_open_cases_stay_open_where_nothing_else_is_told(format: str) -> None:
    """A student of the imported assignment sees what one of the exported did, or whoever exports it knows better."""
    cases = (TestCase(CaseKind.TEST, 1, "1", "x", 1.0), TestCase(CaseKind.GRADE, 1, "2", "x", 2.0))
    made = Assignment(ref=REF, cases=cases, input_mode=InputMode.STDIN, comparison=Comparison.WHITESPACE)
    problem = problem_of(made, format)
    again = assignment_of(read(FORMATS[format].write(problem)), REF, 1.0)
    is_told = any("test cases: it has no samples" in one for one in problem.left_out)
    assert ([case.kind for case in again.cases] == [case.kind for case in cases]) != is_told


def test_a_dmoj_archive_without_open_cases_has_none_to_tell_of() -> None:
    assert problem_of(grouped((), (1.0, None)), "dmoj").left_out == ()
