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
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

from submitter.asking import ask_checker
from submitter.checkers import check_checker, interacting_job
from submitter.comparing import check_pattern
from submitter.comparison import ComparisonKind
from submitter.errors import AssignmentRefused, SandboxUnavailable, SubmissionRejected
from submitter.judging import NOT_RUN, Judging
from submitter.languages import languages
from submitter.model import Assignment, Ending, InputMode, Limits, Step, TestCase, Verdict
from submitter.outcomes import GradeReport
from submitter.points import NO_OVERRIDES
from submitter.ports import Sandbox
from submitter.results import case_inputs_file, case_outputs_file, encode_out
from submitter.runs import CaseInput, Exchange, Job, Phases, RunResult
from submitter.scoring import check_groups
from submitter.supplies import archive_ending
from submitter.test_sets import Ingredients, Recipe, program_digest
from submitter.verdict import summarize
from submitter.workdir import work_directory

_RENAME = "set another with `submitter assignment files --main-file` or submitter.set_main_file(…)"

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
        check_program(assignment, program)
        if not assignment.cases:
            raise SubmissionRejected("The assignment has no test cases yet. Tell your instructor, then submit again.")
        job = job_of(assignment, program, name)
        with work_directory(self._work_dir, name) as directory:
            directory.write(f"{name}{archive_ending(program)}" if job.is_archive else job.file_name, program)
            directory.write("test.in", case_inputs_file(assignment.cases))
            report = run_and_judge(self._sandbox, assignment, job, go_on=go_on)
            # No executor sees this directory; and yet, no expected output is written while the program may still run.
            directory.write("test.out", case_outputs_file(assignment.cases))
            directory.write(f"{name}.out", encode_out(report))
        return report


def job_of(assignment: Assignment, program: bytes, name: str) -> Job:
    """
    A program, called `name`, and all inputs of an assignment, in order, with the limits of cases without their own.

    Raises:
        SubmissionRejected: the assignment's cases are faulty.
    """
    language, supplies = languages()[assignment.language], assignment.supplies
    with _for_students():
        check_groups(assignment.cases, assignment.groups)
        check_main_file(assignment)
        if assignment.checker is not None:
            check_checker(assignment.checker)
    with _for_students(may_quote_cases=True):
        return Job(
            program=program,
            file_name=supplies.main_file or language.file_name or name + language.extension,
            language=assignment.language,
            limits=language.limits(assignment.limits),
            inputs=tuple(_input_of(assignment, case) for case in assignment.cases),
            is_archive=archive_ending(program) is not None,
            files=supplies.archive,
            preload=supplies.preload,
            streamed=assignment.is_interactive,
        )


def run_and_judge(
    sandbox: Sandbox,
    assignment: Assignment,
    job: Job,
    kept: Mapping[int, RunResult] | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> GradeReport:
    """
    Run a program against the cases that are to be run, and judge each of them.

    An executor holds all cases of a job to the same limits. So neighbours with
    the same limits are a job, and where limits change, another begins.

    Args:
        job: from `job_of`.
        kept: runs, by the index of their case, which need not be made.
        go_on: as for `Grader.grade`.

    Raises:
        SandboxUnavailable: our fault; nothing can be said of the program.
    """
    there = kept or {}
    environment = sandbox.environment
    recipe = None
    # What a checker says is not kept, and hangs on more than the program's run.
    if environment is not None and assignment.checker is None:
        ingredients = Ingredients(assignment, languages()[assignment.language])
        recipe = Recipe(program_digest(job.program), environment, ingredients)
    judging = Judging(assignment, recipe)
    clock = _PhaseClock()

    def is_wanted(indices: list[int], number: int) -> bool | None:
        return False if indices[number] in there else judging.is_wanted(indices[number])

    for limits, neighbours in itertools.groupby(judging.order, judging.limits_of):
        indices = list(neighbours)
        part = dataclasses.replace(
            job,
            limits=limits,
            inputs=tuple(job.inputs[index] for index in indices),
            is_wanted=functools.partial(is_wanted, indices),
        )
        # That a program does not compile, no second job need find out.
        cases = [assignment.cases[index] for index in indices]
        runs = _runs(sandbox, assignment, part, cases) if judging.broken is None else _repeated(judging.broken, part)
        with contextlib.closing(runs):
            for index, ran in zip(indices, runs, strict=True):
                run = ran if isinstance(ran, RunResult) else ran.run
                clock.answered(run)
                if run.ending is Ending.NOT_RUN and index in there:
                    ran = there[index] if judging.is_wanted(index) else NOT_RUN
                judging.take(index, ran)
                clock.judged()
                go_on()
    clock.ended()
    results = judging.results()
    if any(result.verdict is Verdict.INTERNAL_ERROR for result in results):
        raise SandboxUnavailable("the executor could not run every case")
    if assignment.checker is not None and not assignment.is_interactive:
        results = ask_checker(sandbox, assignment, results, go_on)
    report = summarize(results, assignment.groups)
    return dataclasses.replace(report, environment=environment, phases=clock.phases())


def _runs(
    sandbox: Sandbox, assignment: Assignment, job: Job, cases: Sequence[TestCase]
) -> Generator[RunResult | Exchange, None, None]:
    """Of the job's inputs, which are those of these cases."""
    if assignment.checker is not None and assignment.checker.interactive:
        yield from sandbox.converse(job, interacting_job(assignment.checker, cases, job.limits))
    else:
        yield from sandbox.run(job)


def _repeated(run: RunResult, job: Job) -> Generator[RunResult | Exchange, None, None]:
    yield from [run] * len(job.inputs)


class _PhaseClock:
    """Tells the phases of one run apart, from its beginning on."""

    def __init__(self) -> None:
        self._began_s = self._answered_s = time.monotonic()
        self._wait_s: float | None = None
        self._run_s = self._judge_s = 0.0

    def answered(self, run: RunResult) -> None:
        """A case's answer came. All of the time before the first, but for what it took itself, was waiting."""
        self._answered_s = time.monotonic()
        if self._wait_s is None:
            self._wait_s = max(0.0, self._answered_s - self._began_s - run.wall_time_s)

    def judged(self) -> None:
        self._judge_s += time.monotonic() - self._answered_s

    def ended(self) -> None:
        self._run_s = time.monotonic() - self._began_s - (self._wait_s or 0.0) - self._judge_s

    def phases(self) -> Phases:
        return Phases(wait_s=self._wait_s, run_s=max(0.0, self._run_s), judge_s=self._judge_s)


def check_program(assignment: Assignment, program: bytes) -> None:
    """As `check_source`: what an assignment takes, one file or an archive."""
    takes_archives = assignment.supplies.main_file is not None
    is_archive = takes_archives and archive_ending(program) is not None
    check_source(program, assignment.limits, is_archive=is_archive)


def check_source(program: bytes, limits: Limits, *, is_archive: bool = False) -> None:
    """
    What no interpreter need look at.

    `is_archive`: it may be one, and is, by its first bytes; more of it is not looked at here.

    Raises:
        SubmissionRejected: the program is empty, too large or not text.
    """
    if not program.strip():
        raise SubmissionRejected("Your program is empty. Check the file and submit again.")
    if len(program) > limits.source_bytes:
        raise SubmissionRejected(
            f"Your program has {len(program)} bytes; the assignment allows {limits.source_bytes}. Is it the right file?"
        )
    if is_archive:
        return
    if archive_ending(program) is not None:
        raise SubmissionRejected(
            "You handed in an archive, and this assignment takes one file: the program itself. Submit that."
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
    check_language(assignment)
    check_main_file(assignment)
    check_groups(assignment.cases, assignment.groups)
    if assignment.checker is not None:
        check_checker(assignment.checker)
    for case in assignment.cases:
        _check_step(assignment, case)
        case_input(assignment.input_mode, case)
        check_expected(assignment, case)


def check_language(assignment: Assignment) -> None:
    """
    See that an assignment's language is one of those that there are.

    Raises:
        AssignmentRefused: it is not.
    """
    if assignment.language not in languages():
        raise AssignmentRefused(
            f"{assignment.ref}: no language {assignment.language}; there is {', '.join(languages())}: "
            "set one with submitter.add_assignment(…, language => '…') or `submitter cases import --language`"
        )


def check_main_file(assignment: Assignment) -> None:
    """
    See that what programs are called is a name that their language can have, and that archives can be judged.

    What tools that prove programs must not find in one, they look for in the program's own file.

    Raises:
        AssignmentRefused: it is not.
    """
    main_file, language = assignment.supplies.main_file, languages().get(assignment.language)
    if main_file is None or language is None:
        return
    if any(case.step is Step.PROVE for case in assignment.cases):
        raise AssignmentRefused(
            f"{assignment.ref} has cases that prove programs, which are of one file: it can have no main file"
        )
    if language.file_name is not None and main_file != language.file_name:
        raise AssignmentRefused(
            f"{assignment.ref}: a program in {language.name} is called {language.file_name}, not {main_file}; {_RENAME}"
        )
    if not main_file.endswith(language.extension):
        raise AssignmentRefused(
            f"{assignment.ref}: a program in {language.name} ends with {language.extension}, which {main_file} "
            f"does not; {_RENAME}"
        )


def _check_step(assignment: Assignment, case: TestCase) -> None:
    """
    See that programs in the assignment's language can take the case's step.

    Raises:
        AssignmentRefused: they cannot.
    """
    if case.step is Step.PROVE:
        if assignment.is_interactive:
            raise AssignmentRefused(
                f"{case.name}: where an interactor judges, no case proves; take one of the two away"
            )
        if languages()[assignment.language].proof is None:
            able = ", ".join(one.name for one in languages().values() if one.proof is not None)
            raise AssignmentRefused(
                f"{case.name}: no tool proves {assignment.language} programs; there are some for {able}"
            )
        if case.input or case.expected:
            raise AssignmentRefused(f"{case.name}: a case that proves has no input and no expected output")
        if case.limits != NO_OVERRIDES:
            raise AssignmentRefused(f"{case.name}: a case that proves has its tool's limits, and none of its own")


def case_input(mode: InputMode, case: TestCase) -> CaseInput:
    """
    How a case's input reaches the program.

    Raises:
        AssignmentRefused: it cannot, in this mode.
    """
    if case.step is Step.PROVE:
        return CaseInput((), step=Step.PROVE)
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
    _check_step(assignment, case)
    check_expected(assignment, case)
    # What an interactor tells of a case is all that the program gets to know.
    return CaseInput(()) if assignment.is_interactive else case_input(assignment.input_mode, case)


@contextlib.contextmanager
def _for_students(*, may_quote_cases: bool = False) -> Iterator[None]:
    """The admin's faults, in words for students; of what may quote cases, the log is told only where to look."""
    try:
        yield
    except AssignmentRefused as exc:
        raise SubmissionRejected(
            "The assignment's test cases are faulty, so nothing can be graded. "
            "Tell your instructor, then submit again.",
            detail=f"a case is faulty: `submitter check` says which\n{exc}" if may_quote_cases else str(exc),
        ) from exc
