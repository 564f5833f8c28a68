"""
The daemon: takes messages from the queue and sees every one to its end.

How it works. Four kinds of threads:

- the main thread installs the signal handlers, starts the others, and then
  only waits for a signal, decides and joins;
- the master thread long-polls the queue, but only when a slot is free: a
  message held in memory is already spending its visibility timeout;
- a `ClientThread` per message takes it through: parse, process, delete. It
  holds a slot, and the lease keeper renews its message meanwhile;
- the notifier, where there is one, tells students of results; nobody waits
  for it but a shutdown, and that no longer than for the others.

What passes between them: slots (a semaphore), deliveries (handed to the
ClientThread that is made for one), and the stop event. This module is the one
place that turns an error into an action on a message.
"""

import contextlib
import math
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

import structlog

from submitter import crash
from submitter.dependencies import Dependencies, alarm
from submitter.errors import (
    AlreadyGraded,
    FailedTooOften,
    LeaseLost,
    MessageNotUnderstood,
    NewerUpload,
    NotThereYet,
    QueueUnavailable,
    SandboxUnavailable,
    SubmissionBusy,
    Unavailable,
)
from submitter.lease import Lease, LeaseKeeper
from submitter.model import SubmissionKey
from submitter.notifier import Notifier
from submitter.ports import Delivery, SubmissionQueue
from submitter.processing import SubmissionProcessor
from submitter.protocol import encode_body, message_group, parse_body
from submitter.service import Service

WAITS_FOR_FILES = 9  # deliveries, some four minutes, after which a file that is still missing will not come
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 300.0  # of a message that is given back
CONTAINMENT_RETRY_S = 30.0
LONGEST_QUEUE_DELAY_S = 30.0  # between two polls of a queue that is away
UNFINISHED_WAIT_S = 15.0  # for threads whose executors were ended at the deadline to give their messages back
SIGNAL_LOOK_S = 1.0  # a signal is noticed within this, whichever thread it came to

log = structlog.get_logger()


def retry_delay_s(receive_count: int) -> int:
    """How long a message rests after its nth delivery failed: doubling, bounded, with jitter so that hosts spread."""
    delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(receive_count - 1, 20))
    return max(1, round(delay_s * random.uniform(0.75, 1.25)))


class ClientThread(threading.Thread):
    """One message, from delivery to deletion."""

    def __init__(
        self,
        lease: Lease,
        delivery: Delivery,
        queue: SubmissionQueue,
        processor: SubmissionProcessor,
        leases: LeaseKeeper,
        dependencies: Dependencies,
        stopping: threading.Event,
        done: Callable[["ClientThread"], None],
    ) -> None:
        super().__init__(name=f"client-{delivery.message_id[:8]}", daemon=True)
        self.delivery = delivery
        self._lease = lease
        self._queue = queue
        self._processor = processor
        self._leases = leases
        self._dependencies = dependencies
        self._stopping = stopping
        self._done = done

    def run(self) -> None:
        delivery = self.delivery
        structlog.contextvars.bind_contextvars(
            message_id=delivery.message_id, receive_count=delivery.receive_count
        )  # a thread starts with a context of its own, and this one ends with its message
        try:
            self._see_through()
        finally:
            self._leases.release(self._lease)
            self._done(self)

    def _see_through(self) -> None:
        """Every way a message can end, in one place (docs/architecture.md has the table)."""
        try:
            self._take()
        except MessageNotUnderstood as exc:
            self._move_aside(str(exc))
        except FailedTooOften as exc:
            self._move_aside(str(exc))
        except AlreadyGraded as exc:
            log.info("message_repeated", reason=str(exc))
            self._forget()
        except LeaseLost as exc:
            log.warning("submission_left", reason=str(exc))  # to whoever has it now
        except NewerUpload as exc:
            log.info("submission_superseded", reason=str(exc))
            self._give_back(0)  # whatever became of the newer upload's own message, the newest is graded
        except SubmissionBusy as exc:
            log.info("submission_waits", reason=str(exc))
            # Whoever is at it may have died, so not for longer than that takes to show.
            self._give_back(max(math.ceil(exc.free_in_s), retry_delay_s(self.delivery.receive_count)))
        except NotThereYet as exc:
            log.info("submission_waits", reason=str(exc))
            self._give_back(retry_delay_s(self.delivery.receive_count))
        except Unavailable as exc:
            log.warning("submission_failed", reason=str(exc))
            if self._stopping.is_set():
                self._give_back(0)
            else:
                self._dependencies.note(exc)
                self._give_back(retry_delay_s(self.delivery.receive_count))
        except Exception:
            # A fault of ours that nobody foresaw. The message must live on, and somebody must read this.
            log.exception("submission_failed", reason="unexpected error")
            self._give_back(retry_delay_s(self.delivery.receive_count))

    def _take(self) -> None:
        keys = parse_body(self.delivery.body)
        if not keys:
            log.info("message_ignored")
        elif len(keys) == 1:
            self._process(keys[0])
        else:
            for key in keys:  # each on its own from here, so that one cannot hold up the others
                self._queue.send(encode_body(key), message_group(key))
            log.info("message_split", count=len(keys))
        self._forget()

    def _process(self, key: SubmissionKey) -> None:
        # For the rest of this thread: the line that tells of a failure must name the submission too.
        structlog.contextvars.bind_contextvars(submission_id=key.subid, assignment_id=str(key.ref))
        log.info("submission_received")
        self._processor.process(key, self._lease, still_wait=self.delivery.receive_count < WAITS_FOR_FILES)

    def _forget(self) -> None:
        self._settle(lambda: self._queue.delete(self.delivery))
        crash.reached("P13")

    def _give_back(self, delay_s: int) -> None:
        self._settle(lambda: self._queue.give_back(self.delivery, delay_s))

    def _move_aside(self, reason: str) -> None:
        log.warning("message_moved_aside", reason=reason)
        self._settle(lambda: self._queue.move_aside(self.delivery, reason))

    def _settle(self, action: Callable[[], None]) -> None:
        """The last call for a message. If it cannot be made the message comes back by itself, and is known then."""
        self._leases.release(self._lease)
        try:
            self._lease.refuse_if_lost()
            action()
        except (QueueUnavailable, LeaseLost) as exc:
            log.warning("message_not_settled", reason=str(exc))
        except Exception:
            log.exception("message_not_settled", reason="unexpected error")


class Daemon:
    """Runs until a signal, `stop()`, or the unforeseen end of a thread that it cannot do without."""

    def __init__(
        self,
        *,
        queue: SubmissionQueue,
        processor: SubmissionProcessor,
        leases: LeaseKeeper,
        end_runs: Callable[[], None],
        renew_executors: Callable[[], None] = lambda: None,
        find_leaks: Callable[[], list[str]] = list,
        probes: Mapping[type[Unavailable], Callable[[], None]] | None = None,
        service: Service | None = None,
        notifier: Notifier | None = None,
        concurrency: int,
        poll_wait_s: int,
        grace_s: float,
    ) -> None:
        """
        Args:
            end_runs: ends all that the sandbox runs; it may refuse to run more.
            renew_executors: called on SIGHUP.
            find_leaks: what is not contained here, in words.
            probes: see Dependencies.
        """
        self._queue = queue
        self._processor = processor
        self._end_runs = end_runs
        self._find_leaks = find_leaks
        self._concurrency = concurrency
        # A poll that outlasts the grace period would take a message, one just given back perhaps, that nobody hears of.
        self._poll_wait_s = min(poll_wait_s, int(grace_s))
        self._grace_s = grace_s
        self._leases = leases
        self._renew_executors = renew_executors
        self._dependencies = Dependencies(probes or {})
        self._service = service or Service()
        self._notifier = notifier
        self._slots = threading.Semaphore(concurrency)
        self._stopping = threading.Event()
        self._signals: SimpleQueue[int | None] = SimpleQueue()  # safe to put into from a signal handler
        self._clients: set[ClientThread] = set()
        self._clients_lock = threading.Lock()
        self._has_failed = False

    def run(self) -> int:
        """Work until told to stop; returns the exit code: 0 after a clean stop, 1 when a thread died."""
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(signum, lambda received, _frame: self._signals.put(received))
        threading.excepthook, before = self._thread_failed, threading.excepthook
        self._leases.start()
        if self._notifier is not None:
            self._notifier.start()
        master = threading.Thread(target=self._poll_until_stopped, name="master", daemon=True)
        master.start()
        log.info("daemon_started", concurrency=self._concurrency)
        self._wait_for_signal()
        self._stopping.set()  # here, not in the handler: an Event's lock is not re-entrant
        self._shut_down(master)
        threading.excepthook = before
        return 1 if self._has_failed else 0

    def stop(self) -> None:
        """End `run` as SIGTERM does; from any thread. A second call skips the wait for running cases."""
        self._signals.put(None)

    def end_within(self, seconds: float) -> None:
        """End as `stop` does, with at most so long for running cases. Nothing, if the daemon is ending already."""
        self._grace_s = min(self._grace_s, seconds)
        if not self._stopping.is_set():
            self._signals.put(None)

    def _end_failed(self) -> None:
        """End, so that the service manager starts us again, in good order for whatever is in hand."""
        self._has_failed = True
        self.end_within(self._grace_s)

    def _thread_failed(self, died: threading.ExceptHookArgs) -> None:
        """Any thread of this process has ended by an exception that nobody foresaw; ours, or a library's."""
        exc_info = (died.exc_type, died.exc_value, died.exc_traceback)
        log.error("thread_failed", thread=died.thread.name if died.thread else None, exc_info=exc_info)
        if not isinstance(died.thread, ClientThread):  # whose message comes back by itself, and slot is free again
            self._end_failed()

    # -- the main thread ------------------------------------------------------------------------------------------

    def _wait_for_signal(self) -> None:
        while (received := self._next_signal()) == signal.SIGHUP:
            self._service.reloading()
            self._renew_executors()
            log.info("executors_renewed")
            self._service.ready(self._status())
        self._service.stopping("ending")
        log.info("shutdown_started", signal=signal.Signals(received).name if received else None)

    def _next_signal(self) -> int | None:
        # Not without a time-out: a signal that the kernel gives to another thread wakes nobody here, and Python runs
        # its handlers in this thread alone.
        while True:
            with contextlib.suppress(Empty):
                return self._signals.get(timeout=SIGNAL_LOOK_S)

    def _shut_down(self, master: threading.Thread) -> None:
        """In the order in which work flows: the poll, the clients, what is left of them, and the leases last."""
        crash.reached("P17")
        deadline = time.monotonic() + self._grace_s
        if self._notifier is not None:
            self._notifier.stop()  # after the mail in hand, which has until then
        finished = self._join([master], deadline) and self._join(self._running(), deadline)
        if not finished:
            log.warning("shutdown_hurried", unfinished=len(self._running()))
        self._end_runs()
        self._join(self._running(), time.monotonic() + UNFINISHED_WAIT_S)
        if self._notifier is not None and finished:
            self._join([self._notifier.thread], deadline)
        self._leases.stop()
        log.info("daemon_stopped", unfinished=len(self._running()))

    def _join(self, threads: list[threading.Thread], deadline: float) -> bool:
        """Wait for threads until the deadline or a further signal; whether all have ended."""
        while any(thread.is_alive() for thread in threads):
            self._service.alive()
            if time.monotonic() > deadline:
                return False
            with contextlib.suppress(Empty):
                if self._signals.get(timeout=0.05) != signal.SIGHUP:
                    return False
        return True

    def _running(self) -> list[threading.Thread]:
        with self._clients_lock:
            return list(self._clients)

    # -- the master thread ----------------------------------------------------------------------------------------

    def _wait_until_contained(self) -> None:
        """No message is taken, and no student's program run, while a hostile one of ours gets out of the sandbox."""
        tries = 0
        while not self._stopping.is_set():
            pause_s = CONTAINMENT_RETRY_S
            try:
                leaks = self._find_leaks()
                if not leaks:
                    return
                log.error("not_contained", leaks=leaks, next_try_s=pause_s)
            except SandboxUnavailable as exc:
                tries += 1
                pause_s = min(pause_s, retry_delay_s(tries))  # an engine that starts with us is soon there
                log.error("sandbox_unavailable", reason=str(exc), next_try_s=pause_s)
            self._service.still_starting("programs cannot be run here, or are not contained: see the log")
            self._stopping.wait(pause_s)

    def _poll_until_stopped(self) -> None:
        try:
            self._wait_until_contained()
            self._service.ready(self._status())
            failures = 0
            while not self._stopping.is_set():
                self._look_after_us()
                if not self._slots.acquire(timeout=0.2):
                    continue
                self._wait_until_all_is_there()
                delivery = None
                try:
                    delivery = self._receive()
                    failures = 0
                except QueueUnavailable as exc:
                    failures += 1
                    log.warning("queue_unavailable", reason=str(exc), failures=failures)
                    alarm(exc)
                if delivery is None:
                    self._slots.release()
                    if failures:
                        self._stopping.wait(min(LONGEST_QUEUE_DELAY_S, retry_delay_s(failures)))
                else:
                    self._hand_over(delivery)
        except BaseException:
            log.exception("master_failed")
            self._end_failed()  # a daemon that polls no more must not look alive

    def _look_after_us(self) -> None:
        if not self._leases.is_alive:
            raise RuntimeError("the lease keeper has died")
        self._service.alive()
        self._service.status(self._status())

    def _status(self) -> str:
        away = self._dependencies.away()
        if away:
            return f"waiting for {' and '.join(away)}; {len(self._running())} submissions in hand"
        return f"grading {len(self._running())} of at most {self._concurrency} submissions at once"

    def _wait_until_all_is_there(self) -> None:
        """Nothing is received while something that every submission needs is away, or nearly."""
        self._dependencies.look()
        tries = 0
        while self._dependencies.away() and not self._stopping.is_set() and not self._dependencies.ask():
            tries += 1
            self._look_after_us()
            self._stopping.wait(min(LONGEST_QUEUE_DELAY_S, retry_delay_s(tries)))

    def _receive(self) -> Delivery | None:
        if self._stopping.is_set():
            return None
        delivery = self._queue.receive(self._poll_wait_s)
        if delivery is not None and self._stopping.is_set():
            with contextlib.suppress(QueueUnavailable):
                self._queue.give_back(delivery, 0)  # it came with the last poll: somebody else's at once
            return None
        return delivery

    def _hand_over(self, delivery: Delivery) -> None:
        crash.reached("P1")
        lease = self._leases.hold(delivery)
        client = ClientThread(
            lease,
            delivery,
            self._queue,
            self._processor,
            self._leases,
            self._dependencies,
            self._stopping,
            self._client_done,
        )
        with self._clients_lock:
            self._clients.add(client)
        try:
            client.start()
        except RuntimeError as exc:  # no more threads on this machine
            log.error("client_not_started", reason=str(exc))
            self._leases.release(lease)
            self._client_done(client)
            with contextlib.suppress(QueueUnavailable):
                self._queue.give_back(delivery, retry_delay_s(delivery.receive_count))

    def _client_done(self, client: ClientThread) -> None:
        with self._clients_lock:
            self._clients.discard(client)
        self._slots.release()
