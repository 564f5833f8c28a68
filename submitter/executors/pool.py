"""
Where executors come from: warm ones from a pool, or a fresh one for every submission.

How it works: the pool holds executors that have started and wait; `lend` takes
one out and `give_back` puts it back or ends it. One thread, the keeper, starts
new ones in place of those that are gone, asks the waiting ones from time to
time whether they are well, and sweeps what dead processes left. An executor
that is lent is used by one thread and not touched by the keeper, but for
`close`, which ends them all.

What an executor has preloaded it cannot lose, so it is lent to those alone who
ask for just that. Where none waits one is started, and the one that has waited
longest with something else is ended for it: there are never more than before.
"""

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

import structlog

from submitter import crash
from submitter.errors import ExecutorLost, SandboxClosed, SandboxUnavailable
from submitter.executors.link import CLOSED, Executor, Launcher, Room
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
STANDARD_ROOM = Room(memory_bytes=256 << 20, processes=64, file_bytes=16 << 20)  # what executors are started with

RETRY_PRELOAD_S = 300.0  # until modules that could not be preloaded are tried again

Preload = tuple[str, ...]  # modules, see Room

log = structlog.get_logger()


@dataclass(slots=True)
class _Warm:
    executor: Executor
    started_at: float
    asked_at: float  # when it last said that it is well
    has_boxes: bool
    preload: Preload = ()
    reason: str | None = None  # why it has no boxes
    served: int = 0


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
        self._starting: list[Preload] = []  # of each that is, ahead
        self._on_the_spot = 0  # how many are, for whoever waits for them
        self._worn: deque[Preload] = deque(maxlen=size)  # of those that ended; others like them take their place
        self._not_preloaded: dict[Preload, float] = {}  # until when they are not tried again
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
        # How many processes there may be is fixed when an executor starts.
        is_standard = room.processes <= STANDARD_ROOM.processes
        if room.preload and not (is_standard and time.monotonic() > self._not_preloaded.get(room.preload, 0.0)):
            room = replace(room, preload=())
        if is_standard:
            for _ in range(UNFIT_AT_MOST):
                warm = self._take(room.preload)
                if warm is None:
                    break
                if self._is_fit(warm, room):
                    return warm.executor
                self.give_back(warm.executor, clean=False)
        warm = self._start_on_the_spot(room)  # all are lent, or none of those that wait would do
        if warm is None:
            return self.lend(replace(room, preload=()))
        self._refuse_if_closed(warm)
        return warm.executor

    def _start_on_the_spot(self, room: Room) -> _Warm | None:
        """
        One that is lent; None if what it should preload cannot be.

        If there are as many as there should be, one that waits with other modules is ended for it.
        """
        with self._changed:
            self._on_the_spot += 1
            others = [warm for warm in self._idle if warm.preload != room.preload]
            is_one_too_many = bool(others) and self._count() > self._size
            if is_one_too_many:
                self._idle.remove(others[0])
        warm = None
        try:
            if is_one_too_many:
                others[0].executor.close()
            warm = self._start_preloaded(room) if room.preload else self._start(room)
        finally:
            with self._changed:
                self._on_the_spot -= 1
                if warm is not None:
                    self._lent[warm.executor] = warm
        return warm

    def _take(self, preload: Preload) -> _Warm | None:
        """
        The one that has waited longest with just these modules, now lent.

        If one is starting, waits for it; None if there is none either.
        """

        def first() -> _Warm | None:
            return next((warm for warm in self._idle if warm.preload == preload), None)

        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or first() is not None or preload not in self._starting, ALIVE_TIMEOUT_S
            )
            if self._closed:
                raise SandboxClosed(CLOSED)
            warm = first()
            if warm is None:
                return None
            self._idle.remove(warm)
            self._lent[warm.executor] = warm
            self._changed.notify_all()
            return warm

    def _start_preloaded(self, room: Room) -> _Warm | None:
        """One that has these modules; None if they cannot be preloaded, which is no reason to grade nobody."""
        try:
            warm = self._start(room)
            if warm.has_boxes:
                return warm
            warm.executor.close()
            reason = warm.reason
        except SandboxClosed:
            raise
        except SandboxUnavailable as exc:
            reason = str(exc)
        self._not_preloaded[room.preload] = time.monotonic() + RETRY_PRELOAD_S
        log.warning("preload_failed", modules=list(room.preload), reason=reason, next_try_s=RETRY_PRELOAD_S)
        return None

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
            else:
                self._worn.append(warm.preload)
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
            self._not_preloaded.clear()
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
                preload = self._worn.popleft() if refill and self._worn else ()
                if refill:
                    self._starting.append(preload)
            try:
                if refill:
                    self._refill(preload)
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
        """Whether there are fewer than there should be."""
        return self._count() < self._size

    def _count(self) -> int:
        """How many there are, or will be in a moment; of those that will not come back, the lent do not count."""
        there = len(self._idle) + len(self._starting) + self._on_the_spot
        come_back = sum(warm.has_boxes and self._serves > 1 for warm in self._lent.values())
        return there + come_back

    def _refill(self, preload: Preload) -> None:
        """Start one. After a failure it is a while until the next is tried, longer each time."""
        warm = None
        try:
            room = replace(STANDARD_ROOM, preload=preload)
            warm = self._start_preloaded(room) if preload else self._start(room)
        except SandboxUnavailable as exc:
            self._failures += 1
            delay_s = min(LONGEST_REFILL_DELAY_S, 2.0**self._failures)
            self._not_before = time.monotonic() + delay_s
            log.error("executor_not_started", reason=str(exc), failures=self._failures, next_try_s=delay_s)
        finally:
            with self._changed:
                self._starting.remove(preload)
                closed = self._closed
                if warm is not None and not closed:
                    self._idle.append(warm)
                self._changed.notify_all()
            if warm is not None and closed:
                warm.executor.close()

    def _start(self, room: Room) -> _Warm:
        executor = self._launcher.start(room)
        now = time.monotonic()
        warm = _Warm(executor, started_at=now, asked_at=now, has_boxes=False, preload=room.preload)
        try:
            crash.reached("P15")
            warm.reason = _ask(warm, ALIVE_TIMEOUT_S)
        except ExecutorLost as exc:
            executor.close()
            raise SandboxUnavailable(f"an executor did not get ready: {exc}") from exc
        except BaseException:
            executor.close()
            raise
        self._failures, self._not_before = 0, 0.0  # also if it was on the spot: then the keeper need not wait
        if warm.reason is not None and not room.preload and not self._told_without_boxes:
            self._told_without_boxes = True
            log.warning("boxes_unavailable", reason=warm.reason, instead="an executor for every case")
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


def ask_for_boxes(launcher: Launcher, preload: Preload = ()) -> str | None:
    """
    Why executors that preload these modules cannot make boxes here; None if they can.

    Raises:
        SandboxUnavailable: none can be started.
    """
    executor = launcher.start(replace(STANDARD_ROOM, preload=preload))
    try:
        return _ask(_Warm(executor, 0.0, 0.0, has_boxes=False), ALIVE_TIMEOUT_S)
    except ExecutorLost as exc:
        raise SandboxUnavailable(f"an executor did not get ready: {exc}") from exc
    finally:
        executor.close()
