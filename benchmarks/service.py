"""
The daemon as a process of its own, on embedded services, fed with messages: how fast, at what cost, with what memory.

There is no trigger: what is measured is the daemon, so the programs lie in the
bucket beforehand and the messages are sent from here, few at a time, since an
emulator's `receive` may look at every message in the queue.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg

from benchmarks import processes
from benchmarks.emulator import emulator
from benchmarks.work import PROGRAM, Failed
from submitter import migrations
from submitter.adapters.aws import make_client
from submitter.adapters.s3 import S3ResultStore
from submitter.embedded_postgres import EmbeddedPostgres
from submitter.model import AssignmentRef
from submitter.protocol import encode_body
from submitter.resources import resource
from submitter.upload import upload

REF = AssignmentRef("benchmarks", "service", "square")
BUCKET, QUEUE = "submissions", "submitter"
EXECUTORS = 2
PROGRAMS = 40  # uploads that are asked for again and again: each message is an attempt of its own
IN_QUEUE = 20  # messages at most; and so few that no upload is asked for while it is graded
BATCH = 10  # as many as SQS takes at once
LOOK_S = 0.05  # a look at Postgres costs what the daemon could use
STALL_TIMEOUT_S, STOP_TIMEOUT_S = 60.0, 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# What the daemon has imported when it works; that, and nothing made of it.
IMPORTS = (
    "import submitter.app, submitter.cli, submitter.commands.grading, submitter.containment, submitter.daemon, "
    "submitter.adapters.aws, submitter.adapters.postgres, submitter.adapters.s3, submitter.adapters.sqs, "
    "submitter.executors.bubblewrap_executor, submitter.executors.docker_executor, docker, boto3, psycopg, structlog"
)


@dataclass(frozen=True, slots=True)
class Served:
    """Some submissions in a row, and what the daemon's process used and held."""

    submissions: int
    seconds: float
    cpu_s: float  # of the daemon's process, without its children
    resident_bytes: int | None  # afterwards

    @property
    def per_second(self) -> float:
        return self.submissions / self.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.submissions


class Service:
    """
    A context manager; inside, a daemon takes messages, at one level and with an assignment of so many cases.

    Raises on entering what the embedded services raise; a daemon that cannot run ends, which `serve` tells.
    """

    def __init__(self, sandbox: str, isolation: str, cases: int) -> None:
        self._sandbox, self._isolation, self._cases = sandbox, isolation, cases
        self._started = ExitStack()
        self._sent = 0
        self._done_before = 0

    def __enter__(self) -> Self:
        with ExitStack() as started:
            directory = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="submitter-service-")))
            aws = started.enter_context(emulator())
            self._queue_url, self._sqs = aws.make_queue(QUEUE), aws.sqs
            aws.s3.create_bucket(Bucket=BUCKET)
            postgres = started.enter_context(EmbeddedPostgres(directory, durable=False))
            migrations.apply(postgres.url, resource("sql"))
            seed(postgres.url, REF, self._cases)
            self._connection = started.enter_context(psycopg.connect(postgres.url, autocommit=True))
            store = S3ResultStore(make_client("s3", aws.environment), BUCKET)
            self._keys = [upload(store, REF, [f"{number:032x}"], PROGRAM).key for number in range(PROGRAMS)]
            settings = {
                "SUBMITTER_QUEUE_URL": self._queue_url,
                "SUBMITTER_BUCKET": BUCKET,
                "SUBMITTER_DATABASE_URL": postgres.url,
                "SUBMITTER_WORK_DIR": str(directory / "work"),
                "SUBMITTER_SANDBOX": self._sandbox,
                "SUBMITTER_ISOLATION": self._isolation,
                "SUBMITTER_CONCURRENCY": str(EXECUTORS),
            }
            self._log = directory / "daemon.log"
            self.process = started.enter_context(_daemon({**os.environ, **aws.environment, **settings}, self._log))
            self._started = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def serve(self, submissions: int) -> Served:
        """
        Have that many graded, each of them full marks.

        Raises:
            Failed: one was not, or nothing was graded for a while.
        """
        cpu_s, started = processes.ticks_of([self.process.pid]) / TICKS_PER_S, time.perf_counter()
        last_news, done, before = started, 0, self._sent
        while done < submissions:
            while (sent := self._sent - before) < submissions and sent - done <= IN_QUEUE - BATCH:
                self._send(min(BATCH, submissions - sent))
            found = self._done() - self._done_before
            if found > done:
                done, last_news = found, time.perf_counter()
            elif time.perf_counter() - last_news > STALL_TIMEOUT_S or self.process.poll() is not None:
                raise Failed(f"nothing was graded for {STALL_TIMEOUT_S:.0f} s, or the daemon ended: {_tail(self._log)}")
            time.sleep(LOOK_S)
        seconds = time.perf_counter() - started
        self._done_before += done
        return Served(
            submissions,
            seconds,
            processes.ticks_of([self.process.pid]) / TICKS_PER_S - cpu_s,
            processes.resident_bytes(self.process.pid),
        )

    def _send(self, count: int) -> None:
        keys = [self._keys[(self._sent + number) % PROGRAMS] for number in range(count)]
        self._sqs.send_message_batch(
            QueueUrl=self._queue_url,
            Entries=[{"Id": str(number), "MessageBody": encode_body(key)} for number, key in enumerate(keys)],
        )
        self._sent += count

    def _done(self) -> int:
        done, wrong = self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE state <> 'graded' OR score <> max_score) FROM submitter.results"
        ).fetchone() or (0, 0)
        if wrong:
            raise Failed(f"{wrong} submissions were not graded with full marks")
        return int(done)


def seed(database_url: str, ref: AssignmentRef, cases: int) -> None:
    """An assignment of that many squares."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = (ref.admin, ref.event, ref.assignment)
        connection.execute("SELECT submitter.add_assignment(%s, %s, %s)", name)
        inputs = [str(number) for number in range(1, cases + 1)]
        outputs = [str(int(text) ** 2) for text in inputs]
        connection.execute("SELECT submitter.replace_cases(%s, %s, %s, 'test', %s, %s)", (*name, inputs, outputs))


@contextmanager
def only_imports() -> Iterator[int]:
    """A process that has imported what the daemon imports, and waits."""
    program = f"{IMPORTS}\nprint(flush=True)\nimport sys\nsys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


@contextmanager
def _daemon(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`submitter daemon` as an operator starts it; ended in order, or not, at the end."""
    with log.open("wb") as lines:
        command = [sys.executable, "-m", "submitter", "daemon"]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-300:]
