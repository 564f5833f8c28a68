"""
Where what was printed departs from what was expected, line by line.

Bounded in every direction, since a hostile program chooses one side of it: so
many lines are compared, and of each so many characters shown.

What the assignment's comparison forgives is no difference here either, as far
as that can be told line by line; where the order is forgiven, lines or words
are counted. The verdict came from the whole outputs: this is an illustration.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from submitter.accounts import TEXT_CHARS, CaseTexts
from submitter.comparing import outputs_match
from submitter.comparison import Comparison, ComparisonKind
from submitter.reports.text import plain, with_odd_blanks

MOST_LINES = 100  # of each side are compared; the time it takes grows faster than their number
_BLANKS = " \t\r\f\v"
LINE_CHARS = 300  # of a line are shown, around the first difference
CONTEXT_LINES = 2  # equal ones, before and after a difference

Sign = Literal["=", "≈", "-", "+", "…"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """
    A line of a diff, by its sign.

    `=` is in both; `≈` was printed, and forgiven; `-` is expected only, `+` printed only; `…` says in words what was
    left out.

    It reads `before`, `changed`, `after`; `changed` is what differs within it. Harmless, but for spaces and tabs.
    """

    sign: Sign
    before: str
    changed: str = ""
    after: str = ""


def compare(texts: CaseTexts, comparison: Comparison | None = None) -> list[DiffLine]:
    """
    The diff, if there is something to compare; one final line break is nobody's difference.

    Without a comparison, or where by it nothing differs (it may be another now), everything counts. A pattern has no
    diff.
    """
    if texts.expected is None:
        return []
    kind = None if comparison is None else comparison.kind
    if kind is ComparisonKind.REGEX:
        return []
    if comparison is not None and kind in {ComparisonKind.UNORDERED_LINES, ComparisonKind.UNORDERED_TOKENS}:
        return _counted(texts, comparison)
    lines = _in_order(texts, comparison)
    if comparison is not None and not any(line.sign in "-+" for line in lines):
        lines = _in_order(texts, None)
    return lines


def _in_order(texts: CaseTexts, comparison: Comparison | None) -> list[DiffLine]:
    assert texts.expected is not None
    expected = texts.expected.removesuffix("\n").split("\n")
    printed = texts.stdout.decode(errors="backslashreplace").removesuffix("\n").split("\n")
    is_cut = _is_cut(texts)
    if comparison is not None and comparison.kind is not ComparisonKind.EXACT and not is_cut:
        expected, printed = (_without_empty_end(lines) for lines in (expected, printed))
    # What is equal at both ends needs no comparing, and makes room for what does; a cut text has no end.
    same = _common(expected, printed)
    at = max(0, same - CONTEXT_LINES)
    expected, printed = expected[at:], printed[at:]
    end = 0 if is_cut else _common(expected[same - at :][::-1], printed[same - at :][::-1])
    left_out = max(0, end - CONTEXT_LINES)
    expected, printed = expected[: len(expected) - left_out], printed[: len(printed) - left_out]

    lines = [_left_out(at)] if at else []
    is_cut = is_cut or max(len(expected), len(printed)) > MOST_LINES
    lines += _within(expected[:MOST_LINES], printed[:MOST_LINES], comparison, is_cut=is_cut)
    if is_cut:
        lines.append(DiffLine("…", "the rest is not compared here"))
    elif left_out:
        lines.append(_left_out(left_out))
    return lines


def _without_empty_end(lines: list[str]) -> list[str]:
    count = len(lines)
    while count > 1 and not lines[count - 1].strip(_BLANKS):
        count -= 1
    return lines[:count]


def _counted(texts: CaseTexts, comparison: Comparison) -> list[DiffLine]:
    """Which lines or words are missing, and which are too many; nothing if a text is cut, whose rest may have them."""
    assert texts.expected is not None
    if _is_cut(texts):
        return []
    expected, printed = texts.expected, texts.stdout.decode(errors="backslashreplace")
    of_words = comparison.kind is ComparisonKind.UNORDERED_TOKENS
    wanted, found = (_pieces(text, of_words=of_words) for text in (expected, printed))
    missing = _without(wanted, found, comparison)
    too_many = _without(found, wanted, comparison)
    if not missing and not too_many:  # the comparison is another now
        return []
    lines = [_line("-", piece) for piece in missing[:MOST_LINES]]
    lines += [_line("+", piece) for piece in too_many[:MOST_LINES]]
    if max(len(missing), len(too_many)) > MOST_LINES:
        lines.append(DiffLine("…", "and more"))
    what = "words" if of_words else "lines"
    return [*lines, DiffLine("…", f"the order of {what} does not matter; those that are in both are left out")]


def _pieces(text: str, *, of_words: bool) -> list[str]:
    return text.split() if of_words else [line.rstrip() for line in text.split("\n") if line.strip()]


def _without(pieces: list[str], others: list[str], comparison: Comparison) -> list[str]:
    """Those of the pieces that are left when each of the others has taken one away."""
    spare = Counter(_key(piece, comparison) for piece in others)
    left = []
    for piece in pieces:
        key = _key(piece, comparison)
        if spare[key]:
            spare[key] -= 1
        else:
            left.append(piece)
    return left


def _key(line: str, comparison: Comparison | None) -> str:
    """Lines with the same key are equal by the comparison; it may forgive more."""
    if comparison is None:
        return line
    if comparison.kind is not ComparisonKind.EXACT:
        line = line.rstrip(_BLANKS)
    if comparison.kind in {ComparisonKind.WHITESPACE, ComparisonKind.NUMBERS}:
        line = " ".join(line.split())
    return line.casefold() if comparison.ignore_case else line


def _is_cut(texts: CaseTexts) -> bool:
    assert texts.expected is not None
    return len(texts.expected) >= TEXT_CHARS or texts.stdout_bytes > len(texts.stdout)


def _within(
    expected: list[str], printed: list[str], comparison: Comparison | None, *, is_cut: bool
) -> Iterator[DiffLine]:
    one_side, other_side = ([_key(line, comparison) for line in lines] for lines in (expected, printed))
    steps = SequenceMatcher(None, one_side, other_side, autojunk=False).get_opcodes()
    if is_cut and len(steps) > 1 and steps[-1][0] in {"delete", "insert"}:
        steps.pop()  # its other side may well be beyond the cut
    for tag, i1, i2, j1, j2 in steps:
        if tag == "equal":
            pairs_here = list(zip(expected[i1:i2], printed[j1:j2], strict=True))
            yield from _equal(pairs_here, is_first=i1 == 0, is_last=i2 == len(expected))
            continue
        pairs = min(i2 - i1, j2 - j1)
        for one, other in zip(expected[i1 : i1 + pairs], printed[j1 : j1 + pairs], strict=True):
            if comparison is not None and outputs_match(
                comparison, *(line.encode(errors="surrogatepass") for line in (one, other))
            ):
                yield _line("≈", other)
            else:
                yield from _pair(one, other)
        yield from (_line("-", line) for line in expected[i1 + pairs : i2])
        yield from (_line("+", line) for line in printed[j1 + pairs : j2])


def _equal(lines: list[tuple[str, str]], *, is_first: bool, is_last: bool) -> Iterator[DiffLine]:
    """Equal lines, without those that no difference is near."""
    head = 0 if is_first else CONTEXT_LINES
    tail = 0 if is_last else CONTEXT_LINES
    if len(lines) <= head + tail + 1:
        head, tail = len(lines), 0
    yield from (_same(*line) for line in lines[:head])
    if left_out := len(lines) - head - tail:
        yield _left_out(left_out)
    yield from (_same(*line) for line in lines[len(lines) - tail :])


def _same(expected: str, printed: str) -> DiffLine:
    return _line("=" if expected == printed else "≈", printed)


def _pair(expected: str, printed: str) -> Iterator[DiffLine]:
    """Two lines that differ, and within them where."""
    start = _common(expected, printed)
    end = _common(expected[start:][::-1], printed[start:][::-1])
    yield _line("-", expected, start, len(expected) - end)
    yield _line("+", printed, start, len(printed) - end)


def _line(sign: Sign, line: str, start: int | None = None, end: int = 0) -> DiffLine:
    """A line of which what lies from `start` to `end` differs; without `start` it is whole."""
    if start is None:
        return DiffLine(sign, _shown(line[:LINE_CHARS]) + ("…" if len(line) > LINE_CHARS else ""))
    first = max(0, start - LINE_CHARS // 4)
    last = first + LINE_CHARS
    return DiffLine(
        sign,
        ("…" if first else "") + _shown(line[first:start]),
        _shown(line[start : min(end, last)]),
        _shown(line[end:last]) + ("…" if last < len(line) else ""),
    )


def _shown(text: str) -> str:
    return with_odd_blanks(plain(text, LINE_CHARS))


def _common(one: list[str] | str, other: list[str] | str) -> int:
    """How many items they have in common from the start."""
    return next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _left_out(count: int) -> DiffLine:
    return DiffLine("…", f"{count} equal line{'s' if count != 1 else ''}")
