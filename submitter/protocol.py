"""
The documents that come in: message bodies, keys and metadata.

Everything here was written by a stranger. It is parsed strictly and within
bounds, and what passes is a value of `model`. Only the standard library: the
trigger runs this in a Lambda.
"""

import json
import re
import unicodedata
from collections.abc import Collection
from typing import Any, NoReturn
from urllib.parse import unquote_plus

from submitter.errors import MessageNotUnderstood, SubmissionRejected
from submitter.model import AssignmentRef, Metadata, SubmissionKey

MAX_BODY_CHARS = 1024 * 1024  # SQS's own limit on a body
MAX_METADATA_BYTES = 64 * 1024
MAX_TOKENS = 64  # members of one team
MAX_NAME_BYTES = 200  # S3 allows 1,024 bytes for a key: three names and twice the subid must fit
MAX_INTEGER_CHARS = 100
KNOWN_FIELDS = frozenset({"subid", "submissionid", "admin", "event", "assignment", "problem", "tokens", "language"})

# What SQS takes as a MessageGroupId.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_GROUP_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_HEX_32 = re.compile(r"[0-9a-f]{32}")
_PROGRAM = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9]+")
_PERCENT_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


# -- names and keys -----------------------------------------------------------------------------------------------


def _name_fault(name: str) -> str | None:
    """Why this cannot be the name of an admin, event or assignment; None if it can."""
    if not name:
        return "is empty"
    if name in {".", ".."}:
        return "is a path, not a name"
    if "/" in name or "\\" in name:
        return "holds a slash"
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in name):
        return "holds a control character"
    if _PERCENT_ESCAPE.search(name):
        return "is percent-escaped (URL-encoded once too often?)"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    return None


def parse_assignment_ref(text: str) -> AssignmentRef:
    """
    Read `admin/event/assignment`.

    Raises:
        ValueError: it is anything else; the text says why.
    """
    names = text.split("/")
    if len(names) != 3:
        raise ValueError(f"an assignment is named ADMIN/EVENT/ASSIGNMENT, not {text!r}")
    for what, name in zip(("admin", "event", "assignment"), names, strict=True):
        if fault := _name_fault(name):
            raise ValueError(f"the {what}'s name {fault}")
    return AssignmentRef(*names)


def parse_metadata_key(key: str) -> SubmissionKey:
    """
    Read the key of a submission's metadata, `[/]admin/event/assignment/subid/subid.json`, not URL-encoded.

    Raises:
        MessageNotUnderstood: it is any other key, a result's included.
    """
    leading_slash = key.startswith("/")
    parts = key[1:].split("/") if leading_slash else key.split("/")
    shown = ascii(key[:300])
    if len(parts) != 5:
        raise MessageNotUnderstood(f"the key {shown} is not [/]admin/event/assignment/subid/subid.json")
    *names, subid, file_name = parts
    if not _HEX_32.fullmatch(subid):
        raise MessageNotUnderstood(f"the key {shown} has no submission id of 32 lower-case hexadecimal digits")
    if file_name != f"{subid}.json":
        raise MessageNotUnderstood(f"the key {shown} does not end with {subid}.json")
    try:
        ref = parse_assignment_ref("/".join(names))
    except ValueError as exc:
        raise MessageNotUnderstood(f"the key {shown} is outside the layout: {exc}") from exc
    return SubmissionKey(ref, subid, leading_slash)


def is_ours_to_ignore(key: str) -> bool:
    """Whether an S3 event about this key is known and means nothing: a program, a result, a grading file."""
    *folders, name = key.split("/")
    is_program = _PROGRAM.fullmatch(name) is not None and not name.endswith(".json")  # in whatever language
    return folders[-1:] == ["grading"] or is_program or name.endswith((".results.json", ".out"))


# -- messages -----------------------------------------------------------------------------------------------------


def encode_body(key: SubmissionKey) -> str:
    """The message that asks for a submission to be graded."""
    return json.dumps({"subdata": key.metadata}, ensure_ascii=True)


def message_group(key: SubmissionKey) -> str | None:
    """
    The group of the message that asks for a submission to be graded: its admin; None if SQS would refuse that.

    SQS's fair queues then keep one class's rush from starving the others.
    """
    return key.ref.admin if _GROUP_ID.fullmatch(key.ref.admin) else None


def parse_body(body: str) -> tuple[SubmissionKey, ...]:
    """
    Read what a message asks to be graded: `{"subdata": key}`, an S3 event, or an S3 event wrapped by SNS.

    Returns the submissions it names, usually one. None at all means that there
    is nothing to do: S3's test event, or an event about a file that is not metadata.

    Raises:
        MessageNotUnderstood: anything else.
    """
    document = _message_object(body)
    if document.get("Type") == "Notification" and isinstance(document.get("Message"), str):
        document = _message_object(document["Message"])
    if "subdata" in document:
        if not isinstance(document["subdata"], str):
            raise MessageNotUnderstood('"subdata" is not a string')
        return (parse_metadata_key(document["subdata"]),)
    if document.get("Event") == "s3:TestEvent":
        return ()
    if "Records" in document:
        return tuple(parse_metadata_key(key) for key in event_keys(document) if not is_ours_to_ignore(key))
    raise MessageNotUnderstood('the body has neither "subdata" nor S3\'s "Records"')


def event_keys(event: dict[str, Any]) -> tuple[str, ...]:
    """
    The decoded keys of the objects that an S3 event tells of, at least one.

    S3 encodes keys in events as a form would: `+` for a space, `%2F` for a slash.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

    Raises:
        MessageNotUnderstood: it is no S3 event of major version 2 with records of created objects.
    """
    records = event.get("Records")
    if not isinstance(records, list) or not records:
        raise MessageNotUnderstood("the S3 event has no records")
    keys = []
    for record in records:
        try:
            version, name, key = record["eventVersion"], record["eventName"], record["s3"]["object"]["key"]
            if not str(version).startswith("2."):
                raise MessageNotUnderstood(f"an S3 event of version {ascii(version)[:20]}; only 2.x is known")
            if not str(name).startswith("ObjectCreated:"):
                continue
            keys.append(unquote_plus(key, errors="strict"))
        except (KeyError, TypeError, AttributeError) as exc:
            raise MessageNotUnderstood("a record of the S3 event names no object") from exc
        except UnicodeDecodeError as exc:
            raise MessageNotUnderstood("a key in the S3 event is not UTF-8") from exc
    return tuple(keys)


def _message_object(text: str) -> dict[str, Any]:
    if len(text) > MAX_BODY_CHARS:
        raise MessageNotUnderstood(f"the body is longer than {MAX_BODY_CHARS} characters")
    try:
        document = _strict_json(text)
    except ValueError as exc:
        raise MessageNotUnderstood(f"the body is not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise MessageNotUnderstood("the body is JSON, but not an object")
    return document


# -- metadata -----------------------------------------------------------------------------------------------------


def parse_metadata(data: bytes, key: SubmissionKey, languages: Collection[str]) -> Metadata:
    """
    Read a submission's metadata and hold it against the key under which it lay; it may name one of these languages.

    Raises:
        SubmissionRejected: it cannot be read, or names another submission than its
            key does: otherwise one assignment's upload could be graded as another's.
    """
    if len(data) > MAX_METADATA_BYTES:
        raise SubmissionRejected(f"The submission's metadata is larger than {MAX_METADATA_BYTES // 1024} KiB.")
    try:
        document = _strict_json(data.decode("utf-8"))
    except UnicodeDecodeError as exc:
        raise SubmissionRejected("The submission's metadata is not UTF-8 text.") from exc
    except ValueError as exc:
        raise SubmissionRejected(f"The submission's metadata is not valid JSON: {exc}.") from exc
    if not isinstance(document, dict):
        raise SubmissionRejected("The submission's metadata is JSON, but not an object.")

    stated = {
        "subid": _field(document, "subid", "submissionid"),
        "admin": _field(document, "admin"),
        "event": _field(document, "event"),
        "assignment": _field(document, "assignment", "problem"),
    }
    expected = {
        "subid": key.subid,
        "admin": key.ref.admin,
        "event": key.ref.event,
        "assignment": key.ref.assignment,
    }
    for name, value in stated.items():
        if value != expected[name]:
            raise SubmissionRejected(
                f"The submission's metadata names another {name} than the place it was uploaded to."
            )

    language = document.get("language")
    if language is not None and not (isinstance(language, str) and language in languages):
        raise SubmissionRejected(f"The language in the metadata is not one of: {', '.join(sorted(languages))}.")
    return Metadata(
        key=key,
        tokens=_tokens(document.get("tokens")),
        language=language,
        unknown_fields=tuple(sorted(ascii(name)[1:-1][:40] for name in document if name not in KNOWN_FIELDS)[:20]),
    )


def _field(document: dict[str, Any], *spellings: str) -> str:
    present = [name for name in spellings if name in document]
    if not present:
        raise SubmissionRejected(f'The submission\'s metadata has no "{spellings[0]}".')
    values = [document[name] for name in present]
    if not all(isinstance(value, str) for value in values):
        raise SubmissionRejected(f'"{present[0]}" in the submission\'s metadata is not text.')
    if len(set(values)) > 1:
        raise SubmissionRejected(f'"{present[0]}" and "{present[1]}" in the submission\'s metadata differ.')
    return str(values[0])


def is_token(text: str) -> bool:
    """Whether this can be a student's token: 32 lower-case hexadecimal digits."""
    return _HEX_32.fullmatch(text) is not None


def _tokens(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise SubmissionRejected('"tokens" in the submission\'s metadata is not a list with at least one token.')
    if len(value) > MAX_TOKENS:
        raise SubmissionRejected(f"The submission's metadata has more than {MAX_TOKENS} tokens.")
    if not all(isinstance(token, str) and is_token(token) for token in value):
        raise SubmissionRejected("A token in the submission's metadata is not 32 lower-case hexadecimal digits.")
    return tuple(dict.fromkeys(value))


# -- JSON from strangers ------------------------------------------------------------------------------------------


def _strict_json(text: str) -> Any:
    """
    `json.loads` for hostile text: every fault is a ValueError.

    Python's parser recurses (RecursionError on 10,000 brackets), keeps the last
    of two equal names and knows NaN; none of that is for a document on which a grade hangs.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_int=_bounded_integer
        )
    except json.JSONDecodeError as exc:
        raise ValueError(f"{exc.msg} at line {exc.lineno}, column {exc.colno}") from exc
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return document


def _bounded_integer(text: str) -> int:
    if len(text) > MAX_INTEGER_CHARS:  # Python refuses only thousands of digits, in words that are no student's
        raise ValueError("a number is too long")
    return int(text)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
