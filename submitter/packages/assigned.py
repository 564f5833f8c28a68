"""
Between packages and assignments: what of a problem an assignment here can say, and how well. All pure.
"""

import math
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
    CaseResult,
    Comparison,
    InputMode,
    Limits,
    Step,
    TestCase,
    Verdict,
)
from submitter.packages.problem import Case, OutputRule, Problem, Rule, Source

DEFAULT_OUTPUT_BYTES = 8 * MIB  # what ICPC packages allow where they say nothing

_NAMES = {
    Rule.TOKENS: "whitespace",
    Rule.LINES: "whitespace",
    Rule.TRAILING_BLANKS: "trailing_blanks",
    Rule.EXACT: "exact",
    Rule.UNORDERED_LINES: "unordered_lines",
    Rule.UNORDERED_TOKENS: "unordered_tokens",
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
    A problem as an assignment: samples are `test` cases, all others `grade` cases.

    Raises:
        AssignmentRefused: no verdict of it could be trusted; the text says why.
    """
    if problem.cannot_judge:
        raise AssignmentRefused(f"{problem.name} cannot be judged here: {'; '.join(problem.cannot_judge)}")
    counts = dict.fromkeys(CaseKind, 0)
    cases = []
    for case in sorted(problem.cases, key=lambda case: not case.is_sample):
        kind = CaseKind.TEST if case.is_sample else CaseKind.GRADE
        counts[kind] += 1
        texts = []
        for what, data in (("input", case.input), ("answer", case.answer)):
            try:
                texts.append(data.decode())
            except UnicodeDecodeError as exc:
                raise AssignmentRefused(f"the {what} of the case {case.name} is not UTF-8") from exc
            if "\0" in texts[-1]:
                raise AssignmentRefused(f"the {what} of the case {case.name} holds a NUL character")
        cases.append(TestCase(kind, counts[kind], texts[0], texts[1], _points(problem, case)))
    assignment = Assignment(
        ref=ref,
        cases=tuple(cases),
        input_mode=InputMode.STDIN,
        comparison=fit_of(problem.output, problem.cases).comparison,
        checker=problem.validator,
        limits=limits_of(problem, time_limit_s),
    )
    if assignment.cases_bytes > MAX_CASES_BYTES:
        raise AssignmentRefused(f"the cases of {problem.name} have more than {MAX_CASES_BYTES >> 20} MiB together")
    return assignment


def _points(problem: Problem, case: Case) -> float:
    """A case's own points; its part of its group's, where the group alone has some; a point where nobody has any."""
    if case.points is not None:
        return case.points
    group = next((one for one in problem.groups if one.name == case.group), None)
    if group is None or group.points is None:
        return 0.0 if problem.groups else 1.0
    return group.points / sum(other.group == case.group for other in problem.cases)


def names_of(problem: Problem) -> list[str]:
    """The names of a problem's cases, in the order of its assignment's."""
    return [case.name for case in sorted(problem.cases, key=lambda case: not case.is_sample)]


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
                points=case.points,
            )
            for case in assignment.cases
        ),
        output=OutputRule() if assignment.checker else _rule_of(assignment),
        checker=() if assignment.is_interactive else _validator_of(assignment, format),
        interactor=_validator_of(assignment, format) if assignment.is_interactive else (),
        validator=assignment.checker,
        time_limit_s=assignment.limits.cpu_time_s,
        memory_limit_bytes=math.ceil(assignment.limits.memory_bytes / MIB) * MIB,
    )


def _validator_of(assignment: Assignment, format: str) -> tuple[Source, ...]:
    """Its checker, as a file of an ICPC package; formats of others have other conventions, and refuse it."""
    checker = assignment.checker
    if checker is None:
        return ()
    folder = "output_validator" if format.startswith("icpc-") else "output_validators"
    return (Source(f"{folder}/checker{languages()[checker.language].extension}", checker.program.encode()),)


def _rule_of(assignment: Assignment) -> OutputRule:
    comparison = assignment.comparison
    kinds = {ComparisonKind(name): rule for rule, name in _NAMES.items() if rule is not Rule.LINES}
    rule = Rule.TOKENS if comparison.kind is ComparisonKind.NUMBERS else kinds.get(comparison.kind)
    if rule is None:
        raise AssignmentRefused(f"{assignment.ref} compares by {comparison.kind}, which packages cannot say")
    return OutputRule(
        rule=rule,
        ignore_case=comparison.ignore_case,
        absolute=float(comparison.absolute) or None,
        relative=float(comparison.relative) or None,
    )
