"""The bucket, by boto3."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from submitter.adapters.aws import AWS_ERRORS, error_code, error_text, needs_operator
from submitter.errors import StoreUnavailable, SubmissionRejected
from submitter.outcomes import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

# HEAD has no body in which S3 could name the error: there the code is the bare status.
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_FORBIDDEN = frozenset({"AccessDenied", "403", "Forbidden"})
_READ_CHUNK_BYTES = 64 * 1024


class S3ResultStore:
    """
    ports.ResultStore on one S3 bucket.

    A version is `<ETag>@<version id>` where the bucket keeps versions, else
    `<ETag>@<LastModified>`. The ETag comes first because it is all that a
    conditional write can name, and the same bytes have the same ETag: so
    `replace` cannot tell an object from a later one of the very same bytes.
    LastModified counts whole seconds: without bucket versioning, two uploads
    of the same bytes within one second have one version.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._has_answered = False  # the bucket: so it is there

    def get(self, key: str, max_bytes: int) -> StoredObject | None:
        with self._errors_of(f"cannot read {key}"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as exc:
                if error_code(exc) in _MISSING:
                    return None
                raise
            self._has_answered = True
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > max_bytes:
                    raise _too_large(key, max_bytes)
                data = _read(body, max_bytes + 1)  # a server's word for the length is not a bound
            if len(data) > max_bytes:
                raise _too_large(key, max_bytes)
            version = _version(answer["ETag"], answer.get("VersionId"), answer["LastModified"])
            return StoredObject(data, version, answer["LastModified"])

    def version(self, key: str) -> str | None:
        with self._errors_of(f"cannot look at {key}"):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as exc:
                if error_code(exc) not in _MISSING:
                    raise
                # HEAD answers the same when there is no bucket, and that must not pass for "no object". Once it has
                # answered we need not ask each time: should it be removed, the next reading or writing says so.
                if not self._has_answered:
                    self._client.head_bucket(Bucket=self._bucket)
                return None
            return _version(answer["ETag"], answer.get("VersionId"), answer["LastModified"])

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with self._errors_of(f"cannot write {key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def replace(self, key: str, data: bytes, content_type: str, seen: str | None) -> str | None:
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": data,
            "ContentType": content_type,
        }
        if seen is None:
            request["IfNoneMatch"] = "*"
        else:
            etag, _, _ = seen.partition("@")
            request["IfMatch"] = f'"{etag}"'
        with self._errors_of(f"cannot write {key}"):
            try:
                return f"{self._client.put_object(**request)['ETag'].strip(chr(34))}@"  # `replace` asks for no more
            except ClientError as exc:
                if error_code(exc) in {"PreconditionFailed", "412"}:
                    # boto3 sends again when an answer got lost, and then meets the object that it wrote itself.
                    was_sent_again = exc.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
                    return self._version_if(key, data) if was_sent_again else None
                if error_code(exc) == "ConditionalRequestConflict":  # somebody else is writing it right now
                    return None
                if seen is not None and error_code(exc) in _MISSING:
                    return None
                raise

    def check(self) -> None:
        with self._errors_of("cannot reach the bucket"):
            self._client.head_bucket(Bucket=self._bucket)

    def _version_if(self, key: str, data: bytes) -> str | None:
        """The object's version, if it is these bytes."""
        try:
            current = self.get(key, max_bytes=len(data))
        except SubmissionRejected:  # longer than ours, so another
            return None
        return current.version if current is not None and current.data == data else None

    @contextmanager
    def _errors_of(self, doing: str) -> Iterator[None]:
        """Turn what boto3 raises, while a body streams too, into StoreUnavailable; `doing` as in "cannot read x"."""
        try:
            yield
        except (*AWS_ERRORS, HTTPError, OSError) as exc:
            text = f"{doing}: {error_text(exc)}{self._hint(exc)}"
            raise StoreUnavailable(text, needs_operator=needs_operator(exc)) from exc

    def _hint(self, exc: Exception) -> str:
        """What the operator can do about it, if we know; starts with a blank."""
        if not isinstance(exc, ClientError):
            return ""
        code = error_code(exc)
        if code == "NoSuchBucket" or (code in _MISSING and exc.operation_name == "HeadBucket"):
            return f" (there is no bucket {self._bucket!r} here: check SUBMITTER_BUCKET and AWS_DEFAULT_REGION)"
        if code in _FORBIDDEN and exc.operation_name == "HeadBucket":
            return f" (we need s3:ListBucket on the bucket {self._bucket!r}: docs/operators.md has every right)"
        if code in _FORBIDDEN:
            return " (a key that is not there is refused like this as well, unless the role has s3:ListBucket)"
        return ""


def _version(etag: str, version_id: str | None, last_modified: datetime) -> str:
    has_version = version_id is not None and version_id != "null"  # "null": written before versioning was turned on
    return f"{etag.strip(chr(34))}@{version_id if has_version else last_modified.isoformat()}"


def _read(body: StreamingBody, max_bytes: int) -> bytes:
    """
    Read to the end, but at most `max_bytes`.

    One read is not enough: it may return less, and only the empty read at the
    end makes botocore hold the length and the checksum against what came.
    """
    data = b""
    while len(data) < max_bytes and (chunk := body.read(min(_READ_CHUNK_BYTES, max_bytes - len(data)))):
        data += chunk
    return data


def _too_large(key: str, max_bytes: int) -> SubmissionRejected:
    suffix = PurePosixPath(key).suffix or "uploaded"
    return SubmissionRejected(f"The {suffix} file is larger than the {max_bytes:,} bytes that are allowed.")
