"""
S3 and SQS on this machine, without AWS: moto's server in a process of its own.

How it works
------------
- The owner (`EmbeddedAws`) starts this very module as a child process. The
  child binds a free port of 127.0.0.1, tells its number on standard output,
  and serves. Buckets and queues live in its memory: nothing is kept.
- The child's standard input is its lifeline. Nothing is ever written to it;
  when the owner ends, in whatever way, the kernel closes the other end, and
  the child exits. (PR_SET_PDEATHSIG would do so too when merely the *thread*
  that started the child ends, and exists on Linux only.)
- The child has a session of its own, so that Ctrl-C reaches the owner alone,
  which still needs the services while it stops in order.
"""

import json
import logging
import os
import select
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from submitter.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
START_TIMEOUT_S = 30.0
MAX_RECEIVE_COUNT = 20
LONG_POLL_S = 20
NEEDED_PACKAGES = ("moto", "flask", "flask_cors")


class EmbeddedAws:
    """
    A context manager; inside, S3 and SQS answer at `endpoint_url`, with no bucket and no queue in them.

    Raises on entering:
        ConfigError: moto or flask is not installed.
        Unavailable: the server did not start; the text has the end of its standard error.
    """

    s3: "S3Client"
    sqs: "SQSClient"

    def __init__(self) -> None:
        self.endpoint_url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        missing = [package for package in NEEDED_PACKAGES if find_spec(package) is None]
        if missing:
            raise ConfigError(f"the embedded S3 and SQS need {', '.join(missing)}: run  pip install 'submitter[local]'")
        from submitter.adapters.aws import make_client

        try:
            self.endpoint_url = f"http://127.0.0.1:{self._start()}"
            self.s3 = make_client("s3", self.environment)
            self.sqs = make_client("sqs", self.environment)
        except BaseException:  # KeyboardInterrupt too: __exit__ is not called when entering fails
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server, and with it all that it held. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # it has nothing to save
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def environment(self) -> dict[str, str]:
        """The AWS_… names with which boto3 finds these services and no others."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    # What follows mirrors what an operator makes on AWS.

    def make_queue(self, name: str) -> str:
        """Make the queue `name` and `name`-dlq behind it; returns its URL."""
        dead_letters = self.sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        redrive_policy = {"deadLetterTargetArn": self._arn(dead_letters), "maxReceiveCount": MAX_RECEIVE_COUNT}
        return self.sqs.create_queue(
            QueueName=name,
            Attributes={
                "RedrivePolicy": json.dumps(redrive_policy),
                "ReceiveMessageWaitTimeSeconds": str(LONG_POLL_S),
            },
        )["QueueUrl"]

    def make_bucket(self, name: str) -> str:
        """
        Make a bucket that tells of every new `.json` in it; returns the URL of the queue with S3's events.

        On AWS, S3 calls the Lambda itself. moto runs no Lambda, but it does send events to a queue.
        """
        events_url = self.sqs.create_queue(QueueName=f"{name}-events")["QueueUrl"]
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": self._arn(events_url),
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".json"}]}},
                    }
                ]
            },
        )
        return events_url

    def _arn(self, queue_url: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def _start(self) -> int:
        """Start the server and wait until it listens; returns its port."""
        with tempfile.TemporaryFile() as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "submitter.embedded_aws"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                # The child must find the very packages that we found, wherever it is started.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)},
            )
            assert self._process.stdout is not None
            readable, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT_S)
            line = self._process.stdout.readline() if readable else b""
            if line:
                return int(line)
            why = "it ended" if readable else f"no answer within {START_TIMEOUT_S:.0f} s"
            raise Unavailable(f"the embedded S3 and SQS did not start: {why}{_last_words(stderr)}")


def _last_words(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def _serve() -> None:
    """The child process."""
    threading.Thread(target=_exit_with_owner, name="lifeline", daemon=True).start()
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no access log
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    os.write(sys.stdout.fileno(), f"{server.port}\n".encode())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads that pipe any more: it would fill
    server.serve_forever()


def _exit_with_owner() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve()
