"""
Grading: one program against one assignment's cases.

The same for the daemon and for every command; knows nothing of queues,
buckets, databases or threads.
"""

import contextlib
import dataclasses
import functools
import itertools
import shlex
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from submitter.checkers import check_checker, interacting_job
from submitter.comparing import check_pattern
from submitter.comparison import ComparisonKind
from submitter.errors import AssignmentRefused, SandboxUnavailable, SubmissionRejected
from submitter.judging import ask_checker, judge_exchange
from submitter.languages import languages
from submitter.model import (
    Assignment,
    CaseInput,
    CaseResult,
    Ending,
    Exchange,
    GradeReport,
    InputMode,
    Job,
    Limits,
    RunResult,
    TestCase,
    Verdict,
)
from submitter.ports import Sandbox
from submitter.results import case_inputs_file, case_outputs_file, encode_out
from submitter.scoring import Progress, check_groups
from submitter.verdict import judge_case, summarize
from submitter.workdir import work_directory

MAX_ARGUMENT_BYTES = 131_071  # Linux: MAX_ARG_STRLEN, 32 pages, with the final NUL


class Grader:
    """Runs programs in a sandbox and judges them outside of it. Safe to use from several threads."""

    def __init__(self, sandbox: Sandbox, work_dir: Path) -> None:
        self._sandbox = sandbox
        self._work_dir = work_dir

    def grade(
        self, assignment: Assignment, program: bytes, name: str, go_on: Callable[[], None] = lambda: None
    ) -> GradeReport:
        """
        Run a program against every case of an assignment and judge it.

        Args:
            name: of the working directory and the program in it: a subid or a name of ours.
            go_on: called after each case; an exception of it ends the run, and passes.

        Raises:
            SubmissionRejected: the program or the assignment cannot be graded by anyone.
            SandboxUnavailable: our fault; nothing can be said of the program.
            SubmissionBusy: `name` is being graded on this host already.
        """
        check_source(program, assignment.limits)
        if not assignment.cases:
            raise SubmissionRejected("The assignment has no test cases yet. Tell your instructor, then submit again.")
        with _for_students():
            inputs = tuple(_input_of(assignment, case) for case in assignment.cases)
            progress = Progress(assignment.cases, assignment.groups)
            if assignment.checker is not None:
                check_checker(assignment.checker)
        language = languages()[assignment.language]
        with work_directory(self._work_dir, name) as directory:
            file_name = language.file_name or name + language.extension
            directory.write(file_name, program)
            directory.write("test.in", case_inputs_file(assignment.cases))
            job = Job(
                program=program,
                file_name=file_name,
                language=assignment.language,
                limits=language.limits(assignment.limits),
                inputs=inputs,
                streamed=assignment.is_interactive,
            )
            results = self._run_all(assignment, job, progress, go_on)
            if any(result.verdict is Verdict.INTERNAL_ERROR for result in results):
                raise SandboxUnavailable("the executor could not run every case")
            if assignment.checker is not None and not assignment.is_interactive:
                results = ask_checker(self._sandbox, assignment, results, go_on)
            report = summarize(results, assignment.groups)
            # No executor sees this directory; and yet, no expected output is written while the program may still run.
            directory.write("test.out", case_outputs_file(assignment.cases))
            directory.write(f"{name}.out", encode_out(report))
        return report

    def _run_all(
        self, assignment: Assignment, job: Job, progress: Progress, go_on: Callable[[], None]
    ) -> list[CaseResult]:
        """
        The results of all cases, in the assignment's order.

        An executor holds all cases of a job to the same limits. So neighbours
        with the same limits are a job, and where limits change, another begins.
        """
        language = languages()[assignment.language]
        comparison = assignment.comparison if assignment.checker is None else None
        results: dict[int, CaseResult] = {}
        broken: RunResult | None = None  # of a program that does not compile, which no other case need find out

        def is_wanted(indices: list[int], number: int) -> bool | None:
            return True if broken is not None else progress.is_wanted(indices[number])

        def limits_of(index: int) -> Limits:
            return language.limits(assignment.limits.overridden(assignment.cases[index].limits))

        for limits, neighbours in itertools.groupby(progress.order, limits_of):
            indices = list(neighbours)
            part = dataclasses.replace(
                job,
                limits=limits,
                inputs=tuple(job.inputs[index] for index in indices),
                is_wanted=functools.partial(is_wanted, indices),
            )
            cases = [assignment.cases[index] for index in indices]
            runs = self._runs(assignment, part, cases) if broken is None else _repeated(broken, len(indices))
            with contextlib.closing(runs):
                for index, ran in zip(indices, runs, strict=True):
                    run = ran.run if isinstance(ran, Exchange) else ran
                    case = assignment.cases[index]
                    is_left_out = run.ending is Ending.NOT_RUN and progress.is_wanted(index) is False
                    reason = progress.reason(index) if is_left_out else None
                    if isinstance(ran, Exchange):
                        results[index] = judge_exchange(limits, case, ran, reason)
                    else:
                        results[index] = judge_case(limits, comparison, case, run, reason)
                    progress.note(index, results[index].fraction)
                    broken = run if run.ending is Ending.COMPILE_ERROR else None
                    go_on()
        return [results[index] for index in range(len(assignment.cases))]

    def _runs(
        self, assignment: Assignment, job: Job, cases: Sequence[TestCase]
    ) -> Generator[RunResult | Exchange, None, None]:
        """Of the job's inputs, which are those of these cases."""
        if assignment.checker is not None and assignment.checker.interactive:
            yield from self._sandbox.converse(job, interacting_job(assignment.checker, cases, job.limits))
        else:
            yield from self._sandbox.run(job)


def _repeated(run: RunResult, times: int) -> Generator[RunResult | Exchange, None, None]:
    yield from [dataclasses.replace(run, cpu_time_s=0.0, wall_time_s=0.0)] * times


def check_source(program: bytes, limits: Limits) -> None:
    """
    What no interpreter need look at.

    Raises:
        SubmissionRejected: the program is empty, too large or not text.
    """
    if not program.strip():
        raise SubmissionRejected("Your program is empty. Check the file and submit again.")
    if len(program) > limits.source_bytes:
        raise SubmissionRejected(
            f"Your program has {len(program)} bytes; the assignment allows {limits.source_bytes}. Is it the right file?"
        )
    if b"\0" in program:
        raise SubmissionRejected("Your program holds a NUL byte, so it is not a text file. Is it the right file?")


def check_assignment(assignment: Assignment) -> None:
    """
    See that every case of an assignment can be run at all.

    Raises:
        AssignmentRefused: which case cannot, and why.
    """
    if not assignment.cases:
        raise AssignmentRefused(f"{assignment.ref} has no cases")
    if assignment.language not in languages():
        known = ", ".join(languages())
        raise AssignmentRefused(f"{assignment.ref}: no language {assignment.language}; there is {known}")
    check_groups(assignment.cases, assignment.groups)
    if assignment.checker is not None:
        check_checker(assignment.checker)
    for case in assignment.cases:
        case_input(assignment.input_mode, case)
        check_expected(assignment, case)


def case_input(mode: InputMode, case: TestCase) -> CaseInput:
    """
    How a case's input reaches the program.

    Raises:
        AssignmentRefused: it cannot, in this mode.
    """
    match mode:
        case InputMode.STDIN:
            text = case.input if case.input.endswith("\n") else case.input + "\n"
            return CaseInput((), text.encode())
        case InputMode.ARGUMENT:
            arguments = [case.input]
        case InputMode.ARGUMENTS:
            try:
                arguments = shlex.split(case.input)
            except ValueError as exc:
                raise AssignmentRefused(f"{case.name}: its input is no list of arguments: {exc}") from exc
    for argument in arguments:
        if "\0" in argument:
            raise AssignmentRefused(f"{case.name}: an argument cannot hold a NUL character")
        if len(argument.encode()) > MAX_ARGUMENT_BYTES:
            raise AssignmentRefused(
                f"{case.name}: an argument of more than {MAX_ARGUMENT_BYTES} bytes; use the input mode stdin"
            )
    return CaseInput(tuple(arguments))


def check_expected(assignment: Assignment, case: TestCase) -> None:
    """
    See that a case's expected output means something to the assignment's comparison.

    Raises:
        AssignmentRefused: it does not.
    """
    if assignment.checker is None and assignment.comparison.kind is ComparisonKind.REGEX:
        output_bytes = assignment.limits.overridden(case.limits).output_bytes
        try:
            check_pattern(case.expected, assignment.comparison.ignore_case, output_bytes)
        except ValueError as exc:
            raise AssignmentRefused(f"{case.name}: its expected output cannot be a pattern: {exc}") from exc


def _input_of(assignment: Assignment, case: TestCase) -> CaseInput:
    check_expected(assignment, case)
    # What an interactor tells of a case is all that the program gets to know.
    return CaseInput(()) if assignment.is_interactive else case_input(assignment.input_mode, case)


@contextlib.contextmanager
def _for_students() -> Iterator[None]:
    """The admin's faults, in words for students."""
    try:
        yield
    except AssignmentRefused as exc:
        raise SubmissionRejected(
            "The assignment's test cases are faulty, so nothing can be graded. "
            "Tell your instructor, then submit again.",
            detail=f"the cases or the checker are faulty: `submitter check` says how\n{exc}",
        ) from exc
