"""The embedded stack: an upload takes the way it takes on AWS, and nothing is left afterwards."""

import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_sqs import SQSClient

from submitter import migrations, trigger
from submitter.adapters.aws import make_client
from submitter.adapters.s3 import S3ResultStore
from submitter.adapters.sqs import SqsSubmissionQueue
from submitter.embedded_aws import NEEDED_PACKAGES, EmbeddedAws
from submitter.errors import ConfigError, Unavailable
from submitter.protocol import encode_body, parse_metadata_key
from submitter.resources import resource
from submitter.stack import Stack, TriggerPump

FOLDER = "m.soltys/aws labs/lab+5 ü"
KEYS = [parse_metadata_key(f"{slash}{FOLDER}/{n * 32}/{n * 32}.json") for slash in ("", "/") for n in "0123"]
END_TIMEOUT_S = 20.0
JSON = "application/json"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(resource("sql")) as stack:
        yield stack


@pytest.fixture
def queue(stack: Stack) -> SqsSubmissionQueue:
    return SqsSubmissionQueue(make_client("sqs", stack.environment), stack.environment["SUBMITTER_QUEUE_URL"], 30)


@pytest.fixture
def store(stack: Stack) -> S3ResultStore:
    return S3ResultStore(make_client("s3", stack.environment), stack.environment["SUBMITTER_BUCKET"])


def receive_and_delete(queue: SqsSubmissionQueue) -> str:
    delivery = queue.receive(wait_s=20)
    assert delivery is not None
    queue.delete(delivery)
    return delivery.body


# -- what it offers -----------------------------------------------------------------------------------------------


def test_uploaded_metadata_leads_to_one_message(queue: SqsSubmissionQueue, store: S3ResultStore) -> None:
    store.put(KEYS[0].metadata, b"{}", JSON)
    assert receive_and_delete(queue) == encode_body(KEYS[0])
    # Whatever the upload still caused would be on the queue before what a later upload causes.
    store.put(KEYS[1].metadata, b"{}", JSON)
    assert receive_and_delete(queue) == encode_body(KEYS[1])


def test_upload_with_a_leading_slash_is_named_with_it(queue: SqsSubmissionQueue, store: S3ResultStore) -> None:
    store.put(KEYS[4].metadata, b"{}", JSON)
    assert receive_and_delete(queue) == encode_body(KEYS[4])


def test_uploaded_results_and_programs_lead_to_no_message(queue: SqsSubmissionQueue, store: S3ResultStore) -> None:
    """An answer to its own results would keep the daemon grading for ever."""
    store.put(KEYS[2].program(".py"), b"print(1)", "text/x-python")
    store.put(KEYS[2].results, b"{}", JSON)
    store.put(KEYS[2].out, b"1\n", "text/plain")
    store.put(KEYS[3].metadata, b"{}", JSON)
    assert receive_and_delete(queue) == encode_body(KEYS[3])


def test_event_that_could_not_be_forwarded_is_tried_again(
    aws: EmbeddedAws, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda hands an event in again when the handler raises; an upload during an outage of SQS is graded late."""
    events_url = aws.make_bucket("trigger-retry")
    forward, refused = trigger.forward, threading.Event()

    def refuse_once(event: object, client: SQSClient, queue_url: str) -> int:
        if "Records" in str(event) and not refused.is_set():
            refused.set()
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")
        return forward(event, client, queue_url)

    monkeypatch.setattr(trigger, "forward", refuse_once)
    monkeypatch.setattr(TriggerPump, "RETRY_S", 1)
    aws.s3.put_object(Bucket="trigger-retry", Key=KEYS[0].metadata, Body=b"{}")
    with TriggerPump(aws.sqs, events_url, queue_url):
        assert receive_and_delete(SqsSubmissionQueue(aws.sqs, queue_url, 30)) == encode_body(KEYS[0])
    assert refused.is_set()


def test_queue_is_made_with_a_dead_letter_queue(queue: SqsSubmissionQueue) -> None:
    assert queue.find_dead_letter_queue().endswith("-dlq")


def test_database_is_migrated(stack: Stack) -> None:
    assert migrations.apply(stack.environment["SUBMITTER_DATABASE_URL"], resource("sql")) == []


def test_environment_names_all_that_another_process_needs(stack: Stack) -> None:
    assert set(stack.environment) == {
        "SUBMITTER_QUEUE_URL",
        "SUBMITTER_BUCKET",
        "SUBMITTER_DATABASE_URL",
        "AWS_ENDPOINT_URL",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_EC2_METADATA_DISABLED",
    }
    assert all(stack.environment.values())


def test_own_environment_is_not_touched(stack: Stack) -> None:
    """A process may hold the stack and talk to real services at once."""
    assert not set(stack.environment.items()) & set(os.environ.items())


# -- what it leaves -----------------------------------------------------------------------------------------------


@pytest.fixture
def temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything temporary goes during a test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class Watch:
    """Processes that must end. They are held by pidfd, so that a number used again is not taken for them."""

    def __init__(self) -> None:
        self._handles: dict[int, int] = {}

    def add(self, pids: set[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):  # a short-lived one, listed just before it ended
                self._handles[pid] = os.pidfd_open(pid)

    def wait_for_end(self) -> None:
        """Wait until all are gone; fails when one is not within END_TIMEOUT_S."""
        assert len(self._handles) > 1, "there should have been an S3 and a Postgres at least"
        for pid, handle in self._handles.items():
            ended, _, _ = select.select([handle], [], [], END_TIMEOUT_S)
            assert ended, f"process {pid} outlived its owner"

    def close(self) -> None:
        for handle in self._handles.values():
            os.close(handle)


@pytest.fixture
def watch() -> Iterator[Watch]:
    with closing(Watch()) as watch:
        yield watch


def children_by_parent() -> dict[int, set[int]]:
    """All processes of this machine by their parents'."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has just ended
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, set()).add(int(entry.name))
    return children


def descendants(pid: int) -> set[int]:
    """All processes below one, down to the workers of a Postgres."""
    children = children_by_parent()
    found: set[int] = set()
    newest = {pid}
    while newest:
        newest = set().union(*(children.get(parent, set()) for parent in newest))
        found |= newest
    return found


def test_leaving_ends_every_process_thread_and_directory(temporary_directory: Path, watch: Watch) -> None:
    processes, threads = descendants(os.getpid()), set(threading.enumerate())
    stack = Stack(resource("sql"))
    with stack:
        watch.add(descendants(os.getpid()) - processes)
        assert list(temporary_directory.iterdir())
    stack.__exit__(None, None, None)  # a second time: nothing happens
    watch.wait_for_end()  # Postgres's own children may take a moment
    assert list(temporary_directory.iterdir()) == []
    for thread in set(threading.enumerate()) - threads:
        thread.join(END_TIMEOUT_S)
        assert not thread.is_alive()


@pytest.mark.parametrize("error", [Unavailable("no"), KeyboardInterrupt()], ids=["failure", "Ctrl-C"])
def test_start_that_breaks_off_leaves_nothing(
    error: BaseException, temporary_directory: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = descendants(os.getpid())

    def break_off(*_: object) -> None:
        watch.add(descendants(os.getpid()) - processes)
        raise error

    monkeypatch.setattr(migrations, "apply", break_off)  # the last step: everything runs by then
    with pytest.raises(type(error)), Stack(resource("sql")):
        pytest.fail("it must not start")
    watch.wait_for_end()
    assert list(temporary_directory.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "why"),
    [("echo first >&2; echo no memory >&2; exit 1", "it ended: no memory"), ("exec sleep 60", "no answer within 0 s")],
)
def test_server_that_does_not_start_says_why_and_leaves_nothing(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Direct children only: the module's Postgres starts and ends workers as it likes.
    children = children_by_parent().get(os.getpid())
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    if "sleep" in script:
        monkeypatch.setattr("submitter.embedded_aws.START_TIMEOUT_S", 0.1)
    with pytest.raises(Unavailable, match=why), EmbeddedAws():
        pytest.fail("it must not start")
    assert children_by_parent().get(os.getpid()) == children


@pytest.mark.parametrize("package", NEEDED_PACKAGES)
def test_missing_package_is_named_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submitter.embedded_aws.find_spec", lambda name: None if name == package else object())
    with pytest.raises(ConfigError, match=rf"need {package}:.*submitter\[local\]"), EmbeddedAws():
        pytest.fail("it must not start")


@pytest.fixture
def short_directory() -> Iterator[str]:
    """Where Postgres's socket fits in: with a longer path it goes elsewhere, and a kill would leave it there."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield directory


def test_kill_of_the_owner_leaves_no_process(short_directory: str, watch: Watch) -> None:
    """A demo that was killed must not leave a Postgres behind on a developer's laptop."""
    code = (
        "import sys; from pathlib import Path; from submitter.stack import Stack\n"
        "with Stack(Path(sys.argv[1])):\n"
        "    print('ready', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(resource("sql"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": short_directory},
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        watch.add(descendants(owner.pid))
        owner.kill()
    watch.wait_for_end()
