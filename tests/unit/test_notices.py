"""What a mail says, to whom it goes, and what becomes of it when the mail service or Postgres does not do its part."""

import email
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from structlog.testing import capture_logs

from submitter import notifier as notifier_module
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.adapters.memory_notices import FakeMailer
from submitter.errors import CasesUnavailable, MailRefused, MailUnavailable, MailUnclear
from submitter.model import (
    Assignment,
    AssignmentRef,
    CaseKind,
    Ending,
    Notice,
    NoticeState,
    SubmissionKey,
    TestCase,
    Verdict,
)
from submitter.notices import compose
from submitter.notifier import Notifier
from submitter.outcomes import AttemptStart, CaseResult, GradeReport, Outcome
from submitter.runs import RunResult

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
SUBID = "ab" * 16
ADA = "a" * 32
SENDER = "grades@example.edu"
TIMEOUT_S = 20.0


def notice(**changes: Any) -> Notice:
    return Notice(
        **{
            "attempt_id": 7,
            "token": ADA,
            "tries": 1,
            "email": "ada@example.edu",
            "ref": REF,
            "subid": SUBID,
            "state": "graded",
            "score": 17.5,
            "max_score": 20.0,
            "reason": None,
            "graded_at": datetime(2026, 8, 1, 10, 30, tzinfo=timezone(timedelta(hours=2))),
            **changes,
        }
    )


def read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(data: bytes) -> str:
    return str(read(data).get_content()).replace("\r\n", "\n")


# -- the mail -----------------------------------------------------------------------------------------------------


def test_the_mail_of_a_graded_submission() -> None:
    message = read(compose(notice(), SENDER))
    assert message["From"] == SENDER
    assert message["To"] == "ada@example.edu"
    assert message["Subject"] == "lab5_containers: your submission was graded"
    assert message["Date"].datetime == datetime(2026, 8, 1, 8, 30, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert text_of(compose(notice(), SENDER)) == (
        "Your submission for lab5_containers (aws_labs, m.soltys) was graded.\n"
        "\n"
        "Points: 17.5 of 20\n"
        "When: 2026-08-01 08:30 UTC\n"
        f"Submission: {SUBID}\n"
        "\n"
        "The whole result is where you handed it in.\n"
        "A program wrote this message; nobody reads what is sent back to it.\n"
    )


def test_the_mail_of_a_rejected_submission_says_why_and_no_points() -> None:
    text = text_of(compose(notice(state="rejected", score=0.0, max_score=0.0, reason="Your program is empty."), SENDER))
    assert "was rejected.\n\nWhy: Your program is empty.\n" in text
    assert "Points" not in text


def test_a_mail_is_ascii_with_short_lines_whatever_is_in_it() -> None:
    ref = AssignmentRef("m.soltys", "Übungen", "Größe " * 12)
    data = compose(notice(ref=ref, state="rejected", reason="naïve " * 300), SENDER)
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert read(data)["Subject"].startswith("Größe Größe")


HOSTILE = [
    "lab5\r\nBcc: victim@example.org",
    "lab5\nBcc: victim@example.org\n\nanother body",
    "lab5\r\n\r\n.\r\nMAIL FROM:<evil@example.org>",
    "lab5\u2028Bcc: victim@example.org",
    "lab5\x85Bcc: victim@example.org",
    "\x1b[2J\x00\x07lab5",
    "lab5\ud800",
    "\u202etxt.exe",
    "=?utf-8?q?lab5=0D=0ABcc=3A_victim=40example=2Eorg?=",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("where", ["admin", "event", "assignment", "reason"])
def test_no_name_and_no_reason_adds_a_header_or_a_recipient(where: str, text: str) -> None:
    parts = {"admin": "m.soltys", "event": "aws_labs", "assignment": "lab5"}
    if where == "reason":
        hostile = notice(state="rejected", reason=text)
    else:
        hostile = notice(ref=AssignmentRef(**parts | {where: text}))
    data = compose(hostile, SENDER)
    message = read(data)
    plain = read(compose(notice(), SENDER))
    assert message.keys() == plain.keys()
    assert message["To"] == "ada@example.edu"
    assert len(message.get_content().splitlines()) == len(plain.get_content().splitlines())
    assert not set(message.get_content()) & set("\x1b\x00\x07\u202e\u2028\x85")
    assert len(data) < 6000


@pytest.mark.parametrize(
    "address",
    [
        None,
        "ada,victim@example.org",  # the table lets this pass
        "<ada@example.edu>",
        "ada@example.edu>",
        '"ada"@example.edu',
        "ada;b@example.edu",
        "ada@exämple.edu",
        "ada@[127.0.0.1]",
        "@example.edu",
        "ada..b@example.edu",
        f"{'a' * 250}@example.edu",
    ],
)
def test_what_is_not_one_plain_address_is_not_written_to(address: str | None) -> None:
    with pytest.raises(MailRefused) as caught:
        compose(notice(email=address), SENDER)
    assert address is None or address not in str(caught.value)


def test_the_same_notice_is_the_same_mail_and_another_is_another() -> None:
    """Should it ever be sent twice, mail systems can tell."""
    first = read(compose(notice(), SENDER))["Message-ID"]
    assert first == read(compose(notice(tries=2), SENDER))["Message-ID"]
    assert first != read(compose(notice(attempt_id=8), SENDER))["Message-ID"]
    assert first != read(compose(notice(token="b" * 32), SENDER))["Message-ID"]
    assert ADA not in first, "whoever has a token can hand in"


# -- who sends it -------------------------------------------------------------------------------------------------


def outcome_with_secrets() -> Outcome:
    run = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"what the program printed", stderr=b"a traceback")
    cases = tuple(
        CaseResult(TestCase(kind, 1, "the hidden input", "the expected output"), run, Verdict.WRONG_ANSWER, 0.0)
        for kind in CaseKind
    )
    return Outcome(report=GradeReport(cases, 0.0, 2.0, 0.1))


class World:
    """A store with one result to tell of, and a mailer."""

    def __init__(self, *answers: Exception | None, address: str = "ada@example.edu", results: int = 1) -> None:
        self.now_s = 0.0
        self.cases = MemoryCaseStore(clock=lambda: self.now_s)
        self.cases.save_assignment(Assignment(ref=REF, cases=(), notices=True))
        self.cases.register(ADA, address)
        for number in range(results):
            start = AttemptStart(
                key=SubmissionKey(REF, SUBID),
                tokens=(ADA,),
                language="python",
                upload=f"v{number}",
                worker="w",
                receive_count=1,
            )
            with self.cases.publish_turn(self.cases.begin_attempt(start)) as turn:
                turn.record(outcome_with_secrets(), published=True)
        self.mailer = FakeMailer(*answers)
        self.notifier = Notifier(self.cases.notices, self.mailer, SENDER)

    def unsent(self) -> list[tuple[NoticeState, str | None]]:
        return [(line.state, line.problem) for line in self.cases.notices.unsent()]


@pytest.fixture(autouse=True)
def no_jitter_and_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 1.0)
    monkeypatch.setattr(notifier_module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(notifier_module, "FIRST_PAUSE_S", 0.01)


def eventually(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_result_is_told_once_and_nothing_of_the_program_or_the_cases() -> None:
    world = World()
    assert world.notifier.send_next()
    assert not world.notifier.send_next()
    [(address, data)] = world.mailer.sent
    assert address == "ada@example.edu"
    text = read(data).as_string() + data.decode()
    for secret in ("printed", "traceback", "hidden", "expected", "wrong", "verdict", ADA):
        assert secret not in text.lower()


def test_what_was_not_taken_is_tried_again_after_a_growing_delay() -> None:
    world = World(MailUnavailable("away"), MailUnavailable("still away"))
    for delay_s in (15.0, 30.0):
        with pytest.raises(MailUnavailable):
            world.notifier.send_next()
        assert not world.notifier.send_next()
        world.now_s += delay_s - 1
        assert not world.notifier.send_next()
        world.now_s += 1
    assert world.unsent() == [(NoticeState.WAITING, "still away")]
    assert world.notifier.send_next()
    assert len(world.mailer.sent) == 1


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (MailRefused("550 no such user"), NoticeState.FAILED),
        (MailUnclear("no answer"), NoticeState.UNCLEAR),
        (KeyError("a fault of ours"), NoticeState.UNCLEAR),
    ],
)
def test_what_was_refused_or_is_unclear_is_not_sent_again(answer: Exception, state: NoticeState) -> None:
    world = World(answer)
    world.notifier.send_next()
    world.now_s += 24 * 3600
    assert not world.notifier.send_next()
    assert [line[0] for line in world.unsent()] == [state]
    assert world.mailer.sent == []


def test_an_address_that_is_none_fails_without_a_call() -> None:
    world = World(address="ada,victim@example.org")
    world.notifier.send_next()
    assert world.mailer.sent == []
    assert world.unsent() == [(NoticeState.FAILED, "the registered address is not one plain e-mail address")]


def test_no_address_and_no_token_is_logged() -> None:
    with capture_logs() as logs:
        for answer in (MailRefused("550 <ada@example.edu> unknown"), MailUnclear("ada@example.edu?"), None):
            World(answer).notifier.send_next()
        with pytest.raises(MailUnavailable) as caught:
            World(MailUnavailable("450 <ada@example.edu> greylisted")).notifier.send_next()
    assert [line["event"] for line in logs] == ["notice_failed", "notice_unclear", "notice_sent"]
    assert "ada@" not in f"{logs} {caught.value}"
    assert ADA not in f"{logs}"


def test_a_mail_that_was_sent_is_recorded_even_if_postgres_stumbles() -> None:
    world = World()
    world.cases.fail_next(CasesUnavailable("restarting"), method="settle")
    world.cases.fail_next(CasesUnavailable("restarting"), method="settle")
    world.notifier.send_next()
    assert world.unsent() == []
    assert len(world.mailer.sent) == 1


def test_what_cannot_be_recorded_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for _ in range(1000):
        world.cases.fail_next(CasesUnavailable("gone"), method="settle")
    world.notifier.stop()  # so that it does not wait for Postgres
    with pytest.raises(CasesUnavailable):
        world.notifier.send_next()
    world.now_s += notifier_module.CLAIM_S + 1
    assert not world.notifier.send_next()
    assert world.unsent() == [(NoticeState.UNCLEAR, "whoever was sending it ended meanwhile")]
    assert len(world.mailer.sent) == 1


def test_the_thread_outlives_whatever_happens_to_it() -> None:
    world = World(MailRefused("no"), MailUnclear("?"), ValueError("unforeseen"), results=4)
    for error in (CasesUnavailable("away"), RuntimeError("unforeseen"), CasesUnavailable("away")):
        world.cases.fail_next(error, method="claim")
    with capture_logs() as logs:
        world.notifier.start()
        eventually(lambda: len(world.mailer.sent) == 1)
        world.notifier.stop()
        world.notifier.thread.join(TIMEOUT_S)
    assert not world.notifier.thread.is_alive()
    assert [line["event"] for line in logs].count("notices_wait") == 3


def test_a_stop_begins_no_other_mail() -> None:
    world = World(results=3)
    sending, go_on = threading.Event(), threading.Event()
    send = world.mailer.send

    def slow(to: str, message: bytes) -> None:
        sending.set()
        assert go_on.wait(TIMEOUT_S)
        send(to, message)

    world.mailer.send = slow  # type: ignore[method-assign]
    world.notifier.start()
    assert sending.wait(TIMEOUT_S)
    world.notifier.stop()
    go_on.set()
    world.notifier.thread.join(TIMEOUT_S)
    assert len(world.mailer.sent) == 1
    assert [state for state, _ in world.unsent()] == [NoticeState.WAITING] * 2
