"""
The trigger: an AWS Lambda between the bucket and the queue.

S3 tells it of every new object; for a submission's metadata it puts one
message on the queue, and it answers to nothing else: the daemon writes its
results into the same folder, and a trigger that answered to those would have
everything graded for ever.

Deployed as these files alone: submitter/{__init__,trigger,protocol,model,errors}.py
on a runtime with Python 3.11 or newer, handler `submitter.trigger.handler`,
SUBMITTER_QUEUE_URL set. boto3 comes with the runtime.
"""

import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from submitter.errors import MessageNotUnderstood
from submitter.protocol import encode_body, message_group, parse_metadata_key

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef

log = logging.getLogger(__name__)


def handler(event: object, context: object) -> None:
    """What Lambda calls: `forward` with the queue that SUBMITTER_QUEUE_URL names."""
    forward(event, _client(), os.environ["SUBMITTER_QUEUE_URL"])


def forward(event: object, client: "SQSClient", queue_url: str) -> int:
    """
    Send a message for each metadata object that an S3 event tells of; returns how many.

    Raises:
        botocore's errors: SQS did not take a message. Lambda then hands the whole event in again, so that
            of several submissions some may be sent twice, which costs a grading and changes no result.
    """
    sent = 0
    for key in _created_keys(event):
        try:
            submission = parse_metadata_key(key)
        except MessageNotUnderstood as exc:
            log.info("object ignored: %s", exc)
            continue
        request: SendMessageRequestTypeDef = {"QueueUrl": queue_url, "MessageBody": encode_body(submission)}
        if group := message_group(submission):
            request["MessageGroupId"] = group
        client.send_message(**request)
        sent += 1
    return sent


def _created_keys(event: Any) -> list[str]:
    """The decoded keys of the new objects in an S3 event; whatever else the event holds is left out."""
    records = event.get("Records") if isinstance(event, dict) else None
    keys = []
    for record in records if isinstance(records, list) else ():
        try:
            if record.get("eventName", "ObjectCreated:").startswith("ObjectCreated:"):
                keys.append(unquote_plus(record["s3"]["object"]["key"], errors="strict"))
        except (AttributeError, KeyError, TypeError, UnicodeDecodeError):
            log.warning("record ignored: it names no object")
    return keys


@cache
def _client() -> "SQSClient":
    """One client for the life of the Lambda: making it costs more than sending."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.session.Session().client("sqs", config=config)
