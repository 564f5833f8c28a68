"""
Everything that Submitter needs of the world, on this machine: for `submitter stack`, `submitter demo` and tests.

How it works
------------
- `EmbeddedPostgres` and `EmbeddedAws` are child processes that end with us,
  however we end; Postgres keeps its files in a temporary directory of ours.
- `TriggerPump` is a thread that stands in for AWS Lambda: it takes S3's events
  from a queue and hands each to the code that the Lambda runs. An upload thus
  takes the way that it takes on AWS.
- Nothing changes this process's environment: `Stack.environment` holds what
  clients and other processes need to be told.
"""

import json
import shutil
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from submitter import migrations, trigger
from submitter.embedded_aws import LONG_POLL_S, EmbeddedAws
from submitter.embedded_postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REMOVAL_TIMEOUT_S = 10.0
PAUSE_S = 0.05  # between two tries to remove

BUCKET = "submissions"
QUEUE = "submitter"

log = structlog.get_logger(__name__)


class TriggerPump:
    """
    A context manager; inside, a thread feeds S3's events to the trigger, one by one, in the order they come.

    An event that could not be forwarded stays on its queue and is tried again, as Lambda does it.

    Args:
        client: used by this thread alone or with others, as you like.
        events_url: the queue with S3's events.
        queue_url: where the trigger sends its messages.
    """

    RETRY_S = 5

    def __init__(self, client: "SQSClient", events_url: str, queue_url: str) -> None:
        self._client = client
        self._events_url = events_url
        self._queue_url = queue_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trigger-pump", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        # A long poll cannot be interrupted, but any message ends it. Without a server it has ended already.
        with suppress(ClientError, BotoCoreError):
            self._client.send_message(QueueUrl=self._events_url, MessageBody="{}")
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._pump()
            except (ClientError, BotoCoreError) as exc:
                log.warning("trigger_failed", error=str(exc), retry_in_s=self.RETRY_S)
                self._stop.wait(self.RETRY_S)

    def _pump(self) -> None:
        answer = self._client.receive_message(
            QueueUrl=self._events_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=LONG_POLL_S,
            VisibilityTimeout=self.RETRY_S,
        )
        for message in answer.get("Messages", []):
            trigger.forward(json.loads(message["Body"]), self._client, self._queue_url)
            self._client.delete_message(QueueUrl=self._events_url, ReceiptHandle=message["ReceiptHandle"])


class Stack:
    """
    A context manager; inside, Postgres (migrated), the bucket, the queue and the trigger are there.

    Leaving it, or failing to enter it, ends every process and removes every file. Leaving it twice is allowed.

    Args:
        sql_directory: the numbered migrations.

    Raises on entering:
        ConfigError: a package of the extra `submitter[local]` is not installed, or the migrations are not in order.
        Unavailable: a service did not start.
    """

    postgres: EmbeddedPostgres  # once entered

    def __init__(self, sql_directory: Path) -> None:
        self.environment: dict[str, str] = {}  # how other commands and the daemon find us, once entered
        self._sql_directory = sql_directory
        self._started = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            directory = Path(mkdtemp(prefix="submitter-stack-"))
            started.callback(_remove, directory)
            aws = started.enter_context(EmbeddedAws())
            queue_url = aws.make_queue(QUEUE)
            events_url = aws.make_bucket(BUCKET)
            started.enter_context(TriggerPump(aws.sqs, events_url, queue_url))
            # The directory itself, not one below it: as root, Postgres runs as somebody else who has to get there.
            postgres = started.enter_context(EmbeddedPostgres(directory, durable=False))
            migrations.apply(postgres.url, self._sql_directory)
            self.postgres = postgres
            self.environment = {
                "SUBMITTER_QUEUE_URL": queue_url,
                "SUBMITTER_BUCKET": BUCKET,
                "SUBMITTER_DATABASE_URL": postgres.url,
                **aws.environment,
            }
            self._started = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._started.close()


def _remove(directory: Path) -> None:
    """Remove it with all in it, and try again for a while: what Postgres started may write a moment longer than it."""
    deadline = time.monotonic() + REMOVAL_TIMEOUT_S
    while True:
        try:
            shutil.rmtree(directory)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return
