"""
What a world of tests/schedules.py stands on: memory; SQS and S3 behind the gateway; Postgres behind one, too.
"""

import logging
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from submitter.adapters import aws as aws_module
from submitter.adapters.aws import make_client
from submitter.adapters.memory import MemoryResultStore, MemorySubmissionQueue
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.adapters.postgres import PostgresCaseStore
from submitter.adapters.s3 import S3ResultStore
from submitter.adapters.sqs import SqsSubmissionQueue
from submitter.embedded_aws import EmbeddedAws
from submitter.ports import CaseStore, ResultStore, SubmissionQueue
from tests.gateway import HttpGateway, TcpGateway, postgres_of

LEASE_S = 120  # of a message, and of an upload


class Services(Protocol):
    """What a world stands on: memory, or the real adapters behind the gateway."""

    queue: SubmissionQueue
    results: ResultStore
    cases: CaseStore
    port_faults: bool  # whether faults are made at the ports, because there is no gateway

    def upload(self, key: str, data: bytes) -> None: ...
    def read(self, key: str) -> bytes | None: ...
    def send(self, body: str) -> str:
        """Returns the message's id."""
        ...

    def fault(self, operation: str, action: str, times: int) -> None: ...
    def cut(self) -> None: ...
    def clear(self) -> None: ...
    def pass_time(self, seconds: float) -> None: ...
    def waiting(self) -> int:
        """How many messages are in the queue, hidden ones included."""
        ...

    def letters(self) -> list[tuple[str, str | None]]:
        """Body and reason of what is in the dead-letter queue."""
        ...

    def history(self) -> list["Line"]: ...
    def log(self) -> list[str]: ...


@dataclass(frozen=True)
class Line:
    """One attempt, as the store remembers it."""

    attempt_id: int
    message_id: str | None
    upload: str | None
    is_published: bool
    has_lease: bool


class Clock:
    """Stands where a module expects `time`."""

    def __init__(self) -> None:
        self.now = time.time()

    def monotonic(self) -> float:
        return self.now


class MemoryServices(Services):
    """All in dicts, by the world's clock: thousands of schedules a minute."""

    port_faults = True

    def __init__(self, clock: Clock) -> None:
        self.queue: Any = MemorySubmissionQueue(LEASE_S, clock.monotonic)
        self.results: Any = MemoryResultStore()
        self.cases: Any = MemoryCaseStore(turn_wait_s=0.001, clock=clock.monotonic)

    def upload(self, key: str, data: bytes) -> None:
        self.results.put(key, data, "text/plain")

    def read(self, key: str) -> bytes | None:
        stored = self.results.objects.get(key)
        return None if stored is None else stored.data

    def send(self, body: str) -> str:
        self.queue.send(body)
        return str(self.queue._messages[-1].message_id)

    def fault(self, operation: str, action: str, times: int) -> None:
        raise NotImplementedError

    def cut(self) -> None:
        pass

    def clear(self) -> None:
        pass

    def pass_time(self, seconds: float) -> None:
        pass

    def waiting(self) -> int:
        return len(self.queue)

    def letters(self) -> list[tuple[str, str | None]]:
        return [(letter.body, letter.reason) for letter in self.queue.dead_letters]

    def history(self) -> list[Line]:
        return history_of(self.cases)

    def log(self) -> list[str]:
        return []


@contextmanager
def memory_services(clock: Clock) -> Iterator[Services]:
    yield MemoryServices(clock)


class GatewayServices(Services):
    """The real adapters: SQS and S3 of moto behind the gateway, and Postgres behind another where there is a URL."""

    port_faults = False

    def __init__(self, aws: "MotoHere", cases: Any) -> None:
        self._aws = aws
        self._gateway = aws.gateway
        self._gateway.clear()
        self._calls_before = len(self._gateway.calls)
        name = uuid4().hex
        self._queue_url = aws.make_queue(name)
        dead_letters = aws.sqs.get_queue_url(QueueName=f"{name}-dlq")["QueueUrl"]
        self._dead_letters_url = dead_letters
        aws.s3.create_bucket(Bucket=name)
        self._bucket = name
        self.queue: Any = SqsSubmissionQueue(aws.sqs_behind_gateway, self._queue_url, LEASE_S)
        self.queue.find_dead_letter_queue()
        self.results: Any = S3ResultStore(aws.s3_behind_gateway, name)
        self.cases: Any = cases

    def upload(self, key: str, data: bytes) -> None:
        self._aws.s3.put_object(Bucket=self._bucket, Key=key, Body=data)

    def read(self, key: str) -> bytes | None:
        """Past HTTP: it is done after every write."""
        from moto.s3.models import s3_backends

        [(_, backend)] = [(name, one["aws"]) for name, one in s3_backends.items() if self._bucket in one["aws"].buckets]
        stored = backend.get_object(self._bucket, key)
        return None if stored is None else bytes(stored.value)

    def send(self, body: str) -> str:
        return str(self._aws.sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)["MessageId"])

    def fault(self, operation: str, action: Any, times: int) -> None:
        errors = {"500": (500, "InternalError"), "503": (503, "SlowDown"), "Throttling": (400, "Throttling")}
        if action in errors or action == "ExpiredToken":
            status, code = errors.get(action, (400, "ExpiredToken"))
            self._gateway.add(operation, "error", times=times, status=status, code=code)
        else:
            self._gateway.add(operation, action, times=times)

    def clear(self) -> None:
        self._gateway.clear()

    def cut(self) -> None:
        pass

    def pass_time(self, seconds: float) -> None:
        pass  # moto asks the world's clock

    def waiting(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._aws.sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def letters(self) -> list[tuple[str, str | None]]:
        letters: list[tuple[str, str | None]] = []
        while messages := self._aws.sqs.receive_message(
            QueueUrl=self._dead_letters_url, MaxNumberOfMessages=10, MessageAttributeNames=["reason"], WaitTimeSeconds=0
        ).get("Messages"):
            letters += [(m["Body"], m["MessageAttributes"]["reason"]["StringValue"]) for m in messages]
        return letters

    def history(self) -> list[Line]:
        return history_of(self.cases)

    def log(self) -> list[str]:
        return [f"{call.number} {call.operation} {call.action}" for call in self._gateway.calls[self._calls_before :]]


class PostgresServices(GatewayServices):
    """Postgres too, behind a gateway of its own that can cut every connection."""

    def __init__(self, between: TcpGateway, admin: psycopg.Connection[Any], *others: Any) -> None:
        super().__init__(*others)
        self._between = between
        self._admin = admin

    def cut(self) -> None:
        self._between.cut()

    def pass_time(self, seconds: float) -> None:
        self._admin.execute(
            "UPDATE submitter.attempts SET lease_expires_at = lease_expires_at - %s * interval '1 second' WHERE id IN "
            "(SELECT id FROM submitter.attempts WHERE lease_expires_at IS NOT NULL FOR UPDATE SKIP LOCKED)",
            (seconds,),
        )

    def history(self) -> list[Line]:
        rows = self._admin.execute(
            "SELECT a.id, a.message_id, a.upload, coalesce(r.published, false), a.lease_expires_at IS NOT NULL "
            "FROM submitter.attempts AS a LEFT JOIN submitter.results AS r ON r.attempt_id = a.id"
        )
        return [Line(*row) for row in rows.fetchall()]


def history_of(cases: MemoryCaseStore) -> list[Line]:
    return [
        Line(
            attempt.attempt_id,
            attempt.start.message_id,
            attempt.start.upload,
            attempt.is_published,
            attempt.lease_expires_s is not None,
        )
        for attempt in cases.history
    ]


@contextmanager
def gateway_services(aws: "MotoHere", clock: Clock) -> Iterator[Services]:
    aws.follow(clock)
    yield GatewayServices(aws, MemoryCaseStore(turn_wait_s=0.001, clock=clock.monotonic))


@contextmanager
def all_services(aws: "MotoHere", database_url: str, clock: Clock) -> Iterator[Services]:
    aws.follow(clock)
    with (
        TcpGateway(postgres_of(database_url)) as between,
        psycopg.connect(database_url, autocommit=True) as admin,
    ):
        admin.execute("TRUNCATE submitter.submissions, submitter.assignments CASCADE")
        url = make_conninfo(database_url, host="127.0.0.1", port=str(between.port), connect_timeout=2)
        cases = PostgresCaseStore(url, 12, lock_timeout_s=0.05)
        try:
            yield PostgresServices(between, admin, aws, cases)
        finally:
            cases.close()


class MotoHere(EmbeddedAws):
    """S3 and SQS in this very process, whose queues go by the world's clock."""

    def _start(self) -> int:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._clock: Clock | None = None
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("moto.sqs.models.unix_time", self._now)
        self._patch.setattr("moto.sqs.models.unix_time_millis", lambda: self._now() * 1000)
        self._server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return int(self._server.port)

    def __enter__(self) -> "MotoHere":
        """With clients behind a gateway, one repetition by the library and no pause before it."""
        super().__enter__()
        self._patch.setattr(aws_module, "ATTEMPTS", 2)
        self._patch.setattr("botocore.endpoint.time", types.SimpleNamespace(sleep=lambda seconds: None))
        self.gateway = HttpGateway(self.endpoint_url).__enter__()
        environ = {**self.environment, "AWS_ENDPOINT_URL": self.gateway.endpoint_url}
        self.sqs_behind_gateway = make_client("sqs", environ, read_timeout_s=5)
        self.s3_behind_gateway = make_client("s3", environ, read_timeout_s=5)
        return self

    def follow(self, clock: Clock) -> None:
        self._clock = clock

    def _now(self) -> float:
        return self._clock.now if self._clock else time.time()

    def close(self) -> None:
        self.gateway.__exit__()
        self._server.shutdown()
        self._server.server_close()
        self._patch.undo()
