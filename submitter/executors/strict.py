"""
The `strict` level: a fresh executor for every submission, a fresh interpreter for every case, nothing warm.

Slow and simple. Whatever is made faster is tested against it.
"""

import threading
from collections.abc import Generator

import structlog

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors.link import Executor, Launcher
from submitter.executors.wire import decode_answer, decode_ready, encode_input, encode_request, max_answer_bytes
from submitter.model import CaseInput, Ending, Job, RunResult

READY_TIMEOUT_S = 60.0  # from start until it is ready; of these, compiling the program may take 20
ANSWER_SLACK_S = 10.0  # the host's clock is a second witness: it gives up this long after the executor should have
MAX_READY_BYTES = 8192
INPUT_COPIES = 4  # of a case's input that an executor may hold while it reads it, base64 among them
SIGKILL = 9

log = structlog.get_logger()


class StrictSandbox:
    """
    The Sandbox port over any Launcher.

    An executor that was ready and is lost in the middle of a case is replaced, and the case is run once more. Lost
    again in the same case, it is the program's doing, since no fault of ours waits for a case: it gets a verdict, and
    the cases after it a fresh executor. So no program can have itself graded for ever. Until an executor is ready,
    nothing of the program has run, and whatever goes wrong is ours.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._lock = threading.Lock()
        self._running: set[Executor] = set()
        self._closed = False

    @property
    def name(self) -> str:
        return self._launcher.name

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        done, losses = 0, 0
        while done < len(job.inputs):
            try:
                for result in self._run_in_one_executor(job, job.inputs[done:]):
                    yield result
                    done, losses = done + 1, 0
            except ExecutorLost as exc:
                self._refuse_if_closed()
                losses += 1
                log.warning("executor_lost", reason=str(exc), case=done + 1, times=losses)
                if losses == 2:
                    yield _blame(exc)
                    done, losses = done + 1, 0

    def _run_in_one_executor(self, job: Job, inputs: tuple[CaseInput, ...]) -> Generator[RunResult, None, None]:
        limits = job.limits
        executor = self._start(job)
        try:
            try:
                executor.send(encode_request(job, len(inputs)), READY_TIMEOUT_S)
                decode_ready(executor.read_line(MAX_READY_BYTES, READY_TIMEOUT_S))
            except ExecutorLost as exc:
                raise SandboxUnavailable(f"an executor did not get ready: {exc}") from exc
            for case in inputs:
                executor.send(encode_input(case), ANSWER_SLACK_S)
                line = executor.read_line(max_answer_bytes(limits), limits.wall_time_s + ANSWER_SLACK_S)
                yield decode_answer(line, limits)
        finally:
            executor.close()
            with self._lock:
                self._running.discard(executor)

    def _start(self, job: Job) -> Executor:
        limits = job.limits
        largest = max(len(case.stdin) + sum(map(len, case.arguments)) for case in job.inputs)
        self._refuse_if_closed()
        executor = self._launcher.start(
            str(job.directory), limits.memory_bytes + INPUT_COPIES * largest, limits.processes, limits.file_bytes
        )
        with self._lock:
            self._running.add(executor)
            closed = self._closed
        if closed:  # while it started
            executor.close()
            self._refuse_if_closed()
        return executor

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise SandboxUnavailable("the sandbox is closed: this process is ending")

    def sweep(self) -> int:
        """Remove executors that dead processes of ours left on this host; returns how many."""
        return self._launcher.sweep()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            running = list(self._running)
        for executor in running:
            executor.close()


def _blame(exc: ExecutorLost) -> RunResult:
    """The result of a case in which executors are lost: nothing that it printed or used can be known."""
    ending = Ending.MEMORY_LIMIT if exc.out_of_memory else Ending.SIGNALED
    return RunResult(ending=ending, signal=SIGKILL, stderr=b"the program broke the sandbox and was ended\n")
