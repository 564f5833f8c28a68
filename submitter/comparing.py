"""
Whether a program's output counts as the expected one, for each comparison. All pure.

A student chooses the output, up to `output_bytes` of it. So every way to
compare takes time linear in both texts, and never splits the output into
pieces that are all held at once: a list of its words would take twenty times
its size. Only the unordered ones hold the pieces of the expected output.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import MAX_EMAX, MIN_EMIN, ROUND_DOWN, ROUND_UP, Context, Decimal
from itertools import zip_longest
from typing import Any, assert_never

from submitter.comparison import Comparison, ComparisonKind

_BLANKS = b" \t\r\f\v"
_PIECE_BYTES = 64 * 1024  # of a text looked at in one go, up to the next place where it may be cut
_LINE_END = re.compile(rb"\n")
_WHITE_SPACE = re.compile(rb"[ \t\r\f\v\n]")

# In decimal digits, and ASCII ones; everything else, such as nan, inf, 0x10 or an exponent of ten digits, is a word
# like others. Possessive, since a megabyte of digits that does not match would otherwise be tried from every length.
_NUMBER = re.compile(rb"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,9}+)?")
_TOLERANCE_DIGITS = 64  # more than those of a tolerance

# Of a pattern for the longest output. RE2 takes time in proportion to both, a few nanoseconds a step for the worst
# patterns there are, so this is half a minute; any that somebody has a use for takes a thousandth of it.
MOST_STEPS = 5_000_000_000


def outputs_match(comparison: Comparison, expected: bytes, actual: bytes) -> bool:
    """
    Whether the program's output counts as the expected one.

    One final newline more or less never matters: an expected output comes from
    a line of a file, where none can be written. White space is that of ASCII.
    Outputs are compared as bytes, but for `ignore_case`, which takes them for
    UTF-8 and leaves alone what is not.

    Args:
        expected: the whole reference output; of `regex` the pattern.
        actual: what the program printed.

    Raises:
        ValueError: `expected` is no pattern (the admin's fault; see `check_pattern`).
    """
    if comparison.kind is ComparisonKind.REGEX:
        pattern = _compiled(expected.removesuffix(b"\n"), comparison.ignore_case)
        return pattern.fullmatch(actual.removesuffix(b"\n")) is not None
    if expected == actual:
        return True
    if comparison.ignore_case:
        expected, actual = _folded(expected), _folded(actual)
    match comparison.kind:
        case ComparisonKind.EXACT:
            return expected.removesuffix(b"\n") == actual.removesuffix(b"\n")
        case ComparisonKind.TRAILING_BLANKS:
            return _same(_lines(expected), _lines(actual))
        case ComparisonKind.WHITESPACE:
            return _same(words(expected), words(actual))
        case ComparisonKind.UNORDERED_LINES:
            return _same_in_some_order(filter(None, _lines(expected)), filter(None, _lines(actual)))
        case ComparisonKind.UNORDERED_TOKENS:
            return _same_in_some_order(words(expected), words(actual))
        case ComparisonKind.NUMBERS:
            return all(
                one == other or _is_close(one, other, comparison)
                for one, other in zip_longest(words(expected), words(actual))
            )
        case _:
            assert_never(comparison.kind)


def check_pattern(expected: str, ignore_case: bool, output_bytes: int) -> None:
    """
    See that an expected output is a pattern for `regex`, and not too large for outputs of that size.

    Raises:
        ValueError: it is not (the admin's fault); the text says why.
    """
    pattern = _compiled(expected.encode().removesuffix(b"\n"), ignore_case)
    if pattern.programsize * output_bytes > MOST_STEPS:
        raise ValueError(
            f"it compiles to {pattern.programsize:,} steps for each of {output_bytes:,} bytes of output; "
            f"at most {MOST_STEPS:,} in all: shorten it, or lower output_bytes"
        )


def without_trailing_blanks(text: bytes) -> bytes:
    """The text without blanks at line ends and empty lines at its end."""
    return b"\n".join(_lines(text))


def words(text: bytes) -> Iterator[bytes]:
    """The words of a text, one after the other."""
    for piece in _pieces(text, _WHITE_SPACE):
        yield from piece.split()


def is_number(word: bytes | None) -> bool:
    """Whether a word is a number to us: decimal, with an exponent of at most nine digits."""
    return word is not None and _NUMBER.fullmatch(word) is not None


def _lines(text: bytes) -> Iterator[bytes]:
    """The lines of a text without blanks at their ends, up to the last that is not empty."""
    for piece in _pieces(text.rstrip(), _LINE_END):
        for line in piece.removesuffix(b"\n").split(b"\n"):
            yield line.rstrip(_BLANKS)


def _pieces(text: bytes, place: re.Pattern[bytes]) -> Iterator[bytes]:
    """The text in pieces, cut behind a match of `place`."""
    start = 0
    while start < len(text):
        found = place.search(text, start + _PIECE_BYTES)
        end = found.end() if found else len(text)
        yield text[start:end]
        start = end


def _same(expected: Iterator[bytes], actual: Iterator[bytes]) -> bool:
    return all(one == other for one, other in zip_longest(expected, actual))


def _same_in_some_order(expected: Iterable[bytes], actual: Iterable[bytes]) -> bool:
    """Stops at the first piece too many: the expected output bounds time and memory, and not a student."""
    missing = Counter(expected)
    count = missing.total()
    for piece in actual:
        if not missing[piece]:
            return False
        missing[piece] -= 1
        count -= 1
    return count == 0


def _is_close(expected: bytes | None, actual: bytes | None, comparison: Comparison) -> bool:
    """
    Whether both words are numbers, and close enough.

    In decimal arithmetic: in floating point 9007199254740993 would equal
    9007199254740992. The precision is enough for all digits, so nothing is
    rounded, unless one number is so much smaller than the other that it lies
    beyond all digits of both; then it is rounded against the program.
    """
    if expected is None or actual is None or not (is_number(expected) and is_number(actual)):
        return False
    precision = len(expected) + len(actual) + _TOLERANCE_DIGITS
    up, down = (
        Context(prec=precision, rounding=rounding, Emin=MIN_EMIN, Emax=MAX_EMAX) for rounding in (ROUND_UP, ROUND_DOWN)
    )
    reference = Decimal(expected.decode())
    difference = up.subtract(reference, Decimal(actual.decode())).copy_abs()
    return difference <= max(comparison.absolute, down.multiply(reference.copy_abs(), comparison.relative))


def _folded(text: bytes) -> bytes:
    """The text without differences of case, by Unicode's rule, which knows each character by itself."""
    if text.isascii():
        return text.lower()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    # Piece by piece: as one str, a text can take four times its size.
    starts = range(0, len(text), _PIECE_BYTES)
    pieces = (decoder.decode(text[at : at + _PIECE_BYTES], at + _PIECE_BYTES >= len(text)) for at in starts)
    return b"".join(piece.casefold().encode(errors="surrogateescape") for piece in pieces)


def _compiled(pattern: bytes, ignore_case: bool) -> Any:
    # RE2, since it takes linear time whatever the pattern, and lets other threads run meanwhile. Imported here, since
    # few courses need it.
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.never_capture = True
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
        re2.purge()  # or a hundred patterns would be kept, with up to 8 MiB of memory each
        return compiled
    except re2.error as exc:
        problem = exc.args[0].decode(errors="replace") if isinstance(exc.args[0], bytes) else str(exc)
        raise ValueError(f"{problem} (the syntax is RE2's: no look-around and no back-references)") from exc
