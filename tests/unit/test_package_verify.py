"""What a jury says of its solutions is held against what the engine says, and doubt is no verdict."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from submitter.adapters.memory import FakeSandbox
from submitter.errors import AssignmentRefused
from submitter.model import MIB, Assignment, AssignmentRef, Comparison, Ending, Verdict
from submitter.packages.importing import from_folder, from_package, reference_of, verified
from submitter.packages.languages import why_not_run
from submitter.packages.problem import ACCEPTED, Expectation, OutputRule, Problem, Rule
from submitter.packages.running import engine
from submitter.packages.verify import State, Verified, verify
from submitter.runs import CaseInput, Job, RunResult
from tests.problem_packages import ALL, CRASHES, LEGACY, RIGHT, SCORING, SLOW, WRONG, unpacked
from tests.unit.test_cli import submitter
from tests.unit.test_packages import read

TOO_FINE = b"validator_flags: float_tolerance 1e-300\n"  # which no comparison here can say
HERE = {"python"}
REF = AssignmentRef("a", "e", "twice")


def answer(job: Job, given: CaseInput) -> RunResult:
    """Does as the four programs of the packages do, without running them."""
    number = int(given.stdin)
    match job.program:
        case b if b == SLOW:
            return RunResult(ending=Ending.CPU_LIMIT, cpu_time_s=job.limits.cpu_time_s)
        case b if b == CRASHES:
            return RunResult(ending=Ending.EXITED, exit_code=3)
        case b if b == WRONG:
            return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"%d\n" % (number + 2))
    return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"%d\n" % (2 * number), cpu_time_s=0.25)


class Engine:
    """The real Grader on a sandbox that runs nothing; keeps the jobs."""

    def __init__(self, answers: Any = answer) -> None:
        self.sandbox = FakeSandbox(answers)
        self.run = engine(self.sandbox, 1)

    def verify(self, problem: Problem, **options: float) -> dict[str, Verified]:
        return {one.solution.path.rpartition("/")[2]: one for one in verify(problem, self.run, HERE, **options)}


def states(found: Mapping[str, Verified]) -> dict[str, str]:
    return {name: str(one.state) for name, one in found.items()}


@pytest.mark.parametrize("name", ALL)
def test_solutions_that_do_as_their_jury_says_agree(name: str) -> None:
    files = {path: data for path, data in ALL[name].items() if path != "data/test_group.yaml"}
    found = Engine().verify(read(files))
    ran = {path: one for path, one in found.items() if path not in ("right.f90", "x.b")}
    assert set(states(ran).values()) == {"agrees"}
    assert len(ran) >= 1


def test_a_language_without_a_tool_chain_is_told_and_is_no_failure() -> None:
    found = Engine().verify(read(LEGACY))
    assert found["right.f90"].state is State.NOT_VERIFIED
    assert found["right.f90"].note == "no tool chain for its language here"
    assert why_not_run(found["right.f90"].solution, HERE) is not None


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (b"public class Main {}", None),
        (b"class Other {}\npublic class Main {}", None),
        (b"import x;\npublic final class Twice {}", "it has no class Main, and programs here start there"),
    ],
)
def test_a_class_that_could_not_be_found_is_no_compile_error_of_the_jury_s(program: bytes, reason: str | None) -> None:
    java = read({**LEGACY, "submissions/accepted/Twice.java": program}).solutions
    twice = next(one for one in java if one.path.endswith(".java"))
    assert why_not_run(twice, {"java"}) == reason


@pytest.mark.parametrize(
    ("folder", "program", "note"),
    [
        ("wrong_answer", RIGHT, "every case: accepted, and wrong_answer is expected"),
        ("time_limit_exceeded", WRONG, "secret/01: wrong_answer, and time_limit_exceeded is expected"),
        ("accepted", SLOW, "sample/1: time_limit_exceeded, and accepted is expected"),
        ("run_time_error", WRONG, "secret/01: wrong_answer, and runtime_error or memory"),
        ("partially_accepted", RIGHT, "pass some groups"),
    ],
)
def test_a_wrong_expectation_is_found(folder: str, program: bytes, note: str) -> None:
    found = Engine().verify(read({**LEGACY, f"submissions/{folder}/planted.py": program}))
    assert found["planted.py"].state is State.DIFFERS
    assert note in found["planted.py"].note
    del found["planted.py"]
    assert State.DIFFERS not in {one.state for one in found.values()}


@pytest.mark.parametrize(
    ("expectation", "holds"),
    [
        (Expectation(permitted=frozenset({Verdict.ACCEPTED, Verdict.WRONG_ANSWER})), True),
        (Expectation(permitted=ACCEPTED), False),
        (Expectation(permitted=ACCEPTED, cases="sample"), True),
        (Expectation(permitted=ACCEPTED, cases="secret/*"), False),
        (Expectation(required=frozenset({Verdict.WRONG_ANSWER})), True),
        (Expectation(required=frozenset({Verdict.RUNTIME_ERROR})), False),
        (Expectation(required=frozenset({Verdict.WRONG_ANSWER}), cases="sample"), False),
        (Expectation(required=frozenset({Verdict.RUNTIME_ERROR}), cases="no/such"), True),
        (Expectation(some_groups=True), False),  # the sample passes, and is no group
    ],
)
def test_each_kind_of_expectation_holds_or_not(expectation: Expectation, holds: bool) -> None:
    """The program adds two, so it is right on the sample, 2, and wrong on the secret case, 3."""
    problem = read(LEGACY)
    plus = next(one for one in problem.solutions if one.path.endswith("plus.py"))
    plus = dataclasses.replace(plus, expectations=(expectation,))
    found = Engine().verify(dataclasses.replace(problem, solutions=(plus,)))
    assert found["plus.py"].state is (State.AGREES if holds else State.DIFFERS)


def test_without_a_stated_limit_the_slowest_accepted_solution_decides() -> None:
    files = {**LEGACY, "problem.yaml": b"limits: {time_multiplier: 10}\n"}
    used = Engine()
    assert set(states(used.verify(read(files))).values()) == {"agrees", "not verified"}
    assert {job.program: job.limits.cpu_time_s for job in used.sandbox.jobs} == {
        RIGHT: 60.0,
        SLOW: 3.0,  # ten times 0.25 s, in whole seconds
        WRONG: 3.0,
        CRASHES: 3.0,
    }


def test_a_difference_under_a_limit_that_no_jury_stated_says_so() -> None:
    """It may be the machine's, or the interpreter's, and not the solution's."""
    files = {**LEGACY, "problem.yaml": b"limits: {time_multiplier: 10}\n", "submissions/wrong_answer/slow.py": SLOW}
    found = [one for one in verify(read(files), Engine().run, HERE) if one.state is State.DIFFERS]
    assert [one.note for one in found] == [
        "sample/1: time_limit_exceeded, and wrong_answer is expected; the time limit is ours, 3 s"
    ]


def test_without_any_limit_nothing_is_said_of_slow_solutions() -> None:
    files = {name: data for name, data in LEGACY.items() if "accepted/right.py" not in name}
    found = Engine().verify(read({**files, "problem.yaml": b""}))
    assert {one.note for one in found.values() if one.solution.language} == {
        "no accepted solution could be run, and they decide the time limit"
    }


def test_a_crash_that_nobody_expects_is_told_with_its_last_words() -> None:
    """Such as a RecursionError of a program that was written for an interpreter without that limit."""
    stderr = b"Traceback\n  x\nRecursionError: \x1b[31mtoo deep\n\n"
    used = Engine(lambda *_: RunResult(ending=Ending.EXITED, exit_code=1, stderr=stderr))
    note = used.verify(read(LEGACY))["right.py"].note
    assert note == "sample/1: runtime_error (RecursionError: ?[31mtoo deep), and accepted is expected"


def test_a_slower_machine_gets_more_time() -> None:
    used = Engine()
    used.verify(read(LEGACY), time_factor=3.0)
    assert {job.limits.cpu_time_s for job in used.sandbox.jobs} == {3.0}


def test_a_solution_has_the_limits_that_its_jury_gives_it_alone() -> None:
    files = {**ALL["dmoj"], "tests/plus/test.yml": ALL["dmoj"]["tests/plus/test.yml"].replace(b"time: 1", b"time: 7")}
    used = Engine()
    used.verify(read(files))
    assert {job.program: job.limits.cpu_time_s for job in used.sandbox.jobs} == {RIGHT: 1.0, WRONG: 7.0}
    assert {job.limits.memory_bytes for job in used.sandbox.jobs} == {64 * MIB}


def test_a_memory_limit_that_cannot_be_held_is_no_verdict() -> None:
    files = {**ALL["dmoj"], "tests/right/test.yml": b"language: PY3\nmemory: 1\nsource: right.py\nexpect: MLE\n"}
    found = Engine().verify(read(files))
    assert (found["right.py"].state, "8 MiB" in found["right.py"].note) == (State.NOT_VERIFIED, True)


def test_a_wrong_answer_that_the_package_might_forgive_is_no_verdict() -> None:
    files = {**LEGACY, "data/secret/01.ans": b"7\n", "problem.yaml": b"limits: {time_limit: 1}\n" + TOO_FINE}
    found = Engine().verify(read(files))
    assert found["right.py"].state is State.NOT_VERIFIED
    assert "within a tolerance" in found["right.py"].note
    files["data/secret/01.ans"] = b"6\n"
    assert Engine().verify(read(files))["right.py"].state is State.AGREES


def test_an_output_on_fewer_lines_is_no_verdict_where_lines_count() -> None:
    def in_one_line(job: Job, given: CaseInput) -> RunResult:
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"1 2\n")

    problem = dataclasses.replace(
        read({**LEGACY, "data/sample/1.ans": b"1\n\n2\n", "data/secret/01.ans": b"1\n2"}),
        output=OutputRule(rule=Rule.LINES),
    )
    found = Engine(in_one_line).verify(problem)
    assert "line by line" in found["right.py"].note
    in_two = Engine(lambda *_: RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"1 \n2\n"))
    assert in_two.verify(problem)["right.py"].state is State.AGREES


def test_a_problem_that_cannot_be_judged_says_why_for_every_solution() -> None:
    used = Engine()
    found = used.verify(read({**LEGACY, "problem.yaml": b"validation: custom\n"}))
    assert {one.note for one in found.values()} == {"the validator of its outputs is not in the package"}
    assert not used.sandbox.jobs


# -- on import ----------------------------------------------------------------------------------------------------


def imported(tmp_path: Path, files: Mapping[str, bytes], answers: Any = answer) -> Assignment:
    package = from_package(unpacked(tmp_path / "twice", files), None)
    assignment = package.over(Assignment(ref=REF, cases=()))
    return verified(assignment, package, package.references(HERE), Engine(answers).run, sets_limit=True)


def test_a_package_whose_accepted_solutions_pass_is_taken_with_its_settings(tmp_path: Path) -> None:
    assignment = imported(tmp_path, LEGACY)
    assert [case.name for case in assignment.cases] == ["test 1", "grade 1"]
    assert (assignment.limits.cpu_time_s, assignment.limits.memory_bytes) == (1.0, 128 * MIB)
    assert (str(assignment.input_mode), str(assignment.comparison)) == ("stdin", "whitespace")


def test_a_package_without_a_limit_gets_the_one_that_its_solutions_decide(tmp_path: Path) -> None:
    assignment = imported(tmp_path, {**LEGACY, "problem.yaml": b"limits: {time_multiplier: 20}\n"})
    assert assignment.limits.cpu_time_s == 5.0


def test_a_case_that_an_accepted_solution_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssignmentRefused, match=r"does not pass grade 1 \(submissions/accepted/right.py: wrong_answer"):
        imported(tmp_path, {**LEGACY, "data/secret/01.ans": b"7\n"})


def test_cases_that_were_not_run_since_another_failed_are_not_named(tmp_path: Path) -> None:
    with pytest.raises(AssignmentRefused, match=r"does not pass grade 1 \(submissions/accepted/right.py: [a-z_]*\); n"):
        imported(tmp_path, {**SCORING, "data/secret/large/1.ans": b"7\n"})


def test_a_case_that_is_not_always_judged_alike_is_named(tmp_path: Path) -> None:
    runs = []

    def moody(job: Job, given: CaseInput) -> RunResult:
        runs.append(given)
        text = b"0\n" if len(runs) == 4 else b"%d\n" % (2 * int(given.stdin))
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=text)

    with pytest.raises(AssignmentRefused, match=r"not always judged alike on grade 1 "):
        imported(tmp_path, LEGACY, moody)
    assert len(runs) == 6  # two cases, three times


def test_cases_with_the_same_input_are_told(tmp_path: Path) -> None:
    files = {**LEGACY, "data/secret/02.in": b"3\n", "data/secret/02.ans": b"6\n"}
    assert from_package(unpacked(tmp_path / "p", files), None).notes == ("secret/02 has the same input as secret/01",)
    folder = {"test.in": b"1\n1\n", "test.out": b"2\n2\n"}
    assert from_folder(folder.get).notes == ("test 2 has the same input as test 1",)


def test_a_package_that_forgives_more_than_we_do_is_refused_unless_the_admin_says_how(tmp_path: Path) -> None:
    path = unpacked(tmp_path / "p", {**LEGACY, "problem.yaml": TOO_FINE})
    with pytest.raises(AssignmentRefused, match="choose another --comparison"):
        from_package(path, None)
    assert from_package(path, Comparison.WHITESPACE).problem is not None


def test_a_reference_in_a_language_that_is_not_here_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.f90").write_bytes(b"end\n")
    with pytest.raises(AssignmentRefused, match="no tool chain"):
        reference_of(tmp_path / "a.f90", HERE)


# -- a real run ---------------------------------------------------------------------------------------------------


def test_verify_prints_a_line_for_each_solution_and_ends_with_3_if_one_differs(tmp_path: Path) -> None:
    files = {name: data for name, data in LEGACY.items() if "slow" not in name}
    package = unpacked(tmp_path / "twice", {**files, "submissions/wrong_answer/planted.py": RIGHT})
    done = submitter("cases", "verify", package, "--json", "--sandbox", "bubblewrap")
    assert (done.returncode, done.stderr) == (3, "")
    lines = {line["solution"].rpartition("/")[2]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {name: line["state"] for name, line in lines.items()} == {
        "right.py": "agrees",
        "right.f90": "not_verified",
        "crash.py": "agrees",
        "planted.py": "differs",
        "plus.py": "agrees",
    }
    assert lines["plus.py"] == {
        "solution": "submissions/wrong_answer/plus.py",
        "language": "python",
        "expected": "WA",
        "said_by": "the folder wrong_answer",
        "verdicts": ["accepted", "wrong_answer"],
        "state": "agrees",
        "note": "",
    }


def test_verify_prints_a_table(tmp_path: Path) -> None:
    files = {name: data for name, data in LEGACY.items() if name.split("/")[-1] not in ("slow.py", "crash.py")}
    done = submitter("cases", "verify", unpacked(tmp_path / "twice", files), "--sandbox", "bubblewrap")
    assert done.returncode == 0
    assert "Twice (icpc): 2 cases, 2 agrees, 1 not verified" in done.stdout
    assert "1 AC 1 WA" in done.stdout
    assert "not verified: no tool chain for its language here" in done.stdout
