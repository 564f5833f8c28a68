"""
Where what was printed departs from what was expected, line by line.

Bounded in every direction, since a hostile program chooses one side of it: so
many lines are compared, and of each so many characters shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from submitter.accounts import TEXT_CHARS, CaseTexts
from submitter.reports.text import plain, with_odd_blanks

MOST_LINES = 100  # of each side are compared; the time it takes grows faster than their number
LINE_CHARS = 300  # of a line are shown, around the first difference
CONTEXT_LINES = 2  # equal ones, before and after a difference

Sign = Literal["=", "-", "+", "…"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """
    A line of a diff: `=` is in both, `-` expected only, `+` printed only, `…` says in words what was left out.

    It reads `before`, `changed`, `after`; `changed` is what differs within it. Harmless, but for spaces and tabs.
    """

    sign: Sign
    before: str
    changed: str = ""
    after: str = ""


def compare(texts: CaseTexts) -> list[DiffLine]:
    """The diff, if there is something to compare; one final line break is nobody's difference."""
    if texts.expected is None:
        return []
    expected = texts.expected.removesuffix("\n").split("\n")
    printed = texts.stdout.decode(errors="backslashreplace").removesuffix("\n").split("\n")
    is_cut = len(texts.expected) >= TEXT_CHARS or texts.stdout_bytes > len(texts.stdout)
    # What is equal at both ends needs no comparing, and makes room for what does; a cut text has no end.
    same = _common(expected, printed)
    at = max(0, same - CONTEXT_LINES)
    expected, printed = expected[at:], printed[at:]
    end = 0 if is_cut else _common(expected[same - at :][::-1], printed[same - at :][::-1])
    left_out = max(0, end - CONTEXT_LINES)
    expected, printed = expected[: len(expected) - left_out], printed[: len(printed) - left_out]

    lines = [_left_out(at)] if at else []
    is_cut = is_cut or max(len(expected), len(printed)) > MOST_LINES
    lines += _within(expected[:MOST_LINES], printed[:MOST_LINES], is_cut=is_cut)
    if is_cut:
        lines.append(DiffLine("…", "the rest is not compared here"))
    elif left_out:
        lines.append(_left_out(left_out))
    return lines


def _within(expected: list[str], printed: list[str], *, is_cut: bool) -> Iterator[DiffLine]:
    steps = SequenceMatcher(None, expected, printed, autojunk=False).get_opcodes()
    if is_cut and len(steps) > 1 and steps[-1][0] in {"delete", "insert"}:
        steps.pop()  # its other side may well be beyond the cut
    for tag, i1, i2, j1, j2 in steps:
        if tag == "equal":
            yield from _equal(expected[i1:i2], is_first=i1 == 0, is_last=i2 == len(expected))
            continue
        pairs = min(i2 - i1, j2 - j1)
        for one, other in zip(expected[i1 : i1 + pairs], printed[j1 : j1 + pairs], strict=True):
            yield from _pair(one, other)
        yield from (_line("-", line) for line in expected[i1 + pairs : i2])
        yield from (_line("+", line) for line in printed[j1 + pairs : j2])


def _equal(lines: list[str], *, is_first: bool, is_last: bool) -> Iterator[DiffLine]:
    """Equal lines, without those that no difference is near."""
    head = 0 if is_first else CONTEXT_LINES
    tail = 0 if is_last else CONTEXT_LINES
    if len(lines) <= head + tail + 1:
        head, tail = len(lines), 0
    yield from (_line("=", line) for line in lines[:head])
    if left_out := len(lines) - head - tail:
        yield _left_out(left_out)
    yield from (_line("=", line) for line in lines[len(lines) - tail :])


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
