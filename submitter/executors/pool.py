"""
Where executors come from: warm ones from a pool, or a fresh one for every submission.

How it works: the pool holds executors that have started and wait; `lend` takes
one out and `give_back` puts it back or ends it. One thread, the keeper, starts
new ones in place of those that are gone, asks the waiting ones from time to
time whether they are well, and sweeps what dead processes left. An executor
that is lent is used by one thread and not touched by the keeper, but for
`close`, which ends them all.
"""

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass

import structlog

from submitter import crash
from submitter.errors import ExecutorLost, SandboxClosed, SandboxUnavailable
from submitter.executors.link import Executor, Launcher, Room
from submitter.executors.wire import PROBE, decode_alive

ALIVE_TIMEOUT_S = 60.0  # from the start of an executor until it answers; preloading is part of it
PROBE_TIMEOUT_S = 5.0  # for one that waits to say that it is well
PROBE_EVERY_S = 30.0
SWEEP_EVERY_S = 300.0
LONGEST_REFILL_DELAY_S = 60.0
MAX_PROBE_BYTES = 4096
SERVES_BOX = 100  # submissions; how long an address layout and a hash seed are worth learning (docs/threat-model.md)
MAX_AGE_S = 3600.0  # likewise
CLOSE_TIMEOUT_S = 10.0
UNFIT_AT_MOST = 3  # executors in a row; then one is started that is right from the beginning
ENDED = "it ended while it waited"
CLOSED = "the sandbox is closed: this process is ending"
STANDARD_ROOM = Room(memory_bytes=256 << 20, processes=64, file_bytes=16 << 20)  # what executors are started with

log = structlog.get_logger()


@dataclass(slots=True)
class _Warm:
    executor: Executor
    started_at: float
    asked_at: float  # when it last said that it is well
    has_boxes: bool
    served: int = 0


class FreshExecutors:
    """Lends an executor that was started for this, and ends it after."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._lock = threading.Lock()
        self._lent: set[Executor] = set()
        self._closed = False

    @property
    def name(self) -> str:
        return self._launcher.name

    def lend(self, room: Room) -> Executor:
        executor = self._launcher.start(room)
        with self._lock:
            if not self._closed:
                self._lent.add(executor)
                return executor
        executor.close()  # the sandbox was closed while it started
        raise SandboxClosed(CLOSED)

    def give_back(self, executor: Executor, *, clean: bool) -> None:
        executor.close()
        with self._lock:
            self._lent.discard(executor)

    def renew(self) -> None:
        pass  # none waits

    def check(self) -> None:
        self._launcher.check()

    def sweep(self) -> int:
        return self._launcher.sweep()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            lent = list(self._lent)
        for executor in lent:
            executor.close()


class ExecutorPool:
    """
    Lends warm executors.

    Args:
        size: how many there are to be, those that are lent among them.
        serves: how many submissions each is for: 1, or many.
    """

    def __init__(self, launcher: Launcher, *, size: int, serves: int) -> None:
        self._launcher = launcher
        self._size, self._serves = size, serves
        self._changed = threading.Condition()
        self._idle: deque[_Warm] = deque()  # the one that waits longest first
        self._lent: dict[Executor, _Warm] = {}
        self._starting = 0
        self._failures = 0  # to start one, in a row
        self._not_before = 0.0  # no executor is started ahead before this
        self._closed = False
        self._told_without_boxes = False
        self._keeper = threading.Thread(target=self._keep, name="pool-keeper", daemon=True)
        self._keeper.start()

    @property
    def name(self) -> str:
        return self._launcher.name

    # -- for those who grade --------------------------------------------------------------------------------------

    def lend(self, room: Room) -> Executor:
        if room.processes <= STANDARD_ROOM.processes:  # how many there may be is fixed when an executor starts
            for _ in range(UNFIT_AT_MOST):
                warm = self._take()
                if warm is None:
                    break
                if self._is_fit(warm, room):
                    return warm.executor
                self.give_back(warm.executor, clean=False)
        warm = self._start(room)  # on the spot: all are lent, or none of those that wait would do
        with self._changed:
            self._lent[warm.executor] = warm
        self._refuse_if_closed(warm)
        return warm.executor

    def _take(self) -> _Warm | None:
        """The one that has waited longest, now lent. If one is starting, waits for it; None if there is none either."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._idle or not self._starting, ALIVE_TIMEOUT_S)
            if self._closed:
                raise SandboxClosed(CLOSED)
            if not self._idle:
                return None
            warm = self._idle.popleft()
            self._lent[warm.executor] = warm
            self._changed.notify_all()
            return warm

    def _is_fit(self, warm: _Warm, room: Room) -> bool:
        """Whether it is well and has that much room, and no more."""
        if not warm.has_boxes and room.file_bytes != STANDARD_ROOM.file_bytes:
            return False  # without boxes what can be written to is the sandbox's own
        try:
            if warm.executor.has_ended():
                raise ExecutorLost(ENDED)
            if time.monotonic() - warm.asked_at > PROBE_EVERY_S:
                _ask(warm, PROBE_TIMEOUT_S)
            warm.executor.make_room(room)
        except ExecutorLost as exc:
            log.warning("executor_sick", reason=str(exc))
            return False
        except SandboxUnavailable:
            self.give_back(warm.executor, clean=False)
            raise
        return True

    def give_back(self, executor: Executor, *, clean: bool) -> None:
        with self._changed:
            warm = self._lent.pop(executor)
            warm.served += 1
            is_worn = warm.served >= self._serves or time.monotonic() - warm.started_at > MAX_AGE_S
            keep = clean and warm.has_boxes and not is_worn and not self._closed
            if keep:
                warm.asked_at = time.monotonic()  # it has just answered
                self._idle.append(warm)
            self._changed.notify_all()
        if not keep:
            crash.reached("P14")
            executor.close()

    def check(self) -> None:
        self._launcher.check()

    def sweep(self) -> int:
        return self._launcher.sweep()

    def renew(self) -> None:
        with self._changed:
            idle = list(self._idle)
            self._idle.clear()
            for warm in self._lent.values():
                warm.served = self._serves  # worn, when it comes back
            self._changed.notify_all()
        for warm in idle:
            warm.executor.close()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            everyone = [*self._idle, *self._lent.values()]
            self._idle.clear()
            self._changed.notify_all()
        for warm in everyone:
            crash.reached("P14")
            warm.executor.close()
        self._keeper.join(CLOSE_TIMEOUT_S)

    # -- the keeper -----------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        next_sweep = time.monotonic() + SWEEP_EVERY_S
        while True:
            with self._changed:
                delay_s = self._not_before - time.monotonic()  # after a failure
                self._changed.wait_for(
                    lambda: self._closed or self._should_refill(), delay_s if delay_s > 0 else PROBE_EVERY_S
                )
                if self._closed:
                    return
                refill = self._should_refill()
                self._starting += refill
            try:
                if refill:
                    self._refill()
                self._ask_those_that_wait()
                if time.monotonic() > next_sweep:
                    next_sweep = time.monotonic() + SWEEP_EVERY_S
                    with contextlib.suppress(SandboxUnavailable):
                        self.sweep()
            except Exception:
                # This thread must go on: without it no executor is ever replaced, and nobody would notice.
                log.exception("pool_keeper_failed")
                self._not_before = time.monotonic() + LONGEST_REFILL_DELAY_S / 10

    def _should_refill(self) -> bool:
        return self._is_short() and time.monotonic() >= self._not_before

    def _is_short(self) -> bool:
        """Whether there are fewer than there should be; of those that will not come back, the lent do not count."""
        there = len(self._idle) + self._starting
        come_back = sum(warm.has_boxes and self._serves > 1 for warm in self._lent.values())
        return there + come_back < self._size

    def _refill(self) -> None:
        """Start one. After a failure it is a while until the next is tried, longer each time."""
        warm = None
        try:
            warm = self._start(STANDARD_ROOM)
        except SandboxUnavailable as exc:
            self._failures += 1
            delay_s = min(LONGEST_REFILL_DELAY_S, 2.0**self._failures)
            self._not_before = time.monotonic() + delay_s
            log.error("executor_not_started", reason=str(exc), failures=self._failures, next_try_s=delay_s)
        finally:
            with self._changed:
                self._starting -= 1
                closed = self._closed
                if warm is not None and not closed:
                    self._idle.append(warm)
                self._changed.notify_all()
            if warm is not None and closed:
                warm.executor.close()

    def _start(self, room: Room) -> _Warm:
        executor = self._launcher.start(room)
        now = time.monotonic()
        warm = _Warm(executor, started_at=now, asked_at=now, has_boxes=False)
        try:
            crash.reached("P15")
            reason = _ask(warm, ALIVE_TIMEOUT_S)
        except ExecutorLost as exc:
            executor.close()
            raise SandboxUnavailable(f"an executor did not get ready: {exc}") from exc
        except BaseException:
            executor.close()
            raise
        self._failures, self._not_before = 0, 0.0  # also if it was on the spot: then the keeper need not wait
        if reason is not None and not self._told_without_boxes:
            self._told_without_boxes = True
            log.warning("boxes_unavailable", reason=reason, instead="an executor for every case")
        return warm

    def _ask_those_that_wait(self) -> None:
        """Whether they are well; those that do not say so are ended."""
        while True:
            with self._changed:
                old = time.monotonic() - PROBE_EVERY_S
                warm = next((warm for warm in self._idle if warm.asked_at < old or warm.executor.has_ended()), None)
                if warm is None or self._closed:
                    return
                self._idle.remove(warm)
                self._lent[warm.executor] = warm
            try:
                if warm.executor.has_ended():
                    raise ExecutorLost(ENDED)
                _ask(warm, PROBE_TIMEOUT_S)
            except SandboxUnavailable as exc:
                log.warning("executor_sick", reason=str(exc))
                self.give_back(warm.executor, clean=False)
            else:
                self._put_back(warm)

    def _put_back(self, warm: _Warm) -> None:
        """One that was taken out to be asked, and has served nobody since."""
        with self._changed:
            del self._lent[warm.executor]
            if not self._closed:  # else `close` ends it
                self._idle.append(warm)
            self._changed.notify_all()

    def _refuse_if_closed(self, warm: _Warm) -> None:
        if self._closed:
            self.give_back(warm.executor, clean=False)
            raise SandboxClosed(CLOSED)


def _ask(warm: _Warm, timeout_s: float) -> str | None:
    """
    See that an executor is well; returns why it cannot make boxes, None if it can.

    Raises:
        ExecutorLost: it is not.
    """
    warm.executor.send(PROBE, timeout_s)
    reason = decode_alive(warm.executor.read_line(MAX_PROBE_BYTES, timeout_s))
    warm.asked_at = time.monotonic()
    warm.has_boxes = reason is None
    return reason


def ask_for_boxes(launcher: Launcher) -> str | None:
    """
    Why executors cannot make boxes here; None if they can.

    Raises:
        SandboxUnavailable: none can be started.
    """
    executor = launcher.start(STANDARD_ROOM)
    try:
        return _ask(_Warm(executor, 0.0, 0.0, has_boxes=False), ALIVE_TIMEOUT_S)
    except ExecutorLost as exc:
        raise SandboxUnavailable(f"an executor did not get ready: {exc}") from exc
    finally:
        executor.close()
