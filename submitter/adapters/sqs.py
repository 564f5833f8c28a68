"""The queue, by boto3."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import ClientError

from submitter.adapters.aws import AWS_ERRORS, error_code, error_text, needs_operator
from submitter.errors import ConfigError, QueueUnavailable
from submitter.ports import Delivery

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef

MAX_REASON_CHARS = 1_000
TAKEN_S = 120  # for which letters that somebody looks at are hidden
ENOUGH_EMPTY_ANSWERS = 2
MAX_MESSAGE_BYTES = 1024 * 1024  # SQS counts the body and every attribute's name, type and value

# All that SQS takes in a body or an attribute; anything else is InvalidMessageContents.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HANDLE_ERRORS = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidIdFormat"})

log = structlog.get_logger(__name__)


class SqsSubmissionQueue:
    """
    ports.SubmissionQueue on one standard SQS queue.

    Args:
        client: its read timeout must exceed the longest `wait_s` (see aws.make_client).
        visibility_timeout_s: how long a received message stays hidden unless it is kept longer.
    """

    def __init__(self, client: "SQSClient", queue_url: str, visibility_timeout_s: int) -> None:
        self._client = client
        self._queue_url = queue_url
        self._visibility_timeout_s = visibility_timeout_s
        self._dead_letter_queue_url: str | None = None

    def find_dead_letter_queue(self) -> str:
        """
        The URL of the queue that our queue's redrive policy names; asked once, then remembered.

        Call it at start-up: `move_aside` needs it, and then is late to learn that there is none.

        Raises:
            ConfigError: there is no such queue, or no policy that names one (the operator's fault).
            QueueUnavailable: SQS did not answer.
        """
        if self._dead_letter_queue_url is None:
            self._dead_letter_queue_url = self._ask_for_dead_letter_queue()
        return self._dead_letter_queue_url

    def _ask_for_dead_letter_queue(self) -> str:
        with _errors_of("cannot find the dead-letter queue"):
            try:
                attributes = self._client.get_queue_attributes(
                    QueueUrl=self._queue_url, AttributeNames=["RedrivePolicy"]
                ).get("Attributes", {})
            except self._client.exceptions.QueueDoesNotExist as exc:
                raise ConfigError(
                    f"there is no queue {self._queue_url}: check SUBMITTER_QUEUE_URL and AWS_DEFAULT_REGION"
                ) from exc
            try:
                arn = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
                _, _, _, _, account, name = arn.split(":")
            except (KeyError, ValueError) as exc:
                raise ConfigError(
                    f"the queue {self._queue_url} has no dead-letter queue: make one and name it in the queue's "
                    'RedrivePolicy, {"deadLetterTargetArn": "arn:aws:sqs:…", "maxReceiveCount": 20}'
                ) from exc
            try:
                return self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            except self._client.exceptions.QueueDoesNotExist as exc:
                raise ConfigError(
                    f"the RedrivePolicy of {self._queue_url} names {arn}, which is not there: make that queue"
                ) from exc

    def dead_letters(self) -> "SqsDeadLetterQueue":
        """
        The queue of what was moved aside.

        Raises:
            as `find_dead_letter_queue`.
        """
        return SqsDeadLetterQueue(self._client, self.find_dead_letter_queue())

    def receive(self, wait_s: int) -> Delivery | None:
        with _errors_of("cannot receive"):
            answer = self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=self._visibility_timeout_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        for message in answer.get("Messages", []):
            return Delivery(
                body=message.get("Body", ""),
                message_id=message["MessageId"],
                receipt_handle=message["ReceiptHandle"],
                receive_count=int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
        return None

    def delete(self, delivery: Delivery) -> None:
        with _errors_of("cannot delete", delivery):
            self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=delivery.receipt_handle)

    def give_back(self, delivery: Delivery, delay_s: int) -> None:
        with _errors_of("cannot give back", delivery):
            self._hide_for(delivery, delay_s)

    def keep(self, delivery: Delivery, for_s: int) -> bool:
        is_ours = False
        with _errors_of("cannot keep", delivery):
            self._hide_for(delivery, for_s)
            is_ours = True
        return is_ours

    def _hide_for(self, delivery: Delivery, seconds: int) -> None:
        self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=delivery.receipt_handle, VisibilityTimeout=seconds
        )

    def move_aside(self, delivery: Delivery, reason: str) -> None:
        """
        As the port says; besides, ConfigError if there is no dead-letter queue.

        Characters that SQS would refuse become U+FFFD, in the body too, and a body that is too
        long beside its reason loses its end: a message that SQS would not take could never be moved.
        """
        dead_letter_queue_url = self.find_dead_letter_queue()
        shown_reason = _sendable(" ".join(reason.split()))[:MAX_REASON_CHARS] or "no reason given"
        room_bytes = MAX_MESSAGE_BYTES - len(("reason" + "String" + shown_reason).encode())
        body = _sendable(delivery.body).encode()[:room_bytes].decode(errors="ignore")
        with _errors_of("cannot send to the dead-letter queue"):
            self._client.send_message(
                QueueUrl=dead_letter_queue_url,
                MessageBody=body or " ",  # an empty body is refused
                MessageAttributes={"reason": {"DataType": "String", "StringValue": shown_reason}},
            )
        self.delete(delivery)

    def check(self) -> None:
        with _errors_of("cannot reach the queue"):
            self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])

    def waiting(self) -> int:
        with _errors_of("cannot reach the queue"):
            answer = self._client.get_queue_attributes(
                QueueUrl=self._queue_url, AttributeNames=["ApproximateNumberOfMessages"]
            )
            return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def send(self, body: str, group: str | None = None) -> None:
        request: SendMessageRequestTypeDef = {"QueueUrl": self._queue_url, "MessageBody": body}
        if group is not None:
            request["MessageGroupId"] = group
        with _errors_of("cannot send"):
            self._client.send_message(**request)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue; `reason` is None if SQS itself moved it there, after too many deliveries."""

    message_id: str
    body: str
    reason: str | None
    sent_at: datetime
    receipt_handle: str = field(repr=False)


class SqsDeadLetterQueue:
    """What was moved aside, for people to look at and to put back."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def take(self) -> Iterator[DeadLetter]:
        """
        All letters, each once; others do not see them until `put_down` or for TAKEN_S seconds.

        Raises:
            QueueUnavailable: SQS did not answer.
        """
        seen: set[str] = set()
        empty_answers = 0
        while empty_answers < ENOUGH_EMPTY_ANSWERS:  # one may be empty though there are messages: SQS asks some servers
            with _errors_of("cannot read the dead-letter queue"):
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=10,
                    WaitTimeSeconds=1,
                    VisibilityTimeout=TAKEN_S,
                    MessageAttributeNames=["reason"],
                    MessageSystemAttributeNames=["SentTimestamp"],
                )
            messages = answer.get("Messages", [])
            empty_answers = 0 if messages else empty_answers + 1
            for message in messages:
                if message["MessageId"] in seen:
                    continue
                seen.add(message["MessageId"])
                reason = message.get("MessageAttributes", {}).get("reason")
                yield DeadLetter(
                    message_id=message["MessageId"],
                    body=message.get("Body", ""),
                    reason=reason.get("StringValue") if reason else None,
                    sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
                    receipt_handle=message["ReceiptHandle"],
                )

    def put_down(self, letter: DeadLetter) -> None:
        """Let others see it again, at once."""
        with _errors_of("cannot give back"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=letter.receipt_handle, VisibilityTimeout=0
            )

    def remove(self, letter: DeadLetter) -> None:
        with _errors_of("cannot delete"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)


@contextmanager
def _errors_of(doing: str, delivery: Delivery | None = None) -> Iterator[None]:
    """
    Turn what boto3 raises into QueueUnavailable; `doing` as in "cannot receive".

    With a delivery, a complaint about its receipt handle is logged and let be: somebody else
    has the message by then, or it is gone, and either is as good as what we asked for.
    """
    try:
        yield
    except AWS_ERRORS as exc:
        if delivery is not None and isinstance(exc, ClientError) and _is_about_handle(exc):
            log.warning("receipt_handle_expired", message_id=delivery.message_id, error=f"{doing}: {error_text(exc)}")
            return
        raise QueueUnavailable(f"{doing}: {error_text(exc)}", needs_operator=needs_operator(exc)) from exc


def _is_about_handle(exc: ClientError) -> bool:
    if error_code(exc).removeprefix("AWS.SimpleQueueService.") in _HANDLE_ERRORS:
        return True
    # An expired handle comes as InvalidParameterValue, and only the text tells which parameter that was.
    return error_code(exc).startswith("InvalidParameterValue") and "ReceiptHandle" in error_text(exc)


def _sendable(text: str) -> str:
    return _REFUSED.sub("\ufffd", text)
