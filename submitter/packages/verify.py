"""
A package's solutions against what its jury says of them, by the engine that grades.

How it works: solutions that have to pass everything run first, with the stated
time limit, or, where the jury's solutions decide it, with a generous one. That
gives the limit for the others. `run` is the engine: it takes an assignment and
programs, and gives a report for each, in order.
"""

import dataclasses
import math
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from submitter.errors import AssignmentRefused
from submitter.model import MIB, Assignment, AssignmentRef, Verdict
from submitter.outcomes import CaseResult, GradeReport
from submitter.packages.assigned import assignment_of, fit_of, names_of
from submitter.packages.expected import matches
from submitter.packages.languages import why_not_run
from submitter.packages.problem import Expectation, Problem, Solution

LEAST_MEMORY = 8 * MIB
MOST_WORDS = 100  # characters of a crashed program's last line
GENEROUS_S = 60.0  # of processor time, for a solution that has to pass before any limit is known

Run = Callable[[Assignment, Sequence[Solution]], Iterable[GradeReport | str]]
"""Grades solutions; gives each one's report, or why there is none, in order."""


class State(StrEnum):
    """What came of a solution."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_VERIFIED = "not verified"


@dataclass(frozen=True, slots=True)
class Verified:
    """A solution, what came of it, and why, unless it agrees."""

    solution: Solution
    state: State
    note: str = ""
    verdicts: tuple[Verdict, ...] = ()

    def document(self) -> dict[str, Any]:
        """The line that `submitter cases verify --json` prints of it."""
        return {
            "solution": self.solution.path,
            "language": self.solution.language,
            "expected": expected_text(self.solution),
            "said_by": self.solution.said_by,
            "verdicts": [verdict.long_name for verdict in self.verdicts],
            "state": str(self.state).replace(" ", "_"),
            "note": self.note,
        }


def verify(problem: Problem, run: Run, available: Container[str], *, time_factor: float = 1.0) -> list[Verified]:
    """
    Every solution of a package, in its order.

    Args:
        available: the languages that can be run here.
        time_factor: multiplies the limits that the package states, for a slower machine than the jury's.

    Raises:
        SandboxUnavailable: programs cannot be run here (any more).
    """
    found: dict[str, Verified] = {}
    try:
        assignment = assignment_of(problem, AssignmentRef("local", "local", "package"), GENEROUS_S)
    except AssignmentRefused as exc:
        why = "; ".join(problem.cannot_judge) or str(exc)
        return [Verified(one, State.NOT_VERIFIED, why) for one in problem.solutions]
    if assignment.checker is not None and assignment.checker.language not in available:
        why = f"no tool chain for the validator of its outputs, which is in {assignment.checker.language}, here"
        return [Verified(one, State.NOT_VERIFIED, why) for one in problem.solutions]
    runnable = []
    for solution in problem.solutions:
        reason = why_not_run(solution, available)
        if reason is None and not solution.expectations:
            reason = f"{solution.said_by} says nothing that can be held against a verdict"
        if reason is None and (solution.memory_limit_bytes or LEAST_MEMORY) < LEAST_MEMORY:
            reason = f"its memory limit is less than the {LEAST_MEMORY // MIB} MiB that an interpreter needs"
        if reason:
            found[solution.path] = Verified(solution, State.NOT_VERIFIED, reason)
        else:
            runnable.append(solution)
    judge = _Judge(problem, assignment, run, time_factor)
    first = [one for one in runnable if one.is_reference]
    found |= {one.solution.path: one for one in judge.verify(first, problem.time_limit_s or GENEROUS_S)}
    limit_s = problem.time_limit_s or derived_limit_s(problem, judge.slowest_s)
    rest = [one for one in runnable if not one.is_reference]
    if limit_s is None:
        text = "no accepted solution could be run, and they decide the time limit"
        found |= {one.path: Verified(one, State.NOT_VERIFIED, text) for one in rest if not one.time_limit_s}
        rest = [one for one in rest if one.time_limit_s]
    found |= {one.solution.path: one for one in judge.verify(rest, limit_s or GENEROUS_S)}
    return [found[solution.path] for solution in problem.solutions]


def derived_limit_s(problem: Problem, slowest_s: float | None) -> float | None:
    """The time limit where the slowest solution that has to pass decides it: whole seconds, at least one."""
    return None if slowest_s is None else max(1.0, math.ceil(slowest_s * problem.time_multiplier))


class _Judge:
    """Runs solutions and holds them against what is expected."""

    def __init__(self, problem: Problem, assignment: Assignment, run: Run, time_factor: float) -> None:
        self._problem, self._assignment, self._run, self._time_factor = problem, assignment, run, time_factor
        self._fit = fit_of(problem.output, problem.cases)
        self._names = names_of(problem)
        self.slowest_s: float | None = None  # of the solutions that passed everything, on any case

    def verify(self, solutions: Sequence[Solution], time_limit_s: float) -> Iterable[Verified]:
        alike: dict[tuple[str, float, int], list[Solution]] = {}
        for solution in solutions:
            memory = solution.memory_limit_bytes or self._assignment.limits.memory_bytes
            alike.setdefault((solution.language, solution.time_limit_s or time_limit_s, memory), []).append(solution)
        for (language, limit_s, memory_bytes), same in alike.items():
            limit_s *= self._time_factor
            limits = dataclasses.replace(
                self._assignment.limits,
                cpu_time_s=limit_s,
                wall_time_s=max(self._assignment.limits.wall_time_s, 3 * limit_s),
                memory_bytes=memory_bytes,
            )
            assignment = dataclasses.replace(self._assignment, language=language, limits=limits)
            for solution, outcome in zip(same, self._run(assignment, same), strict=True):
                verified = self._verified(solution, outcome)
                if verified.state is State.DIFFERS and not (solution.time_limit_s or self._problem.time_limit_s):
                    note = f"{verified.note}; the time limit is ours, {limit_s:g} s"
                    verified = dataclasses.replace(verified, note=note)
                yield verified

    def _verified(self, solution: Solution, outcome: GradeReport | str) -> Verified:
        if isinstance(outcome, str):
            return Verified(solution, State.NOT_VERIFIED, outcome)
        results = outcome.case_results
        verdicts = tuple(result.verdict for result in results)
        if outcome.passed_everything and solution.is_reference:
            self.slowest_s = max(self.slowest_s or 0.0, *(result.run.cpu_time_s for result in results))
        if doubt := next((text for one in results if (text := self._fit.doubt(one))), None):
            return Verified(solution, State.NOT_VERIFIED, doubt, verdicts)
        if difference := self._difference(solution, results):
            return Verified(solution, State.DIFFERS, difference, verdicts)
        return Verified(solution, State.AGREES, "", verdicts)

    def _difference(self, solution: Solution, results: Sequence[CaseResult]) -> str | None:
        named = list(zip(self._names, results, strict=True))
        return next((text for one in solution.expectations if (text := self._unmet(one, named))), None)

    def _unmet(self, expectation: Expectation, named: Sequence[tuple[str, CaseResult]]) -> str | None:
        """What of an expectation does not hold; cases that were not run say nothing."""
        if expectation.some_groups and not self._passes_some({name: result.verdict for name, result in named}):
            return "it does not pass some groups of cases and fail others"
        named = [one for one in named if one[1].verdict is not Verdict.SKIPPED]
        if expectation.cases:
            named = [one for one in named if matches(expectation.cases, one[0])]
        verdicts = [(name, _plain(result.verdict)) for name, result in named]
        said = {name: _last_words(result) for name, result in named}
        if (permitted := expectation.permitted) is not None:
            for name, verdict in verdicts:
                if verdict not in permitted:
                    return f"{name}: {verdict.long_name}{said[name]}, where only {_listed(permitted)} is permitted"
        required = expectation.required
        if required is not None and named and not any(verdict in required for _, verdict in verdicts):
            return f"no case ends in {_listed(required)}"
        if (overall := expectation.overall) is not None:
            name, verdict = next(
                ((name, verdict) for name, verdict in verdicts if verdict is not Verdict.ACCEPTED),
                ("every case", Verdict.ACCEPTED),
            )
            if verdict not in overall:
                return f"{name}: {verdict.long_name}{said.get(name, '')}, and {_listed(overall)} is expected"
        return None

    def _passes_some(self, verdicts: dict[str, Verdict]) -> bool:
        groups: dict[str, list[bool]] = {}
        for case in self._problem.cases:
            if not case.is_sample:
                passed = verdicts[case.name] is Verdict.ACCEPTED
                groups.setdefault(case.group or case.name, []).append(passed)
        return len({all(passed) for passed in groups.values()}) == 2


def _plain(verdict: Verdict) -> Verdict:
    """Too much time is too much time, whichever clock says so."""
    return Verdict.TIME_LIMIT_EXCEEDED if verdict is Verdict.WALL_TIME_LIMIT_EXCEEDED else verdict


def _last_words(result: CaseResult) -> str:
    """The last line of a crashed program's standard error, in brackets: why it crashed, more often than not."""
    lines = result.run.stderr.decode(errors="replace").split("\n") if result.verdict is Verdict.RUNTIME_ERROR else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    readable = "".join(one if one.isprintable() else "?" for one in last[:MOST_WORDS])
    return f" ({readable})" if readable else ""


def _listed(verdicts: Iterable[Verdict]) -> str:
    return " or ".join(verdict.long_name for verdict in Verdict if verdict in set(verdicts))


def expected_text(solution: Solution) -> str:
    """What is expected of a solution, in few words."""
    found = []
    for one in solution.expectations:
        if one.some_groups:
            found.append("some groups")
        elif one.cases:
            continue
        elif (wanted := one.overall or one.required or one.permitted) is not None:
            found.append("/".join(verdict.code for verdict in Verdict if verdict in wanted))
    return ", ".join(found) or ("case by case" if solution.expectations else "nothing")


def check_references(assignment: Assignment, references: Sequence[Solution], run: Run, *, times: int) -> float:
    """
    See that solutions which have to pass do so, and every time alike.

    Returns the processor time that the slowest of them took on any case, in seconds.

    Raises:
        AssignmentRefused: one does not; the text names the cases.
        SandboxUnavailable: programs cannot be run here.
    """
    verdicts: dict[tuple[str, str], set[Verdict]] = {}
    slowest_s = 0.0
    by_language: dict[str, list[Solution]] = {}
    for reference in references:
        by_language.setdefault(reference.language, []).extend([reference] * times)
    for language, repeated in by_language.items():
        outcomes = run(dataclasses.replace(assignment, language=language), repeated)
        for reference, outcome in zip(repeated, outcomes, strict=True):
            if isinstance(outcome, str):
                raise AssignmentRefused(f"the reference solution {reference.path} was refused: {outcome}")
            for result in outcome.case_results:
                if result.verdict is Verdict.SKIPPED:  # another case was not passed, and will be named
                    continue
                verdicts.setdefault((result.case.name, reference.path), set()).add(result.verdict)
                slowest_s = max(slowest_s, result.run.cpu_time_s)
    if unstable := [f"{case} ({path})" for (case, path), found in verdicts.items() if len(found) > 1]:
        raise AssignmentRefused(
            f"in {times} runs, a reference solution was not always judged alike on {_few(unstable)}; "
            "mend or leave out these cases, or allow more time"
        )
    failed = [
        f"{case} ({path}: {next(iter(found)).long_name})"
        for (case, path), found in verdicts.items()
        if found != {Verdict.ACCEPTED}
    ]
    if failed:
        raise AssignmentRefused(f"a reference solution does not pass {_few(failed)}; nothing was stored")
    return slowest_s


def _few(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
