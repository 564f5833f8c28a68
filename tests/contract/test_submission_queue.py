"""What every SubmissionQueue does, and below that, what only SQS needs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from botocore.stub import Stubber
from structlog.testing import capture_logs

from submitter.adapters.aws import make_client
from submitter.adapters.memory import MemorySubmissionQueue
from submitter.adapters.sqs import MAX_MESSAGE_BYTES, SqsSubmissionQueue
from submitter.embedded_aws import EmbeddedAws
from submitter.errors import ConfigError, QueueUnavailable
from submitter.ports import Delivery, SubmissionQueue

STRANGER = Delivery(body="x", message_id="nobody's", receipt_handle="nobody's")


@dataclass(frozen=True)
class Case:
    """A queue under test, and a look at what lies in its dead-letter queue: body and reason."""

    make: Callable[[int], SubmissionQueue]  # with that visibility timeout in seconds
    dead_letters: Callable[[], list[tuple[str, str]]]
    make_broken: Callable[[], SubmissionQueue]


def _memory_case() -> Case:
    made: list[MemorySubmissionQueue] = []

    def make(visibility_timeout_s: int) -> SubmissionQueue:
        made.append(MemorySubmissionQueue(visibility_timeout_s))
        return made[-1]

    def make_broken() -> SubmissionQueue:
        queue = MemorySubmissionQueue()
        queue.fail_next(QueueUnavailable("away"))
        return queue

    return Case(make, lambda: [(letter.body, letter.reason) for q in made for letter in q.dead_letters], make_broken)


def _sqs_case(aws: EmbeddedAws, queue_url: str) -> Case:
    def dead_letters() -> list[tuple[str, str]]:
        answer = aws.sqs.receive_message(
            QueueUrl=f"{queue_url}-dlq", MaxNumberOfMessages=10, MessageAttributeNames=["reason"]
        )
        return [
            (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
            for message in answer.get("Messages", [])
        ]

    return Case(
        make=lambda visibility_timeout_s: SqsSubmissionQueue(aws.sqs, queue_url, visibility_timeout_s),
        dead_letters=dead_letters,
        make_broken=lambda: SqsSubmissionQueue(aws.sqs, f"{queue_url}-that-is-not-there", 30),
    )


@pytest.fixture(params=["memory", "sqs"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _memory_case()
    return _sqs_case(request.getfixturevalue("aws"), request.getfixturevalue("queue_url"))


@pytest.fixture
def queue(case: Case) -> SubmissionQueue:
    return case.make(30)


def receive(queue: SubmissionQueue, wait_s: int = 0) -> Delivery:
    delivery = queue.receive(wait_s)
    assert delivery is not None
    return delivery


# -- every queue --------------------------------------------------------------------------------------------------


def test_sent_body_is_received_as_it_was(queue: SubmissionQueue) -> None:
    queue.send('{"subdata": "ü/+ /\\ud83d"}')
    delivery = receive(queue)
    assert delivery.body == '{"subdata": "ü/+ /\\ud83d"}'
    assert delivery.receive_count == 1


def test_a_group_goes_along_with_a_message_and_changes_nothing_of_it(
    queue: SubmissionQueue, request: pytest.FixtureRequest
) -> None:
    queue.send("one", group="m.soltys")
    queue.send("two")
    if request.node.callspec.params["case"] == "memory":
        assert [receive(queue).body, receive(queue).body] == ["one", "two"]
        return
    aws: EmbeddedAws = request.getfixturevalue("aws")
    answers = [
        aws.sqs.receive_message(
            QueueUrl=request.getfixturevalue("queue_url"), MessageSystemAttributeNames=["MessageGroupId"]
        )["Messages"][0]
        for _ in range(2)
    ]
    groups = {answer["Body"]: answer.get("Attributes", {}).get("MessageGroupId") for answer in answers}
    assert groups == {"one": "m.soltys", "two": None}


def test_empty_queue_gives_none_at_once_when_told_not_to_wait(queue: SubmissionQueue) -> None:
    assert queue.receive(wait_s=0) is None


def test_only_messages_that_could_be_received_are_waiting(queue: SubmissionQueue) -> None:
    assert queue.waiting() == 0
    for body in ("one", "two"):
        queue.send(body)
    assert queue.waiting() == 2
    assert queue.receive(0) is not None
    assert queue.waiting() == 1


def test_empty_queue_gives_none_after_the_wait(queue: SubmissionQueue) -> None:
    assert queue.receive(wait_s=1) is None


def test_message_sent_during_the_wait_is_received(queue: SubmissionQueue) -> None:
    sender = threading.Timer(0.1, queue.send, ["late"])
    sender.start()
    try:
        assert receive(queue, wait_s=20).body == "late"
    finally:
        sender.join()


def test_received_message_is_hidden_from_the_next_receive(queue: SubmissionQueue) -> None:
    queue.send("one")
    receive(queue)
    assert queue.receive(wait_s=0) is None


def test_two_messages_are_received_one_at_a_time(queue: SubmissionQueue) -> None:
    queue.send("one")
    queue.send("two")
    assert {receive(queue).body, receive(queue).body} == {"one", "two"}


def test_message_comes_back_after_its_visibility_timeout(case: Case) -> None:
    queue = case.make(1)
    queue.send("one")
    first = receive(queue)
    second = receive(queue, wait_s=10)
    assert second.message_id == first.message_id
    assert second.receive_count == 2


def test_kept_message_stays_hidden_past_its_visibility_timeout(case: Case) -> None:
    queue = case.make(1)
    queue.send("one")
    queue.keep(receive(queue), for_s=60)
    assert queue.receive(wait_s=2) is None


def test_message_given_back_at_once_is_delivered_again(queue: SubmissionQueue) -> None:
    queue.send("one")
    queue.give_back(receive(queue), delay_s=0)
    assert receive(queue).receive_count == 2


def test_message_given_back_with_a_delay_waits_that_long(queue: SubmissionQueue) -> None:
    queue.send("one")
    queue.give_back(receive(queue), delay_s=1)
    assert queue.receive(wait_s=0) is None
    assert receive(queue, wait_s=10).body == "one"


def test_deleted_message_never_comes_back(case: Case) -> None:
    queue = case.make(1)
    queue.send("one")
    delivery = receive(queue)
    queue.delete(delivery)
    queue.delete(delivery)
    assert queue.receive(wait_s=2) is None


@pytest.mark.parametrize("call", ["delete", "give_back", "keep"])
def test_receipt_handle_that_is_no_longer_valid_is_no_error(queue: SubmissionQueue, call: str) -> None:
    """By then the message is somebody else's or gone: nothing is left to do for whoever held it."""
    queue.send("one")
    gone = receive(queue)
    queue.delete(gone)
    for delivery in (gone, STRANGER):
        if call == "delete":
            queue.delete(delivery)
        elif call == "give_back":
            queue.give_back(delivery, delay_s=0)
        else:
            queue.keep(delivery, for_s=10)


def test_message_moved_aside_is_a_dead_letter_with_its_reason_and_off_the_queue(case: Case) -> None:
    queue = case.make(1)
    queue.send("gibberish")
    queue.move_aside(receive(queue), "the body is not JSON")
    assert case.dead_letters() == [("gibberish", "the body is not JSON")]
    assert queue.receive(wait_s=2) is None


CALLS: dict[str, Callable[[SubmissionQueue], object]] = {
    "receive": lambda queue: queue.receive(0),
    "delete": lambda queue: queue.delete(STRANGER),
    "give_back": lambda queue: queue.give_back(STRANGER, 0),
    "keep": lambda queue: queue.keep(STRANGER, 10),
    "send": lambda queue: queue.send("x"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_queue_that_cannot_do_it_says_so_in_our_words(case: Case, call: Callable[[SubmissionQueue], object]) -> None:
    with pytest.raises(QueueUnavailable):
        call(case.make_broken())


# -- SQS only -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sqs_case(aws: EmbeddedAws, queue_url: str) -> Case:
    return _sqs_case(aws, queue_url)


@pytest.fixture
def stubbed(queue_url: str, aws: EmbeddedAws) -> tuple[SqsSubmissionQueue, Stubber]:
    """A queue whose client answers what the test says: moto does not know every error of AWS."""
    client = make_client("sqs", aws.environment)
    return SqsSubmissionQueue(client, queue_url, 30), Stubber(client)


def test_characters_that_sqs_refuses_do_not_keep_a_message_from_being_moved_aside(sqs_case: Case) -> None:
    """SQS would refuse the body or the reason, and the message would come back until it is dead without a reason."""
    queue = sqs_case.make(30)
    bad = Delivery(body="a\x01b\ud800c\nd\uffffe\U0001f600", message_id="m", receipt_handle="h")
    queue.move_aside(bad, "line one\n\x00line two\x1b[31m")
    fffd = "\ufffd"
    assert sqs_case.dead_letters() == [
        (f"a{fffd}b{fffd}c\nd{fffd}e\U0001f600", f"line one {fffd}line two{fffd}[31m"),
    ]


def test_long_reason_is_cut(sqs_case: Case) -> None:
    sqs_case.make(30).move_aside(STRANGER, "ä" * 5_000)
    assert sqs_case.dead_letters() == [("x", "ä" * 1_000)]


def test_empty_reason_and_empty_body_are_filled_in_because_sqs_refuses_them(sqs_case: Case) -> None:
    sqs_case.make(30).move_aside(Delivery(body="", message_id="m", receipt_handle="h"), "")
    assert sqs_case.dead_letters() == [(" ", "no reason given")]


def test_body_that_fills_a_message_is_cut_to_leave_room_for_the_reason(sqs_case: Case) -> None:
    body = "é" * (MAX_MESSAGE_BYTES // 2)
    sqs_case.make(30).move_aside(Delivery(body=body, message_id="m", receipt_handle="h"), "no JSON")
    [(moved, reason)] = sqs_case.dead_letters()
    assert body.startswith(moved)
    assert MAX_MESSAGE_BYTES - 30 < len(moved.encode()) + len("reason" + "String" + reason) <= MAX_MESSAGE_BYTES


def test_dead_letter_queue_is_the_one_that_the_redrive_policy_names(aws: EmbeddedAws, queue_url: str) -> None:
    assert SqsSubmissionQueue(aws.sqs, queue_url, 30).find_dead_letter_queue() == f"{queue_url}-dlq"


def test_queue_without_a_redrive_policy_is_a_fault_in_the_settings(aws: EmbeddedAws, queue_url: str) -> None:
    queue = SqsSubmissionQueue(aws.sqs, f"{queue_url}-dlq", 30)
    with pytest.raises(ConfigError, match="RedrivePolicy"):
        queue.find_dead_letter_queue()


def test_dead_letter_queue_that_is_gone_is_a_fault_in_the_settings(aws: EmbeddedAws, queue_url: str) -> None:
    aws.sqs.delete_queue(QueueUrl=f"{queue_url}-dlq")
    with pytest.raises(ConfigError, match="not there"):
        SqsSubmissionQueue(aws.sqs, queue_url, 30).find_dead_letter_queue()


def test_queue_that_is_not_there_is_a_fault_in_the_settings(aws: EmbeddedAws, queue_url: str) -> None:
    with pytest.raises(ConfigError, match="SUBMITTER_QUEUE_URL"):
        SqsSubmissionQueue(aws.sqs, f"{queue_url}-x", 30).find_dead_letter_queue()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ReceiptHandleIsInvalid", "The input receipt handle is invalid."),
        ("AWS.SimpleQueueService.MessageNotInflight", "Message is not in flight."),
        (
            "InvalidParameterValue",
            "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
        ),
    ],
)
def test_each_way_of_aws_to_say_expired_is_logged_and_let_be(
    stubbed: tuple[SqsSubmissionQueue, Stubber], code: str, message: str
) -> None:
    queue, stubber = stubbed
    with capture_logs() as logs, stubber:
        stubber.add_client_error("change_message_visibility", code, message, 400)
        queue.keep(STRANGER, 10)
        stubber.add_client_error("delete_message", code, message, 400)
        queue.delete(STRANGER)
    assert [entry["event"] for entry in logs] == ["receipt_handle_expired"] * 2
    assert "AQEB" not in str([entry["message_id"] for entry in logs])


def test_visibility_beyond_the_limit_is_not_taken_for_an_expired_handle(sqs_case: Case) -> None:
    queue = sqs_case.make(30)
    queue.send("one")
    with pytest.raises(QueueUnavailable, match="43200"):
        queue.keep(receive(queue), for_s=43_200)


def test_server_that_does_not_answer_is_unavailable() -> None:
    client = make_client(
        "sqs",
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        },
    )
    with pytest.raises(QueueUnavailable, match=r"127\.0\.0\.1:1"):
        SqsSubmissionQueue(client, "http://127.0.0.1:1/1/q", 30).send("x")


# -- the fake only ------------------------------------------------------------------------------------------------


def test_memory_queue_follows_the_injected_clock() -> None:
    now_s = 100.0
    queue = MemorySubmissionQueue(visibility_timeout_s=30, clock=lambda: now_s)
    queue.send("one")
    stale = receive(queue)
    now_s += 30
    again = receive(queue)
    queue.delete(stale)  # not its message any more
    assert len(queue) == 1
    queue.delete(again)
    assert len(queue) == 0


def test_memory_queue_fails_in_the_named_call_only() -> None:
    queue = MemorySubmissionQueue()
    queue.fail_next(QueueUnavailable("away"), method="receive")
    queue.send("one")
    with pytest.raises(QueueUnavailable, match="away"):
        queue.receive(0)
    assert receive(queue).body == "one"
    with pytest.raises(AttributeError):
        queue.fail_next(QueueUnavailable("away"), method="recieve")
