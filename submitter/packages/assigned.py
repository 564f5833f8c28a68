"""
Between packages and assignments: what of a problem an assignment here can say, and how well. All pure.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

from submitter.comparison import ComparisonKind
from submitter.errors import AssignmentRefused
from submitter.languages import languages
from submitter.model import (
    MAX_CASES_BYTES,
    MIB,
    Assignment,
    AssignmentRef,
    CaseKind,
    Comparison,
    InputMode,
    Limits,
    Step,
    TestCase,
    Verdict,
)
from submitter.outcomes import CaseResult
from submitter.packages.problem import Case, OutputRule, Problem, Rule, Source
from submitter.points import CaseRole, Group, GroupRule
from submitter.scoring import check_groups, dependencies_first

DEFAULT_OUTPUT_BYTES = 8 * MIB  # what ICPC packages allow where they say nothing

_NAMES = {
    Rule.TOKENS: "whitespace",
    Rule.LINES: "whitespace",
    Rule.TRAILING_BLANKS: "trailing_blanks",
    Rule.EXACT: "exact",
    Rule.UNORDERED_LINES: "unordered_lines",
    Rule.UNORDERED_TOKENS: "unordered_tokens",
    Rule.CHARACTERS: "whitespace ignore_case",
}


@dataclass(frozen=True, slots=True)
class Fit:
    """
    The comparison that comes nearest to a package's rule.

    `refuses`: what it does not forgive and the package does, in words, or None.
    `joins_lines`: it takes line breaks for blanks, and the package does not.
    """

    comparison: Comparison
    refuses: str | None = None
    joins_lines: bool = False

    def doubt(self, result: CaseResult) -> str | None:
        """Why the package could judge this case otherwise, or None if it would judge it so."""
        if self.refuses and result.verdict is Verdict.WRONG_ANSWER:
            return self.refuses
        if self.joins_lines and result.verdict is Verdict.ACCEPTED:
            shapes = [[len(line.split()) for line in text.splitlines()] for text in _texts(result)]
            if [one for one in shapes[0] if one] != [one for one in shapes[1] if one]:
                return "its outputs are compared line by line, and here line breaks count as blanks"
        return None


def _texts(result: CaseResult) -> tuple[bytes, bytes]:
    return result.run.stdout, result.case.expected.encode()


def fit_of(output: OutputRule, cases: tuple[Case, ...]) -> Fit:
    """
    The comparison for a package's rule.

    Upper and lower case are no matter where no answer has a letter.
    """
    name, wanted = _NAMES[output.rule], []
    if output.rule is Rule.CHARACTERS:
        return Fit(Comparison.parse(name), "its outputs are compared as characters in any order, and here as words")
    joins_lines = output.rule is Rule.LINES
    if output.absolute is not None or output.relative is not None:
        name = "numbers"
        for key, value in (("absolute", output.absolute), ("relative", output.relative)):
            wanted += [f"{key}={value:g}"] if value is not None else []
    if output.ignore_case and any(case.answer.upper() != case.answer.lower() for case in cases):
        wanted.append("ignore_case")
    for text, refuses in (
        (" ".join([name, *wanted]), None),
        (_NAMES[output.rule], "its outputs may differ in case or within a tolerance, and here they may not"),
        ("trailing_blanks", f"its outputs are compared as {output.rule}, and here line by line in order"),
    ):
        try:
            return Fit(Comparison.parse(text), refuses, joins_lines)
        except ValueError:
            continue
    raise AssertionError("trailing_blanks is a comparison")


def limits_of(problem: Problem, time_limit_s: float) -> Limits:
    """A problem's limits as ours, with room for its largest answer."""
    largest = max((len(case.answer) for case in problem.cases), default=0)
    defaults = Limits()
    return Limits(
        cpu_time_s=time_limit_s,
        wall_time_s=max(defaults.wall_time_s, time_limit_s * defaults.wall_time_s / defaults.cpu_time_s),
        memory_bytes=problem.memory_limit_bytes or defaults.memory_bytes,
        output_bytes=max(DEFAULT_OUTPUT_BYTES, 2 * largest),
    )


def assignment_of(problem: Problem, ref: AssignmentRef, time_limit_s: float) -> Assignment:
    """
    A problem as an assignment: samples are `test` cases, all others `grade` cases; but see `samples_of`.

    Raises:
        AssignmentRefused: no verdict of it could be trusted, or its groups make no sense; the text says why.
    """
    if problem.cannot_judge:
        raise AssignmentRefused(f"{problem.name} cannot be judged here: {'; '.join(problem.cannot_judge)}")
    counts = dict.fromkeys(CaseKind, 0)
    cases = []
    samples = samples_of(problem)
    for case in sorted(problem.cases, key=lambda case: case.name not in samples):
        kind = CaseKind.TEST if case.name in samples else CaseKind.GRADE
        counts[kind] += 1
        texts = []
        for what, data in (("input", case.input), ("answer", case.answer)):
            try:
                texts.append(data.decode())
            except UnicodeDecodeError as exc:
                raise AssignmentRefused(f"the {what} of the case {case.name} is not UTF-8") from exc
            if "\0" in texts[-1]:
                raise AssignmentRefused(f"the {what} of the case {case.name} holds a NUL character")
        points = 1.0 if case.points is None else case.points
        cases.append(TestCase(kind, counts[kind], texts[0], texts[1], points, case.group or None))
    check_groups(cases, problem.groups)
    assignment = Assignment(
        ref=ref,
        cases=tuple(cases),
        groups=problem.groups,
        input_mode=InputMode.STDIN,
        comparison=fit_of(problem.output, problem.cases).comparison,
        checker=problem.validator,
        limits=limits_of(problem, time_limit_s),
    )
    if assignment.cases_bytes > MAX_CASES_BYTES:
        raise AssignmentRefused(f"the cases of {problem.name} have more than {MAX_CASES_BYTES >> 20} MiB together")
    return assignment


def samples_of(problem: Problem) -> frozenset[str]:
    """
    The names of the samples that can be `test` cases: those in no group that depends on hidden cases.

    Raises:
        AssignmentRefused: groups depend on each other in a circle, or on none.
    """
    check_groups((), problem.groups)
    depends_on_hidden: set[str] = set()
    hidden = {case.group for case in problem.cases if not case.is_sample}
    for group in dependencies_first(problem.groups):
        if (hidden | depends_on_hidden) & set(group.depends_on):
            depends_on_hidden.add(group.name)
    return frozenset(case.name for case in problem.cases if case.is_sample and case.group not in depends_on_hidden)


def names_of(problem: Problem) -> list[str]:
    """The names of a problem's cases, in the order of its assignment's."""
    samples = samples_of(problem)
    return [case.name for case in sorted(problem.cases, key=lambda case: case.name not in samples)]


def problem_of(assignment: Assignment, format: str) -> Problem:
    """
    An assignment as a problem, to be written as a package; it has no solutions.

    Raises:
        AssignmentRefused: packages cannot say how its input is given or its output compared, or what is proved.
    """
    if assignment.input_mode is not InputMode.STDIN and not assignment.is_interactive:
        raise AssignmentRefused(
            f"{assignment.ref} gives its input as {assignment.input_mode}, and programs of packages read standard input"
        )
    if proved := [case.name for case in assignment.cases if case.step is not Step.RUN]:
        raise AssignmentRefused(
            f"{assignment.ref} has programs proved ({', '.join(proved)}), which packages cannot say; export a folder"
        )
    return Problem(
        name=assignment.ref.assignment,
        format=format,
        cases=tuple(
            Case(
                name=f"{'sample' if case.kind is CaseKind.TEST else 'secret'}/{case.ordinal:03}",
                input=case.input.encode(),
                answer=case.expected.encode(),
                is_sample=case.kind is CaseKind.TEST,
                group=case.group or "",
                points=case.points if case.role is CaseRole.REGULAR else 0.0,
            )
            for case in assignment.cases
        ),
        groups=_with_cases(assignment),
        left_out=tuple(_lost(assignment, format)),
        output=OutputRule() if assignment.checker else _rule_of(assignment),
        checker=() if assignment.is_interactive else _validator_of(assignment, format),
        interactor=_validator_of(assignment, format) if assignment.is_interactive else (),
        validator=assignment.checker,
        time_limit_s=assignment.limits.cpu_time_s,
        memory_limit_bytes=math.ceil(assignment.limits.memory_bytes / MIB) * MIB,
    )


def _with_cases(assignment: Assignment) -> tuple[Group, ...]:
    """The groups that have cases; those that depend on others without any depend on what these depend on."""
    named = {case.group for case in assignment.cases}
    needs: dict[str, tuple[str, ...]] = {}
    for group in dependencies_first(assignment.groups):
        found = [(one,) if one in named else needs[one] for one in group.depends_on]
        needs[group.name] = tuple(dict.fromkeys(one for them in found for one in them))
    return tuple(
        dataclasses.replace(group, depends_on=needs[group.name]) for group in assignment.groups if group.name in named
    )


def _lost(assignment: Assignment, format: str) -> Iterator[str]:
    """What of an assignment's cases and points a format has no word for, though the package can be written."""
    cases, groups = assignment.cases, assignment.groups
    if any(case.role is not CaseRole.REGULAR for case in cases):
        yield "bonus and penalty cases count nothing there"
    if any(case.limits.given() for case in cases):
        yield "limits of single cases"
    if format == "dmoj" and any(case.kind is CaseKind.TEST for case in cases):
        yield "which cases are test cases: it has no samples, so that imported again they are all grade cases"
    if format == "dmoj" and any(case.points == 0 for case in cases):
        yield "cases that are worth nothing: if one failed there, no other would be run"
    if format.startswith("icpc") and any(case.points and case.kind is CaseKind.TEST for case in cases):
        yield "points of test cases: samples have none there"
    if format in ("polygon", "icpc-2023-07") and any(group.stops_early for group in groups):
        yield "that groups stop early"
    if format == "polygon" and any(group.rule is GroupRule.MINIMUM for group in groups):
        yield "parts of the points of groups that are worth their worst case: there, it is all or nothing"
    if format in ("dmoj", "icpc") and any(group.rule is GroupRule.ALL_OR_NOTHING for group in groups):
        yield "all or nothing: there, such groups are worth their worst case, the same where cases pass or fail"


def _validator_of(assignment: Assignment, format: str) -> tuple[Source, ...]:
    """Its checker, as a file of an ICPC package; formats of others have other conventions, and refuse it."""
    checker = assignment.checker
    if checker is None:
        return ()
    folder = "output_validator" if format.startswith("icpc-") else "output_validators"
    return (Source(f"{folder}/checker{languages()[checker.language].extension}", checker.program.encode()),)


def _rule_of(assignment: Assignment) -> OutputRule:
    comparison = assignment.comparison
    kinds = {ComparisonKind(name): rule for rule, name in _NAMES.items() if rule not in (Rule.LINES, Rule.CHARACTERS)}
    rule = Rule.TOKENS if comparison.kind is ComparisonKind.NUMBERS else kinds.get(comparison.kind)
    if rule is None:
        raise AssignmentRefused(f"{assignment.ref} compares by {comparison.kind}, which packages cannot say")
    return OutputRule(
        rule=rule,
        ignore_case=comparison.ignore_case,
        absolute=float(comparison.absolute) or None,
        relative=float(comparison.relative) or None,
    )
