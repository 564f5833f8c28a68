"""Problem packages: what is in them is read, written again without loss, and what cannot be judged here is said."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from submitter.errors import AssignmentRefused
from submitter.model import MIB, Assignment, AssignmentRef, CaseKind, Comparison, InputMode, TestCase, Verdict
from submitter.packages.assigned import assignment_of, fit_of, problem_of
from submitter.packages.expected import annotated, by_folder, by_submissions_yaml, matches
from submitter.packages.formats import FORMATS, read_package, write_package
from submitter.packages.importing import from_package
from submitter.packages.languages import language_of
from submitter.packages.problem import Case, Expectation, OutputRule, Problem, Rule
from submitter.points import Group, GroupRule
from tests.problem_packages import ALL, DMOJ, LEGACY, NEW, POLYGON, RIGHT, unpacked

AC, WA, TLE, RE = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT_EXCEEDED, Verdict.RUNTIME_ERROR
REF = AssignmentRef("a", "e", "twice")


def read(files: Mapping[str, bytes]) -> Problem:
    marker = next(one for one in FORMATS.values() if one.marker in files)
    return marker.read(files, "twice")


def changed(files: Mapping[str, bytes], **replaced: bytes | None) -> dict[str, bytes]:
    """The files with some replaced or, by None, left out; `__` in a name stands for `/` and `_DOT_` for a dot."""
    names = {key.replace("__", "/").replace("_DOT_", "."): value for key, value in replaced.items()}
    return {name: data for name, data in {**files, **names}.items() if data is not None}


def test_a_legacy_package_of_icpc_is_read() -> None:
    problem = read(LEGACY)
    assert (problem.name, problem.format, problem.time_limit_s) == ("Twice", "icpc", 1.0)
    assert problem.memory_limit_bytes == 128 * MIB
    assert [(case.name, case.is_sample, case.input, case.answer) for case in problem.cases] == [
        ("sample/1", True, b"2\n", b"4\n"),
        ("secret/01", False, b"3\n", b"6\n"),
    ]
    assert problem.output == OutputRule(rule=Rule.TOKENS)
    assert not problem.cannot_judge
    expected = {one.path.split("/")[1]: one.expectations for one in problem.solutions}
    assert expected["wrong_answer"] == (Expectation(overall=frozenset({WA})),)
    assert [one.language for one in problem.solutions if one.path.endswith(".f90")] == [""]


def test_a_package_of_2023_07_is_read_with_what_submissions_yaml_says() -> None:
    problem = read(NEW)
    assert (problem.name, problem.format) == ("Twice", "icpc-2023-07")
    assert problem.output == OutputRule(ignore_case=True, absolute=1e-6, relative=1e-6)
    mixed = next(one for one in problem.solutions if "mixed" in one.path)
    assert mixed.expectations == (
        Expectation(permitted=frozenset({AC, WA})),
        Expectation(permitted=frozenset({AC}), cases="secret/*-small"),
        Expectation(required=frozenset({WA}), cases="secret/*-large"),
    )
    assert mixed.said_by == "submissions.yaml"


def test_a_dmoj_archive_is_read_with_the_cases_of_its_zip() -> None:
    problem = read(ALL["dmoj"])
    assert [(case.name, case.input, case.answer, case.group, case.points) for case in problem.cases] == [
        ("1", b"2\n", b"4\n", "", 10.0),
        ("2", b"3\n", b"6\n", "batch 1", 45.0),
        ("3", b"2\n", b"4\n", "batch 1", 45.0),
    ]
    assert problem.groups == (Group("batch 1", GroupRule.MINIMUM, stops_early=True),)
    plus = next(one for one in problem.solutions if "plus" in one.path)
    assert [(one.cases, one.permitted) for one in plus.expectations] == [
        ("1", frozenset({AC})),
        ("2", frozenset({WA})),
        ("3", frozenset({AC})),
    ]
    assert (plus.time_limit_s, plus.memory_limit_bytes) == (1.0, 64 * MIB)


def test_a_dmoj_archive_without_a_list_of_cases_is_read_by_the_names_of_files() -> None:
    files = {"init.yml": b"checker: identical\n", "a.1.in": b"1", "a.1.out": b"2", "a.2.in": b"3", "a.2.out": b"6"}
    assert [(case.input, case.answer) for case in read(files).cases] == [(b"1", b"2"), (b"3", b"6")]


def test_a_polygon_package_is_read() -> None:
    problem = read(POLYGON)
    assert (problem.name, problem.time_limit_s, problem.memory_limit_bytes) == ("twice", 1.0, 128 * MIB)
    assert [(case.input, case.is_sample, case.group, case.points) for case in problem.cases] == [
        (b"2\n", True, "0", 0.0),
        (b"3\n", False, "1", 5.0),
    ]
    assert problem.groups[1].depends_on == ("0",)
    assert [(one.said_by, one.is_reference) for one in problem.solutions] == [
        ("the tag main", True),
        ("the tag wrong-answer", False),
        ("the tag time-limit-exceeded", False),
    ]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("ending", ["", ".zip"])
def test_what_is_written_is_read_again_as_the_same(name: str, ending: str, tmp_path: Path) -> None:
    problem = read(ALL[name])
    write_package(tmp_path / f"twice{ending}", problem)
    again = read_package(tmp_path / f"twice{ending}")
    assert dataclasses.replace(again, name=problem.name) == problem
    assert again.name in (problem.name, "twice")  # DMOJ's packages have no name but their own


@pytest.mark.parametrize("format", FORMATS)
def test_an_assignment_comes_back_from_every_format(format: str, tmp_path: Path) -> None:
    cases = (
        TestCase(CaseKind.TEST, 1, "2 3\n", "5\n", 1.0),
        TestCase(CaseKind.GRADE, 1, "é\n", "\u2028\n", 1.0),
        TestCase(CaseKind.GRADE, 2, "", "\n", 1.0),
    )
    assignment = Assignment(ref=REF, cases=cases, input_mode=InputMode.STDIN, comparison=Comparison.WHITESPACE)
    write_package(tmp_path / "p", problem_of(assignment, format))
    again = assignment_of(read_package(tmp_path / "p"), REF, 2.0)
    assert again.comparison == Comparison.WHITESPACE
    if format == "dmoj":  # whose cases are all hidden
        assert [(case.input, case.expected) for case in again.cases] == [(case.input, case.expected) for case in cases]
    else:
        assert again.cases == cases


@pytest.mark.parametrize(
    "text", ["exact", "whitespace ignore_case", "numbers absolute=1e-6", "numbers absolute=1e-6 relative=0.001"]
)
def test_how_outputs_are_compared_comes_back(text: str) -> None:
    cases = (TestCase(CaseKind.GRADE, 1, "1\n", "yes\n"),)
    assignment = Assignment(ref=REF, cases=cases, input_mode=InputMode.STDIN, comparison=Comparison.parse(text))
    again = read(FORMATS["icpc"].write(problem_of(assignment, "icpc")))
    assert assignment_of(again, REF, 2.0).comparison == assignment.comparison


def test_a_comparison_by_patterns_is_in_no_package() -> None:
    cases = (TestCase(CaseKind.GRADE, 1, "1\n", "y.s"),)
    assignment = Assignment(ref=REF, cases=cases, input_mode=InputMode.STDIN, comparison=Comparison.parse("regex"))
    with pytest.raises(AssignmentRefused, match="compares by regex"):
        problem_of(assignment, "icpc")


def test_an_assignment_that_gives_arguments_is_in_no_package() -> None:
    assignment = Assignment(ref=REF, cases=(TestCase(CaseKind.TEST, 1, "2", "4"),))
    with pytest.raises(AssignmentRefused, match="read standard input"):
        problem_of(assignment, "icpc")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (changed(LEGACY, problem_DOT_yaml=b"validation: custom\n"), "validator of its outputs is not in the package"),
        (changed(LEGACY, problem_DOT_yaml=b"validation: custom interactive\n"), "the interactor is not in the package"),
        (changed(NEW, output_validator__v_DOT_py=b""), "cannot be one here: the checker is empty"),
        (changed(NEW, problem_DOT_yaml=b"problem_format_version: 2023-07\ntype: [multi-pass]\n"), "multi-pass"),
        (changed(LEGACY, problem_DOT_yaml=b"validator_flags: --fuzzy\n"), "unknown flags"),
        (changed(LEGACY, include__python__main_DOT_py=b"import x"), "adds files of its own"),
        (changed(LEGACY, data__secret__01_DOT_ans=None), "secret/01 has no answer"),
        (changed(NEW, data__secret__x_DOT_args=b"-v"), "comes with arguments"),
        (changed(DMOJ, init_DOT_yml=b"checker: check.py\ntest_cases: []\n"), "the checker check.py"),
        (changed(DMOJ, init_DOT_yml=b"generator: gen.cpp\ntest_cases: []\n"), "asks for generator"),
        (changed(DMOJ, init_DOT_yml=b"test_cases++: 'import os'\n"), "has a program in test_cases"),
        (changed(DMOJ, init_DOT_yml=b"interactive: {files: x.py}\ntest_cases: []\n"), "asks for interactive"),
        (changed(DMOJ, init_DOT_yml=b"test_cases: [{in: no.in, out: no.out}]\n"), "no.in is not in the package"),
        (changed(DMOJ, init_DOT_yml=b"test_cases: {input_format: '(.*)*x'}\n"), "found by patterns"),
        (changed(POLYGON, tests__02=None), "1 of 2 tests are not in it"),
        (changed(POLYGON, tests__02_DOT_a=None), "1 answers are not in it"),
    ],
)
def test_what_cannot_be_judged_is_said_in_words(files: Mapping[str, bytes], reason: str) -> None:
    problem = read(files)
    assert reason in "; ".join(problem.cannot_judge)
    with pytest.raises(AssignmentRefused, match="cannot be judged here"):
        assignment_of(problem, REF, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'name="std::wcmp.cpp" ', b"", "a checker of its own"),
        (b'input-file=""', b'input-file="in.txt"', "read and write files"),
        (b"<solutions>", b"<interactor/><solutions>", "interactive"),
        (b'run-count="1"', b'run-count="2"', "more than once"),
    ],
)
def test_what_cannot_be_judged_of_a_polygon_package_is_said(old: bytes, new: bytes, reason: str) -> None:
    files = {**POLYGON, "problem.xml": POLYGON["problem.xml"].replace(old, new)}
    assert files != POLYGON
    assert reason in "; ".join(read(files).cannot_judge)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"problem.yaml": b"- 1"}, "no mapping"),
        ({"problem.yaml": b"limits: {time_limit: -1}"}, "greater than 0"),
        ({"problem.yaml": b"limits: {time_limit: .nan}"}, "no number"),
        ({"problem.yaml": b"a: [" + b"[" * 100_000}, "no YAML"),
        ({"problem.yaml": b"!!python/object/apply:os.system [true]"}, "no YAML"),
        ({"init.yml": b"archive: x.zip"}, "not in the package"),
        ({"problem.xml": b"<problem/>"}, "no testset"),
        ({"problem.xml": b"<contest/>"}, "no problem"),
        ({"problem.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><problem/>'}, "defines entities"),
        ({"problem.xml": "<problem/>".encode("utf-16")}, "no XML"),
        (changed(NEW, submissions__submissions_DOT_yaml=b"accepted: {permitted: [OK]}"), "expects 'OK'"),
    ],
)
def test_a_document_that_means_nothing_is_refused_with_its_name(files: Mapping[str, bytes], message: str) -> None:
    with pytest.raises(AssignmentRefused, match=message):
        read(files)


def test_a_folder_that_is_no_package_is_refused_with_what_a_package_has(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(AssignmentRefused, match=r"none of problem\.yaml, init\.yml, problem\.xml"):
        read_package(tmp_path)


@pytest.mark.parametrize(
    ("line", "overall"),
    [
        (b"# @EXPECTED_RESULTS@: CORRECT", {AC}),
        (b"// @EXPECTED_RESULTS@: WRONG-ANSWER", {WA}),
        (b"/* @EXPECTED_RESULTS@: TIMELIMIT, correct */", {TLE, AC}),
    ],
)
def test_an_annotation_says_what_is_expected(line: bytes, overall: set[Verdict]) -> None:
    assert annotated(b"x\n" + line + b"\nx") == ("@EXPECTED_RESULTS@", (Expectation(overall=frozenset(overall)),))


def test_an_annotation_counts_more_than_the_folder() -> None:
    files = {**LEGACY, "submissions/accepted/right.py": b"# @EXPECTED_RESULTS@: RUN-ERROR\n" + RIGHT}
    right = next(one for one in read(files).solutions if one.path.endswith("right.py"))
    assert not right.is_reference


def test_words_and_folders_that_nobody_knows_expect_nothing() -> None:
    assert annotated(b"# @EXPECTED_RESULTS@: MAYBE, CORRECT") == ("@EXPECTED_RESULTS@", ())
    assert annotated(b"print(1)") is None
    assert by_folder("slow_accepted") == ()


def test_a_default_folder_is_replaced_by_its_name_and_not_by_a_pattern() -> None:
    assert by_submissions_yaml("wrong_answer/a.py", {}) == (
        Expectation(permitted=frozenset({AC, WA}), required=frozenset({WA})),
    )
    (replaced,) = by_submissions_yaml("wrong_answer/a.py", {"wrong_answer": {"permitted": ["AC", "WA", "TLE"]}})
    assert replaced == Expectation(permitted=frozenset({AC, WA, TLE}), required=frozenset({WA}))
    assert len(by_submissions_yaml("wrong_answer/a.py", {"wrong_answer/*": {"permitted": ["WA"]}})) == 2


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("accepted", "accepted/a.py", True),
        ("accepted/*", "accepted/a.py", True),
        ("accepted/*", "accepted/deep/a.py", True),
        ("*.py", "accepted/a.py", False),
        ("accepted/{a,b}.py", "accepted/b.py", True),
        ("accepted/[ab].py", "accepted/a.py", False),
        ("accepted/?.py", "accepted/a.py", False),
        ("accepted/a.py/x", "accepted/a.py", False),
    ],
)
def test_patterns_match_paths_and_the_folders_above(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, path) is fits


def test_a_pattern_that_would_take_for_ever_is_refused() -> None:
    with pytest.raises(AssignmentRefused, match="stars and braces"):
        matches("*a*a*a*a*a*", "a" * 255)


@pytest.mark.parametrize(
    ("program", "language"),
    [
        (b"print(1)", "python"),
        (b"print 1", "python2"),
        (b"#!/usr/bin/env python2\nprint(1)", "python2"),
        (b"print(raw_input())", "python2"),
        (b"raw_input = input\nprint(raw_input())", "python"),
        (b"print(", "python"),  # broken in any Python: its compile error is the verdict
    ],
)
def test_python_2_is_told_from_python(program: bytes, language: str) -> None:
    assert language_of("a.py", program) == language


def case(answer: bytes) -> Case:
    return Case(name="1", input=b"", answer=answer)


@pytest.mark.parametrize(
    ("output", "answer", "comparison"),
    [
        (OutputRule(), b"yes", "whitespace"),
        (OutputRule(rule=Rule.EXACT), b"yes", "exact"),
        (OutputRule(rule=Rule.TRAILING_BLANKS), b"yes", "trailing_blanks"),
        (OutputRule(ignore_case=True), b"42 !", "whitespace"),  # no letters: nothing to ignore
        (OutputRule(ignore_case=True), b"yes", "whitespace ignore_case"),
        (OutputRule(absolute=1e-6, relative=1e-6), b"1.5", "numbers absolute=1e-6 relative=1e-6"),
        (OutputRule(ignore_case=True, absolute=1.5e-6), b"1.5 m", "numbers absolute=1.5e-6 ignore_case"),
        (OutputRule(rule=Rule.UNORDERED_LINES), b"yes", "unordered_lines"),
        (OutputRule(rule=Rule.UNORDERED_TOKENS), b"yes", "unordered_tokens"),
    ],
)
def test_a_rule_has_its_comparison(output: OutputRule, answer: bytes, comparison: str) -> None:
    fit = fit_of(output, (case(answer),))
    assert (str(fit.comparison), fit.refuses, fit.joins_lines) == (comparison, None, False)


def test_characters_in_any_order_are_compared_as_words_and_that_is_known(tmp_path: Path) -> None:
    """What passes here would pass there too; what does not is no verdict, and no import."""
    fit = fit_of(read(changed(DMOJ, init_DOT_yml=b"checker: easy\ntest_cases: []\n")).output, (case(b"Yes"),))
    assert (str(fit.comparison), fit.refuses is not None) == ("whitespace ignore_case", True)
    files = {"init.yml": b"checker: easy\ntest_cases: [{in: i, out: o}]\n", "i": b"", "o": b"ab\n"}
    with pytest.raises(AssignmentRefused, match="characters in any order"):
        from_package(unpacked(tmp_path / "easy", files), None)


def test_lines_of_dmoj_are_compared_as_white_space_and_that_is_known() -> None:
    assert fit_of(OutputRule(rule=Rule.LINES), (case(b"1"),)).joins_lines


@pytest.mark.parametrize("wrong", [b"\xff", b"\0"])
def test_a_case_that_is_no_text_is_named(wrong: bytes) -> None:
    files: dict[str, Any] = {**LEGACY, "data/secret/01.in": wrong}
    with pytest.raises(AssignmentRefused, match="secret/01"):
        assignment_of(read(files), REF, 1.0)


def test_a_package_as_a_folder_is_the_one_read_from_its_files(tmp_path: Path) -> None:
    assert read_package(unpacked(tmp_path / "twice", LEGACY)) == read(LEGACY)
