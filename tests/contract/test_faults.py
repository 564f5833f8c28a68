"""
What the adapters make of services that fail in the middle: every fault of the gateway against the calls it can hit.

After each fault either the call has done what it promises, or it raised an
error of ours within its time; never is a part taken for the whole. Time-outs
are shortened here: what is shown is that there are some.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from submitter.adapters import aws as aws_module
from submitter.adapters import postgres_connections
from submitter.adapters.aws import make_client
from submitter.adapters.postgres import PostgresCaseStore
from submitter.adapters.s3 import S3ResultStore
from submitter.adapters.sqs import SqsDeadLetterQueue, SqsSubmissionQueue
from submitter.embedded_aws import EmbeddedAws
from submitter.errors import CasesUnavailable, QueueUnavailable, StoreUnavailable
from submitter.model import AssignmentRef
from submitter.ports import Delivery
from tests.gateway import HttpGateway, TcpGateway, postgres_of

BODY = b"a program of some length, so that it has a middle\n" * 40
KEY = "a/b/c/program.py"
AT_ONCE_S = 15.0  # far less than the time-outs that operators get, and more than those here


@pytest.fixture
def gateway(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpGateway]:
    monkeypatch.setattr(aws_module, "CONNECT_TIMEOUT_S", 1)
    monkeypatch.setattr(aws_module, "ATTEMPTS", 2)
    with HttpGateway(aws.endpoint_url) as gateway:
        yield gateway


def environment(aws: EmbeddedAws, gateway: HttpGateway) -> dict[str, str]:
    return {**aws.environment, "AWS_ENDPOINT_URL": gateway.endpoint_url}


@pytest.fixture
def queue(aws: EmbeddedAws, gateway: HttpGateway, queue_url: str) -> SqsSubmissionQueue:
    client = make_client("sqs", environment(aws, gateway), read_timeout_s=1)
    return SqsSubmissionQueue(client, queue_url, 2)


@pytest.fixture
def unhurried(aws: EmbeddedAws, queue_url: str) -> SqsSubmissionQueue:
    """The same queue, past the gateway and with time to poll."""
    return SqsSubmissionQueue(aws.sqs, queue_url, 2)


@pytest.fixture
def store(aws: EmbeddedAws, gateway: HttpGateway, bucket: str) -> S3ResultStore:
    return S3ResultStore(make_client("s3", environment(aws, gateway), read_timeout_s=1), bucket)


def within(seconds: float, call: Callable[[], object]) -> object:
    """The call's answer, or the exception's class, if it comes in time."""
    begun = time.monotonic()
    try:
        answer = call()
    except Exception as exc:
        answer = type(exc)
    assert time.monotonic() - begun < seconds
    return answer


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("error", {"status": 500}),
    ("error", {"status": 503, "code": "SlowDown"}),
    ("error", {"status": 400, "code": "Throttling"}),
    ("error", {"status": 400, "code": "ExpiredToken"}),
    ("error", {"status": 403, "code": "RequestTimeTooSkewed"}),
    ("error", {"status": 403, "code": "AccessDenied"}),
    ("drop request", {}),
    ("drop reply", {}),
    ("hold", {"seconds": 1.5}),
    ("delay", {"seconds": 1.5}),
    ("reset", {}),
    ("truncate", {}),
    ("stall", {"seconds": 1.5}),
]
IDS = ["-".join([action, *map(str, details.values())]).replace(" ", "_") for action, details in FAULTS]
each_fault = pytest.mark.parametrize(("action", "details"), FAULTS, ids=IDS)


# -- the queue ----------------------------------------------------------------------------------------------------


@each_fault
@pytest.mark.parametrize("call", ["receive", "delete", "give_back", "keep", "send", "check"])
def test_a_queue_that_stays_broken_is_unavailable_in_time_and_then_works_again(
    queue: SqsSubmissionQueue, gateway: HttpGateway, call: str, action: Any, details: dict[str, Any]
) -> None:
    operation = {
        "receive": "ReceiveMessage",
        "delete": "DeleteMessage",
        "give_back": "ChangeMessageVisibility",
        "keep": "ChangeMessageVisibility",
        "send": "SendMessage",
        "check": "GetQueueAttributes",
    }[call]
    queue.send("body")
    delivery = queue.receive(1)
    assert delivery is not None
    gateway.add(operation, action, times=99, **details)
    calls: dict[str, Callable[[], object]] = {
        "receive": lambda: queue.receive(0),
        "delete": lambda: queue.delete(delivery),
        "give_back": lambda: queue.give_back(delivery, 0),
        "keep": lambda: queue.keep(delivery, 30),
        "send": lambda: queue.send("another"),
        "check": queue.check,
    }
    answer = within(AT_ONCE_S, calls[call])
    # A body that is cut is of no interest to calls that answer with nothing but their success.
    assert answer is QueueUnavailable or (action in ("reset", "truncate", "stall", "delay") and answer in (None, True))
    assert gateway.count(operation, action) >= 1
    gateway.clear()
    queue.check()


@each_fault
def test_a_fault_that_passes_costs_no_message(
    queue: SqsSubmissionQueue, gateway: HttpGateway, action: Any, details: dict[str, Any]
) -> None:
    """Received, though the answer got lost, it comes again when its visibility is over."""
    queue.send("body")
    gateway.add("ReceiveMessage", action, times=1, **details)
    deadline = time.monotonic() + AT_ONCE_S
    delivery: Delivery | None = None
    while delivery is None and time.monotonic() < deadline:
        try:
            delivery = queue.receive(1)
        except QueueUnavailable:
            continue
    assert delivery is not None
    assert delivery.body == "body"


def test_a_reply_that_comes_twice_is_the_same_delivery_twice(queue: SqsSubmissionQueue, gateway: HttpGateway) -> None:
    """Two workers have it then, with one handle; leases tell them apart (tests/contract/test_case_store.py)."""
    queue.send("body")
    gateway.add("ReceiveMessage", "repeat reply")
    first, second = queue.receive(1), queue.receive(1)
    assert first is not None
    assert first == second


def test_a_message_sent_twice_by_a_lost_answer_is_two(queue: SqsSubmissionQueue, gateway: HttpGateway) -> None:
    """The library sends again what nobody confirmed; the second is harmless, a lost one would not be."""
    gateway.add("SendMessage", "drop reply")
    queue.send("body")
    received = [queue.receive(0) for _ in range(3)]
    assert [delivery.body for delivery in received if delivery] == ["body", "body"]


def test_a_message_moved_aside_is_not_deleted_before_it_is_there(
    queue: SqsSubmissionQueue, unhurried: SqsSubmissionQueue, gateway: HttpGateway
) -> None:
    queue.send("nonsense")
    delivery = queue.receive(1)
    assert delivery is not None
    gateway.add("SendMessage", "error", times=99)
    with pytest.raises(QueueUnavailable):
        queue.move_aside(delivery, "nobody understands it")
    assert gateway.count("DeleteMessage") == 0
    gateway.clear()
    queue.move_aside(delivery, "nobody understands it")
    [letter] = unhurried.dead_letters().take()
    assert (letter.body, letter.reason) == ("nonsense", "nobody understands it")


def test_letters_that_were_looked_at_are_there_for_the_next(unhurried: SqsSubmissionQueue) -> None:
    queue = unhurried
    for number in range(12):  # more than one answer holds
        queue.send(str(number))
        delivery = queue.receive(1)
        assert delivery is not None
        queue.move_aside(delivery, f"reason {number}")
    letters: SqsDeadLetterQueue = queue.dead_letters()
    for _ in range(2):
        seen = list(letters.take())
        assert sorted(int(letter.body) for letter in seen) == list(range(12))
        for letter in seen:
            letters.put_down(letter)
    for letter in letters.take():
        letters.remove(letter)
    assert list(letters.take()) == []


# -- the bucket ---------------------------------------------------------------------------------------------------


@each_fault
@pytest.mark.parametrize("times", [1, 99], ids=["once", "always"])
def test_a_program_is_read_whole_or_not_at_all(
    store: S3ResultStore, gateway: HttpGateway, times: int, action: Any, details: dict[str, Any]
) -> None:
    store.put(KEY, BODY, "text/plain")
    gateway.add("GetObject", action, times=times, **details)

    def read() -> object:
        stored = store.get(KEY, 1 << 20)
        assert stored is not None, "an object that is there is not missing"
        return stored.data

    assert within(AT_ONCE_S, read) in (BODY, StoreUnavailable)
    gateway.clear()
    assert read() == BODY


def test_a_bit_that_flipped_on_the_way_is_noticed(store: S3ResultStore, gateway: HttpGateway) -> None:
    """By the checksum that boto3 adds when it writes and compares when it reads."""
    store.put(KEY, BODY, "text/plain")
    gateway.add("GetObject", "flip", times=99)
    with pytest.raises(StoreUnavailable):
        store.get(KEY, 1 << 20)
    gateway.clear()
    stored = store.get(KEY, 1 << 20)
    assert stored is not None
    assert stored.data == BODY


@each_fault
@pytest.mark.parametrize("times", [1, 99], ids=["once", "always"])
def test_a_result_that_is_said_to_be_written_is_there_and_is_ours(
    store: S3ResultStore, gateway: HttpGateway, times: int, action: Any, details: dict[str, Any]
) -> None:
    """Conditional writes are sent again when an answer got lost, and then meet what they wrote themselves."""
    assert store.replace(KEY, b"older", "text/plain", None)
    seen = store.version(KEY)
    gateway.add("PutObject", action, times=times, **details)
    answer = within(AT_ONCE_S, lambda: store.replace(KEY, BODY, "text/plain", seen))
    gateway.clear()
    stored = store.get(KEY, 1 << 20)
    assert stored is not None
    assert stored.data in (BODY, b"older")
    if answer is not StoreUnavailable:
        assert answer
        assert stored.data == BODY


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "ExpiredToken"),
        (403, "InvalidAccessKeyId"),
        (403, "AccessDenied"),
        # Where the bucket is encrypted, the key may be what is missing or refused: the object is there all the same.
        (400, "KMS.NotFoundException"),
        (400, "KMS.DisabledException"),
        (400, "KMS.AccessDeniedException"),
    ],
)
def test_the_bucket_s_refusal_is_never_taken_for_a_missing_file(
    store: S3ResultStore, gateway: HttpGateway, status: int, code: str
) -> None:
    """A submission whose program is said to be missing would be rejected, for our expired credentials."""
    store.put(KEY, BODY, "text/plain")
    for operation in ("GetObject", "HeadObject", "HeadBucket"):
        gateway.add(operation, "error", times=99, status=status, code=code)
    for call in (lambda: store.get(KEY, 1 << 20), lambda: store.version(KEY), store.check):
        with pytest.raises(StoreUnavailable):
            call()


# -- Postgres -----------------------------------------------------------------------------------------------------


@pytest.fixture
def between(database_url: str) -> Iterator[TcpGateway]:
    with TcpGateway(postgres_of(database_url)) as gateway:
        yield gateway


@pytest.fixture
def cases(between: TcpGateway, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresCaseStore]:
    monkeypatch.setattr(postgres_connections, "CONNECTION_TIMEOUT_S", 3.0)
    url = make_conninfo(
        database_url, host="127.0.0.1", port=str(between.port), connect_timeout=2, tcp_user_timeout=1000
    )
    store = PostgresCaseStore(url, 2)
    store.check()
    yield store
    store.close()


REF = AssignmentRef("a", "b", uuid4().hex)


def test_connections_that_were_cut_cost_at_most_one_call(cases: PostgresCaseStore, between: TcpGateway) -> None:
    for _ in range(3):
        between.cut()
        answer = within(AT_ONCE_S, lambda: cases.load_assignment(REF))
        assert answer in (None, CasesUnavailable)
    cases.check()


def test_a_postgres_that_refuses_is_unavailable_in_time_and_then_works_again(
    cases: PostgresCaseStore, between: TcpGateway
) -> None:
    with between.being("refuse"):
        between.cut()
        assert within(AT_ONCE_S, cases.check) is CasesUnavailable
    cases.check()


def test_sessions_that_an_admin_ends_cost_at_most_one_call(cases: PostgresCaseStore, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
    assert within(AT_ONCE_S, lambda: cases.load_assignment(REF)) in (None, CasesUnavailable)
    cases.check()


def test_a_server_that_takes_no_writes_is_unavailable_and_leaves_nothing_half_done(
    cases: PostgresCaseStore, database_url: str
) -> None:
    """As after a failover to a replica."""
    from tests.contract.case_stores import SQUARES, make_start

    name = str(conninfo_to_dict(database_url)["dbname"])
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        for call in (lambda: cases.save_assignment(SQUARES), lambda: cases.begin_attempt(make_start())):
            with pytest.raises(CasesUnavailable):
                call()
            with pytest.raises(CasesUnavailable):
                call()
        admin.execute("SET default_transaction_read_only = off")
        admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
    assert within(AT_ONCE_S, cases.check) in (None, CasesUnavailable)
    assert cases.load_assignment(SQUARES.ref) is None
    cases.begin_attempt(make_start())
