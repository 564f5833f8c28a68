"""
The `strict` level: a fresh executor for every submission, a fresh interpreter for every case, nothing warm.

Slow and simple. Whatever is made faster is tested against it.
"""

import threading
from collections.abc import Generator

import structlog

from submitter.errors import SandboxUnavailable
from submitter.executors.link import Executor, Launcher
from submitter.executors.wire import decode_answer, encode_request, max_answer_bytes
from submitter.model import Job, RunResult

START_TIMEOUT_S = 30.0  # from start to the first answer, over and above the first case
CHECK_TIMEOUT_S = 20.0  # the executor's own bound on compiling a program
ANSWER_SLACK_S = 10.0  # the host's clock is a second witness: it gives up this long after the executor should have

log = structlog.get_logger()


class StrictSandbox:
    """The Sandbox port over any Launcher."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._lock = threading.Lock()
        self._running: set[Executor] = set()
        self._closed = False

    @property
    def name(self) -> str:
        return self._launcher.name

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        limits = job.limits
        executor = self._start(job)
        try:
            executor.send(encode_request(job), START_TIMEOUT_S)
            extra_s = START_TIMEOUT_S + CHECK_TIMEOUT_S
            for _ in job.inputs:
                line = executor.read_line(max_answer_bytes(limits), limits.wall_time_s + ANSWER_SLACK_S + extra_s)
                yield decode_answer(line, limits)
                extra_s = 0.0
        finally:
            executor.close()
            with self._lock:
                self._running.discard(executor)

    def _start(self, job: Job) -> Executor:
        limits = job.limits
        self._refuse_if_closed()
        executor = self._launcher.start(str(job.directory), limits.memory_bytes, limits.processes, limits.file_bytes)
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
