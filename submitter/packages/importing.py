"""What `cases import` takes in: a grading folder or a problem package, as cases, settings and reference solutions."""

import dataclasses
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from submitter.errors import AssignmentRefused
from submitter.folders import Reader, read_checker, read_grading
from submitter.model import Assignment, AssignmentRef, Comparison, Limits, Step
from submitter.packages.assigned import assignment_of, fit_of, samples_of
from submitter.packages.formats import read_package
from submitter.packages.languages import language_of, why_not_run
from submitter.packages.problem import ALL_ACCEPTED, Case, Problem, Solution, Source, duplicates
from submitter.packages.verify import GENEROUS_S, Run, check_references, derived_limit_s

RUNS = 3  # of each reference solution, so that what is not always judged alike is noticed


@dataclass(frozen=True, slots=True)
class Imported:
    """
    Cases, what comes with them, and what the admin should know.

    `problem` is the package, None for a grading folder, which has cases alone.
    """

    cases: Assignment
    problem: Problem | None
    notes: tuple[str, ...]

    @property
    def format(self) -> str:
        return self.problem.format if self.problem else "folder"

    def over(self, known: Assignment) -> Assignment:
        """The assignment with these cases, and with a package's settings; otherwise it stays as it was."""
        if self.problem is None:
            checker = self.cases.checker or known.checker
            return dataclasses.replace(known, cases=self.cases.cases, groups=self.cases.groups, checker=checker)
        limits = self.cases.limits
        if self.problem.time_limit_s is None:
            limits = dataclasses.replace(
                limits, cpu_time_s=known.limits.cpu_time_s, wall_time_s=known.limits.wall_time_s
            )
        return dataclasses.replace(
            known,
            cases=self.cases.cases,
            groups=self.cases.groups,
            input_mode=self.cases.input_mode,
            comparison=self.cases.comparison,
            checker=self.cases.checker,
            limits=limits,
        )

    def references(self, available: Container[str]) -> tuple[Solution, ...]:
        """The package's solutions that have to pass and can be run here."""
        solutions = self.problem.solutions if self.problem else ()
        return tuple(one for one in solutions if one.is_reference and why_not_run(one, available) is None)


def from_folder(read: Reader) -> Imported:
    """
    A grading folder.

    Raises:
        AssignmentRefused: what `read_grading` says.
    """
    cases, groups = read_grading(read)
    run = [case for case in cases if case.step is Step.RUN]
    named = [Case(name=case.name, input=case.input.encode(), answer=b"") for case in run]
    found = Assignment(ref=AssignmentRef("", "", ""), cases=cases, groups=groups, checker=read_checker(read))
    return Imported(found, None, _about_duplicates(named))


def from_package(path: Path, comparison: Comparison | None) -> Imported:
    """
    A problem package.

    Args:
        comparison: what the admin wants in place of the package's own.

    Raises:
        AssignmentRefused: it cannot be read, or not be judged as its jury wants.
    """
    problem = read_package(path)
    if comparison is not None:
        problem = dataclasses.replace(problem, validator=None)
    fit = fit_of(problem.output, problem.cases)
    if fit.refuses and comparison is None:
        raise AssignmentRefused(f"{path.name}: {fit.refuses}; choose another --comparison if that will do")
    notes = [f"left out: {one}" for one in problem.left_out]
    if fit.joins_lines and comparison is None:
        notes.append("the package compares line by line; here, line breaks count as blanks")
    if problem.cannot_score:
        raise AssignmentRefused(
            f"{path.name}: its points cannot be given as its jury wants: {'; '.join(problem.cannot_score)}; "
            "change that in the package, or write its cases as a grading folder with points of your own"
        )
    if (hidden := sum(case.is_sample for case in problem.cases) - len(samples_of(problem))) > 0:
        notes.append(f"{hidden} samples become grade cases: their groups depend on groups with hidden cases")
    cases = assignment_of(problem, AssignmentRef("", "", ""), problem.time_limit_s or Limits().cpu_time_s)
    return Imported(cases, problem, (*notes, *_about_duplicates(problem.cases)))


def _about_duplicates(cases: list[Case] | tuple[Case, ...]) -> tuple[str, ...]:
    return tuple(f"{later} has the same input as {earlier}" for earlier, later in duplicates(cases))


def reference_of(path: Path, available: Container[str]) -> Solution:
    """
    A program of the admin's that has to pass.

    Raises:
        AssignmentRefused: it cannot be read or run.
    """
    try:
        source = Source(path.name, path.read_bytes())
    except OSError as exc:
        raise AssignmentRefused(f"cannot read the reference solution {path}: {exc.strerror}") from exc
    solution = Solution(
        path=path.name,
        files=(source,),
        language=language_of(path.name, source.data),
        expectations=(ALL_ACCEPTED,),
        said_by="--reference",
    )
    if reason := why_not_run(solution, available):
        raise AssignmentRefused(f"the reference solution {path} cannot be run: {reason}")
    return solution


def verified(
    assignment: Assignment, imported: Imported, references: tuple[Solution, ...], run: Run, *, sets_limit: bool
) -> Assignment:
    """
    The assignment, after its reference solutions have passed it; with the time limit that they decide, if they do.

    Args:
        sets_limit: whether no option has set the time limit already.

    Raises:
        AssignmentRefused: a reference solution does not pass, or a case is not stable.
        SandboxUnavailable: programs cannot be run here.
    """
    problem = imported.problem
    if problem is None or problem.time_limit_s is not None or not sets_limit:
        check_references(assignment, references, run, times=RUNS)
        return assignment
    slowest_s = check_references(_with_limit(assignment, GENEROUS_S), references, run, times=RUNS)
    return _with_limit(assignment, derived_limit_s(problem, slowest_s) or GENEROUS_S)


def _with_limit(assignment: Assignment, time_limit_s: float) -> Assignment:
    defaults = Limits()
    wall_time_s = max(assignment.limits.wall_time_s, time_limit_s * defaults.wall_time_s / defaults.cpu_time_s)
    limits = dataclasses.replace(assignment.limits, cpu_time_s=time_limit_s, wall_time_s=wall_time_s)
    return dataclasses.replace(assignment, limits=limits)
