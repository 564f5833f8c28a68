"""Checkers: what one is given, what its answer means, and whose fault it is when it has none."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submitter.adapters.memory import FakeSandbox
from submitter.asking import try_checker
from submitter.checkers import (
    ACCEPTED,
    COLLECT,
    LIMITS,
    WRONG,
    CheckerBroken,
    check_checker,
    checking_job,
    judgement_of,
)
from submitter.errors import AssignmentRefused, SandboxClosed, SandboxUnavailable, SubmissionRejected
from submitter.executors.roles import SeparateSandboxes
from submitter.executors.sandbox import ExecutorSandbox
from submitter.grading import Grader, check_assignment
from submitter.model import MIB, Assignment, AssignmentRef, CaseKind, Checker, Comparison, Ending, TestCase, Verdict
from submitter.outcomes import GradeReport, Remarks
from submitter.points import CaseRole, Group, GroupRule
from submitter.results import encode_graded, explain
from submitter.runs import CaseInput, Job, Role, RunResult
from tests.unit.test_results import KEY

TEST, GRADE = CaseKind.TEST, CaseKind.GRADE
CHECKER = Checker(program="the checker", language="python", arguments=("--strict",))
CASES = (TestCase(TEST, 1, "1", "one"), TestCase(TEST, 2, "2", "two"), TestCase(GRADE, 1, "3", "three"))


def ended(
    exit_code: int | None, ending: Ending = Ending.EXITED, signal: int | None = None, **files: bytes
) -> RunResult:
    collected = tuple((f"{name}.txt", data) for name, data in files.items())
    return RunResult(ending=ending, exit_code=exit_code, signal=signal, stderr=b"its stderr", collected=collected)


def assignment(*cases: TestCase, checker: Checker = CHECKER, **changes: Any) -> Assignment:
    ref = AssignmentRef("m.soltys", "aws_labs", "lab5")
    return Assignment(ref=ref, cases=cases or CASES, checker=checker, **changes)


# -- what a checker is given --------------------------------------------------------------------------------------


def test_a_checker_gets_input_answer_directory_and_its_own_arguments_and_the_output_on_standard_input() -> None:
    job = checking_job(CHECKER, CASES[:2], [b"first output", b"second"])
    assert job.role is Role.JUDGE
    assert (job.program, job.file_name, job.collect) == (b"the checker", "checker.py", COLLECT)
    arguments = ("/tmp/case.in", "/tmp/case.ans", "/tmp/feedback/", "--strict")
    assert job.inputs == (
        CaseInput(arguments, b"first output", (("case.in", b"1\n"), ("case.ans", b"one\n"))),
        CaseInput(arguments, b"second", (("case.in", b"2\n"), ("case.ans", b"two\n"))),
    )


def test_texts_keep_the_line_ends_that_they_have() -> None:
    [case] = checking_job(CHECKER, [TestCase(TEST, 1, "a\nb\n", "")], [b""]).inputs
    assert case.files == (("case.in", b"a\nb\n"), ("case.ans", b""))


@pytest.mark.parametrize("mib", [1, 20, 63])
def test_there_is_room_for_large_texts_beside_what_a_checker_needs(mib: int) -> None:
    job = checking_job(CHECKER, [TestCase(TEST, 1, "x" * (mib * MIB - 2), "")], [b""])
    assert job.limits.file_bytes >= mib * MIB + LIMITS.file_bytes // 2
    assert job.limits.memory_bytes - LIMITS.memory_bytes == job.limits.file_bytes - LIMITS.file_bytes


def test_a_language_names_the_file_as_its_programs_are_named() -> None:
    assert checking_job(Checker(program="x", language="java"), CASES[:1], [b""]).file_name == "Main.java"


@pytest.mark.parametrize(
    ("checker", "words"),
    [
        (Checker(program="", language="python"), "is empty"),
        (Checker(program=" \n", language="python"), "is empty"),
        (Checker(program="x" * (MIB + 1), language="python"), "at most"),
        (Checker(program="x", language="cobol"), r"no language cobol for a checker; there is python, .*set_checker\("),
        (Checker(program="x\0", language="python"), "the checker holds a character"),
        (Checker(program="x", language="python", arguments=("\ud800",)), "an argument of the checker holds"),
    ],
)
def test_what_cannot_be_a_checker_is_refused(checker: Checker, words: str) -> None:
    with pytest.raises(AssignmentRefused, match=words):
        check_checker(checker)
    with pytest.raises(AssignmentRefused, match=words):
        check_assignment(assignment(checker=checker))


# -- what its answer means ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "is_accepted", "fraction"),
    [
        (ended(ACCEPTED), True, 1.0),
        (ended(WRONG), False, 0.0),
        (ended(ACCEPTED, score=b"0.5"), True, 0.5),
        (ended(ACCEPTED, score_multiplier=b" 0.25\n"), True, 0.25),
        (ended(ACCEPTED, score=b"1", score_multiplier=b"0.25"), True, 0.25),
        (ended(ACCEPTED, score=b"1e0"), True, 1.0),
        (ended(ACCEPTED, score=b"0"), False, 0.0),
        (ended(WRONG, score=b"1"), False, 0.0),
        (ended(WRONG, score=b"nonsense"), False, 0.0),
    ],
)
def test_exit_code_and_score_make_the_judgement(run: RunResult, is_accepted: bool, fraction: float) -> None:
    judgement = judgement_of(run)
    assert (judgement.is_accepted, judgement.fraction) == (is_accepted, fraction)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (ended(0), "its exit code is 0, neither 42"),
        (ended(1), "its exit code is 1"),
        (ended(None, Ending.SIGNALED, 11), "signal 11"),
        (ended(ACCEPTED, Ending.CPU_LIMIT), "processor time"),
        (ended(WRONG, Ending.WALL_LIMIT), "longer than"),
        (ended(ACCEPTED, Ending.MEMORY_LIMIT), "memory"),
        (ended(ACCEPTED, Ending.OUTPUT_LIMIT), "printed too much"),
        (ended(None, Ending.COMPILE_ERROR), "does not compile"),
        (ended(ACCEPTED, score=b"37"), "score.txt holds no number from 0 to 1"),
        (ended(ACCEPTED, score=b"-0.1"), "no number"),
        (ended(ACCEPTED, score=b"nan"), "no number"),
        (ended(ACCEPTED, score=b"inf"), "no number"),
        (ended(ACCEPTED, score=b""), "no number"),
        (ended(ACCEPTED, score_multiplier=b"\xff"), "score_multiplier.txt holds no number"),
    ],
)
def test_any_other_ending_is_the_checkers_own_fault(run: RunResult, words: str) -> None:
    with pytest.raises(CheckerBroken, match=words):
        judgement_of(run)


@given(st.binary(max_size=30))
def test_a_score_is_a_number_from_0_to_1_or_a_fault(text: bytes) -> None:
    try:
        judgement = judgement_of(ended(ACCEPTED, score=text))
    except CheckerBroken:
        return
    assert judgement.partial is not None
    assert 0 <= judgement.partial <= 1


def test_messages_are_cut_and_shown_without_control_characters() -> None:
    judgement = judgement_of(ended(WRONG, teammessage=b"\x1b[2J\xff" + b"x" * 10_000, judgemessage=b" why \n"))
    assert judgement.remarks.team.startswith("\\x1b[2J\\xff")
    assert len(judgement.remarks.team) < 2100
    assert judgement.remarks.judge == "why"


# -- in the flow of grading ---------------------------------------------------------------------------------------


class Judged:
    """A sandbox in which programs print what they are told, and a checker says of outputs what it is told."""

    def __init__(self, prints: dict[str, bytes | RunResult], says: Callable[[bytes], RunResult]) -> None:
        self._prints, self._says = prints, says
        self.fake = FakeSandbox(self._answer)

    def _answer(self, job: Job, case: CaseInput) -> RunResult:
        if job.role is Role.JUDGE:
            return self._says(case.stdin)
        printed = self._prints[case.arguments[0]]
        return ended_with(printed) if isinstance(printed, bytes) else printed

    def grade(self, path: Path, graded: Assignment) -> GradeReport:
        return Grader(self.fake, path).grade(graded, b"program", "0123456789abcdef" * 2)


def ended_with(stdout: bytes) -> RunResult:
    return RunResult(ending=Ending.EXITED, exit_code=0, stdout=stdout, wall_time_s=0.25)


def says(**by_output: RunResult) -> Callable[[bytes], RunResult]:
    return lambda output: by_output[output.decode()]


def test_the_checker_decides_where_the_program_ended_by_itself(tmp_path: Path) -> None:
    crashed = RunResult(ending=Ending.EXITED, exit_code=1, stdout=b"right")
    judged = Judged(
        {"1": b"right", "2": b"wrong", "3": crashed},
        says(right=ended(ACCEPTED), wrong=ended(WRONG, teammessage=b"too long", judgemessage=b"for us")),
    )
    report = judged.grade(tmp_path, assignment(comparison=Comparison.parse("regex")))
    assert [one.verdict for one in report.case_results] == [
        Verdict.ACCEPTED,
        Verdict.WRONG_ANSWER,
        Verdict.RUNTIME_ERROR,
    ]
    assert [one.remarks for one in report.case_results] == [Remarks(), Remarks("too long", "for us"), None]
    assert (report.score, report.execution_time_s) == (1.0, 0.5)
    assert [(job.role, len(job.inputs)) for job in judged.fake.jobs] == [(Role.STUDENT, 3), (Role.JUDGE, 2)]


def test_no_job_of_a_student_has_what_a_checker_sees(tmp_path: Path) -> None:
    judged = Judged({"1": b"right", "2": b"right", "3": b"right"}, says(right=ended(ACCEPTED)))
    judged.grade(tmp_path, assignment())
    students, judges = judged.fake.jobs
    assert not any(case.files for case in students.inputs)
    assert b"three" not in repr(students.inputs).encode() + students.program
    assert (b"three\n") in dict(judges.inputs[2].files).values()


def test_where_no_program_ended_by_itself_no_checker_is_asked(tmp_path: Path) -> None:
    broken = RunResult(ending=Ending.COMPILE_ERROR, stderr=b"no")
    judged = Judged(dict.fromkeys("123", broken), says())
    report = judged.grade(tmp_path, assignment())
    assert {one.verdict for one in report.case_results} == {Verdict.COMPILE_ERROR}
    assert [job.role for job in judged.fake.jobs] == [Role.STUDENT]


@pytest.mark.parametrize(
    ("role", "score", "points"), [(CaseRole.REGULAR, 0.5, 0.5), (CaseRole.BONUS, 0.5, 0.5), (CaseRole.PENALTY, 0, -0.5)]
)
def test_a_part_of_the_points_counts_as_such(tmp_path: Path, role: CaseRole, score: float, points: float) -> None:
    judged = Judged({"1": b"half"}, says(half=ended(ACCEPTED, score=b"0.5")))
    report = judged.grade(tmp_path, assignment(TestCase(TEST, 1, "1", "", role=role)))
    [result] = report.case_results
    assert (result.verdict, result.partial, result.points) == (Verdict.ACCEPTED, 0.5, points)
    assert report.score == score
    assert not report.passed_everything
    assert explain(result) == "accepted for 50 % of its points"
    assert b'"status": "failed"' in encode_graded(KEY, report)


def test_messages_for_students_are_of_test_cases_alone(tmp_path: Path) -> None:
    """A checker that reads a hidden case's answer may well quote it."""
    judged = Judged(dict.fromkeys("123", b"x"), says(x=ended(WRONG, teammessage=b"SECRET", judgemessage=b"INTERNAL")))
    report = judged.grade(tmp_path, assignment())
    assert [one.remarks and one.remarks.team for one in report.case_results] == ["SECRET", "SECRET", ""]
    assert report.case_results[2].remarks == Remarks("", "INTERNAL\n(to the student, of a test case: SECRET)")
    document = encode_graded(KEY, report)
    assert (document.count(b"SECRET"), document.count(b"INTERNAL")) == (2, 0)
    assert explain(report.case_results[0]) == "not accepted by the assignment's checker\nSECRET"
    assert explain(report.case_results[2]) == "not accepted by the assignment's checker"


def test_a_checker_that_fails_is_told_to_the_staff_and_costs_no_student_a_verdict(tmp_path: Path) -> None:
    judged = Judged({"1": b"x", "2": b"boom", "3": b"x"}, says(x=ended(ACCEPTED), boom=ended(1)))
    with pytest.raises(SubmissionRejected, match="not your program's fault") as caught:
        judged.grade(tmp_path, assignment())
    assert caught.value.detail is not None
    assert caught.value.detail.split("\n") == [
        "the checker failed on test 2: its exit code is 1, neither 42 (accepted) nor 43 (wrong)",
        "its stderr",
    ]


def test_an_executor_that_cannot_run_the_checker_is_our_fault(tmp_path: Path) -> None:
    judged = Judged(dict.fromkeys("123", b"x"), says(x=RunResult(ending=Ending.SETUP_FAILED)))
    with pytest.raises(SandboxUnavailable):
        judged.grade(tmp_path, assignment())


def test_a_checker_that_cannot_be_one_rejects_before_anything_runs(tmp_path: Path) -> None:
    judged = Judged({}, says())
    with pytest.raises(SubmissionRejected):
        judged.grade(tmp_path, assignment(checker=Checker(program="x", language="cobol")))
    assert judged.fake.jobs == []


def grouped(rule: GroupRule = GroupRule.ALL_OR_NOTHING) -> Assignment:
    cases = tuple(TestCase(TEST, number, str(number), "", group="a" if number < 4 else "b") for number in range(1, 6))
    return assignment(*cases, groups=(Group("a", rule, stops_early=True), Group("b", depends_on=("a",))))


def test_a_group_stops_at_the_first_output_that_the_checker_does_not_accept(tmp_path: Path) -> None:
    """The programs have run by then; what is told is what would be if they had not."""
    judged = Judged(
        {"1": b"yes", "2": b"no", "3": b"yes", "4": b"yes", "5": b"yes"}, says(yes=ended(ACCEPTED), no=ended(WRONG))
    )
    report = judged.grade(tmp_path, grouped())
    assert [one.verdict.code for one in report.case_results] == ["AC", "WA", "SK", "SK", "SK"]
    assert [one.run.stdout for one in report.case_results[2:]] == [b""] * 3
    assert report.case_results[2].reason == "not run: test 2 of the group “a” failed"
    assert report.case_results[3].reason == "not run: the group “a” was not passed"
    assert report.score == 0


def test_a_group_that_stops_at_a_crash_does_so_before_the_checker_is_asked(tmp_path: Path) -> None:
    crashed = RunResult(ending=Ending.SIGNALED, signal=11)
    judged = Judged({"1": b"yes", "2": crashed}, says(yes=ended(ACCEPTED)))
    report = judged.grade(tmp_path, grouped())
    assert [one.verdict.code for one in report.case_results] == ["AC", "RE", "SK", "SK", "SK"]
    assert [len(job.inputs) for job in judged.fake.jobs] == [5, 1]


def test_what_was_skipped_for_the_checkers_word_says_nothing_of_a_later_crash(tmp_path: Path) -> None:
    crashed = RunResult(ending=Ending.SIGNALED, signal=11)
    judged = Judged({"1": b"no", "2": b"yes", "3": crashed}, says(yes=ended(ACCEPTED), no=ended(WRONG)))
    report = judged.grade(tmp_path, grouped())
    assert [one.verdict.code for one in report.case_results] == ["WA", "SK", "SK", "SK", "SK"]
    assert report.case_results[2].reason == "not run: test 1 of the group “a” failed"


def test_a_group_is_worth_what_its_worst_case_earned(tmp_path: Path) -> None:
    judged = Judged(
        {"1": b"yes", "2": b"half", "3": b"yes", "4": b"yes", "5": b"yes"},
        says(yes=ended(ACCEPTED), half=ended(ACCEPTED, score=b"0.5")),
    )
    report = judged.grade(tmp_path, grouped(GroupRule.MINIMUM))
    assert [one.verdict.code for one in report.case_results] == ["AC", "AC", "AC", "SK", "SK"]
    assert report.score == 1.5


def test_a_checker_is_tried_on_the_expected_outputs() -> None:
    judged = Judged({}, says(one=ended(ACCEPTED), two=ended(WRONG), three=ended(ACCEPTED)))
    assert try_checker(judged.fake, assignment()) == ["test 2"]
    with pytest.raises(AssignmentRefused, match=r"(?s)failed on test 2.*its stderr"):
        try_checker(Judged({}, says(one=ended(ACCEPTED), two=ended(7))).fake, assignment())


# -- executors for each role --------------------------------------------------------------------------------------


class Recorded(ExecutorSandbox):
    """Runs nothing, and keeps what it was asked."""

    def __init__(self, role: Role) -> None:
        self.role, self.asked = role, list[str]()

    @property
    def name(self) -> str:
        return "recorded"

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        assert job.role is self.role
        self.asked.append("run")
        yield ended(0)

    def check(self) -> None:
        self.asked.append("check")

    def sweep(self) -> int:
        self.asked.append("sweep")
        return 1

    def renew(self) -> None:
        self.asked.append("renew")

    def close(self) -> None:
        self.asked.append("close")


def job(role: Role) -> Job:
    return Job(program=b"", file_name="x.py", language="python", limits=LIMITS, inputs=(CaseInput(()),), role=role)


def test_judges_have_executors_of_their_own_which_are_made_when_they_are_needed() -> None:
    students, judges, made = Recorded(Role.STUDENT), Recorded(Role.JUDGE), list[str]()
    both = SeparateSandboxes(students, lambda: made.append("made") or judges)  # type: ignore[func-returns-value]
    list(both.run(job(Role.STUDENT)))
    assert (both.name, made, both.sweep()) == ("recorded", [], 1)
    list(both.run(job(Role.JUDGE)))
    list(both.run(job(Role.JUDGE)))
    both.check()
    both.renew()
    assert both.sweep() == 2
    both.close()
    assert made == ["made"]
    assert students.asked == ["run", "sweep", "check", "renew", "sweep", "close"]
    assert judges.asked == ["run", "run", "renew", "sweep", "close"]


def test_no_judges_are_made_for_a_sandbox_that_is_closed() -> None:
    both = SeparateSandboxes(Recorded(Role.STUDENT), lambda: Recorded(Role.JUDGE))
    both.close()
    with pytest.raises(SandboxClosed):
        list(both.run(job(Role.JUDGE)))


@pytest.mark.parametrize("role", Role)
def test_executors_refuse_programs_of_the_other_role(role: Role) -> None:
    """A second wall: whoever mixes them up runs nothing."""
    sandbox = ExecutorSandbox(None, "fork", role=role)  # type: ignore[arg-type]  # and lends none
    other = next(one for one in Role if one is not role)
    with pytest.raises(ValueError, match="never run a program"):
        list(sandbox.run(job(other)))
