"""
What a wrong answer lacked: the weakest relaxation that would have accepted it. All pure.

For `test` cases alone, of which the student may see everything: docs/verdicts.md
says why a hint on a hidden case would tell of its text.
"""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from itertools import zip_longest

from submitter.comparing import is_number, outputs_match, without_trailing_blanks, words
from submitter.comparison import Comparison, ComparisonKind, Hint
from submitter.runs import RunResult

ROUNDED = Decimal("0.01")  # both absolute and relative: further off is wrong rather than rounded
_PROMPT_ENDS = (b":", b"?", b">", b"=")

_SENTENCES = {
    Hint.FINAL_NEWLINE: "right but for empty lines at the end",
    Hint.TRAILING_BLANKS: "right but for blanks at the ends of lines or empty lines at the end",
    Hint.WHITE_SPACE: "right but for white space",
    Hint.CASE: "right but for upper and lower case",
    Hint.CASE_AND_WHITE_SPACE: "right but for white space and for upper and lower case",
    Hint.ORDER: "the right words in another order",
    Hint.ROUNDING: "right but for rounding, or for how numbers are written",
    Hint.STDERR: "the right answer is on standard error; print it to standard output",
    Hint.PROMPT: "the right answer, but behind a prompt or a label; print the answer alone",
}


def sentence(hint: Hint) -> str:
    """A hint in words, for the student."""
    return _SENTENCES[hint]


def hint_for(comparison: Comparison, expected: bytes, run: RunResult) -> Hint | None:
    """
    The weakest relaxation that would have accepted the output; None if none would, or if it is accepted as it is.

    Args:
        comparison: the assignment's.
        expected: the whole reference output; of `regex` the pattern.
        run: one finished run.
    """
    actual = run.stdout
    if outputs_match(comparison, expected, actual):
        return None
    for hint, weaker in relaxations(comparison):
        if _matches_relaxed(comparison, hint, weaker, expected, actual):
            return hint
    if run.stderr.strip() and outputs_match(comparison, expected, run.stderr):
        return Hint.STDERR
    if comparison.kind is not ComparisonKind.REGEX and _is_behind_prompt(expected, actual):
        return Hint.PROMPT
    return None


def relaxations(comparison: Comparison) -> Iterator[tuple[Hint, Comparison]]:
    """What a comparison could forgive besides, weakest first, each with the comparison that forgives it."""
    kind = comparison.kind
    in_order = [ComparisonKind.EXACT, ComparisonKind.TRAILING_BLANKS, ComparisonKind.WHITESPACE]
    forgiven = in_order.index(kind) if kind in in_order else len(in_order)
    if kind is ComparisonKind.EXACT:
        yield Hint.FINAL_NEWLINE, comparison
    if kind is ComparisonKind.REGEX:
        yield Hint.FINAL_NEWLINE, comparison
        yield Hint.TRAILING_BLANKS, comparison
    if forgiven < in_order.index(ComparisonKind.TRAILING_BLANKS):
        yield Hint.TRAILING_BLANKS, dataclasses.replace(comparison, kind=ComparisonKind.TRAILING_BLANKS)
    if forgiven < in_order.index(ComparisonKind.WHITESPACE):
        yield Hint.WHITE_SPACE, dataclasses.replace(comparison, kind=ComparisonKind.WHITESPACE)
    if not comparison.ignore_case:
        yield Hint.CASE, dataclasses.replace(comparison, ignore_case=True)
        if forgiven < in_order.index(ComparisonKind.WHITESPACE):
            yield Hint.CASE_AND_WHITE_SPACE, Comparison(ComparisonKind.WHITESPACE, ignore_case=True)
    if kind in (*in_order, ComparisonKind.NUMBERS):
        yield Hint.ORDER, Comparison(ComparisonKind.UNORDERED_TOKENS, comparison.ignore_case)
        yield (
            Hint.ROUNDING,
            Comparison(
                ComparisonKind.NUMBERS,
                comparison.ignore_case,
                absolute=max(comparison.absolute, ROUNDED),
                relative=max(comparison.relative, ROUNDED),
            ),
        )


def _matches_relaxed(comparison: Comparison, hint: Hint, weaker: Comparison, expected: bytes, actual: bytes) -> bool:
    if weaker.kind is ComparisonKind.REGEX:  # a pattern stays as it is
        if hint is Hint.FINAL_NEWLINE:
            actual = actual.rstrip(b"\n")
        elif hint is Hint.TRAILING_BLANKS:
            actual = without_trailing_blanks(actual)
    elif hint is Hint.FINAL_NEWLINE:
        expected, actual = expected.rstrip(b"\n"), actual.rstrip(b"\n")
    if not outputs_match(weaker, expected, actual):
        return False
    return hint is not Hint.ROUNDING or not _differ_in_whole_numbers(comparison, expected, actual)


def _differ_in_whole_numbers(comparison: Comparison, expected: bytes, actual: bytes) -> bool:
    """Whether somewhere 100 was wanted and 101 came: within a hundredth of it, and yet no matter of rounding."""
    strict = comparison if comparison.kind is ComparisonKind.NUMBERS else Comparison(ComparisonKind.NUMBERS)
    return any(
        _is_whole(one) and _is_whole(other) and not outputs_match(strict, one, other)
        for one, other in zip_longest(words(expected), words(actual), fillvalue=b"")
        if one != other
    )


def _is_whole(word: bytes) -> bool:
    return is_number(word) and word.lstrip(b"+-").isdigit()


def _is_behind_prompt(expected: bytes, actual: bytes) -> bool:
    """Whether the output ends with what was wanted, and what stands before it ends as prompts and labels do."""
    wanted, printed = expected.strip(), actual.rstrip()
    return wanted != b"" and printed.endswith(wanted) and printed.removesuffix(wanted).rstrip().endswith(_PROMPT_ENDS)
