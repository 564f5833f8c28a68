"""The real daemon, in a process of its own, against the embedded services and a real sandbox."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psycopg
import pytest

from submitter import app
from submitter.config import Config
from submitter.demo import seed
from submitter.embedded_aws import MAX_RECEIVE_COUNT
from submitter.model import AssignmentRef
from submitter.ports import ResultStore
from submitter.resources import resource
from submitter.stack import Stack
from submitter.upload import Submitted, find_results
from tests.conftest import make_launcher

LAB5 = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
TIMEOUT_S = 60.0

Found = TypeVar("Found")


class World:
    """The services, and what a test looks at: bucket, queues, database, work directory."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.config = Config.from_env(environment)
        self.store: ResultStore = app.open_results(self.config, environment)
        self.work_dir = self.config.work_dir

    def results(self, submitted: Submitted) -> dict[str, Any]:
        """Wait for an upload's results document."""
        return self.wait_for(lambda: find_results(self.store, submitted), f"the result of {submitted.key.subid}")

    def wait_for(self, look: Callable[[], Found | None], what: str, timeout_s: float = TIMEOUT_S) -> Found:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {what} within {timeout_s:.0f} s")

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.config.database_url) as connection:
            return connection.execute(sql.encode(), parameters).fetchall()

    def empty_queues(self) -> None:
        """Whatever other tests have left there."""
        from submitter.adapters.aws import make_client

        sqs, url = make_client("sqs", self.environment), self.environment["SUBMITTER_QUEUE_URL"]
        for queue_url in (url, f"{url}-dlq"):
            while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

    def queue_depths(self) -> dict[str, int]:
        """Messages on the queue, in hand, and set aside."""
        from submitter.adapters.aws import make_client

        sqs = make_client("sqs", self.environment)
        url = self.environment["SUBMITTER_QUEUE_URL"]
        own = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        aside = sqs.get_queue_attributes(QueueUrl=f"{url}-dlq", AttributeNames=["All"])["Attributes"]
        return {
            "waiting": int(own["ApproximateNumberOfMessages"]),
            "in_hand": int(own["ApproximateNumberOfMessagesNotVisible"]),
            "aside": int(aside["ApproximateNumberOfMessages"]),
        }

    def send(self, body: str) -> None:
        """Put a message on the queue by hand, whatever it is."""
        from submitter.adapters.aws import make_client

        make_client("sqs", self.environment).send_message(
            QueueUrl=self.environment["SUBMITTER_QUEUE_URL"], MessageBody=body
        )

    def wear_out(self) -> None:
        """Receive what waits on the queue, and give it back, until SQS has moved all of it aside."""
        from submitter.adapters.aws import make_client

        sqs, url = make_client("sqs", self.environment), self.environment["SUBMITTER_QUEUE_URL"]
        while self.queue_depths()["waiting"]:
            for _ in range(MAX_RECEIVE_COUNT + 1):
                sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0)

    def dead_letters(self) -> list[tuple[str, str]]:
        """Take all messages that were set aside, as body and reason; SQS itself gives none."""
        from submitter.adapters.aws import make_client

        sqs, url = make_client("sqs", self.environment), self.environment["SUBMITTER_QUEUE_URL"] + "-dlq"
        letters = []
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                reason = message.get("MessageAttributes", {}).get("reason")
                letters.append((message["Body"], reason["StringValue"] if reason else ""))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return letters


class RealDaemon:
    """processStudentTestCases.py as an operator starts it; its log is parsed as it comes."""

    def __init__(self, environment: dict[str, str]) -> None:
        script = str(resource("sql").parent / "processStudentTestCases.py")
        self.process = subprocess.Popen(
            [sys.executable, script], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            with self._changed:
                try:
                    self.lines.append(json.loads(text))
                except ValueError:
                    self.lines.append({"event": "not JSON", "text": text})
                self._changed.notify_all()

    def wait_for(self, event: str, count: int = 1, **fields: object) -> dict[str, Any]:
        """The nth log line with that event and those fields, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines if line.get("event") == event and fields.items() <= line.items()]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, TIMEOUT_S), f"no {event} in {self.lines}"
            return found()[count - 1]

    def forget(self) -> None:
        """What it has said so far."""
        with self._changed:
            self.lines.clear()

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Ask it to end; returns its exit code."""
        self.process.send_signal(signum)
        code = self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return code


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(resource("sql")) as stack:
        seed(stack.environment["SUBMITTER_DATABASE_URL"])
        yield stack


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def sandbox_name(request: pytest.FixtureRequest) -> str:
    """Each sandbox in turn, if it works here."""
    make_launcher(request.param)
    return str(request.param)


@pytest.fixture
def world(stack: Stack, sandbox_name: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(
        {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SUBMITTER_", "PYTEST_")) or "IMAGE" in name
            },
            **stack.environment,
            "SUBMITTER_WORK_DIR": str(tmp_path_factory.getbasetemp() / f"work-{sandbox_name}"),
            "SUBMITTER_SANDBOX": sandbox_name,
            "SUBMITTER_POLL_WAIT": "1",
            "SUBMITTER_VISIBILITY_TIMEOUT": "6",
        }
    )


class SharedDaemon:
    """One daemon for all tests that do nothing to it, as it serves all submissions of a day: to start takes seconds."""

    def __init__(self) -> None:
        self._daemon: RealDaemon | None = None
        self._environment: dict[str, str] = {}

    def get(self, environment: dict[str, str]) -> RealDaemon:
        """It, or a new one if it was ended or is of another environment; its lines are those from now on."""
        if self._daemon is None or self._daemon.process.poll() is not None or self._environment != environment:
            self.end()
            self._daemon, self._environment = RealDaemon(environment), dict(environment)
            self._daemon.wait_for("daemon_started")
        self._daemon.forget()
        return self._daemon

    def end(self) -> None:
        if self._daemon is not None and self._daemon.process.poll() is None:
            self._daemon.stop()
        self._daemon = None


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[SharedDaemon]:
    shared = SharedDaemon()
    yield shared
    shared.end()


@pytest.fixture
def no_daemon(shared_daemon: SharedDaemon) -> None:
    """None but those that the test starts itself takes messages."""
    shared_daemon.end()


@pytest.fixture
def start_daemon(world: World, no_daemon: None) -> Iterator[Callable[[], RealDaemon]]:
    """Starts daemons that take messages, as many as are asked for; those that still run are ended afterwards."""
    started: list[RealDaemon] = []

    def start() -> RealDaemon:
        daemon = RealDaemon(world.environment)
        started.append(daemon)
        daemon.wait_for("daemon_started")
        return daemon

    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.stop()
        assert not [line for line in daemon.lines if line["event"] == "not JSON"]


@pytest.fixture
def daemon(world: World, shared_daemon: SharedDaemon) -> Iterator[RealDaemon]:
    """A daemon that takes messages; the test may end it."""
    daemon = shared_daemon.get(world.environment)
    yield daemon
    assert not [line for line in daemon.lines if line["event"] == "not JSON"]
