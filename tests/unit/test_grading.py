"""The grader: what a program may see while it runs, what no interpreter need look at, and whose fault is whose."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from submitter.adapters.memory import FakeSandbox
from submitter.errors import AssignmentRefused, SandboxUnavailable, SubmissionBusy, SubmissionRejected
from submitter.grading import MAX_ARGUMENT_BYTES, Grader, case_input, check_assignment
from submitter.model import (
    Assignment,
    AssignmentRef,
    CaseKind,
    Comparison,
    Ending,
    InputMode,
    Limits,
    TestCase,
    Verdict,
)
from submitter.points import Group, LimitOverrides
from submitter.runs import CaseInput, Job, RunResult
from submitter.workdir import WorkDirectory, work_directory

NAME = "0123456789abcdef" * 2
TEST, GRADE = CaseKind.TEST, CaseKind.GRADE
CASES = (
    TestCase(TEST, 1, "2", "4"),
    TestCase(TEST, 2, "two\nlines", "expected-test"),
    TestCase(GRADE, 1, "hidden-input", "hidden-expected"),
)


def assignment(*cases: TestCase, **changes: Any) -> Assignment:
    return Assignment(ref=AssignmentRef("m.soltys", "aws_labs", "lab5"), cases=cases or CASES, **changes)


def prints(*outputs: bytes) -> Callable[[Job, CaseInput], RunResult]:
    """A program that prints these, case by case."""
    left = list(outputs)
    return lambda *_: RunResult(ending=Ending.EXITED, exit_code=0, stdout=left.pop(0), wall_time_s=0.25)


def everything_right() -> FakeSandbox:
    return FakeSandbox(prints(b"4\n", b"expected-test\n", b"hidden-expected\n"))


# -- what the program sees ----------------------------------------------------------------------------------------


def test_program_is_judged_case_by_case(tmp_path: Path) -> None:
    sandbox = FakeSandbox(prints(b"4\n", b"wrong", b"hidden-expected"))
    report = Grader(sandbox, tmp_path).grade(assignment(), b"program", NAME)
    assert [result.case for result in report.case_results] == list(CASES)
    assert [result.verdict for result in report.case_results] == [
        Verdict.ACCEPTED,
        Verdict.WRONG_ANSWER,
        Verdict.ACCEPTED,
    ]
    assert (report.score, report.max_score, report.execution_time_s) == (2.0, 3.0, 0.75)
    assert list(tmp_path.iterdir()) == []


def test_job_carries_what_the_executor_needs_and_no_expected_output(tmp_path: Path) -> None:
    sandbox = everything_right()
    limits = Limits(cpu_time_s=1.0)
    Grader(sandbox, tmp_path).grade(assignment(limits=limits), b"program", NAME)
    inputs = (CaseInput(("2",)), CaseInput(("two\nlines",)), CaseInput(("hidden-input",)))
    assert sandbox.jobs == [
        Job(program=b"program", file_name=f"{NAME}.py", language="python", limits=limits, inputs=inputs)
    ]


def test_work_directory_holds_no_expected_output_and_no_grade_input_while_the_program_runs(tmp_path: Path) -> None:
    """No executor sees it, but whoever looks into it for a stuck submission should find what a student may know."""
    seen: list[dict[str, bytes]] = []
    outputs = prints(b"4", b"x", b"y")

    def look_around(job: Job, case: CaseInput) -> RunResult:
        seen.append({path.name: path.read_bytes() for path in (tmp_path / NAME).iterdir()})
        return outputs(job, case)

    Grader(FakeSandbox(look_around), tmp_path).grade(assignment(), b"program", NAME)
    assert seen == [{f"{NAME}.py": b"program", "test.in": b"2\ntwo\\nlines\n"}] * 3


def test_expected_outputs_are_written_only_after_the_executor_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal: list[str] = []
    write = WorkDirectory.write

    class Sandbox(FakeSandbox):
        def run(self, job: Job) -> Generator[RunResult, None, None]:
            try:
                yield from super().run(job)
            finally:
                journal.append("executor gone")

    def note(self: WorkDirectory, name: str, data: bytes) -> None:
        journal.append(f"{name}: {data.decode()!r}")
        write(self, name, data)

    monkeypatch.setattr(WorkDirectory, "write", note)
    Grader(Sandbox(prints(b"4\n", b"a\nb\n", b"secret\n")), tmp_path).grade(assignment(), b"program", NAME)
    assert journal == [
        f"{NAME}.py: 'program'",
        r"test.in: '2\ntwo\\nlines\n'",
        "executor gone",
        r"test.out: '4\nexpected-test\n'",
        rf"{NAME}.out: '4\na\\nb\n'",
    ]


@pytest.mark.parametrize(
    "program",
    [
        b"print(1)\n",
        b"\xef\xbb\xbfprint(1)\n",
        b"import sys\r\nprint(1)\r\n",
        b"print(1)\rprint(2)",
        b"# -*- coding: latin-1 -*-\nprint('\xe9')\n",
        b"print('\xe9')",  # not UTF-8 without saying so: Python itself says that best
        b"\xff\xfep\x01",
        b"x",
    ],
)
def test_program_reaches_the_executor_byte_for_byte(tmp_path: Path, program: bytes) -> None:
    """Whoever "mends" a byte-order mark, line ends or an encoding grades another program than was handed in."""
    seen: list[bytes] = []

    def look(job: Job, _: CaseInput) -> RunResult:
        seen.append(job.program)
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4")

    Grader(FakeSandbox(look), tmp_path).grade(assignment(CASES[0]), program, NAME)
    assert seen == [program]


# -- at the door --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (b"", "is empty"),
        (b" \t\r\n\x0b\x0c\n", "is empty"),
        (b"x" * 101, "has 101 bytes; the assignment allows 100"),
        (b"#" * (10 << 20), "allows 100"),
        (b"print(1)\0", "NUL"),
        (b"\x7fELF\0\0", "NUL"),
        ("print(1)".encode("utf-16"), "NUL"),
    ],
)
def test_program_that_no_interpreter_need_look_at_is_rejected(tmp_path: Path, program: bytes, why: str) -> None:
    sandbox = everything_right()
    with pytest.raises(SubmissionRejected, match=why):
        Grader(sandbox, tmp_path).grade(assignment(limits=Limits(source_bytes=100)), program, NAME)
    assert sandbox.jobs == []
    assert list(tmp_path.iterdir()) == []


def test_program_as_large_as_allowed_is_graded(tmp_path: Path) -> None:
    limits = Limits(source_bytes=100)
    assert Grader(everything_right(), tmp_path).grade(assignment(limits=limits), b"x" * 100, NAME).passed_everything


def test_assignment_without_cases_rejects_and_says_so(tmp_path: Path) -> None:
    empty = Assignment(ref=AssignmentRef("a", "e", "p"), cases=())
    with pytest.raises(SubmissionRejected, match="no test cases yet"):
        Grader(everything_right(), tmp_path).grade(empty, b"program", NAME)


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (InputMode.ARGUMENTS, "'no end"),
        (InputMode.ARGUMENT, "a\0b"),
        (InputMode.ARGUMENT, "x" * (MAX_ARGUMENT_BYTES + 1)),
    ],
)
def test_faulty_case_is_the_instructors_fault_and_not_quoted_to_the_student(
    tmp_path: Path, mode: InputMode, text: str
) -> None:
    sandbox = everything_right()
    faulty = assignment(CASES[0], TestCase(GRADE, 1, text, "x"), input_mode=mode)
    with pytest.raises(SubmissionRejected, match="Tell your instructor") as caught:
        Grader(sandbox, tmp_path).grade(faulty, b"program", NAME)
    assert "no end" not in str(caught.value)
    assert sandbox.jobs == []


def test_faulty_pattern_is_the_instructors_fault_and_nothing_is_run(tmp_path: Path) -> None:
    """With SQL, cases come into the database without anybody's looking at their patterns."""
    sandbox = everything_right()
    faulty = assignment(CASES[0], TestCase(GRADE, 1, "2", "secret("), comparison=Comparison.parse("regex"))
    with pytest.raises(SubmissionRejected, match="Tell your instructor") as caught:
        Grader(sandbox, tmp_path).grade(faulty, b"program", NAME)
    assert "secret" not in str(caught.value)
    assert sandbox.jobs == []


# -- our own faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_internal_error_of_any_case_is_never_a_report(tmp_path: Path, failing: int) -> None:
    """It would cost a student points for a fault of ours."""
    results = [RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4")] * 3
    results[failing] = RunResult(ending=Ending.SETUP_FAILED)
    with pytest.raises(SandboxUnavailable):
        Grader(FakeSandbox(lambda *_: results.pop(0)), tmp_path).grade(assignment(), b"program", NAME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", [0, 1, 2])
def test_sandbox_that_breaks_half_way_gives_no_report_and_leaves_nothing(tmp_path: Path, after: int) -> None:
    calls = 0

    def break_down(*_: object) -> RunResult:
        nonlocal calls
        calls += 1
        if calls > after:
            raise SandboxUnavailable("gone")
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4")

    with pytest.raises(SandboxUnavailable, match="gone"):
        Grader(FakeSandbox(break_down), tmp_path).grade(assignment(), b"program", NAME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("results", [2, 4])
def test_sandbox_that_gives_too_few_or_too_many_results_gives_no_report(tmp_path: Path, results: int) -> None:
    """Results are matched to cases by their order alone."""

    class Miscounting(FakeSandbox):
        def run(self, job: Job) -> Generator[RunResult, None, None]:
            for _ in range(results):
                yield RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4")

    with pytest.raises(ValueError, match="zip"):
        Grader(Miscounting(prints()), tmp_path).grade(assignment(), b"program", NAME)
    assert list(tmp_path.iterdir()) == []


def test_run_is_closed_when_judging_fails(tmp_path: Path) -> None:
    closed: list[bool] = []

    class Sandbox(FakeSandbox):
        def run(self, job: Job) -> Generator[RunResult, None, None]:
            try:
                yield from super().run(job)
            finally:
                closed.append(True)

    unencodable = TestCase(TEST, 2, "3", "\ud800")
    sandbox = Sandbox(prints(b"4", b"9", b"16"))
    with pytest.raises(UnicodeEncodeError):
        Grader(sandbox, tmp_path).grade(assignment(CASES[0], unencodable, CASES[2]), b"program", NAME)
    assert closed == [True]


def test_submission_that_is_being_graded_on_this_host_is_not_graded_twice_at_once(tmp_path: Path) -> None:
    sandbox = everything_right()
    with work_directory(tmp_path, NAME), pytest.raises(SubmissionBusy):
        Grader(sandbox, tmp_path).grade(assignment(), b"program", NAME)
    assert sandbox.jobs == []


# -- inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        (InputMode.ARGUMENT, "3", CaseInput(("3",))),
        (InputMode.ARGUMENT, "", CaseInput(("",))),
        (InputMode.ARGUMENT, "  a 'b'  ", CaseInput(("  a 'b'  ",))),
        (InputMode.ARGUMENT, "a\nb\n", CaseInput(("a\nb\n",))),
        (InputMode.ARGUMENT, "-h", CaseInput(("-h",))),
        (InputMode.ARGUMENTS, "1 2  3", CaseInput(("1", "2", "3"))),
        (InputMode.ARGUMENTS, "", CaseInput(())),
        (InputMode.ARGUMENTS, "  ", CaseInput(())),
        (InputMode.ARGUMENTS, "'' \"\"", CaseInput(("", ""))),
        (InputMode.ARGUMENTS, "'a b' \"c d\" e\\ f", CaseInput(("a b", "c d", "e f"))),
        (InputMode.ARGUMENTS, "a'b'\"c\"", CaseInput(("abc",))),
        (InputMode.ARGUMENTS, '\'\\n\' "\\""', CaseInput(("\\n", '"'))),
        (InputMode.ARGUMENTS, "$HOME `id` $(id) * ~ {a,b}", CaseInput(("$HOME", "`id`", "$(id)", "*", "~", "{a,b}"))),
        (InputMode.ARGUMENTS, "a;b | c > d & # e", CaseInput(("a;b", "|", "c", ">", "d", "&", "#", "e"))),
        (InputMode.ARGUMENTS, "žluť 'ku ň'", CaseInput(("žluť", "ku ň"))),
        (InputMode.STDIN, "3", CaseInput((), b"3\n")),
        (InputMode.STDIN, "3\n", CaseInput((), b"3\n")),
        (InputMode.STDIN, "a\nb", CaseInput((), b"a\nb\n")),
        (InputMode.STDIN, "a\n\n", CaseInput((), b"a\n\n")),
        (InputMode.STDIN, "", CaseInput((), b"\n")),
        (InputMode.STDIN, "é'\0", CaseInput((), "é'\0\n".encode())),
        (InputMode.STDIN, "x" * 1_000_000, CaseInput((), b"x" * 1_000_000 + b"\n")),
        (InputMode.ARGUMENT, "x" * MAX_ARGUMENT_BYTES, CaseInput(("x" * MAX_ARGUMENT_BYTES,))),
    ],
)
def test_input_reaches_the_program_as_the_mode_says(mode: InputMode, text: str, expected: CaseInput) -> None:
    assert case_input(mode, TestCase(TEST, 1, text, "")) == expected


@pytest.mark.parametrize(
    ("mode", "text", "why"),
    [
        (InputMode.ARGUMENT, "a\0b", "NUL"),
        (InputMode.ARGUMENTS, "a 'b\0'", "NUL"),
        (InputMode.ARGUMENTS, "'no end", "no list of arguments"),
        (InputMode.ARGUMENTS, "ends with \\", "no list of arguments"),
        (InputMode.ARGUMENT, "é" * (MAX_ARGUMENT_BYTES // 2 + 1), "use the input mode stdin"),
        (InputMode.ARGUMENTS, f"a {'x' * (MAX_ARGUMENT_BYTES + 1)}", "use the input mode stdin"),
    ],
)
def test_input_that_cannot_reach_a_program_is_refused_by_the_cases_name(mode: InputMode, text: str, why: str) -> None:
    with pytest.raises(AssignmentRefused, match=f"grade 7: .*{why}"):
        case_input(mode, TestCase(GRADE, 7, text, ""))


def test_sound_assignment_passes_the_check() -> None:
    check_assignment(assignment())


@pytest.mark.parametrize(
    ("faulty", "why"),
    [
        (Assignment(ref=AssignmentRef("a", "e", "p"), cases=()), "a/e/p has no cases"),
        (assignment(language="cobol"), "no language cobol; there is python, .*add_assignment"),
        (assignment(CASES[0], TestCase(TEST, 2, "'", ""), input_mode=InputMode.ARGUMENTS), "test 2"),
        (
            assignment(CASES[0], TestCase(TEST, 2, "", "(9"), comparison=Comparison.parse("regex")),
            r"test 2: its expected output cannot be a pattern: missing \): \(9 \(the syntax is RE2's",
        ),
    ],
)
def test_faulty_assignment_is_refused_before_it_is_stored(faulty: Assignment, why: str) -> None:
    with pytest.raises(AssignmentRefused, match=why):
        check_assignment(faulty)


# -- groups, and a case's own limits ------------------------------------------------------------------------------


def test_cases_that_cannot_earn_anything_any_more_are_not_run(tmp_path: Path) -> None:
    cases = (
        TestCase(TEST, 1, "late", "x", group="late"),
        TestCase(TEST, 2, "first", "x", group="first"),
        TestCase(TEST, 3, "second", "x", group="first"),
        TestCase(GRADE, 1, "alone", "right"),
    )
    groups = (Group("late", depends_on=("first",)), Group("first", stops_early=True))
    seen: list[str] = []

    def answer(_: Job, case: CaseInput) -> RunResult:
        seen.append(case.arguments[0])
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"right")

    report = Grader(FakeSandbox(answer), tmp_path).grade(assignment(*cases, groups=groups), b"program", NAME)
    assert seen == ["first", "alone"]
    assert [result.case for result in report.case_results] == list(cases)
    assert [result.verdict.code for result in report.case_results] == ["SK", "WA", "SK", "AC"]
    assert [result.reason for result in report.case_results] == [
        "not run: the group “first” was not passed",
        None,
        "not run: test 2 of the group “first” failed",
        None,
    ]
    assert (report.score, report.max_score) == (1.0, 4.0)
    assert [group.status for group in report.groups] == ["skipped", "failed"]


def test_what_comes_before_decides_whether_a_case_may_be_run_ahead(tmp_path: Path) -> None:
    """A sandbox begins with a case as soon as it is certain that it is wanted."""
    asked: list[list[bool | None]] = []

    def answer(job: Job, _: CaseInput) -> RunResult:
        asked.append([job.is_wanted(number) for number in range(len(job.inputs))])
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"x")

    cases = [TestCase(TEST, number, "1", "x", group="g" if number < 3 else None) for number in (1, 2, 3)]
    graded = assignment(*cases, groups=(Group("g", stops_early=True),))
    Grader(FakeSandbox(answer), tmp_path).grade(graded, b"program", NAME)
    assert asked == [[True, None, True], [True, True, True], [True, True, True]]


def test_a_case_with_limits_of_its_own_is_run_and_judged_by_them(tmp_path: Path) -> None:
    own = LimitOverrides(cpu_time_s=5.0, memory_bytes=1 << 20)
    cases = (TestCase(TEST, 1, "a", "x"), TestCase(TEST, 2, "b", "x", limits=own), TestCase(GRADE, 1, "c", "x"))
    slow = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"x", cpu_time_s=4.0)
    sandbox = FakeSandbox(lambda *_: slow)
    report = Grader(sandbox, tmp_path).grade(assignment(*cases), b"program", NAME)
    assert [result.verdict.code for result in report.case_results] == ["TLE", "AC", "TLE"]
    assert [(job.limits, len(job.inputs)) for job in sandbox.jobs] == [
        (Limits(), 1),
        (Limits(cpu_time_s=5.0, memory_bytes=1 << 20), 1),
        (Limits(), 1),
    ]


def test_a_program_that_does_not_compile_is_told_so_in_every_case_and_asked_once(tmp_path: Path) -> None:
    cases = (
        TestCase(TEST, 1, "a", "x", group="g"),
        TestCase(TEST, 2, "b", "x", group="g"),
        TestCase(TEST, 3, "c", "x", limits=LimitOverrides(cpu_time_s=5.0)),
    )
    sandbox = FakeSandbox(lambda *_: RunResult(ending=Ending.COMPILE_ERROR, cpu_time_s=0.5))
    graded = assignment(*cases, groups=(Group("g", stops_early=True),))
    report = Grader(sandbox, tmp_path).grade(graded, b"program", NAME)
    assert [result.verdict.code for result in report.case_results] == ["CE", "CE", "CE"]
    assert len(sandbox.jobs) == 1


def test_groups_that_make_no_sense_are_the_instructors_fault(tmp_path: Path) -> None:
    faulty = assignment(groups=(Group("g", depends_on=("g",)),))
    with pytest.raises(SubmissionRejected, match="Tell your instructor"):
        Grader(everything_right(), tmp_path).grade(faulty, b"program", NAME)
    with pytest.raises(AssignmentRefused, match="circle"):
        check_assignment(faulty)
