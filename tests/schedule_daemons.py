"""
The daemons of a world of tests/schedules.py: their real code, with strings to it that the world pulls.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from submitter.adapters.memory import FakeSandbox
from submitter.daemon import ClientThread, Daemon
from submitter.errors import CasesUnavailable, QueueUnavailable, StoreUnavailable
from submitter.grading import Grader
from submitter.lease import LeaseKeeper
from submitter.processing import SubmissionProcessor
from tests.schedule_services import LEASE_S

if TYPE_CHECKING:
    from tests.schedules import World

AT_ONCE = 2  # submissions a daemon


class Killed(BaseException):
    """The process is no more: nothing that it would have done next is done."""


@dataclass(eq=False)
class Task:
    """One thread of a daemon: a message on its way, or a round of its lease keeper."""

    host: "Host"
    name: str
    thread: threading.Thread | None = None
    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    where: str = "begins"
    error: Exception | None = None
    is_over: bool = False
    failure: BaseException | None = None


class Host:
    """One daemon, of which the world pulls the strings."""

    def __init__(self, world: "World", number: int, life: int) -> None:
        self.name = f"host-{number}:{life}"
        self.is_dead = False
        services = world.services
        queue: Any = Port(world, self, "queue", services.queue, QueueUnavailable)
        results: Any = Port(world, self, "results", services.results, StoreUnavailable)
        cases: Any = Port(world, self, "cases", services.cases, CasesUnavailable)
        self.sandbox = FakeSandbox(lambda job, case_input: world.run_case(self, job, case_input))
        self.leases = LeaseKeeper(queue, cases, LEASE_S)
        self.daemon = Daemon(
            queue=queue,
            processor=SubmissionProcessor(cases, results, Grader(self.sandbox, world.work_dir / self.name), self.name),
            leases=self.leases,
            end_runs=self.sandbox.close,
            concurrency=AT_ONCE,
            poll_wait_s=0,
            grace_s=0,
        )

    def take_one(self) -> None:
        """What the master thread does with a free slot."""
        with contextlib.suppress(QueueUnavailable):
            delivery = self.daemon._receive()
            if delivery is not None:
                self.daemon._hand_over(delivery)
                return
        self.daemon._slots.release()


class Port:
    """A port as a daemon's threads see it: each call waits until the schedule lets it happen, and may fail."""

    def __init__(self, world: "World", host: Host, name: str, inner: Any, error: type[Exception]) -> None:
        self._world = world
        self._host = host
        self._name = name
        self._inner = inner
        self._error = error

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            world = self._world
            world.pause(self._host, f"{self._name}.{method}")
            fault = world.port_fault(method, args)
            if fault == "drop request":
                raise self._error(f"{method}: told to fail before")
            if method == "receive" and world.repeated:
                return world.repeated.pop()
            world.watch(lambda: world.before(method, args))
            try:
                answer = getattr(self._inner, method)(*args, **named)
            finally:
                world.note_write(method)
            world.watch(lambda: world.after(self._host, method, args, answer))
            if fault == "repeat reply" and answer is not None:
                world.repeated.append(answer)
            elif fault == "drop reply":
                world.note_lost_reply(method, answer)
                raise self._error(f"{method}: told to fail after")
            return answer

        return call

    @contextlib.contextmanager
    def publish_turn(self, attempt_id: int) -> Iterator[Any]:
        self._world.pause(self._host, "cases.publish_turn")
        with self._inner.publish_turn(attempt_id) as turn:
            seen: Any = Port(
                self._world, self._host, "turn", _AttemptsTurn(self._world, turn, attempt_id), CasesUnavailable
            )
            seen.results_version, seen.unknown_tokens = turn.results_version, turn.unknown_tokens
            seen.tried = turn.tried
            seen.test_set, seen.published_attempt = turn.test_set, turn.published_attempt
            seen.published_view, seen.is_alone = turn.published_view, turn.is_alone
            yield seen
            self._world.pause(self._host, "cases.commit")


class _AttemptsTurn:
    def __init__(self, world: "World", turn: Any, attempt_id: int) -> None:
        self._world, self._turn, self._attempt_id = world, turn, attempt_id

    def record(self, outcome: Any, **what: Any) -> None:
        self._world.watch(lambda: self._world.see_publishing(self._attempt_id))
        self._turn.record(outcome, **what)


def run_here(client: ClientThread) -> None:
    """Instead of Thread.start: in the thread that took the message, which the world can stop."""
    with contextlib.suppress(Exception):  # as a thread of its own would end, telling nobody
        client.run()
