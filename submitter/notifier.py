"""
Tells students of their results, beside the grading and never in its way.

How it works: one thread of the daemon claims notices from Postgres, one after
the other, and hands each to the mail service. The claim is committed first, so
that of two daemons one sends. What is certain not to have been taken waits and
is tried again; what may have been is not, so that nobody is told twice. Nothing
that happens here is an error of a message, or keeps the daemon from anything.
"""

import random
import threading
import time

import structlog

from submitter.errors import CasesUnavailable, MailRefused, MailUnavailable, MailUnclear
from submitter.model import Notice, NoticeState
from submitter.notices import compose, recipient
from submitter.ports import Mailer, NoticeStore

LOOK_EVERY_S = 2.0  # for new notices, while there are none
CLAIM_S = 300.0  # far longer than a mailer takes
FIRST_RETRY_S, LONGEST_RETRY_S = 15.0, 3600.0  # of one notice
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # of all, while the mail service or Postgres is away

log = structlog.get_logger()


def _growing(first_s: float, longest_s: float, count: int) -> float:
    """The nth wait: doubling, bounded, with jitter so that hosts spread."""
    return min(longest_s, first_s * 2.0 ** min(count - 1, 20)) * random.uniform(0.75, 1.25)


class Notifier:
    """
    Args:
        sender: the address that mails come from.
    """

    def __init__(self, store: NoticeStore, mailer: Mailer, sender: str) -> None:
        self._store = store
        self._mailer = mailer
        self._sender = sender
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Begin no other mail. The one in hand is finished; whoever wants to wait for that joins `thread`."""
        self._stopping.set()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            pause_s = LOOK_EVERY_S
            try:
                if self.send_next():
                    pause_s = 0.0
                failures = 0
            except (CasesUnavailable, MailUnavailable) as exc:
                failures += 1
                pause_s = _growing(FIRST_PAUSE_S, LONGEST_PAUSE_S, failures)
                log.warning("notices_wait", reason=str(exc), next_try_s=round(pause_s, 1))
            except Exception:
                # Nobody foresaw it, and it must not end the thread: nobody would notice.
                failures += 1
                pause_s = _growing(FIRST_PAUSE_S, LONGEST_PAUSE_S, failures)
                log.exception("notices_wait", reason="unexpected error", next_try_s=round(pause_s, 1))
            self._stopping.wait(pause_s)

    def send_next(self) -> bool:
        """
        Send the next notice that is due; whether there was one.

        Raises:
            MailUnavailable: the mail service did not take it; it waits.
            CasesUnavailable: Postgres did not do what it should.
        """
        notice = self._store.claim(CLAIM_S)
        if notice is None:
            return False
        with structlog.contextvars.bound_contextvars(submission_id=notice.subid, assignment_id=str(notice.ref)):
            try:
                self._mailer.send(recipient(notice), compose(notice, self._sender))
            except MailUnavailable as exc:
                text = _without_address(exc, notice)
                again_in_s = _growing(FIRST_RETRY_S, LONGEST_RETRY_S, notice.tries)
                self._settle(notice, NoticeState.WAITING, text, again_in_s)
                raise MailUnavailable(text) from exc
            except MailRefused as exc:
                text = _without_address(exc, notice)
                self._settle(notice, NoticeState.FAILED, text)
                log.warning("notice_failed", reason=text)
            except MailUnclear as exc:
                text = _without_address(exc, notice)
                self._settle(notice, NoticeState.UNCLEAR, text)
                log.warning("notice_unclear", reason=text)
            except Exception as exc:
                # A fault of ours that nobody foresaw, and tried again it would be there again.
                self._settle(notice, NoticeState.UNCLEAR, f"{type(exc).__name__}: {_without_address(exc, notice)}")
                log.exception("notice_unclear", reason="unexpected error")
            else:
                self._settle(notice, NoticeState.SENT)
                log.info("notice_sent", tries=notice.tries)
        return True

    def _settle(self, notice: Notice, state: NoticeState, problem: str | None = None, again_in_s: float = 0.0) -> None:
        """Tried for as long as the claim lasts; what cannot be recorded becomes unclear, and is not sent again."""
        deadline = time.monotonic() + CLAIM_S
        failures = 0
        while True:
            try:
                return self._store.settle(notice, state, problem, again_in_s)
            except CasesUnavailable:
                failures += 1
                pause_s = _growing(FIRST_PAUSE_S, LONGEST_PAUSE_S, failures)
                if time.monotonic() + pause_s > deadline or self._stopping.wait(pause_s):
                    raise


def _without_address(exc: Exception, notice: Notice) -> str:
    """One line; servers like to quote the address, which is no business of the log's."""
    text = " ".join(str(exc).split())[:300]
    return text if notice.email is None else text.replace(notice.email, "the address")
