"""
Text of strangers, made harmless: what a program printed, a student's name for a file, an admin's case.

What comes out holds no character that a terminal obeys, that XML or JSON
cannot hold, or that cannot be seen and changes how its neighbours look (the
right-to-left overrides, characters without width). Such a character is written
as the escape that Python would print: a backslash and its number.
"""

import re

from submitter.accounts import CaseAccount
from submitter.model import CaseResult, Ending, RunResult, TestCase, Verdict
from submitter.results import SHOWN_TEXT_CHARS, explain

# Unicode's categories Cc (but tab and line feed), Cf, Cs, Zl and Zp, and the code points that are no characters.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "]"
)
# Blanks that look like a space and are none.
_ODD_BLANKS = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def plain(text: str | bytes, most: int = SHOWN_TEXT_CHARS, *, whole: int | None = None) -> str:
    """
    The text without harmful characters, its line breaks and tabs kept; cut after `most` characters, and then says so.

    Args:
        text: bytes are read as UTF-8, with an escape for each byte that is none.
        whole: how many bytes it had, where `text` is only their beginning.
    """
    if isinstance(text, bytes):
        size = len(text) if whole is None else whole
        start, note = text[: 4 * most + 4].decode(errors="backslashreplace"), f"… ({size} bytes in all)"
        is_cut = len(start) > most or size > 4 * most + 4
    else:
        start, note, is_cut = text[: most + 1], "…", len(text) > most
    shown = _HARMFUL.sub(lambda found: escaped(found[0]), start[:most])
    return shown + note if is_cut else shown


def one_line(text: str | bytes, most: int = SHOWN_TEXT_CHARS) -> str:
    """As `plain`, with line breaks and tabs as escapes too."""
    return plain(text, most).replace("\n", "\\n").replace("\t", "\\t")


def with_odd_blanks(text: str) -> str:
    """The text with an escape for each blank that is neither a space nor a tab, for a reader who looks for it."""
    return _ODD_BLANKS.sub(lambda found: escaped(found[0]), text)


def escaped(character: str) -> str:
    """`\\r`, `\\x1b`, `\\u202e`, `\\U000e0001`."""
    number = ord(character)
    if character == "\r":
        return "\\r"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def reason_of(case: CaseAccount) -> str:
    """Why a case ended as it did, in words, harmless; only the verdict's where nothing more is to be seen."""
    texts, use = case.texts, case.use
    if texts is None or use is None:
        return case.verdict.long_name.replace("_", " ")
    if case.verdict is Verdict.WRONG_ANSWER and texts.expected is None:
        return "not the expected output"
    run = RunResult(
        ending=Ending.EXITED,
        exit_code=use.exit_code,
        signal=use.signal,
        stdout=texts.stdout,
        stderr=texts.stderr,
        cpu_time_s=use.cpu_time_s,
        wall_time_s=use.wall_time_s,
    )
    judged = TestCase(case.kind, case.ordinal, texts.input or "", texts.expected or "", case.max_points)
    return plain(explain(CaseResult(judged, run, case.verdict, case.points)), 2 * SHOWN_TEXT_CHARS)


def points(value: float) -> str:
    """Points without needless zeros."""
    return f"{value:g}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
