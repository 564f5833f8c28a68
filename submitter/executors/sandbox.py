"""
The Sandbox port over executors: one submission at a time through each, whoever lends them and however they start.

The three levels of isolation differ in who lends and how a case starts:
`strict` starts an executor for every submission and an interpreter for every
case; `container` and `box` take warm executors from a pool, and fork.
"""

import contextlib
import dataclasses
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Literal, Protocol

import structlog

from submitter import crash
from submitter.errors import ExecutorLost, NotBegun, SandboxClosed, SandboxUnavailable
from submitter.executors.link import Executor, Room
from submitter.executors.turns import Turns
from submitter.executors.wire import (
    DONE,
    decode_answer,
    decode_idle,
    decode_ready,
    encode_input,
    encode_request,
    max_answer_bytes,
    setup_failure,
    unpack_limits,
)
from submitter.languages import languages
from submitter.model import WALL_STRETCH, Ending
from submitter.runs import CaseInput, Environment, Exchange, Job, Role, RunResult, always
from submitter.steps import run_in_steps
from submitter.test_sets import was_starved

READY_TIMEOUT_S = 60.0  # until an executor has laid out all for a submission
ANSWER_SLACK_S = 10.0  # the host's clock is a second witness: it gives up this long after the executor should have
MAX_LINE_BYTES = 8192  # of any line but an answer
SMALL_INPUT_BYTES = 256 * 1024
# So much of the inputs to come is sent while a case runs, and waits in a pipe, which holds at least that (pipe(7)).
# Only the controller, which no case can reach, may have an input before its case starts.
AHEAD_BYTES = 4096
INPUT_COPIES = 4  # of a case's input that an executor may hold while it reads it, base64 among them
FILE_COPIES = 5  # of files that were unpacked: one, and in each of two boxes where the program lies and works
SIGKILL = 9

Start = Literal["fork", "exec"]

log = structlog.get_logger()


class Lender(Protocol):
    """Where executors come from."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    def lend(self, room: Room) -> Executor:
        """
        An executor that nobody else has, with that much room.

        Raises:
            SandboxUnavailable: there is none, and none can be started; or `close` was called.
        """
        ...

    def give_back(self, executor: Executor, *, clean: bool) -> None:
        """Done with it. `clean`: it has answered everything, and nothing happened that could have hurt it."""
        ...

    def check(self) -> None:
        """
        Ask what executors run in whether it is there, and wait for the answer for seconds at the most.

        Raises:
            SandboxUnavailable: it is not.
        """
        ...

    def sweep(self) -> int:
        """Remove what dead processes of ours left on this host, and what we lost ourselves; returns how many."""
        ...

    def renew(self) -> None:
        """End those that wait, and each that is lent when it comes back: others are started in their place."""
        ...

    def close(self) -> None:
        """End all executors, lent ones too, and lend no more. A second call does nothing."""
        ...


class ExecutorSandbox:
    """
    The Sandbox port over any Lender.

    An executor that was ready and is lost in the middle of a case is replaced, and the case is run once more. Lost
    again in the same case, it is the program's doing, since no fault of ours waits for a case: it gets a verdict, and
    the cases after it a fresh executor. So no program can have itself graded for ever. Until an executor is ready,
    nothing of the program has run, and whatever goes wrong is ours. So is it if somebody removes or kills
    executors from outside, or if what they run in does not answer.

    A case that passes a limit of time while the machine was short of processors is run once more, with no other case
    beside it in this process, and that run counts.
    """

    def __init__(
        self,
        lender: Lender,
        start: Start,
        environment: Environment | None = None,
        role: Role = Role.STUDENT,
        turns: Turns | None = None,
    ) -> None:
        """`role` is whose programs run here, and no others; `turns` is for sandboxes that share the processors."""
        self._lender = lender
        self._start = start
        self.environment = environment
        self._role = role
        self._turns = turns or Turns()
        self._closed = threading.Event()

    @property
    def name(self) -> str:
        return self._lender.name

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        if job.role is not self._role:
            raise ValueError(f"executors for the role {self._role} never run a program of the role {job.role}")
        yield from run_in_steps(job, lambda part: self._run_all(part, self._turns))

    def _run_all(self, job: Job, turns: Turns | None) -> Generator[RunResult, None, None]:
        """`turns`: among whom; None: alone, and what is slow then is slow."""
        done, losses, has_lost, from_outside = 0, 0, False, False
        while done < len(job.inputs):
            if job.is_wanted(done) is False:  # and no executor is lent for it
                yield RunResult(ending=Ending.NOT_RUN)
                done += 1
                continue
            lost: ExecutorLost | None = None
            kept: list[RunResult] = []  # from one on that may be unfair, until its executor has been given back
            # After a loss nothing is sent ahead, so that it is certain in which case the next one is.
            try:
                for result in self._run_in_one_executor(job, done, turns, sends_ahead=not has_lost):
                    if kept or (turns is not None and _may_be_unfair(result)):
                        kept.append(result)
                    else:
                        yield result
                        done, losses, from_outside = done + 1, 0, False
            except ExecutorLost as exc:
                lost = exc
            for result in kept:
                yield self._run_again_alone(job, done, result) if _may_be_unfair(result) else result
                done, losses, from_outside = done + 1, 0, False
            if lost is not None:
                self._refuse_if_closed()
                losses, has_lost, from_outside = losses + 1, True, from_outside or lost.from_outside
                log.warning("executor_lost", reason=str(lost), case=done + 1, times=losses)
                if losses == 2:
                    if from_outside:
                        raise SandboxUnavailable(f"executors are lost by no program's doing: {lost}")
                    yield blame(lost)
                    done, losses = done + 1, 0

    def _run_in_one_executor(
        self, job: Job, first: int, turns: Turns | None, *, sends_ahead: bool
    ) -> Generator[RunResult, None, None]:
        """Results of some inputs from the first on; where there are no boxes, an executor serves one case."""
        executor = self._lend(job)
        crash.reached("P6")
        clean = False
        try:
            out_of_memory = False
            cases = _Cases(executor, job, first, turns or Turns(), sends_ahead)
            with contextlib.closing(cases):
                try:
                    has_box = cases.begin(encode_request(job, self._start, len(job.inputs) - first))
                except ExecutorLost as exc:
                    kind = SandboxUnavailable if exc.from_outside else NotBegun
                    raise kind(f"an executor did not get ready: {exc}") from exc
                crash.reached("P7")
                for result in cases.results():
                    crash.reached("P8")
                    out_of_memory |= result.ending is Ending.MEMORY_LIMIT
                    yield result
                clean = has_box and not out_of_memory and cases.are_put_away()
        finally:
            self._lender.give_back(executor, clean=clean)

    def converse(self, job: Job, judge: Job) -> Generator[Exchange, None, None]:
        """Never: the two programs are of different roles, and `roles.SeparateSandboxes` has executors for both."""
        raise ValueError(f"executors for the role {self._role} never run a program of another role")

    @contextlib.contextmanager
    def streamed(self, job: Job, inputs: int) -> Iterator["Streamed"]:
        """
        An executor that is ready for so many streamed cases of a job, lent until the end.

        Raises:
            SandboxUnavailable: there is none, or it cannot begin.
        """
        if job.role is not self._role:
            raise ValueError(f"executors for the role {self._role} never run a program of the role {job.role}")
        executor = self._lend(job)
        lent = Streamed(executor, job)
        try:
            try:
                executor.send(encode_request(job, self._start, inputs), READY_TIMEOUT_S)
                lent.has_box = decode_ready(executor.read_line(MAX_LINE_BYTES, READY_TIMEOUT_S))
            except ExecutorLost as exc:
                raise NotBegun(f"an executor did not get ready: {exc}") from exc
            yield lent
            lent.is_clean = lent.has_box and lent.is_clean and _is_put_away(executor)
        except BaseException:
            lent.is_clean = False
            raise
        finally:
            self._lender.give_back(executor, clean=lent.is_clean)

    def _run_again_alone(self, job: Job, number: int, result: RunResult) -> RunResult:
        with self._turns.alone():
            [again] = self._run_all(dataclasses.replace(job, inputs=(job.inputs[number],), is_wanted=always), None)
        log.info(
            "case_run_again",
            ending=str(result.ending),
            starved_s=round(result.starved_s, 3),
            cpu_time_s=round(result.cpu_time_s, 3),
            ending_alone=str(again.ending),
            cpu_time_alone_s=round(again.cpu_time_s, 3),
        )
        return dataclasses.replace(again, earlier=result)

    def _lend(self, job: Job) -> Executor:
        self._refuse_if_closed()
        limits, language = job.limits, languages()[job.language]
        memory_bytes, processes = limits.memory_bytes, limits.processes
        if language.build:
            memory_bytes = max(memory_bytes, language.build_limits.memory_bytes)
            processes = max(processes, language.build_limits.processes)
        # Of a file there is one copy more, where the case finds it.
        largest = max(len(case.stdin) + sum(map(len, case.arguments)) + 2 * case.files_bytes for case in job.inputs)
        # What is small has room beside the executor's own: assignments with the same limits get the same room.
        extra_bytes = INPUT_COPIES * largest if largest > SMALL_INPUT_BYTES else 0
        if job.is_unpacked:
            unpacking = unpack_limits(job)
            memory_bytes = max(memory_bytes, unpacking.memory_bytes)
            extra_bytes += FILE_COPIES * (1 + (job.files is not None)) * unpacking.file_bytes
        # A fresh interpreter and a program that is no Python have no use for what another has imported.
        preload = job.preload if self._start == "fork" and not language.run else ()
        return self._lender.lend(Room(memory_bytes + extra_bytes, processes, limits.file_bytes, preload))

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise SandboxClosed("the sandbox is closed: this process is ending")

    def check(self) -> None:
        """
        Nothing, if what executors run in is there: a quick question, which says nothing of whether programs can be run.

        Raises:
            SandboxUnavailable: it does not answer.
        """
        self._lender.check()

    def sweep(self) -> int:
        """Remove executors that dead processes of ours left on this host; returns how many."""
        return self._lender.sweep()

    def renew(self) -> None:
        """Have no submission that comes from now on run in an executor that is there now."""
        self._lender.renew()

    def close(self) -> None:
        self._closed.set()
        self._lender.close()


@dataclasses.dataclass(slots=True)
class Streamed:
    """An executor and its job; `is_clean` as long as nothing happened that could have hurt it."""

    executor: Executor
    job: Job
    has_box: bool = False
    is_clean: bool = True

    @property
    def answer_timeout_s(self) -> float:
        """For the next word of a case: it may be that its program is built first."""
        return WALL_STRETCH * self.job.limits.wall_time_s + ANSWER_SLACK_S + _build_s(self.job)


def _is_put_away(executor: Executor) -> bool:
    try:
        executor.send(DONE, ANSWER_SLACK_S)
        decode_idle(executor.read_line(MAX_LINE_BYTES, ANSWER_SLACK_S))
    except SandboxUnavailable as exc:
        log.warning("executor_lost", reason=str(exc), case=None, times=1)
        return False
    return True


class _Cases:
    """
    Cases that go through one executor, one after the other.

    While one runs, the next small inputs are sent, unless somebody waits for the processors, and after the last that
    there are no more: so the executor never waits between two cases, nor before it puts all away. An input of which it
    is not certain yet that it is wanted is not sent ahead, since the executor would begin with it.
    """

    def __init__(self, executor: Executor, job: Job, first: int, turns: Turns, sends_ahead: bool) -> None:
        self._executor, self._limits, self._turns = executor, job.limits, turns
        self._inputs: Sequence[CaseInput] = job.inputs[first:]
        self._is_wanted, self._first, self._sends_ahead = job.is_wanted, first, sends_ahead
        self._collect = job.collect
        self._build_s = _build_s(job)  # for how long the first answer may be late, since the program is built before
        self._sent = self._received = 0  # how many
        self._said_done = False
        self._unanswered: deque[int] = deque()  # bytes of the lines of those between

    def begin(self, request: bytes) -> bool:
        """
        Send the request, and what may wait of the inputs; whether the executor has a box. If not, it runs one case.

        Raises:
            SandboxUnavailable: it cannot run cases, or what it runs in is away.
            ExecutorLost: it fell silent or broke the protocol.
        """
        self._executor.send(b"".join([request, *self._lines_ahead(is_running=False)]), READY_TIMEOUT_S)
        has_box = decode_ready(self._executor.read_line(MAX_LINE_BYTES, READY_TIMEOUT_S))
        if not has_box:
            self._inputs = self._inputs[:1]
            self._said_done = True  # it ends by itself
        return has_box

    def results(self) -> Generator[RunResult, None, None]:
        """
        One for each input, or until one that may be unfair and what had been sent by then.

        What an executor cannot do for the first case is a fault of ours, since nothing of the program has run in it.
        Later it may be the program's doing.

        Raises:
            SandboxUnavailable: the first case could not be begun.
            ExecutorLost: it fell silent or broke the protocol; a later case could not be begun.
        """
        while self._received < len(self._inputs):
            if self._sent == self._received and self._is_wanted(self._first + self._sent) is False:
                self._sent, self._received = self._sent + 1, self._received + 1
                yield RunResult(ending=Ending.NOT_RUN)
                continue
            result = self._run(self._received)
            if _may_be_unfair(result):
                self._inputs = self._inputs[: self._sent]
            yield result

    def are_put_away(self) -> bool:
        """Whether the executor says so. If not, it has yet answered for every case: only it is lost, and no verdict."""
        try:
            if not self._said_done:
                self._executor.send(DONE, ANSWER_SLACK_S)
            decode_idle(self._executor.read_line(MAX_LINE_BYTES, ANSWER_SLACK_S))
        except SandboxUnavailable as exc:
            log.warning("executor_lost", reason=str(exc), case=None, times=1)
            return False
        return True

    def close(self) -> None:
        """Afterwards others need not wait for us, wherever we broke off."""
        for _ in range(self._sent - self._received):
            self._turns.end()
        self._sent = self._received

    def _run(self, number: int) -> RunResult:
        lines = []
        if self._sent == number:
            self._turns.begin()
            lines.append(self._take(encode_input(self._inputs[number])))
        lines += self._lines_ahead(is_running=True)
        if lines:
            self._executor.send(b"".join(lines), ANSWER_SLACK_S)
        result = self._read(is_first=number == 0)
        self._received += 1
        self._unanswered.popleft()
        self._turns.end()
        return result

    def _lines_ahead(self, *, is_running: bool) -> list[bytes]:
        """What may be sent now; `is_running`: the first input that is not answered has left the pipe."""
        lines: list[bytes] = []
        while self._sends_ahead and self._sent < len(self._inputs):
            case = self._inputs[self._sent]
            if len(case.stdin) + case.files_bytes > AHEAD_BYTES or not self._is_wanted(self._first + self._sent):
                break  # before it is encoded for nothing
            line = encode_input(case)
            if not self._has_room(len(line), is_running) or not self._turns.begin_if_nobody_waits():
                break
            lines.append(self._take(line))
        if self._sent >= len(self._inputs) and not self._said_done and self._has_room(len(DONE), is_running):
            self._said_done = True
            lines.append(DONE)
        return lines

    def _has_room(self, size: int, is_running: bool) -> bool:
        waiting = sum(self._unanswered) - (self._unanswered[0] if is_running else 0)
        return waiting + size <= AHEAD_BYTES

    def _take(self, line: bytes) -> bytes:
        self._sent += 1
        self._unanswered.append(len(line))
        return line

    def _read(self, *, is_first: bool) -> RunResult:
        limits = self._limits
        timeout_s = WALL_STRETCH * limits.wall_time_s + ANSWER_SLACK_S + (self._build_s if is_first else 0.0)
        line = self._executor.read_line(max_answer_bytes(limits, self._collect), timeout_s)
        if is_first and (reason := setup_failure(line)) is not None:
            raise NotBegun(f"the executor cannot run cases: {reason}")
        return decode_answer(line, limits, self._collect)


def _build_s(job: Job) -> float:
    """Seconds that unpacking and building the program may take, if it is unpacked or built."""
    language = languages()[job.language]
    building_s = language.build_limits.wall_time_s if language.build else 0.0
    return WALL_STRETCH * (building_s + (unpack_limits(job).wall_time_s if job.is_unpacked else 0.0))


def _may_be_unfair(result: RunResult) -> bool:
    """Whether it passed a limit of time while it waited for a processor too long to be told from a slow program."""
    if result.ending not in {Ending.CPU_LIMIT, Ending.WALL_LIMIT}:
        return False
    return was_starved(result)


def blame(exc: ExecutorLost) -> RunResult:
    """The result of a case in which executors are lost: nothing that it printed or used can be known."""
    ending = Ending.MEMORY_LIMIT if exc.out_of_memory else Ending.SIGNALED
    return RunResult(ending=ending, signal=SIGKILL, stderr=b"the program broke the sandbox and was ended\n")
