"""Notices and mail without any service: for tests."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from submitter.model import TOLD_WITHIN_S, Notice, NoticeLine, NoticeState, SubmissionKey
from submitter.outcomes import Outcome


@dataclass(slots=True)
class _Row:
    notice: Notice
    noted_at: datetime
    noted_s: float
    next_try_s: float
    state: NoticeState = NoticeState.WAITING
    problem: str | None = None


class MemoryNoticeStore:
    """
    ports.NoticeStore; a part of MemoryCaseStore.

    Args:
        fail_if_told: called with the name of a method that is about to do something.
        clock: monotonic seconds.
        now: the present as an aware datetime.
        email_of: the address behind a token.
    """

    def __init__(
        self,
        fail_if_told: Callable[[str], None],
        clock: Callable[[], float],
        now: Callable[[], datetime],
        email_of: Callable[[str], str | None],
    ) -> None:
        self._fail_if_told = fail_if_told
        self._clock = clock
        self._now = now
        self._email_of = email_of
        self._rows: list[_Row] = []
        self._lock = threading.Lock()

    def note(self, attempt_id: int, key: SubmissionKey, outcome: Outcome, tokens: Sequence[str]) -> None:
        """A result was published, of which the holders of these tokens are to be told."""
        shown, now, now_s = outcome.shown, self._now(), self._clock()
        with self._lock:
            for token in tokens:
                notice = Notice(
                    attempt_id=attempt_id,
                    token=token,
                    tries=0,
                    email=None,
                    ref=key.ref,
                    subid=key.subid,
                    state=outcome.state,
                    score=shown.score,
                    max_score=shown.max_score,
                    whole=shown.whole,
                    reason=outcome.reason,
                    graded_at=now,
                )
                self._rows.append(_Row(notice, now, noted_s=now_s, next_try_s=now_s))

    def claim(self, lease_s: float) -> Notice | None:
        self._fail_if_told("claim")
        with self._lock:
            now_s = self._clock()
            for row in self._rows:
                if row.state is NoticeState.SENDING and row.next_try_s <= now_s:
                    row.state, row.problem = NoticeState.UNCLEAR, "whoever was sending it ended meanwhile"
                if row.state is NoticeState.WAITING and row.noted_s <= now_s - TOLD_WITHIN_S:
                    row.problem = ": ".join(["not sent in time", *([row.problem] if row.problem else [])])
                    row.state = NoticeState.FAILED
            due = [row for row in self._rows if row.state is NoticeState.WAITING and row.next_try_s <= now_s]
            if not due:
                return None
            row = min(due, key=lambda row: (row.next_try_s, row.notice.attempt_id, row.notice.token))
            row.notice = replace(row.notice, tries=row.notice.tries + 1, email=self._email_of(row.notice.token))
            row.state, row.next_try_s = NoticeState.SENDING, now_s + lease_s
            return row.notice

    def settle(self, notice: Notice, state: NoticeState, problem: str | None = None, again_in_s: float = 0.0) -> None:
        self._fail_if_told("settle")
        with self._lock:
            for row in self._rows:
                known = row.notice
                if (known.attempt_id, known.token, known.tries) != (notice.attempt_id, notice.token, notice.tries):
                    continue
                if row.state in {NoticeState.SENDING, NoticeState.UNCLEAR}:
                    row.state, row.problem, row.next_try_s = state, problem, self._clock() + again_in_s

    def unsent(self) -> Sequence[NoticeLine]:
        with self._lock:
            return [
                NoticeLine(
                    row.notice.ref,
                    row.notice.subid,
                    self._email_of(row.notice.token),
                    row.state,
                    row.notice.tries,
                    row.problem,
                    row.noted_at,
                )
                for row in self._rows
                if row.state is not NoticeState.SENT
            ]

    def retry(self) -> int:
        with self._lock:
            stuck = [row for row in self._rows if row.state in {NoticeState.FAILED, NoticeState.UNCLEAR}]
            for row in stuck:
                row.state = NoticeState.WAITING
                row.noted_s = row.next_try_s = self._clock()
            return len(stuck)


class FakeMailer:
    """
    ports.Mailer that keeps what it is given, in `sent`: addresses and mails, in order.

    `answers` are errors to raise, one a call, before it takes mail; None takes one.
    """

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()

    def send(self, to: str, message: bytes) -> None:
        with self._lock:
            answer = self.answers.pop(0) if self.answers else None
            if answer is not None:
                raise answer
            self.sent.append((to, message))
