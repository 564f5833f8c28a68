"""
A student's program and an interactor, each in an executor of its own role, that read what the other prints.

How it works: nothing connects the two but this process. For each case two
threads read, one from each executor; what they read goes into one queue, from
which the caller's thread hands it on. An executor says when its program has
taken what it was sent, and that is passed back, so that the other sends more:
no more than a window's bytes are ever under way in a direction.
"""

import queue
import threading
import time
from collections.abc import Generator

import structlog

from submitter.checkers import ACCEPTED
from submitter.errors import ExecutorLost, NotBegun, SandboxUnavailable
from submitter.executors.sandbox import ANSWER_SLACK_S, ExecutorSandbox, Streamed, blame
from submitter.executors.wire import (
    HEARD_ALL,
    STOP,
    Event,
    Said,
    Silent,
    Taken,
    decode_event,
    encode_hear,
    encode_input,
    encode_taken,
    max_answer_bytes,
    setup_failure,
)
from submitter.model import Ending
from submitter.runs import CaseInput, Exchange, Job, RunResult

QUIET_S = 0.5  # without a word of either before it is said that both waited
BUSY_SHARE = 0.5  # of its wall time, that a program which only waited has not used of the processor

log = structlog.get_logger()

NOT_ASKED = RunResult(ending=Ending.NOT_RUN)


class _Lost(Exception):
    """An executor was lost in a case, and whose."""

    def __init__(self, side: "_Side", exc: ExecutorLost) -> None:
        super().__init__(str(exc))
        self.side, self.exc = side, exc


def converse(
    students: ExecutorSandbox, judges: ExecutorSandbox, job: Job, judge: Job
) -> Generator[Exchange, None, None]:
    """
    See `Sandbox.converse`.

    A case in which an executor is lost is tried once more in fresh ones; lost again, it is the doing of the program
    that ran in it, as in `ExecutorSandbox`.
    """
    done, losses = 0, 0
    while done < len(job.inputs):
        if job.is_wanted(done) is False:
            yield Exchange(run=NOT_ASKED, judge=NOT_ASKED)
            done += 1
            continue
        try:
            for exchange in _in_two_executors(students, judges, job, judge, done):
                yield exchange
                done, losses = done + 1, 0
        except _Lost as lost:
            losses += 1
            log.warning("executor_lost", reason=str(lost), case=done + 1, times=losses)
            if losses == 2:
                if lost.exc.from_outside:
                    raise SandboxUnavailable(f"executors are lost by no program's doing: {lost}") from lost
                is_judge = lost.side.lent.job is judge
                yield Exchange(
                    run=NOT_ASKED if is_judge else blame(lost.exc), judge=blame(lost.exc) if is_judge else NOT_ASKED
                )
                done, losses = done + 1, 0


def _in_two_executors(
    students: ExecutorSandbox, judges: ExecutorSandbox, job: Job, judge: Job, first: int
) -> Generator[Exchange, None, None]:
    """Exchanges of cases from the first on, or of one where executors make no boxes."""
    left = len(job.inputs) - first
    with students.streamed(job, left) as one, judges.streamed(judge, left) as other:
        for number in range(first, len(job.inputs)):
            if job.is_wanted(number) is False:
                yield Exchange(run=NOT_ASKED, judge=NOT_ASKED)
                continue
            exchange = _talk(_Side(one), _Side(other), job.inputs[number], judge.inputs[number])
            for lent, result in ((one, exchange.run), (other, exchange.judge)):
                lent.is_clean &= result.ending is not Ending.MEMORY_LIMIT
            yield exchange
            if not (one.has_box and other.has_box):
                return


class _Side:
    """One of the two in one case: what it is sent, and a thread that reads what it says."""

    def __init__(self, lent: Streamed) -> None:
        self.lent = lent
        self.result: RunResult | None = None
        self.is_silent = False
        self.under_way = 0  # bytes that it was sent and has not taken

    def begin(self, case: CaseInput, events: "queue.SimpleQueue[tuple[_Side, Event | Exception]]") -> None:
        self.send(encode_input(case))
        threading.Thread(target=self._read, args=(events,), name="dialogue", daemon=True).start()

    def _read(self, events: "queue.SimpleQueue[tuple[_Side, Event | Exception]]") -> None:
        job = self.lent.job
        most, said_bytes = max_answer_bytes(job.limits, job.collect), 0
        # Of the whole case: one that keeps saying something must not keep us for ever.
        deadline = time.monotonic() + self.lent.answer_timeout_s
        try:
            while True:
                line = self.lent.executor.read_line(most, deadline - time.monotonic())
                if (reason := setup_failure(line)) is not None:
                    raise NotBegun(f"the executor cannot run cases: {reason}")
                event = decode_event(line, job.limits, job.collect)
                if isinstance(event, Said):
                    said_bytes += len(event.data)
                if said_bytes > job.limits.output_bytes:
                    raise ExecutorLost("an executor says more than its program may print")
                if time.monotonic() > deadline and not isinstance(event, RunResult):
                    raise ExecutorLost("the executor did not answer in time")
                events.put((self, event))
                if isinstance(event, RunResult):
                    return
        except Exception as exc:  # noqa: BLE001  (raised again, by whoever waits for events)
            events.put((self, exc))

    def send(self, data: bytes) -> None:
        """Nothing, if its case has ended."""
        if self.result is None:
            try:
                self.lent.executor.send(data, ANSWER_SLACK_S)
            except ExecutorLost as exc:
                raise _Lost(self, exc) from exc


def _talk(program: _Side, judge: _Side, case: CaseInput, judges_case: CaseInput) -> Exchange:
    """One case. The judge starts first, so that the program's time is not that in which the judge is built."""
    events: queue.SimpleQueue[tuple[_Side, Event | Exception]] = queue.SimpleQueue()
    judge.begin(judges_case, events)
    _, first = _next(events)
    if isinstance(first, RunResult):  # it does not compile
        return Exchange(run=NOT_ASKED, judge=first)
    program.begin(case, events)
    first_to_end: _Side | None = None  # or to say no more, which the other sees, and may end for
    both_waited = False
    last_word = time.monotonic()
    while program.result is None or judge.result is None:
        side, event = _next(events)
        other = judge if side is program else program
        if isinstance(event, Said):
            last_word = time.monotonic()
            if other.result is None:
                other.under_way += len(event.data)
                other.send(encode_hear(event.data))
            else:
                side.send(encode_taken(len(event.data)))
        elif isinstance(event, Taken):
            last_word = time.monotonic()
            side.under_way -= event.count
            if side.under_way < 0:
                raise _Lost(side, ExecutorLost("an executor has taken more than it was sent"))
            other.send(encode_taken(event.count))
        elif isinstance(event, Silent):
            side.is_silent = True
            first_to_end = first_to_end or side
            other.send(HEARD_ALL)
        elif isinstance(event, RunResult):
            waited_for = program.under_way + judge.under_way == 0 and not (program.is_silent or judge.is_silent)
            side.result = event
            first_to_end = first_to_end or side
            if side.under_way:
                other.send(encode_taken(side.under_way))
            other.send(HEARD_ALL)
            if side is judge and first_to_end is judge and (event.ending, event.exit_code) != (Ending.EXITED, ACCEPTED):
                program.send(STOP)
            elif side is program and judge.result is None:
                both_waited = (
                    event.ending is Ending.WALL_LIMIT
                    and waited_for
                    and time.monotonic() - last_word > min(QUIET_S, program.lent.job.limits.wall_time_s / 2)
                    and event.cpu_time_s < BUSY_SHARE * event.wall_time_s
                )
                if not _is_clean(event) and not judge.is_silent:
                    judge.send(STOP)
    return Exchange(
        run=program.result,
        judge=judge.result,
        judge_ended_first=first_to_end is judge,
        both_waited=both_waited,
    )


def _is_clean(result: RunResult) -> bool:
    return result.ending is Ending.EXITED and result.exit_code == 0


def _next(events: "queue.SimpleQueue[tuple[_Side, Event | Exception]]") -> tuple[_Side, Event]:
    """Each reader ends with an answer or an error, within its time: there is always one to come."""
    side, event = events.get()
    if isinstance(event, ExecutorLost):
        raise _Lost(side, event)
    if isinstance(event, Exception):
        raise event
    return side, event
