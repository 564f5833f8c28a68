"""
What a submission costs beside its run: from its message to its result, on the embedded services.

Held against the bare time of the calls that nobody can do without: a message
received and deleted, two objects read, two written, three transactions.
"""

import contextlib
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.levels import SANDBOXES, level_name
from benchmarks.work import PROGRAM, Samples
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
from submitter.resources import resource
from submitter.stack import Stack
from submitter.upload import upload

REF = AssignmentRef("benchmarks", "cost", "square")
CASES = 10
LEASE_S = 60
METADATA_BYTES, OUT_BYTES, RESULTS_BYTES = 200, 40, 4000  # about what a submission's documents have


class House:
    """One daemon's parts, put together as `app` does, without its threads."""

    def __init__(self, stack: Stack, sandbox: str, directory: Path, started: ExitStack) -> None:
        environment = {**stack.environment, "SUBMITTER_SANDBOX": sandbox, "SUBMITTER_CONCURRENCY": "1"}
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
        submitted = upload(self.store, REF, [secrets.token_hex(16)], PROGRAM)
        self.wait_for_message()
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
        stack = started.enter_context(Stack(resource("sql")))
        seed(stack.environment["SUBMITTER_DATABASE_URL"])
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


def seed(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = (REF.admin, REF.event, REF.assignment)
        connection.execute("SELECT submitter.add_assignment(%s, %s, %s)", name)
        inputs = [str(number) for number in range(1, CASES + 1)]
        outputs = [str(int(text) ** 2) for text in inputs]
        connection.execute("SELECT submitter.replace_cases(%s, %s, %s, 'test', %s, %s)", (*name, inputs, outputs))


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
