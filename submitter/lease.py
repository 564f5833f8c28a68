"""Leases: our right to work on a message, which lasts only as long as its visibility timeout."""

import threading

import structlog

from submitter.errors import QueueUnavailable
from submitter.ports import Delivery, SubmissionQueue

log = structlog.get_logger()


class LeaseKeeper:
    """
    Renews the visibility of every message in hand, every third of the timeout.

    How it works: threads `hold` a delivery for as long as they work on it; one
    thread of the keeper's own walks over all that are held. It is stopped last,
    so that no lease lapses under a grader that is finishing.
    """

    def __init__(self, queue: SubmissionQueue, visibility_timeout_s: int) -> None:
        self._queue = queue
        self._timeout_s = visibility_timeout_s
        self._held: dict[str, Delivery] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self, delivery: Delivery) -> None:
        """From now on renew this delivery."""
        with self._lock:
            self._held[delivery.receipt_handle] = delivery

    def release(self, delivery: Delivery) -> None:
        """Renew it no more. To be called before it is deleted or given back, else a renewal may undo that."""
        with self._lock:
            self._held.pop(delivery.receipt_handle, None)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._timeout_s / 3):
            with self._lock:
                held = list(self._held.values())
            for delivery in held:
                self._renew(delivery)

    def _renew(self, delivery: Delivery) -> None:
        with self._lock:
            if delivery.receipt_handle not in self._held:
                return  # released meanwhile
        try:
            self._queue.keep(delivery, self._timeout_s)
        except QueueUnavailable as exc:
            log.warning("lease_not_renewed", message_id=delivery.message_id, error=str(exc))
        except Exception:
            # This thread must go on: were it to die, every lease in hand would lapse, and nobody would notice.
            log.exception("lease_not_renewed", message_id=delivery.message_id, error="unexpected error")
