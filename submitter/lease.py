"""Leases: our right to work on a message and on the submission it names, which lasts only as long as it is renewed."""

import threading
import time
from collections.abc import Callable

import structlog

from submitter import crash
from submitter.errors import LeaseLost, Unavailable
from submitter.ports import CaseStore, Delivery, SubmissionQueue

log = structlog.get_logger()


class Lease:
    """
    One message in hand, and the attempt at its submission once there is one.

    Made by LeaseKeeper.hold. Whoever works under it asks `refuse_if_lost` before each step that others can see.
    """

    def __init__(self, delivery: Delivery | None, timeout_s: int) -> None:
        self.delivery = delivery
        self.timeout_s = timeout_s
        self._attempt_id: int | None = None
        self._lost: str | None = None
        self._renewed_s = {"message": time.monotonic()}

    @property
    def message_id(self) -> str | None:
        return None if self.delivery is None else self.delivery.message_id

    @property
    def receive_count(self) -> int:
        return 1 if self.delivery is None else self.delivery.receive_count

    @property
    def attempt_id(self) -> int | None:
        return self._attempt_id

    def cover(self, attempt_id: int) -> None:
        """From now on renew this attempt's lease too, which was just got."""
        self._renewed_s["attempt"] = time.monotonic()
        self._attempt_id = attempt_id

    def uncover(self) -> None:
        """Of the attempt: it is about to end, in a turn that nobody can take over."""
        self._attempt_id = None
        self._renewed_s.pop("attempt", None)

    def note_renewal(self, of_what: str, asked_s: float) -> None:
        """`of_what`: "message" or "attempt", if it is still covered; `asked_s`: when it was asked for."""
        if of_what in self._renewed_s:
            self._renewed_s[of_what] = asked_s

    def lose(self, reason: str) -> None:
        """Whoever works under it stops at the next step. The first reason stays."""
        self._lost = self._lost or reason

    def is_lost(self) -> bool:
        """A lease that could not be renewed in time counts as lost: somebody else may have it by now."""
        for what, renewed_s in list(self._renewed_s.items()):
            if time.monotonic() - renewed_s > self.timeout_s and not (what == "message" and self.delivery is None):
                self.lose(f"the lease of the {what} could not be renewed for {self.timeout_s} s")
        return self._lost is not None

    @property
    def why_lost(self) -> str:
        return self._lost or ""

    def refuse_if_lost(self) -> None:
        """
        Raises:
            LeaseLost: nothing more may be published, deleted or given back.
        """
        if self.is_lost():
            raise LeaseLost(self.why_lost)


class LeaseKeeper:
    """
    Renews every lease in hand, every third of its timeout.

    How it works: threads `hold` a delivery for as long as they work on it; one
    thread of the keeper's own walks over all that are held. It is stopped last,
    so that no lease lapses under a grader that is finishing.

    Args:
        queue: its calls should give up well within the timeout (see aws.make_client).
        timeout_s: how long a message stays hidden, and an upload leased, after each renewal.
    """

    def __init__(self, queue: SubmissionQueue | None, cases: CaseStore, timeout_s: int) -> None:
        self._queue = queue
        self._cases = cases
        self._timeout_s = timeout_s
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def hold(self, delivery: Delivery | None = None) -> Lease:
        """From now on renew this delivery; None: a command works on a submission, without a message."""
        lease = Lease(delivery, self._timeout_s)
        with self._lock:
            self._held.add(lease)
        return lease

    def release(self, lease: Lease) -> None:
        """Renew it no more. To be called before its message is deleted or given back, else a renewal may undo that."""
        with self._lock:
            self._held.discard(lease)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._timeout_s / 3):
            self.renew_all()

    def renew_all(self) -> None:
        """One round; the keeper's own thread does it every third of the timeout."""
        # All messages first: a Postgres that keeps each call waiting must not cost them their visibility.
        for renew in (self._renew_message, self._renew_attempt):
            for lease in self._all_held():
                self._try(renew, lease)

    def _all_held(self) -> list[Lease]:
        with self._lock:
            return list(self._held)

    def _try(self, renew: Callable[[Lease], None], lease: Lease) -> None:
        if lease not in self._all_held():
            return  # released meanwhile
        try:
            if not lease.is_lost():
                renew(lease)
        except Unavailable as exc:
            log.warning("lease_not_renewed", message_id=lease.message_id, error=str(exc))
        except Exception:
            # This thread must go on: were it to die, every lease in hand would lapse, and nobody would notice.
            log.exception("lease_not_renewed", message_id=lease.message_id, error="unexpected error")
        if lease.is_lost():
            self.release(lease)
            log.warning("lease_lost", message_id=lease.message_id, reason=lease.why_lost)

    def _renew_message(self, lease: Lease) -> None:
        if lease.delivery is None or self._queue is None:
            return
        crash.reached("P18")
        asked_s = time.monotonic()
        if self._queue.keep(lease.delivery, self._timeout_s):
            lease.note_renewal("message", asked_s)
        else:
            lease.lose("the message was delivered to somebody else, or is gone")

    def _renew_attempt(self, lease: Lease) -> None:
        if (attempt_id := lease.attempt_id) is None:
            return
        asked_s = time.monotonic()
        if self._cases.renew_lease(attempt_id, self._timeout_s):
            lease.note_renewal("attempt", asked_s)
        elif lease.attempt_id == attempt_id:
            lease.lose("somebody else has taken the submission over")
