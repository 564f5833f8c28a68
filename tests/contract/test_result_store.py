"""What every ResultStore does, and below that, what only S3 needs."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from mypy_boto3_s3 import S3Client
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from submitter.adapters.aws import make_client
from submitter.adapters.memory import MemoryResultStore
from submitter.adapters.s3 import S3ResultStore
from submitter.embedded_aws import EmbeddedAws
from submitter.errors import ConfigError, StoreUnavailable, SubmissionRejected
from submitter.ports import ResultStore

KEY = "m.soltys/aws labs/lab+5 ü/0123/0123.json"
TEXT = "text/plain"


@dataclass(frozen=True)
class Case:
    store: ResultStore
    remove: Callable[[str], object]
    content_type: Callable[[str], str]
    make_broken: Callable[[], ResultStore]


def _memory_case() -> Case:
    def make_broken() -> ResultStore:
        store = MemoryResultStore()
        store.fail_next(StoreUnavailable("full"))
        return store

    store = MemoryResultStore()
    return Case(store, store.objects.pop, store.content_types.__getitem__, make_broken)


@pytest.fixture(params=["memory", "s3", "s3 with versions"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _memory_case()
    aws: EmbeddedAws = request.getfixturevalue("aws")
    bucket: str = request.getfixturevalue("bucket")
    if request.param == "s3 with versions":
        aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Case(
        store=S3ResultStore(aws.s3, bucket),
        remove=lambda key: aws.s3.delete_object(Bucket=bucket, Key=key),
        content_type=lambda key: aws.s3.head_object(Bucket=bucket, Key=key)["ContentType"],
        make_broken=lambda: S3ResultStore(aws.s3, "no-such-bucket"),
    )


@pytest.fixture
def store(case: Case) -> ResultStore:
    return case.store


# -- every store --------------------------------------------------------------------------------------------------


def test_key_without_an_object_is_none_and_no_error(store: ResultStore) -> None:
    assert store.get(KEY, max_bytes=10) is None
    assert store.version(KEY) is None


@pytest.mark.parametrize("data", [b"", b"\x00\xff\r\n", b"x" * 200_000])
def test_object_is_read_as_it_was_written(store: ResultStore, data: bytes) -> None:
    store.put(KEY, data, TEXT)
    stored = store.get(KEY, max_bytes=max(len(data), 1))
    assert stored is not None
    assert stored.data == data


def test_object_tells_when_it_was_written(store: ResultStore) -> None:
    """By the bucket's clock, which here is ours."""
    for data in (b"1", b"2"):
        before = datetime.now(UTC) - timedelta(seconds=1)  # S3 counts whole seconds
        store.put(KEY, data, TEXT)
        stored = store.get(KEY, max_bytes=1)
        assert stored is not None
        assert before <= stored.modified_at <= datetime.now(UTC) + timedelta(seconds=1)


def test_content_type_is_kept(case: Case) -> None:
    case.store.put(KEY, b"{}", "application/json")
    assert case.content_type(KEY) == "application/json"


def test_leading_slash_makes_another_key(store: ResultStore) -> None:
    store.put(f"/{KEY}", b"slash", TEXT)
    assert store.get(KEY, max_bytes=10) is None
    stored = store.get(f"/{KEY}", max_bytes=10)
    assert stored is not None
    assert stored.data == b"slash"


def test_version_is_the_one_that_get_gives(store: ResultStore) -> None:
    store.put(KEY, b"one", TEXT)
    stored = store.get(KEY, max_bytes=10)
    assert stored is not None
    assert store.version(KEY) == stored.version


def test_version_changes_with_the_data(store: ResultStore) -> None:
    store.put(KEY, b"one", TEXT)
    before = store.version(KEY)
    store.put(KEY, b"two", TEXT)
    assert store.version(KEY) not in {before, None}


def test_object_as_large_as_allowed_is_read(store: ResultStore) -> None:
    store.put(KEY, b"12345", TEXT)
    assert store.get(KEY, max_bytes=5) is not None


def test_object_larger_than_allowed_is_rejected(store: ResultStore) -> None:
    store.put(KEY, b"123456", TEXT)
    with pytest.raises(SubmissionRejected, match="5 bytes"):
        store.get(KEY, max_bytes=5)


def test_replace_writes_when_there_is_no_object_as_was_seen(store: ResultStore) -> None:
    assert store.replace(KEY, b"new", TEXT, seen=None)
    stored = store.get(KEY, max_bytes=10)
    assert stored is not None
    assert stored.data == b"new"


def test_replace_writes_over_the_version_that_was_seen(case: Case) -> None:
    case.store.put(KEY, b"old", "text/html")
    assert case.store.replace(KEY, b"new", TEXT, seen=case.store.version(KEY))
    stored = case.store.get(KEY, max_bytes=10)
    assert stored is not None
    assert stored.data == b"new"
    assert case.content_type(KEY) == TEXT


def test_what_replace_wrote_can_be_replaced_by_the_name_that_it_gave(store: ResultStore) -> None:
    first = store.replace(KEY, b"first", TEXT, seen=None)
    second = store.replace(KEY, b"second", TEXT, seen=first)
    assert second
    assert not store.replace(KEY, b"third", TEXT, seen=first)
    assert store.replace(KEY, b"third", TEXT, seen=second)


def test_replace_leaves_an_object_that_came_after_none_was_seen(store: ResultStore) -> None:
    store.put(KEY, b"theirs", TEXT)
    assert not store.replace(KEY, b"ours", TEXT, seen=None)
    stored = store.get(KEY, max_bytes=10)
    assert stored is not None
    assert stored.data == b"theirs"


def test_replace_leaves_a_version_that_came_after_the_one_that_was_seen(store: ResultStore) -> None:
    store.put(KEY, b"seen", TEXT)
    seen = store.version(KEY)
    store.put(KEY, b"theirs", TEXT)
    assert not store.replace(KEY, b"ours", TEXT, seen=seen)
    stored = store.get(KEY, max_bytes=10)
    assert stored is not None
    assert stored.data == b"theirs"


def test_replace_does_not_revive_an_object_that_was_removed_since_it_was_seen(case: Case) -> None:
    case.store.put(KEY, b"seen", TEXT)
    seen = case.store.version(KEY)
    case.remove(KEY)
    assert not case.store.replace(KEY, b"ours", TEXT, seen=seen)
    assert case.store.version(KEY) is None


CALLS: dict[str, Callable[[ResultStore], object]] = {
    "get": lambda store: store.get(KEY, 10),
    "version": lambda store: store.version(KEY),
    "put": lambda store: store.put(KEY, b"x", TEXT),
    "replace what is not there": lambda store: store.replace(KEY, b"x", TEXT, seen=None),
    "replace what was seen": lambda store: store.replace(KEY, b"x", TEXT, seen="0123@4567"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_store_that_cannot_do_it_says_so_in_our_words(case: Case, call: Callable[[ResultStore], object]) -> None:
    """A bucket that is not there is an outage: taken for "no object", it would have every submission rejected."""
    with pytest.raises(StoreUnavailable):
        call(case.make_broken())


# -- S3 only ------------------------------------------------------------------------------------------------------


class _Raw(io.BytesIO):
    """What comes over the wire as an object's body; raises `error` when it is read to the end."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        super().__init__(data)
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data and self._error is not None:
            raise self._error
        return data

    def stream(self) -> Iterator[bytes]:
        """How botocore reads an answer that is not an object."""
        yield self.read()


def _intercept(client: S3Client, operation: str, answer: Callable[..., AWSResponse | None]) -> None:
    """Have `answer` called in place of the network; where it gives None, the request goes out."""
    client.meta.events.register(f"before-send.s3.{operation}", answer)  # type: ignore[arg-type]


def _answering(aws: EmbeddedAws, bucket: str, status: int, raw: _Raw, headers: dict[str, str]) -> S3ResultStore:
    """A store whose server answers to every GetObject with what the test says."""
    client = make_client("s3", aws.environment)
    headers = {"ETag": '"e"', "Last-Modified": "Sat, 01 Aug 2026 10:00:00 GMT", **headers}

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, status, headers, raw)  # type: ignore[arg-type]

    _intercept(client, "GetObject", answer)
    return S3ResultStore(client, bucket)


def test_version_with_bucket_versioning_tells_two_uploads_of_the_same_bytes_apart(
    aws: EmbeddedAws, bucket: str
) -> None:
    """A student who hands in the same program again, in the same second, is graded again."""
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = S3ResultStore(aws.s3, bucket)
    store.put(KEY, b"same", TEXT)
    before = store.version(KEY)
    store.put(KEY, b"same", TEXT)
    assert store.version(KEY) != before


def test_version_without_bucket_versioning_is_etag_and_time(aws: EmbeddedAws, bucket: str) -> None:
    store = S3ResultStore(aws.s3, bucket)
    store.put(KEY, b"same", TEXT)
    answer = aws.s3.head_object(Bucket=bucket, Key=KEY)
    etag = answer["ETag"].strip('"')
    assert store.version(KEY) == f"{etag}@{answer['LastModified'].isoformat()}"


def test_object_longer_than_the_server_says_is_rejected_all_the_same(aws: EmbeddedAws, bucket: str) -> None:
    store = _answering(aws, bucket, 200, _Raw(b"x" * 1_000), {"Content-Length": "3"})
    with pytest.raises(SubmissionRejected):
        store.get(KEY, max_bytes=10)


@pytest.mark.parametrize(
    "raw",
    [
        _Raw(b"123"),
        _Raw(b"123", ReadTimeoutError(None, "/", "timed out")),  # type: ignore[arg-type]
        _Raw(b"123", ProtocolError("connection broken")),
        _Raw(b"123", ConnectionResetError("reset")),
    ],
    ids=["short", "time-out", "broken", "reset"],
)
def test_body_that_breaks_off_is_unavailable(aws: EmbeddedAws, bucket: str, raw: _Raw) -> None:
    """Half a program must not be graded."""
    store = _answering(aws, bucket, 200, raw, {"Content-Length": "6"})
    with pytest.raises(StoreUnavailable, match="cannot read"):
        store.get(KEY, max_bytes=10)


def test_refused_access_is_unavailable_and_says_which_permission_may_be_missing(aws: EmbeddedAws, bucket: str) -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    store = _answering(aws, bucket, 403, _Raw(body), {"Content-Type": "application/xml"})
    with pytest.raises(StoreUnavailable, match="s3:ListBucket"):
        store.get(KEY, max_bytes=10)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_missing_bucket_is_named_with_the_setting(aws: EmbeddedAws, call: Callable[[ResultStore], object]) -> None:
    with pytest.raises(StoreUnavailable, match=r"'no-such-bucket'.*SUBMITTER_BUCKET"):
        call(S3ResultStore(aws.s3, "no-such-bucket"))


@pytest.mark.parametrize("theirs", [None, b"theirs", b"theirs, and longer than ours"])
def test_replace_sent_again_after_a_lost_answer_knows_its_own_object(
    aws: EmbeddedAws, bucket: str, theirs: bytes | None
) -> None:
    """The second try meets what the first one wrote; taken for a newer result, ours would be noted as not shown."""
    client = make_client("s3", aws.environment)
    tries = []

    def lose_first_answer(request: Any, **_: Any) -> AWSResponse | None:
        tries.append(request)
        if len(tries) > 1:
            return None
        aws.s3.put_object(Bucket=bucket, Key=KEY, Body=b"ours!!" if theirs is None else theirs)
        return AWSResponse(request.url, 503, {}, _Raw(b""))  # type: ignore[arg-type]

    _intercept(client, "PutObject", lose_first_answer)
    assert bool(S3ResultStore(client, bucket).replace(KEY, b"ours!!", TEXT, seen=None)) is (theirs is None)
    assert len(tries) == 2


def test_object_being_written_by_another_is_not_replaced(aws: EmbeddedAws, bucket: str) -> None:
    client = make_client("s3", aws.environment)
    body = b"<Error><Code>ConditionalRequestConflict</Code><Message>try again</Message></Error>"

    def conflict(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 409, {"Content-Type": "application/xml"}, _Raw(body))  # type: ignore[arg-type]

    _intercept(client, "PutObject", conflict)
    assert not S3ResultStore(client, bucket).replace(KEY, b"ours", TEXT, seen=None)


def test_client_without_a_region_is_a_fault_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match="AWS_DEFAULT_REGION"):
        make_client("sqs", {})


def test_memory_store_fails_in_the_named_call_only() -> None:
    store = MemoryResultStore()
    store.fail_next(StoreUnavailable("full"), method="put")
    assert store.get(KEY, max_bytes=1) is None
    with pytest.raises(StoreUnavailable, match="full"):
        store.put(KEY, b"x", TEXT)
    store.put(KEY, b"x", TEXT)


def test_what_is_known_of_a_service_is_in_memory_once_however_many_clients_there_are() -> None:
    """It is many megabytes, and a daemon has several clients."""
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    one, other = (make_client("sqs", environment).meta.service_model for _ in range(2))
    assert one.metadata is other.metadata
