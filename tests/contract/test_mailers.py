"""One suite for the port Mailer, on the fake, on SES as moto has it, and on a real SMTP server; then what each has."""

import email
import json
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from botocore.awsrequest import AWSResponse

from submitter.adapters import aws as aws_module
from submitter.adapters import smtp as smtp_module
from submitter.adapters.aws import make_client
from submitter.adapters.memory_notices import FakeMailer
from submitter.adapters.ses import SesMailer
from submitter.adapters.smtp import SmtpMailer
from submitter.config import SmtpServer
from submitter.embedded_aws import EmbeddedAws
from submitter.errors import MailRefused, MailUnavailable, MailUnclear
from submitter.ports import Mailer
from tests.gateway import TcpGateway
from tests.mailbox import Mailbox

SENDER, ADA = "grades@example.edu", "ada@example.edu"
MAIL = (
    b"From: grades@example.edu\r\nTo: ada@example.edu\r\nSubject: lab5\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Points: 3 of 4\r\n.\r\n..a line that begins with points\r\nGr=C3=BC=C3=9Fe\r\n"
)
SOON_S = 8.0  # far less than the time-outs that operators get, and more than those here


@dataclass(frozen=True)
class Case:
    """A mailer, what has arrived, and how to make its service do as a test wants."""

    mailer: Mailer
    taken: Callable[[], list[tuple[str, bytes]]]
    refuse: Callable[[], object]  # this mail, for good
    be_busy: Callable[[], object]
    fall_silent: Callable[[], object]  # when it has the mail
    be_away: Callable[[], object]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture(params=["fake", "ses", "smtp"])
def case(request: pytest.FixtureRequest) -> Case:
    made = {"fake": _fake, "ses": _ses, "smtp": _smtp}[request.param](request)
    assert isinstance(made, Case)
    return made


def _fake(_: pytest.FixtureRequest) -> Case:
    fake = FakeMailer()
    say = fake.answers.append
    return Case(
        fake,
        lambda: fake.sent,
        lambda: say(MailRefused("no")),
        lambda: say(MailUnavailable("busy")),
        lambda: say(MailUnclear("no answer")),
        lambda: say(MailUnavailable("away")),
    )


def _smtp(request: pytest.FixtureRequest) -> Case:
    mailbox: Mailbox = request.getfixturevalue("mailbox")
    request.getfixturevalue("monkeypatch").setattr(smtp_module, "STEP_TIMEOUT_S", 0.5)
    server = SmtpServer("smtp+plain", "127.0.0.1", mailbox.port)
    return Case(
        SmtpMailer(server, SENDER),
        lambda: [(addresses[0], mail.as_bytes()) for addresses, mail in mailbox.mails],
        lambda: setattr(mailbox, "to_mail", "554 spam"),
        lambda: setattr(mailbox, "to_mail", "451 try later"),
        lambda: setattr(mailbox, "hang_s", 1.5),
        mailbox.stop,
    )


class Ses:
    """One client for all tests here, which takes its time to make; what a test has done to it ends with the test."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        make_client("sesv2", aws.environment).create_email_identity(EmailIdentity=SENDER)
        self.client = make_client("sesv2", aws.environment, read_timeout_s=1, attempts=1)
        self.calls = 0
        self._handlers: list[tuple[str, Callable[..., Any]]] = []

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        self._handlers.append((f"{event}.sesv2.SendEmail", handler))
        self.client.meta.events.register(*self._handlers[-1])

    def forget(self) -> None:
        while self._handlers:
            self.client.meta.events.unregister(*self._handlers.pop())

    def answer(self, status: int, code: str) -> None:
        def answered(request: Any, **_: Any) -> AWSResponse:
            self.calls += 1
            return AWSResponse(request.url, status, {"x-amzn-ErrorType": code}, _Raw(b"{}"))  # type: ignore[arg-type]

        self.on("before-send", answered)

    def go_elsewhere(self, port: int) -> None:
        def elsewhere(request: Any, **_: Any) -> None:
            host = request.url.partition("//")[2].partition("/")[0]
            request.url = request.url.replace(host, f"127.0.0.1:{port}")

        self.on("request-created", elsewhere)

    def taken(self) -> list[tuple[str, bytes]]:
        with urllib.request.urlopen(f"{self.aws.endpoint_url}/moto-api/data.json") as answer:
            known = json.load(answer).get("ses", {}).get("RawMessage", [])
        return [(one["destinations"][0], one["raw_data"].encode()) for one in known]


@pytest.fixture(scope="module")
def one_ses(aws: EmbeddedAws) -> Iterator[Ses]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws_module, "CONNECT_TIMEOUT_S", 1)
        yield Ses(aws)


@pytest.fixture
def ses(one_ses: Ses) -> Iterator[Ses]:
    one_ses.calls = 0
    yield one_ses
    one_ses.forget()


def _ses(request: pytest.FixtureRequest) -> Case:
    ses: Ses = request.getfixturevalue("ses")
    before = len(ses.taken())

    def fall_silent() -> None:
        port = int(ses.aws.endpoint_url.rpartition(":")[2])
        gateway = TcpGateway(lambda: socket.create_connection(("127.0.0.1", port)))
        gateway.__enter__()
        request.addfinalizer(gateway.__exit__)
        gateway.set("freeze")
        ses.go_elsewhere(gateway.port)

    with socket.create_server(("127.0.0.1", 0)) as gone:
        nobody = gone.getsockname()[1]
    return Case(
        SesMailer(ses.client, SENDER),
        lambda: ses.taken()[before:],
        lambda: ses.answer(400, "MessageRejected"),
        lambda: ses.answer(429, "TooManyRequestsException"),
        fall_silent,
        lambda: ses.go_elsewhere(nobody),
    )


class _Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._data


# -- all of them --------------------------------------------------------------------------------------------------


def test_a_mail_arrives_as_it_was_written(case: Case) -> None:
    case.mailer.send(ADA, MAIL)
    [(address, data)] = case.taken()
    mail = email.message_from_bytes(data, policy=default)
    assert isinstance(mail, EmailMessage)
    assert (address, mail["Subject"], mail["To"]) == (ADA, "lab5", ADA)
    assert mail.get_content().splitlines() == ["Points: 3 of 4", ".", "..a line that begins with points", "Grüße"]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda case: case.refuse(), MailRefused),
        (lambda case: case.be_busy(), MailUnavailable),
        (lambda case: case.be_away(), MailUnavailable),
    ],
    ids=["refuses", "is busy", "is away"],
)
def test_a_service_that_does_not_take_a_mail_is_told_from_one_that_never_will(
    case: Case, make: Callable[[Case], object], error: type[Exception]
) -> None:
    make(case)
    with pytest.raises(error):
        case.mailer.send(ADA, MAIL)
    assert case.taken() == []


def test_a_service_that_falls_silent_when_it_has_the_mail_may_have_taken_it(case: Case) -> None:
    """Whoever tried again might write to a student twice."""
    case.fall_silent()
    started_s = time.monotonic()
    with pytest.raises(MailUnclear):
        case.mailer.send(ADA, MAIL)
    assert time.monotonic() - started_s < SOON_S


# -- SES ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "BadRequestException", MailRefused),
        (400, "AccountSuspendedException", MailUnavailable),
        (400, "MailFromDomainNotVerifiedException", MailUnavailable),
        (403, "AccessDeniedException", MailUnavailable),
        (403, "ExpiredTokenException", MailUnavailable),
        (404, "NotFoundException", MailUnavailable),
        (503, "ServiceUnavailable", MailUnavailable),
        (500, "InternalFailure", MailUnclear),
        (504, "", MailUnclear),
    ],
)
def test_what_ses_answers_is_told_apart(ses: Ses, status: int, code: str, error: type[Exception]) -> None:
    ses.answer(status, code)
    with pytest.raises(error):
        SesMailer(ses.client, SENDER).send(ADA, MAIL)
    assert ses.calls == 1, "botocore's own second try could be a second mail"


def test_ses_takes_nothing_from_a_sender_that_nobody_verified(ses: Ses) -> None:
    before = len(ses.taken())
    with pytest.raises((MailRefused, MailUnavailable)):
        SesMailer(ses.client, "nobody@example.org").send(ADA, MAIL)
    assert len(ses.taken()) == before


# -- SMTP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "reply", "error", "text"),
    [
        ("to_recipient", "550 no such user", MailRefused, "550 no such user"),
        ("to_recipient", "450 greylisted", MailUnavailable, "450 greylisted"),
        ("to_sender", "550 not you", MailUnavailable, "does not take mail from grades@example.edu: 550 not you"),
        ("to_mail", "552 too large", MailRefused, "552 too large"),
    ],
)
def test_what_a_mail_server_answers_is_told_apart(
    mailbox: Mailbox, what: str, reply: str, error: type[Exception], text: str
) -> None:
    setattr(mailbox, what, reply)
    with pytest.raises(error, match=text):
        SmtpMailer(SmtpServer("smtp+plain", "127.0.0.1", mailbox.port), SENDER).send(ADA, MAIL)
    assert mailbox.mails == []


def test_a_server_that_breaks_off_when_it_has_the_mail_may_have_taken_it(mailbox: Mailbox) -> None:
    mailbox.break_off = True
    with pytest.raises(MailUnclear):
        SmtpMailer(SmtpServer("smtp+plain", "127.0.0.1", mailbox.port), SENDER).send(ADA, MAIL)


def test_a_server_that_vanished_is_not_waited_for_long(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module, "STEP_TIMEOUT_S", 0.5)
    with TcpGateway(lambda: socket.create_connection(("127.0.0.1", mailbox.port))) as gateway:
        gateway.set("freeze")
        started_s = time.monotonic()
        with pytest.raises(MailUnavailable):
            SmtpMailer(SmtpServer("smtp+plain", "127.0.0.1", gateway.port), SENDER).send(ADA, MAIL)
    assert time.monotonic() - started_s < SOON_S


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is one that this machine trusts."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusted")
def test_a_server_that_wants_tls_and_a_password_gets_both(tls: ssl.SSLContext) -> None:
    with Mailbox(tls=tls, login=("submitter", "sesame")) as mailbox:
        SmtpMailer(SmtpServer("smtp", "127.0.0.1", mailbox.port, "submitter", "sesame"), SENDER).send(ADA, MAIL)
        assert [addresses for addresses, _ in mailbox.mails] == [[ADA]]
        assert mailbox.senders == [SENDER]


@pytest.mark.usefixtures("trusted")
def test_a_password_that_is_wrong_is_the_operators_to_mend_and_is_not_told(tls: ssl.SSLContext) -> None:
    with Mailbox(tls=tls, login=("submitter", "sesame")) as mailbox, pytest.raises(MailUnavailable) as caught:
        SmtpMailer(SmtpServer("smtp", "127.0.0.1", mailbox.port, "submitter", "open!"), SENDER).send(ADA, MAIL)
    assert "535" in str(caught.value)
    assert "open!" not in str(caught.value)


def test_a_server_whose_certificate_nobody_vouches_for_gets_neither_password_nor_mail(tls: ssl.SSLContext) -> None:
    with (
        Mailbox(tls=tls, login=("submitter", "sesame")) as mailbox,
        pytest.raises(MailUnavailable, match="certificate"),
    ):
        SmtpMailer(SmtpServer("smtp", "127.0.0.1", mailbox.port, "submitter", "sesame"), SENDER).send(ADA, MAIL)


def test_a_server_without_tls_gets_no_mail_unless_the_operator_said_plain(mailbox: Mailbox) -> None:
    """Who sits on the wire could have taken the offer of TLS out of the server's greeting."""
    with pytest.raises(MailUnavailable, match="STARTTLS"):
        SmtpMailer(SmtpServer("smtp", "127.0.0.1", mailbox.port), SENDER).send(ADA, MAIL)
    assert mailbox.asked == 0
