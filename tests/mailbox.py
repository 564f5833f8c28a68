"""A mail server on loopback for tests, which takes mail or does what it must not."""

import asyncio
import contextlib
import email
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TAKEN = "250 taken"
TIMEOUT_S = 20.0


class Mailbox:
    """
    A context manager; `mails` are those that it took, with the addresses they were for, in order.

    Args:
        port: 0 for any that is free.
        tls: offers STARTTLS with it, and takes no mail without.
        login: the user and password without which it takes no mail; needs `tls`.

    What it answers can be changed: `to_recipient`, `to_mail` are replies; `break_off` ends the connection when a
    mail has come, without a word; `hang_s` keeps the client waiting for that long then.
    """

    def __init__(
        self, port: int = 0, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
    ) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.senders: list[str] = []
        self.asked = 0  # how many mails were handed over, taken or not
        self.to_sender = self.to_recipient = self.to_mail = TAKEN
        self.break_off = False
        self.hang_s = 0.0
        self._login = login
        options: dict[str, Any] = {}
        if tls is not None:
            options = {"tls_context": tls, "require_starttls": True}
        if login is not None:
            options |= {"authenticator": self._check, "auth_required": True, "auth_require_tls": True}
        self._controller = _Controller(self, hostname="127.0.0.1", port=port, **options)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Listen no more. A second call does nothing."""
        if self._controller.server is not None:
            self._controller.stop()

    def wait_for(self, is_so: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not is_so():
            assert time.monotonic() < deadline, (self.asked, self.mails)
            time.sleep(0.02)

    # -- what aiosmtpd asks; the names are its own ----------------------------------------------------------------

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user, password = data.login.decode(), data.password.decode()
        return AuthResult(success=(user, password) == self._login, handled=False)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_sender == TAKEN:
            envelope.mail_from = address
            self.senders.append(address)
        return self.to_sender

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient == TAKEN:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.asked += 1
        await asyncio.sleep(self.hang_s)
        if self.break_off:
            with contextlib.suppress(AttributeError):
                server.transport.abort()  # type: ignore[union-attr]
        elif self.to_mail == TAKEN:
            assert isinstance(envelope.content, bytes)
            self.mails.append((list(envelope.rcpt_tos), email.message_from_bytes(envelope.content, policy=default)))
        return self.to_mail


class _Controller(Controller):
    """With port 0 aiosmtpd's own would look for itself at port 0; this one learns which it got."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
