"""
What a mail about a result says, and to whom it may go.

It is made of the assignment's name, the state, the points and the reason, all
of which results.json shows too; never of what a program printed, nor of cases.
"""

import hashlib
from datetime import UTC
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from submitter.errors import MailRefused
from submitter.model import Notice, is_address
from submitter.points import points_text

MOST_NAME_CHARS = 100  # of each part of an assignment's name, which may have 200 bytes
MOST_REASON_CHARS = 1000


def recipient(notice: Notice) -> str:
    """
    The address to write to.

    Raises:
        MailRefused: there is none, or none that is certain to be a single one.
    """
    if notice.email is None:
        raise MailRefused("nobody is registered with the token any more")
    if not is_address(notice.email):
        raise MailRefused("the registered address is not one plain e-mail address")
    return notice.email


def compose(notice: Notice, sender: str) -> bytes:
    """
    The whole mail, in ASCII. The same notice gives the same mail, its Message-ID included.

    `sender` is a plain address.

    Raises:
        MailRefused: as `recipient` does.
    """
    ref = notice.ref
    admin, event, assignment = (_one_line(name, MOST_NAME_CHARS) for name in (ref.admin, ref.event, ref.assignment))
    graded = notice.state == "graded"
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(addr_spec=sender)
    message["To"] = Address(addr_spec=recipient(notice))
    message["Subject"] = f"{assignment}: your submission was {'graded' if graded else 'rejected'}"
    when = notice.graded_at.astimezone(UTC)
    message["Date"] = when
    identity = hashlib.sha256(f"{notice.attempt_id} {notice.token}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that no vacation program answers
    outcome = _told_points(notice) if graded else f"Why: {_one_line(notice.reason or '', MOST_REASON_CHARS)}"
    message.set_content(
        f"Your submission for {assignment} ({event}, {admin}) was {'graded' if graded else 'rejected'}.\n"
        f"\n{outcome}\n"
        f"When: {when:%Y-%m-%d %H:%M} UTC\n"
        f"Submission: {notice.subid}\n"
        "\nThe whole result is where you handed it in.\n"
        "A program wrote this message; nobody reads what is sent back to it.\n",
        cte="quoted-printable",
    )
    return message.as_bytes()


def _told_points(notice: Notice) -> str:
    points = f"{points_text(notice.score)} of {points_text(notice.max_score)}"
    if notice.whole:
        return f"Points: {points}"
    if not notice.max_score:
        return "Points: not shown yet"
    return f"Points so far: {points}; those of other cases, if any, are not shown yet"


def _one_line(text: str, most: int) -> str:
    """
    Without control characters or line breaks, of whatever kind, and cut.

    Nor with what looks like an encoded word (RFC 2047): a header would decode it, line breaks and all.
    """
    shown = " ".join("".join(char if char.isprintable() else " " for char in text).split()).replace("=?", "= ?")
    return shown if len(shown) <= most else f"{shown[:most]}…"
