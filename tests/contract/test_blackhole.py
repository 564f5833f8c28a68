"""
Services behind a network that swallows packets: nothing is refused and nothing reset, as when a host has vanished.

Postgres and AWS are reached from a network namespace, by way of a cable (veth) that can be pulled out.
"""

import ctypes
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

import pytest
from psycopg.conninfo import make_conninfo

from submitter.adapters import aws as aws_module
from submitter.adapters.aws import make_client
from submitter.adapters.postgres import PostgresCaseStore
from submitter.adapters.s3 import S3ResultStore
from submitter.adapters.sqs import SqsSubmissionQueue
from submitter.embedded_aws import EmbeddedAws
from submitter.errors import CasesUnavailable, QueueUnavailable, StoreUnavailable
from submitter.model import AssignmentRef
from submitter.outcomes import Outcome
from tests.contract.case_stores import make_start
from tests.gateway import HttpGateway, TcpGateway, postgres_of

MISSING = "ip is missing: apt-get install iproute2"
CLONE_NEWNET = 0x40000000
TOO_LONG_S = 45.0  # what Submitter sets for Postgres adds up to less
REF = AssignmentRef("a", "b", "c")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network")


def ip(*arguments: str) -> None:
    """From whatever thread, in the network of the main one."""
    here = f"/proc/{os.getpid()}/ns/net"
    subprocess.run(["nsenter", f"--net={here}", "ip", *arguments], check=True, capture_output=True, timeout=20)


class Cable:
    """Between this network, where it has `address`, and one of its own, where `at_the_far_end` calls run."""

    def __init__(self) -> None:
        self._name = f"sub{secrets.token_hex(4)}"
        subnet = f"10.213.{secrets.randbelow(256)}"
        self.address = f"{subnet}.1"
        self._far_address = f"{subnet}.2"

    def __enter__(self) -> "Cable":
        name, far = self._name, f"{self._name}f"
        ip("netns", "add", name)
        ip("link", "add", name, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"{self.address}/30", "dev", name)
        ip("-n", name, "addr", "add", f"{self._far_address}/30", "dev", far)
        ip("link", "set", name, "up")
        ip("-n", name, "link", "set", far, "up")
        return self

    def __exit__(self, *_: object) -> None:
        ip("link", "del", self._name)
        ip("netns", "del", self._name)

    def pull_out(self) -> None:
        ip("link", "set", self._name, "down")

    def put_in(self) -> None:
        ip("link", "set", self._name, "up")

    def at_the_far_end(self, call: Callable[[], object]) -> object:
        """The call's answer, or the class of what it raised. Threads that it starts stay at the far end."""

        def run() -> object:
            with open(f"/run/netns/{self._name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return call()

        outcome: SimpleQueue[object] = SimpleQueue()

        def tell() -> None:
            try:
                outcome.put(run())
            except Exception as exc:
                outcome.put(type(exc))

        threading.Thread(target=tell, daemon=True).start()
        try:
            return outcome.get(timeout=TOO_LONG_S)
        except Empty:
            return "no answer"


@pytest.fixture
def cable() -> Iterator[Cable]:
    if shutil.which("ip") is None:
        if os.environ.get("SUBMITTER_REQUIRE_DOCKER") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with Cable() as cable:
        yield cable


def timed(cable: Cable, call: Callable[[], object]) -> tuple[object, float]:
    begun = time.monotonic()
    answer = cable.at_the_far_end(call)
    return answer, time.monotonic() - begun


def test_aws_that_vanished_is_unavailable_in_time_and_then_works_again(
    cable: Cable, aws: EmbeddedAws, queue_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try of each call goes by a connection that was there before, the second by a new one."""
    monkeypatch.setattr(aws_module, "CONNECT_TIMEOUT_S", 1)
    monkeypatch.setattr(aws_module, "ATTEMPTS", 2)
    with HttpGateway(aws.endpoint_url, cable.address) as gateway:
        environment = {**aws.environment, "AWS_ENDPOINT_URL": gateway.endpoint_url}
        store = S3ResultStore(make_client("s3", environment, read_timeout_s=1), bucket)
        queue = SqsSubmissionQueue(make_client("sqs", environment, read_timeout_s=1), queue_url, 30)
        assert cable.at_the_far_end(lambda: store.put("key", b"data", "text/plain")) is None
        assert cable.at_the_far_end(lambda: queue.send("body")) is None
        cable.pull_out()
        answer, took_s = timed(cable, lambda: store.get("key", 100))
        assert (answer, took_s < 8) == (StoreUnavailable, True)
        answer, took_s = timed(cable, lambda: queue.receive(0))
        assert (answer, took_s < 8) == (QueueUnavailable, True)
        cable.put_in()
        assert cable.at_the_far_end(store.check) is None
        assert cable.at_the_far_end(queue.check) is None


@pytest.mark.long
def test_a_postgres_that_vanished_is_unavailable_in_time_and_then_works_again(cable: Cable, database_url: str) -> None:
    """Before a call, and in the middle of a turn, where without tcp_user_timeout a quarter of an hour would pass."""
    with TcpGateway(postgres_of(database_url), host=cable.address) as gateway:
        store = PostgresCaseStore(make_conninfo(database_url, host=cable.address, port=str(gateway.port)), 2)

        def lose_it_in_a_turn() -> None:
            with store.publish_turn(store.begin_attempt(make_start())) as turn:
                cable.pull_out()
                turn.record(Outcome(reason="none"), published=False)

        try:
            assert cable.at_the_far_end(store.check) is None
            assert cable.at_the_far_end(lose_it_in_a_turn) is CasesUnavailable
            assert cable.at_the_far_end(lambda: store.load_assignment(REF)) is CasesUnavailable
            cable.put_in()
            deadline = time.monotonic() + TOO_LONG_S
            while cable.at_the_far_end(store.check) is not None:
                assert time.monotonic() < deadline
        finally:
            cable.put_in()
            store.close()
