"""
Text of strangers, made harmless: what a program printed, a student's name for a file, an admin's case.

What comes out holds no character that a terminal obeys, that XML or JSON
cannot hold, or that cannot be seen and changes how its neighbours look (the
right-to-left overrides, characters without width). Such a character is written
as the escape that Python would print: a backslash and its number.
"""

import re

from submitter import results
from submitter.accounts import Account, CaseAccount
from submitter.model import SubmissionState, Verdict
from submitter.points import CaseRole, points_text
from submitter.policy import USUAL
from submitter.results import SHOWN_TEXT_CHARS

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
    return plain(results.reason_of(case), 2 * SHOWN_TEXT_CHARS).rstrip("\n")


def compiler_message(account: Account) -> str | None:
    """What the compiler said, harmless; None if it had nothing to complain of, or that is not to be seen."""
    told = (one for one in account.cases if one.verdict is Verdict.COMPILE_ERROR and one.texts is not None)
    return next(map(reason_of, told), None)


def facts(account: Account) -> list[str]:
    """In what language it is, how outputs are compared, and what being late cost: short, harmless, each a phrase."""
    told = [one_line(account.language)] if account.language else []
    if account.comparison is not None:
        told.append(f"outputs are compared by {account.comparison}")
    if account.late_s:
        told.append(f"{duration(account.late_s)} late, which costs {account.penalty:.0%} of the points")
    return told


def points_of(account: Account) -> str:
    """`7 of 10 points`, and that it is not all of them where it is not."""
    if not account.is_for_student or account.shown.whole:
        return f"{points_text(account.score)} of {points_text(account.max_score)} points"
    if not account.max_score:
        return "points are not shown yet"
    told = f"{points_text(account.score)} of {points_text(account.max_score)} points"
    return f"{told} so far; those of other cases, if any, are not shown yet"


def shown_to_student(account: Account) -> str | None:
    """In a sentence what its student is shown, where it is not what students usually are."""
    if account.view == USUAL or account.state is not SubmissionState.GRADED:
        return None
    told = f"shown to the student: of test cases {account.view.test}, of grade cases {account.view.grade}"
    if account.is_for_student:
        return told
    return f"{told}; in all {points_text(account.shown.score)} of {points_text(account.shown.max_score)} points"


def case_points(case: CaseAccount) -> str:
    """`1/2`; of a penalty case only what it cost; nothing where they are not to be seen."""
    if case.role is CaseRole.PENALTY and case.points is not None:
        return points_text(case.points)
    return (
        ""
        if case.points is None or case.max_points is None
        else f"{points_text(case.points)}/{points_text(case.max_points)}"
    )


def group_or_role(case: CaseAccount) -> str:
    """The group that a case belongs to, harmless; of one that is in none, whether it is a bonus or a penalty."""
    return one_line(case.group or ("" if case.role is CaseRole.REGULAR else str(case.role)))


def duration(seconds: float) -> str:
    """With the two largest units: `2 days 3 h`, `5 min 12 s`, `40 s`."""
    left = max(1, round(seconds))
    parts = []
    for unit, size in (("day", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    return " ".join(parts[:2])


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
