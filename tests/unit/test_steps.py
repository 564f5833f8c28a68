"""Steps: neighbours of one step are run together, a tool's exit code is what its language says, and hides nothing."""

import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from submitter.adapters.memory import FakeSandbox
from submitter.errors import AssignmentRefused, NotBegun, SubmissionRejected
from submitter.executors.wire import encode_request
from submitter.grading import Grader, case_input, check_assignment
from submitter.languages import Language, Proof, languages
from submitter.model import (
    MIB,
    Assignment,
    AssignmentRef,
    CaseKind,
    Comparison,
    Ending,
    InputMode,
    Limits,
    Step,
    SubmissionKey,
    TestCase,
    Verdict,
)
from submitter.outcomes import CaseResult, GradeReport
from submitter.packages.assigned import problem_of
from submitter.packages.importing import from_folder
from submitter.points import LimitOverrides
from submitter.results import encode_graded, encode_out, explain
from submitter.runs import CaseInput, Environment, Job, RunResult
from submitter.steps import run_in_steps, told_by_tool
from submitter.test_sets import Ingredients, Recipe, may_be_judged_again
from submitter.verdict import judge_case
from tests.unit.test_results import validator

RUN, PROVE = CaseInput(("5",)), CaseInput((), step=Step.PROVE)
LANGUAGE = Language(
    name="x",
    extension=".x",
    proof=Proof(command=("t",), version=("t",), accepted=(0, 3), refused=(1, 10), broken=(127,)),
)
REF = AssignmentRef("a", "e", "p")
PROOF = TestCase(CaseKind.TEST, 2, "", "", 2.0, step=Step.PROVE)


def exited(code: int) -> RunResult:
    return RunResult(ending=Ending.EXITED, exit_code=code, stdout=b"said", cpu_time_s=20.0, wall_time_s=40.0)


def job(*inputs: CaseInput, language: str = "python") -> Job:
    return Job(program=b"x", file_name="x.py", language=language, limits=Limits(), inputs=inputs)


class Scripted:
    """Runs nothing: notes each job, and answers each of its inputs with the next of `answers`."""

    def __init__(self, *answers: RunResult) -> None:
        self.jobs: list[Job] = []
        self.closed = 0
        self._answers = iter(answers)
        self._held: list[object] = []  # so that whoever forgets to close one cannot count on its being forgotten

    def __call__(self, job: Job) -> Generator[RunResult, None, None]:
        self.jobs.append(job)
        results = self._results(job)
        self._held.append(results)
        return results

    def _results(self, job: Job) -> Generator[RunResult, None, None]:
        try:
            for _ in job.inputs:
                yield next(self._answers)
        finally:
            self.closed += 1


# -- what a tool's end means --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "ending", "verdict"),
    [
        (exited(0), Ending.PROVED, Verdict.ACCEPTED),
        (exited(3), Ending.PROVED, Verdict.ACCEPTED),
        (exited(1), Ending.REFUTED, Verdict.WRONG_ANSWER),
        (exited(10), Ending.REFUTED, Verdict.WRONG_ANSWER),
        (exited(2), Ending.TOOL_FAILED, Verdict.RUNTIME_ERROR),
        (RunResult(ending=Ending.SIGNALED, signal=11, cpu_time_s=20.0), Ending.TOOL_FAILED, Verdict.RUNTIME_ERROR),
        (RunResult(ending=Ending.CPU_LIMIT, exit_code=0), Ending.CPU_LIMIT, Verdict.TIME_LIMIT_EXCEEDED),
        (RunResult(ending=Ending.WALL_LIMIT), Ending.WALL_LIMIT, Verdict.WALL_TIME_LIMIT_EXCEEDED),
        (RunResult(ending=Ending.MEMORY_LIMIT), Ending.MEMORY_LIMIT, Verdict.MEMORY_LIMIT_EXCEEDED),
        (RunResult(ending=Ending.OUTPUT_LIMIT), Ending.OUTPUT_LIMIT, Verdict.OUTPUT_LIMIT_EXCEEDED),
    ],
)
def test_an_exit_code_means_what_the_language_says_and_a_limit_outranks_it(
    run: RunResult, ending: Ending, verdict: Verdict
) -> None:
    """The assignment's limits, two seconds of processor time here, are for the program: the tool took twenty."""
    told = told_by_tool(LANGUAGE, run)
    assert told == replace(run, ending=ending)
    judged = judge_case(Limits(), Comparison.EXACT, PROOF, told)
    assert (judged.verdict, judged.points) == (verdict, 2.0 if verdict is Verdict.ACCEPTED else 0.0)
    assert judged.hint is None


def test_a_tool_that_is_not_there_is_never_the_program_s_fault() -> None:
    with pytest.raises(NotBegun, match="the tool that proves x programs does not work: t is missing"):
        told_by_tool(LANGUAGE, exited(127))


def test_what_a_tool_said_does_not_get_into_our_log() -> None:
    with pytest.raises(NotBegun) as refused:
        told_by_tool(LANGUAGE, exited(127))
    assert "said" not in str(refused.value)


# -- parts --------------------------------------------------------------------------------------------------------


def test_neighbours_of_one_step_are_run_together_and_the_tool_has_its_own_limits() -> None:
    run = Scripted(exited(0), exited(0), exited(1), exited(0))
    results = list(run_in_steps(job(RUN, RUN, PROVE, RUN), run))
    assert [one.ending for one in results] == [Ending.EXITED, Ending.EXITED, Ending.REFUTED, Ending.EXITED]
    assert [(one.step, len(one.inputs)) for one in run.jobs] == [(Step.RUN, 2), (Step.PROVE, 1), (Step.RUN, 1)]
    proof = languages()["python"].proof
    assert proof is not None
    assert [one.limits for one in run.jobs] == [Limits(), proof.limits, Limits()]
    assert run.closed == 3


def test_a_program_that_does_not_compile_is_not_proved() -> None:
    broken = RunResult(ending=Ending.COMPILE_ERROR, stderr=b"why", cpu_time_s=1.0)
    run = Scripted(broken)
    results = list(run_in_steps(job(RUN, PROVE, PROVE), run))
    assert [(one.ending, one.stderr, one.cpu_time_s) for one in results] == [
        (Ending.COMPILE_ERROR, b"why", 1.0),
        (Ending.COMPILE_ERROR, b"why", 0.0),
        (Ending.COMPILE_ERROR, b"why", 0.0),
    ]
    assert len(run.jobs) == 1


def test_each_part_is_asked_for_by_the_numbers_of_the_whole() -> None:
    """Which cases are wanted hangs on groups: the number within a part would be another case."""
    asked = list[int]()

    def is_wanted(number: int) -> bool:
        asked.append(number)
        return number != 2

    run = Scripted(exited(0), exited(0), exited(0))
    list(run_in_steps(replace(job(RUN, PROVE, RUN), is_wanted=is_wanted), run))
    assert [one.is_wanted(0) for one in run.jobs] == [True, True, False]
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("inputs", [(RUN, PROVE, PROVE), (PROVE, RUN, RUN)])
def test_closing_early_ends_the_part_that_runs(inputs: tuple[CaseInput, ...]) -> None:
    run = Scripted(exited(0), exited(0), exited(0))
    results = run_in_steps(job(*inputs), run)
    next(results)
    next(results)
    results.close()
    assert run.closed == len(run.jobs) == 2


def test_a_language_without_a_tool_begins_nothing() -> None:
    run = Scripted()
    with pytest.raises(NotBegun, match=r"bash\.toml names no tool"):
        list(run_in_steps(job(PROVE, language="bash"), run))
    assert run.jobs == []


def test_a_request_to_prove_brings_the_tool_s_command_and_no_build() -> None:
    for language in ("python", "c", "ada"):
        proof = languages()[language].proof
        assert proof is not None
        part = replace(job(PROVE, language=language), limits=proof.limits)
        request = json.loads(encode_request(part, "fork", 1))
        commands = request["commands"]
        assert commands["build"] is None
        path = "/usr/src/submitter/x.py"
        assert commands["run"] == [path if word in ("{source}", "{sources}") else word for word in proof.command]
        assert request["limits"]["memory_bytes"] >= 512 * MIB


# -- assignments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "language", "why"),
    [
        ({}, "bash", "test 2: no tool proves bash programs; there are some for python, ada, c"),
        ({"input": "5"}, "python", "test 2: a case that proves has no input and no expected output"),
        ({"expected": "5"}, "python", "no input and no expected output"),
        ({"limits": LimitOverrides(cpu_time_s=1.0)}, "python", "has its tool's limits, and none of its own"),
    ],
)
def test_a_case_that_cannot_be_proved_is_refused_when_it_is_imported(
    changes: dict[str, object], language: str, why: str
) -> None:
    case = replace(PROOF, **changes)  # type: ignore[arg-type]
    with pytest.raises(AssignmentRefused, match=why):
        check_assignment(Assignment(ref=REF, cases=(case,), language=language))


def test_no_expected_output_need_be_a_pattern_and_no_argument_is_given() -> None:
    check_assignment(Assignment(ref=REF, cases=(PROOF,), comparison=Comparison.parse("regex")))
    assert {case_input(mode, PROOF) for mode in InputMode} == {PROVE}


def test_students_are_told_that_the_assignment_is_faulty(tmp_path: Path) -> None:
    grader = Grader(FakeSandbox(lambda job, one: exited(0)), tmp_path)
    with pytest.raises(SubmissionRejected, match="Tell your instructor"):
        grader.grade(Assignment(ref=REF, cases=(PROOF,), language="bash"), b"x", "a" * 32)


# -- kept runs ----------------------------------------------------------------------------------------------------


def test_a_run_of_the_program_is_not_taken_for_a_proof_of_it() -> None:
    """Both may have no input: by that alone, the one would be kept for the other."""
    assignment = Assignment(ref=REF, cases=(PROOF,))

    def key(case: TestCase) -> str:
        ingredients = Ingredients(replace(assignment, cases=(case,)), languages()["python"])
        return Recipe("0" * 64, Environment(image="i", isolation="docker/box"), ingredients).key(case)

    assert key(PROOF) != key(replace(PROOF, step=Step.RUN))
    assert key(PROOF) == key(replace(PROOF, points=5.0))


@pytest.mark.parametrize(
    ("ending", "is_kept"),
    [(Ending.PROVED, True), (Ending.REFUTED, True), (Ending.TOOL_FAILED, False), (Ending.CPU_LIMIT, False)],
)
def test_what_a_tool_said_is_kept_and_what_it_could_not_say_is_asked_again(ending: Ending, is_kept: bool) -> None:
    judged = result(CaseKind.TEST, replace(exited(1), ending=ending))
    assert may_be_judged_again(replace(judged, run_key="0" * 64)) is is_kept


# -- results ------------------------------------------------------------------------------------------------------


def result(kind: CaseKind, run: RunResult) -> CaseResult:
    return judge_case(Limits(), Comparison.EXACT, replace(PROOF, kind=kind), run)


def document_of(*results: CaseResult) -> str:
    report = GradeReport(results, 0.0, 2.0, 0.1)
    text = encode_graded(SubmissionKey(REF, "a" * 32), report).decode()
    validator().validate(json.loads(text))
    return text


def test_a_test_case_shows_what_the_tool_said_and_a_grade_case_does_not() -> None:
    refuted = replace(exited(1), ending=Ending.REFUTED, stdout=b"line 2: SECRET", stderr=b" and more")
    [shown] = json.loads(document_of(result(CaseKind.TEST, refuted)))["tests"]
    assert (shown["step"], shown["verdict"], shown["hint"]) == ("prove", "wrong_answer", None)
    assert shown["output"] == "not proved\nline 2: SECRET and more"
    hidden = document_of(result(CaseKind.GRADE, refuted))
    assert "SECRET" not in hidden
    assert json.loads(hidden)["tests"][0]["step"] == "prove"
    report = GradeReport((result(CaseKind.GRADE, refuted),), 0.0, 2.0, 0.1)
    assert encode_out(report) == b""


def test_there_is_no_hint_since_nothing_is_compared() -> None:
    silent = replace(exited(1), ending=Ending.REFUTED, stdout=b"\n\n")
    assert result(CaseKind.TEST, silent).hint is None
    as_a_run = judge_case(Limits(), Comparison.EXACT, replace(PROOF, step=Step.RUN), silent)
    assert as_a_run.hint is not None


def test_a_package_cannot_say_that_a_program_is_proved() -> None:
    stdin = Assignment(ref=REF, cases=(PROOF,), input_mode=InputMode.STDIN)
    with pytest.raises(AssignmentRefused, match=r"programs proved \(test 2\), which packages cannot say"):
        problem_of(stdin, "icpc")


def test_cases_that_prove_are_no_duplicates_of_each_other() -> None:
    files = {"test.in": b"\n\n\n", "test.out": b"\n\n1\n"}
    files["grading.toml"] = b'[[case]]\ncases = ["test 1-2"]\nstep = "prove"'
    assert from_folder(files.get).notes == ()


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (replace(exited(0), ending=Ending.PROVED), "proved"),
        (
            replace(exited(6), ending=Ending.TOOL_FAILED),
            "the tool could not deal with the program: it ended with exit code 6\nsaid",
        ),
        (
            RunResult(ending=Ending.TOOL_FAILED, signal=11),
            "the tool could not deal with the program: it ended with signal 11\n",
        ),
        (RunResult(ending=Ending.CPU_LIMIT, cpu_time_s=30.0), "used too much processor time (30.00 s)"),
        (RunResult(ending=Ending.COMPILE_ERROR, stderr=b"line 1"), "line 1"),
    ],
)
def test_a_student_reads_how_it_ended(run: RunResult, text: str) -> None:
    assert explain(result(CaseKind.TEST, run)) == text
