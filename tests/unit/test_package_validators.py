"""Output validators that ICPC and Kattis packages bring: which are run, and what is said of the others."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from submitter.checkers import ACCEPTED
from submitter.checkers import WRONG as REFUSED
from submitter.errors import AssignmentRefused
from submitter.model import Assignment, AssignmentRef, CaseKind, Checker, Comparison, Ending, InputMode, TestCase
from submitter.packages.assigned import assignment_of, problem_of
from submitter.packages.formats import FORMATS
from submitter.packages.importing import from_package, verified
from submitter.packages.problem import Source
from submitter.packages.validators import checker_of
from submitter.runs import CaseInput, Job, Role, RunResult
from tests.problem_packages import LEGACY, NEW, unpacked
from tests.unit.test_package_verify import Engine, answer, states
from tests.unit.test_packages import read

REF = AssignmentRef("a", "e", "twice")
VALIDATOR = b"import sys\nsys.exit(42)\n"
CUSTOM = {
    **LEGACY,
    "problem.yaml": LEGACY["problem.yaml"].replace(b"case_sensitive", b"strict 1e-3") + b"validation: custom\n",
    "output_validators/check/check.py": VALIDATOR,
    "output_validators/check/README.md": b"It checks.",
}
NEW_CUSTOM = {
    **NEW,
    "data/test_group.yaml": b"output_validator_args: ['a b']\n",
    "output_validator/check.py": VALIDATOR,
}


@pytest.mark.parametrize(
    ("files", "arguments"), [(CUSTOM, ("strict", "1e-3")), (NEW_CUSTOM, ("a b",))], ids=["legacy", "2023-07"]
)
def test_a_validator_of_one_program_becomes_the_checker(
    files: Mapping[str, bytes], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    problem = read(files)
    assert not problem.cannot_judge
    checker = Checker(program=VALIDATOR.decode(), language="python", arguments=arguments)
    assert problem.validator == checker
    assert assignment_of(problem, REF, 1.0).checker == checker
    imported = from_package(unpacked(tmp_path / "twice", files), None)
    assert imported.over(Assignment(ref=REF, cases=())).checker == checker
    # What the admin chooses goes before it.
    imported = from_package(tmp_path / "twice", Comparison.EXACT)
    assert imported.over(Assignment(ref=REF, cases=(), checker=checker)).checker is None


@pytest.mark.parametrize("is_new", [False, True])
def test_an_interactor_is_taken_as_one(is_new: bool) -> None:
    """The program is given nothing but what it says, whatever the package calls its files."""
    files = {**(NEW_CUSTOM if is_new else CUSTOM)}
    if is_new:
        files["problem.yaml"] = NEW["problem.yaml"] + b"type: interactive\n"
    else:
        files["problem.yaml"] = CUSTOM["problem.yaml"].replace(b"custom", b"custom interactive")
    problem = read(files)
    assert not problem.cannot_judge
    assert problem.validator is not None
    assert problem.validator.interactive
    again = read(FORMATS[problem.format].write(problem))
    assert (again.validator, again.interactor) == (problem.validator, problem.interactor)
    assigned = assignment_of(problem, REF, 1.0)
    back = read(FORMATS[problem.format].write(problem_of(assigned, problem.format)))
    assert back.validator == problem.validator


def test_a_package_without_one_takes_the_checker_away(tmp_path: Path) -> None:
    """All of a package's ways to judge come along, and so does that it has none."""
    imported = from_package(unpacked(tmp_path / "twice", LEGACY), None)
    known = Assignment(ref=REF, cases=(), checker=Checker(program="x", language="python"))
    assert imported.over(known).checker is None


def sources(**files: str) -> tuple[Source, ...]:
    return tuple(
        Source(f"output_validators/v/{name.replace('_DOT_', '.')}", text.encode()) for name, text in files.items()
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "is not in the package"),
        ({"a_DOT_py": "1", "b_DOT_py": "2"}, "has 2 programs"),
        ({"run": "#!/bin/sh", "a_DOT_py": "1"}, "script of its own"),
        ({"a_DOT_txt": "1"}, "no language"),
        ({"a_DOT_py": "print 'x'"}, "Python 2"),
        ({"a_DOT_py": ""}, "the checker is empty"),
        ({"a_DOT_kt": "fun main() {}"}, "no language kotlin"),
    ],
)
def test_a_validator_that_cannot_be_run_here_says_why(files: dict[str, str], reason: str) -> None:
    with pytest.raises(AssignmentRefused, match=reason):
        checker_of(sources(**files), ())


def test_a_validator_that_gets_other_flags_for_other_cases_is_not_run() -> None:
    files = {**CUSTOM, "data/secret/testdata.yaml": b"output_validator_flags: other\n"}
    assert read(files).cannot_judge == (
        "the validator of its outputs gets different flags for different cases, and here it gets the same for all",
    )


def test_headers_of_the_package_are_put_where_they_are_included() -> None:
    made = checker_of(
        sources(
            check_DOT_cc='#include <iostream>\n#include "a.h"\n  # include "b.h" // too\n'
            '#include "none.h"\nint main() {}\n',
            a_DOT_h='#pragma once\n#include "b.h"\nint a;',
            b_DOT_h="int b;\n",
        ),
        (),
    )
    assert made.language == "cpp"
    assert made.program.count("int a;") == made.program.count("int b;") == 1
    assert made.program.index("int b;") < made.program.index("int a;") < made.program.index("int main")
    assert '#include "none.h"' in made.program
    assert "#include <iostream>" in made.program
    assert '#line 3 "check.cc"\n' in made.program  # so that a compiler's complaint names the right line
    assert "pragma" not in made.program


# -- exported -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["icpc", "icpc-2023-07"])
def test_a_checker_comes_back_from_packages_that_know_some(format: str) -> None:
    cases = (TestCase(CaseKind.GRADE, 1, "1\n", "2\n"),)
    checker = Checker(program="int main() {}\n", language="cpp", arguments=("x", "y"))
    assignment = Assignment(
        ref=REF, cases=cases, input_mode=InputMode.STDIN, checker=checker, comparison=Comparison.parse("regex")
    )
    again = read(FORMATS[format].write(problem_of(assignment, format)))
    assert assignment_of(again, REF, 2.0).checker == checker


def test_a_checker_is_in_no_package_of_another_convention() -> None:
    cases = (TestCase(CaseKind.GRADE, 1, "1\n", "2\n"),)
    checker = Checker(program="1", language="python", arguments=("a b",))
    assignment = Assignment(ref=REF, cases=cases, input_mode=InputMode.STDIN, checker=checker)
    for format in ("dmoj", "polygon", "icpc"):
        with pytest.raises(AssignmentRefused):
            FORMATS[format].write(problem_of(assignment, format))


# -- verified -----------------------------------------------------------------------------------------------------


def by_halves(job: Job, given: CaseInput) -> RunResult:
    """Does as the programs do; the validator takes the half of what is wanted, too."""
    if job.role is Role.STUDENT:
        return answer(job, given)
    files = dict(given.files)
    wanted, printed = int(files["case.ans"]), int(given.stdin)
    return RunResult(ending=Ending.EXITED, exit_code=ACCEPTED if printed in (wanted, wanted / 2) else REFUSED)


@pytest.mark.parametrize("files", [CUSTOM, NEW_CUSTOM], ids=["legacy", "2023-07"])
def test_solutions_are_verified_by_the_validator(files: Mapping[str, bytes]) -> None:
    engine = Engine(by_halves)
    found = states(engine.verify(read(files)))
    assert found["right.py"] == found["plus.py"] == "agrees"
    assert {job.role for job in engine.sandbox.jobs} == set(Role)


def test_a_validator_that_accepts_everything_is_noticed() -> None:
    def accepts(job: Job, given: CaseInput) -> RunResult:
        if job.role is Role.STUDENT:
            return answer(job, given)
        return RunResult(ending=Ending.EXITED, exit_code=ACCEPTED)

    found = Engine(accepts).verify(read(CUSTOM))
    assert states(found)["plus.py"] == "differs"


def test_a_validator_that_fails_verifies_nothing_and_says_why() -> None:
    def fails(job: Job, given: CaseInput) -> RunResult:
        if job.role is Role.STUDENT:
            return answer(job, given)
        return RunResult(ending=Ending.EXITED, exit_code=1, stderr=b"KeyError")

    found = Engine(fails).verify(read(CUSTOM))
    assert found["right.py"].note.startswith("the checker failed on test 1: its exit code is 1")
    assert states(found)["right.py"] == "not verified"


def test_a_validator_without_a_tool_chain_verifies_nothing() -> None:
    problem = dataclasses.replace(read(CUSTOM), validator=Checker(program="x", language="rust"))
    engine = Engine()
    found = engine.verify(problem)
    assert {one.note for one in found.values()} == {
        "no tool chain for the validator of its outputs, which is in rust, here"
    }
    assert engine.sandbox.jobs == []


def test_on_import_reference_solutions_pass_the_validator(tmp_path: Path) -> None:
    imported = from_package(unpacked(tmp_path / "twice", CUSTOM), None)
    known = imported.over(Assignment(ref=REF, cases=()))
    references = imported.references({"python"})
    assert verified(known, imported, references, Engine(by_halves).run, sets_limit=True).checker == known.checker
    with pytest.raises(AssignmentRefused, match="does not pass"):
        verified(known, imported, references, Engine(refuses).run, sets_limit=True)


def refuses(job: Job, given: CaseInput) -> RunResult:
    return answer(job, given) if job.role is Role.STUDENT else RunResult(ending=Ending.EXITED, exit_code=REFUSED)
