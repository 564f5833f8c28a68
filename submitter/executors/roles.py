"""
A sandbox for students' programs and another for those that judge them, behind one port.

Who judges gets to see expected outputs. So its executors never run, and never
have run, a student's program; and since it reads what a student's program
wrote, nothing of its executors is ever a student's.
"""

import threading
from collections.abc import Callable, Generator

from submitter.errors import SandboxClosed
from submitter.executors.dialogue import converse
from submitter.executors.sandbox import ExecutorSandbox
from submitter.runs import Environment, Exchange, Job, Role, RunResult

CLOSED = "the sandbox is closed: this process is ending"


class SeparateSandboxes:
    """
    The Sandbox port over one for each role; that of the judges is made when the first of their jobs comes.

    Each refuses jobs of the other role by itself, too.
    """

    def __init__(self, students: ExecutorSandbox, make_judges: Callable[[], ExecutorSandbox]) -> None:
        self._students = students
        self._make_judges = make_judges
        self._lock = threading.Lock()
        self._judges: ExecutorSandbox | None = None
        self._is_closed = False

    @property
    def name(self) -> str:
        return self._students.name

    @property
    def environment(self) -> Environment | None:
        return self._students.environment

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        yield from (self._students if job.role is Role.STUDENT else self._for_judges()).run(job)

    def converse(self, job: Job, judge: Job) -> Generator[Exchange, None, None]:
        """See the port."""
        yield from converse(self._students, self._for_judges(), job, judge)

    def _for_judges(self) -> ExecutorSandbox:
        with self._lock:
            if self._is_closed:
                raise SandboxClosed(CLOSED)
            if self._judges is None:
                self._judges = self._make_judges()
            return self._judges

    def _all(self) -> list[ExecutorSandbox]:
        with self._lock:
            return [self._students] if self._judges is None else [self._students, self._judges]

    def check(self) -> None:
        """
        Nothing, if what executors run in is there.

        Raises:
            SandboxUnavailable: it does not answer.
        """
        self._students.check()  # the judges' executors run in the same

    def sweep(self) -> int:
        """Remove executors that dead processes of ours left on this host; returns how many."""
        return sum(one.sweep() for one in self._all())

    def renew(self) -> None:
        """Have no job that comes from now on run in an executor that is there now."""
        for one in self._all():
            one.renew()

    def close(self) -> None:
        """End every run now and refuse new ones. A second call does nothing."""
        with self._lock:
            self._is_closed = True
        for one in self._all():
            one.close()
