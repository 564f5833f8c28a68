"""The trigger answers to a submission's metadata and to nothing else, whatever S3 tells it."""

import json
import subprocess
import sys
from typing import Any, cast
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from submitter import trigger

SUBID = "fc55c1c0a3a7c2f0a5b1e2d3c4f5a6b7"
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/submitter"


class FakeSqs:
    """Takes messages down; refuses all from number `refuse_from` on."""

    def __init__(self, refuse_from: int | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._refuse_from = refuse_from

    def send_message(self, **request: Any) -> None:
        if self._refuse_from is not None and len(self.requests) >= self._refuse_from:
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "later"}}, "SendMessage")
        self.requests.append(request)

    @property
    def keys(self) -> list[str]:
        return [json.loads(request["MessageBody"])["subdata"] for request in self.requests]


def record(encoded_key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """A record as S3 sends it; the key is encoded already."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "submissions"}, "object": {"key": encoded_key, "size": 120, "eTag": "0123"}},
    }


def keys_sent_for(event: object) -> list[str]:
    sqs = FakeSqs()
    assert trigger.forward(event, cast(Any, sqs), QUEUE_URL) == len(sqs.requests)
    return sqs.keys


@pytest.mark.parametrize(
    "key",
    [
        f"m.soltys/aws_labs/lab5/{SUBID}/{SUBID}.json",
        f"/m.soltys/aws_labs/lab5/{SUBID}/{SUBID}.json",
        f"m.soltys/aws labs/lab 5/{SUBID}/{SUBID}.json",
        f"m.soltys/aws+labs/lab+5/{SUBID}/{SUBID}.json",
        f"m.sołtys/śląsk/zażółć/{SUBID}/{SUBID}.json",
        f"m.soltys/100%/a&b=c/{SUBID}/{SUBID}.json",
    ],
)
@pytest.mark.parametrize("safe", ["", "/"], ids=["slashes encoded", "slashes plain"])
def test_metadata_key_is_sent_as_it_is_in_the_bucket(key: str, safe: str) -> None:
    """S3 encodes keys in events as a form would; moto encodes the slashes too."""
    assert keys_sent_for({"Records": [record(quote_plus(key, safe=safe))]}) == [key]


def test_encoded_plus_is_a_plus_and_a_bare_plus_is_a_space() -> None:
    event = {"Records": [record(f"a%2Bb/c+d/e/{SUBID}/{SUBID}.json")]}
    assert keys_sent_for(event) == [f"a+b/c d/e/{SUBID}/{SUBID}.json"]


@pytest.mark.parametrize(
    "encoded_key",
    [
        f"a/e/l/{SUBID}/{SUBID}.results.json",
        f"/a/e/l/{SUBID}/{SUBID}.results.json",
        f"a/e/l/{SUBID}/results.json",
        f"a/e/l/{SUBID}/{SUBID}.out",
        f"a/e/l/{SUBID}/{SUBID}.py",
        "a/e/l/grading/test.in",
        "a/e/l/grading/grading.json",
        f"a/e/l/{SUBID}/{SUBID.upper()}.json",
        f"a/e/l/{SUBID[:-1]}/{SUBID[:-1]}.json",
        f"a/e/l/{SUBID}/{'0' * 32}.json",
        f"a/e/l/x/{SUBID}/{SUBID}.json",
        f"a/e/{SUBID}/{SUBID}.json",
        f"//a/e/l/{SUBID}/{SUBID}.json",
        f"a/../l/{SUBID}/{SUBID}.json",
        f"a/e/l/{SUBID}/{SUBID}.json%0A",
        f"a/e%00/l/{SUBID}/{SUBID}.json",
        f"a/e%FF/l/{SUBID}/{SUBID}.json",  # not UTF-8
        f"a/e%252Fx/l/{SUBID}/{SUBID}.json",  # encoded twice
        "",
        "/",
    ],
)
def test_every_other_key_is_let_be(encoded_key: str) -> None:
    """A trigger that answered to a result, which lands in the same folder, would have it graded for ever."""
    assert keys_sent_for({"Records": [record(encoded_key)]}) == []


@pytest.mark.parametrize(
    "event",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "submissions"},
        {},
        {"Records": []},
        {"Records": None},
        {"Records": {"s3": {}}},
        {"Records": [None, 1, "x", {}, {"s3": None}, {"s3": {"object": {}}}, {"s3": {"object": {"key": 7}}}]},
        {"Records": [{"eventName": 7, "s3": {"object": {"key": f"a/e/l/{SUBID}/{SUBID}.json"}}}]},
        [],
        "x",
        None,
    ],
)
def test_event_that_tells_of_no_object_is_let_be(event: object) -> None:
    assert keys_sent_for(event) == []


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectRestore:Completed", "LifecycleExpiration:Delete"])
def test_object_that_was_not_written_is_let_be(name: str) -> None:
    assert keys_sent_for({"Records": [record(f"a/e/l/{SUBID}/{SUBID}.json", name)]}) == []


def test_one_bad_record_does_not_take_the_others_along() -> None:
    key = f"a/e/l/{SUBID}/{SUBID}.json"
    assert keys_sent_for({"Records": [record("%FF"), {}, record(key), record("x.json"), record(f"/{key}")]}) == [
        key,
        f"/{key}",
    ]


@pytest.mark.parametrize(
    ("admin", "group"),
    [
        ("m.soltys", "m.soltys"),
        ("a" * 128, "a" * 128),
        ("a" * 129, None),
        ("two words", None),
        ("śląsk", None),
    ],
)
def test_admin_is_the_group_for_fair_queues_where_sqs_takes_the_name(admin: str, group: str | None) -> None:
    sqs = FakeSqs()
    trigger.forward({"Records": [record(f"{quote_plus(admin)}/e/l/{SUBID}/{SUBID}.json")]}, cast(Any, sqs), QUEUE_URL)
    assert [request.get("MessageGroupId") for request in sqs.requests] == [group]


def test_refusal_by_sqs_is_raised_so_that_lambda_tries_again() -> None:
    event = {"Records": [record(f"a/e/l/{SUBID}/{SUBID}.json")] * 2}
    with pytest.raises(ClientError):
        trigger.forward(event, cast(Any, FakeSqs(refuse_from=1)), QUEUE_URL)


def test_handler_sends_to_the_queue_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = FakeSqs()
    monkeypatch.setattr(trigger, "_client", lambda: sqs)
    monkeypatch.setenv("SUBMITTER_QUEUE_URL", QUEUE_URL)
    trigger.handler({"Records": [record(f"a/e/l/{SUBID}/{SUBID}.json")]}, None)
    assert sqs.requests == [
        {"QueueUrl": QUEUE_URL, "MessageBody": f'{{"subdata": "a/e/l/{SUBID}/{SUBID}.json"}}', "MessageGroupId": "a"}
    ]


def test_lambda_needs_nothing_but_the_files_that_are_deployed_with_it() -> None:
    """boto3 comes with Lambda's runtime and is imported late; nothing else may be needed."""
    code = (
        "import sys; before = set(sys.modules); import submitter.trigger; "
        "print(*sorted(m for m in set(sys.modules) - before if m.split('.')[0] not in sys.stdlib_module_names))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert ran.stdout.split() == [
        "submitter",
        "submitter.comparison",
        "submitter.errors",
        "submitter.model",
        "submitter.points",
        "submitter.policy",
        "submitter.protocol",
        "submitter.supplies",
        "submitter.trigger",
    ]
