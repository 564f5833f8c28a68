"""Mail by SMTP: one connection for each mail, every step of it bounded in time."""

import contextlib
import smtplib
import ssl

from submitter.config import SmtpServer
from submitter.errors import MailRefused, MailUnavailable, MailUnclear

STEP_TIMEOUT_S = 10.0  # to connect, and for each answer


class SmtpMailer:
    """
    The port Mailer; what its docstring promises holds.

    Args:
        sender: the envelope's; where the server sends what it could not deliver later.
    """

    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server = server
        self._sender = sender

    def send(self, to: str, message: bytes) -> None:
        connection = self._begin()
        try:
            self._hand_over(connection, to, message)
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.quit()  # the mail has been taken, or refused, already
            connection.close()

    def _begin(self) -> smtplib.SMTP:
        """A connection on which the server knows who we are."""
        server = self._server
        connection: smtplib.SMTP | None = None
        try:
            if server.scheme == "smtps":
                connection = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=STEP_TIMEOUT_S, context=ssl.create_default_context()
                )
            else:
                connection = smtplib.SMTP(server.host, server.port, timeout=STEP_TIMEOUT_S)
            connection.ehlo_or_helo_if_needed()
            if server.scheme == "smtp":
                connection.starttls(context=ssl.create_default_context())
                connection.ehlo()
            if server.user:
                connection.login(server.user, server.password)
        except (
            OSError,
            smtplib.SMTPException,
            ValueError,
        ) as exc:  # TLS's are OSErrors, of an odd host's name the last
            if connection is not None:
                connection.close()
            raise MailUnavailable(f"no use of the mail server {server.host}:{server.port}: {_text_of(exc)}") from exc
        return connection

    def _hand_over(self, connection: smtplib.SMTP, to: str, message: bytes) -> None:
        try:
            code, text = connection.mail(self._sender)
            if code // 100 != 2:  # of whatever kind: about the sender, so it is the operator who can mend it
                raise MailUnavailable(f"the mail server does not take mail from {self._sender}: {_reply(code, text)}")
            _judge("does not take mail for the address", *connection.rcpt(to))
        except (OSError, smtplib.SMTPException) as exc:
            raise MailUnavailable(f"the mail server broke off before it had the mail: {_text_of(exc)}") from exc
        try:
            code, text = connection.data(message)
        except smtplib.SMTPDataError as exc:  # it did not want to hear it
            _judge("does not take the mail", exc.smtp_code, exc.smtp_error)
        except (OSError, smtplib.SMTPException) as exc:
            raise MailUnclear(f"the mail server broke off while it took the mail: {_text_of(exc)}") from exc
        else:
            _judge("does not take the mail", code, text)


def _judge(what: str, code: int, text: bytes | str) -> None:
    """A reply as RFC 5321 means it: 2 taken, 5 never, anything else not now."""
    if code // 100 == 5:
        raise MailRefused(f"the mail server {what}: {_reply(code, text)}")
    if code // 100 != 2:
        raise MailUnavailable(f"the mail server {what} now: {_reply(code, text)}")


def _reply(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def _text_of(exc: Exception) -> str:
    if isinstance(exc, smtplib.SMTPResponseException):
        return _reply(exc.smtp_code, exc.smtp_error)
    return " ".join(str(exc).split()) or type(exc).__name__
