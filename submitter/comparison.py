"""
How outputs are compared, as one frozen value with a text form.

The text form is what people write in SQL, after `--comparison` and in a
grading folder; it is read and printed here and nowhere else. Postgres checks
the same grammar in a constraint. What each comparison does is in comparing.py.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar


class ComparisonKind(StrEnum):
    """Which differences between output and expected output are forgiven. A final newline always is."""

    EXACT = "exact"
    TRAILING_BLANKS = "trailing_blanks"  # blanks at line ends and empty lines at the end
    WHITESPACE = "whitespace"  # any run of white space equals any other
    UNORDERED_LINES = "unordered_lines"  # the order of lines, blanks at their ends, empty lines
    UNORDERED_TOKENS = "unordered_tokens"  # the order of words, and white space
    NUMBERS = "numbers"  # white space, how numbers are written, and small differences
    REGEX = "regex"  # the expected output is a pattern for the whole output


class Hint(StrEnum):
    """What a wrong answer of a `test` case would have needed forgiven: the weakest that is enough (hints.py)."""

    FINAL_NEWLINE = "final_newline"
    TRAILING_BLANKS = "trailing_blanks"
    WHITE_SPACE = "white_space"
    CASE = "case"
    CASE_AND_WHITE_SPACE = "case_and_white_space"
    ORDER = "order"
    ROUNDING = "rounding"
    STDERR = "stderr"
    PROMPT = "prompt"


WHAT_TO_WRITE = (
    "write exact, trailing_blanks, whitespace, unordered_lines, unordered_tokens, regex, "
    "or numbers absolute=1e-6 relative=1e-6 (either or both); and ignore_case after any of them"
)
_OTHER_NAMES = {"tokens": ComparisonKind.WHITESPACE}

# Two plain forms, both short: what is printed can be read again, and no number that fits is infinite.
_PLAIN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]{1,9})?[eE][+-]?[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    A comparison with its options; `str()` and `parse` are each other's inverse.

    `absolute` and `relative` are tolerances, at least 0, and of `numbers` alone:
    a number is right if it is within either of them, `relative` being times the
    expected number.
    """

    kind: ComparisonKind
    ignore_case: bool = False
    absolute: Decimal = Decimal(0)
    relative: Decimal = Decimal(0)

    EXACT: ClassVar["Comparison"]
    TRAILING_BLANKS: ClassVar["Comparison"]
    WHITESPACE: ClassVar["Comparison"]

    def __post_init__(self) -> None:
        for name in ("absolute", "relative"):
            tolerance = getattr(self, name)
            if not (tolerance.is_finite() and tolerance >= 0):
                raise ValueError(f"the tolerance {name} must be a number of at least 0, not {tolerance}")
            if tolerance and self.kind is not ComparisonKind.NUMBERS:
                raise ValueError(f"only numbers have a tolerance, {self.kind} has none")

    @classmethod
    def parse(cls, text: str) -> "Comparison":
        """
        The comparison that is written so.

        Raises:
            ValueError: it is none (the admin's fault); the text says what to write.
        """
        words = [word for word in text.split(" ") if word]
        try:
            name, *options = words
            kind = _OTHER_NAMES.get(name) or ComparisonKind(name)
        except ValueError:
            raise ValueError(f"there is no comparison {text!r}; {WHAT_TO_WRITE}") from None
        ignore_case = False
        tolerances: dict[str, Decimal] = {}
        for option in options:
            key, _, value = option.partition("=")
            if key in tolerances or (option == "ignore_case" and ignore_case):
                raise ValueError(f"the comparison {text!r} says {key} twice; {WHAT_TO_WRITE}")
            if option == "ignore_case":
                ignore_case = True
            elif kind is ComparisonKind.NUMBERS and key in ("absolute", "relative"):
                if not (_PLAIN.fullmatch(value) or _SCIENTIFIC.fullmatch(value)):
                    raise ValueError(f"the comparison {text!r}: {value!r} is no tolerance; write 0.001 or 1e-6")
                tolerances[key] = Decimal(value)
            else:
                raise ValueError(f"the comparison {text!r}: {kind} has no option {option!r}; {WHAT_TO_WRITE}")
        return cls(kind, ignore_case, **tolerances)

    def __str__(self) -> str:
        words = [str(self.kind)]
        for name in ("absolute", "relative"):
            if tolerance := getattr(self, name):
                words.append(f"{name}={_written(tolerance)}")
        if self.ignore_case:
            words.append("ignore_case")
        return " ".join(words)


Comparison.EXACT = Comparison(ComparisonKind.EXACT)
Comparison.TRAILING_BLANKS = Comparison(ComparisonKind.TRAILING_BLANKS)
Comparison.WHITESPACE = Comparison(ComparisonKind.WHITESPACE)


def _written(tolerance: Decimal) -> str:
    """The shorter of 0.001 and 1e-3."""
    plain = f"{tolerance.normalize():f}"
    scientific = f"{tolerance.normalize():e}".replace("e+", "e")
    return plain if _PLAIN.fullmatch(plain) and len(plain) <= len(scientific) else scientific
