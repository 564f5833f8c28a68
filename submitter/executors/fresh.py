"""A fresh executor for every submission: nothing that waits, and nothing that a program could have touched before."""

import threading

from submitter.errors import SandboxClosed
from submitter.executors.link import CLOSED, Executor, Launcher, Room


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
