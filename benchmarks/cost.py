"""
What a submission costs beside its run: from its message to its result, on the embedded services.

Held against the bare time of the calls that nobody can do without: a message
received and deleted, two objects read, two written, three transactions.
"""

import contextlib
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.levels import SANDBOXES, level_name
from benchmarks.service import seed
from benchmarks.work import PROGRAM, Failed, Samples, wait_until_quiet
from submitter import app
from submitter.adapters.aws import make_client
from submitter.adapters.sqs import SqsSubmissionQueue
from submitter.config import Config
from submitter.daemon import ClientThread
from submitter.dependencies import Dependencies
from submitter.grading import Grader
from submitter.lease import LeaseKeeper
from submitter.model import Assignment, AssignmentRef
from submitter.ports import Delivery
from submitter.processing import SubmissionProcessor
from submitter.upload import upload

REF = AssignmentRef("benchmarks", "cost", "square")
CASES = 10
LEASE_S = 60
START_TIMEOUT_S = 60.0
METADATA_BYTES, OUT_BYTES, RESULTS_BYTES = 200, 40, 4000  # about what a submission's documents have


class House:
    """One daemon's parts, put together as `app` does, without its threads."""

    def __init__(self, stack: Mapping[str, str], sandbox: str, directory: Path, started: ExitStack) -> None:
        environment = {**stack, "SUBMITTER_SANDBOX": sandbox, "SUBMITTER_CONCURRENCY": "1"}
        self.config = Config.from_env(environment)
        self.sqs, self.s3 = make_client("sqs", environment), make_client("s3", environment)
        self.store = app.open_results(self.config, environment)
        self.queue = SqsSubmissionQueue(self.sqs, self.config.queue_url, LEASE_S)
        self.cases = started.enter_context(app.open_cases(self.config))
        runs = started.enter_context(contextlib.closing(app.open_sandbox(self.config)))
        self.grader = Grader(runs, directory)
        self.processor = SubmissionProcessor(self.cases, self.store, self.grader, "benchmark")
        self.leases = LeaseKeeper(self.queue, self.cases, LEASE_S)
        self.leases.start()
        started.callback(self.leases.stop)
        self.connection = started.enter_context(psycopg.connect(self.config.database_url, autocommit=True))
        assignment = self.cases.load_assignment(REF)
        assert assignment is not None
        self.assignment: Assignment = assignment

    def wait_for_message(self) -> None:
        """Until the trigger has sent it."""
        while True:
            answer = self.sqs.get_queue_attributes(QueueUrl=self.config.queue_url, AttributeNames=["All"])
            if answer["Attributes"]["ApproximateNumberOfMessages"] != "0":
                return
            time.sleep(0.01)

    def message_to_result(self) -> float:
        """Seconds from asking for a submission's message to the message's deletion."""
        token = secrets.token_hex(16)
        self.connection.execute(
            "INSERT INTO submitter.registrations (token, email) VALUES (%s, %s)", (token, f"{token}@example.org")
        )
        submitted = upload(self.store, REF, [token], PROGRAM)
        self.wait_for_message()
        wait_until_quiet()
        begun = time.perf_counter()
        delivery = self.queue.receive(0)
        assert isinstance(delivery, Delivery)
        lease = self.leases.hold(delivery)
        stopping = threading.Event()
        ClientThread(
            lease, delivery, self.queue, self.processor, self.leases, Dependencies({}), stopping, lambda _: None
        ).run()
        took_s = time.perf_counter() - begun
        assert self.store.version(submitted.key.results) is not None
        return took_s

    def run_alone(self) -> float:
        wait_until_quiet()
        begun = time.perf_counter()
        report = self.grader.grade(self.assignment, PROGRAM, secrets.token_hex(16))
        took_s = time.perf_counter() - begun
        assert report.passed_everything
        return took_s

    def calls_alone(self) -> float:
        """Seconds for a receive, two GETs, two PUTs, three transactions and a delete."""
        bucket, url = self.config.bucket, self.config.queue_url
        for key, size in (("bare/program", len(PROGRAM)), ("bare/metadata", METADATA_BYTES)):
            self.s3.put_object(Bucket=bucket, Key=key, Body=bytes(size))
        self.sqs.send_message(QueueUrl=url, MessageBody="bare")
        wait_until_quiet()
        begun = time.perf_counter()
        message = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)["Messages"][0]
        for key in ("bare/program", "bare/metadata"):
            self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for _ in range(3):
            with self.connection.transaction():
                self.connection.execute("SELECT count(*) FROM submitter.assignments")
        for key, size in (("bare/out", OUT_BYTES), ("bare/results", RESULTS_BYTES)):
            self.s3.put_object(Bucket=bucket, Key=key, Body=bytes(size))
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return time.perf_counter() - begun


def measure(sandbox: str, rounds: int) -> Mapping[str, Samples]:
    """Each in turn, round by round; the first round warms up and does not count."""
    with ExitStack() as started:
        directory = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="submitter-cost-")))
        stack = started.enter_context(stack_apart(directory))
        seed(stack["SUBMITTER_DATABASE_URL"], REF, CASES)
        house = House(stack, sandbox, directory, started)
        ways = {
            "message to result": house.message_to_result,
            "the run alone": house.run_alone,
            "the calls alone": house.calls_alone,
        }
        samples = {name: Samples() for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items():
                took_s = way()
                if number:
                    samples[name].seconds.append(took_s)
        return samples


@contextlib.contextmanager
def stack_apart(directory: Path) -> Iterator[Mapping[str, str]]:
    """
    `submitter stack` as people start it; its environment. Apart, since its trigger is none of the daemon's work.

    Raises:
        Failed: it ended, or took too long to start.
    """
    environment_file = directory / "stack.env"
    command = [sys.executable, "-m", "submitter", "stack", "--env-file", str(environment_file)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as it:
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not environment_file.exists():
                if it.poll() is not None or time.monotonic() > deadline:
                    raise Failed("`submitter stack` did not start: run it to see why")
                time.sleep(0.05)
            lines = environment_file.read_text().splitlines()
            yield dict(line.split("=", 1) for line in lines if "=" in line)
        finally:
            it.terminate()


def rows(rounds: int) -> Iterator[tuple[Any, ...]]:
    """For the chapter: level, ms of the three, and how many times the calls' time is spent beside the run."""
    for sandbox in SANDBOXES:
        name = level_name(sandbox, "box")
        try:
            samples = measure(sandbox, rounds)
        except Exception as exc:
            yield name, None, None, None, None, f"{type(exc).__name__}: {exc}"
            continue
        total, run, calls = (
            samples[way].median_ms for way in ("message to result", "the run alone", "the calls alone")
        )
        ratio = (total - run) / calls if total and run and calls else None
        yield name, total, run, calls, ratio, ""
