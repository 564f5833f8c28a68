"""The daemon while something that it needs fails: nothing is lost, nobody is charged, and it goes on by itself."""

import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from submitter.upload import Submitted, upload
from tests.acceptance.conftest import LAB5, RealDaemon, World
from tests.gateway import Action, HttpGateway, TcpGateway, postgres_of

SQUARE = b"import sys\nprint(int(sys.argv[1]) ** 2)\n"
SLOW_SQUARE = b"import sys, time\ntime.sleep(0.3)\nprint(int(sys.argv[1]) ** 2)\n"

StartDaemon = Callable[[], RealDaemon]


@pytest.fixture
def sandbox_name() -> str:
    return "bubblewrap"  # what fails here is elsewhere


@pytest.fixture
def aws_gateway(world: World) -> Iterator[HttpGateway]:
    """Before S3 and SQS, for daemons that are started after it; the test itself goes straight."""
    world.environment = dict(world.environment)
    with HttpGateway(world.environment["AWS_ENDPOINT_URL"]) as gateway:
        world.environment["AWS_ENDPOINT_URL"] = gateway.endpoint_url
        yield gateway


@pytest.fixture
def postgres_gateway(world: World) -> Iterator[TcpGateway]:
    world.environment = dict(world.environment)
    with TcpGateway(postgres_of(world.config.database_url)) as gateway:
        world.environment["SUBMITTER_DATABASE_URL"] = make_conninfo(
            world.config.database_url, host="127.0.0.1", port=str(gateway.port), tcp_user_timeout=2000
        )
        yield gateway


def hand_in(world: World, program: bytes = SQUARE) -> Submitted:
    return upload(world.store, LAB5, [secrets.token_hex(16)], program)


def assert_graded_once_and_nothing_left(world: World, *submitted: Submitted) -> None:
    for one in submitted:
        assert world.results(one)["score"] == 20.0
    world.wait_for(lambda: sum(world.queue_depths().values()) == 0, "empty queue")
    for one in submitted:
        rows = world.query("SELECT count(*) FROM submitter.history WHERE subid = %s AND published", one.key.subid)
        assert rows == [(1,)]
        failures = world.query("SELECT failure FROM submitter.history WHERE subid = %s", one.key.subid)
        assert {failure for (failure,) in failures} == {None}, "what is away is nobody's own doing"
    assert world.dead_letters() == []
    assert list(world.work_dir.iterdir()) == []


def processor_time_s(daemon: RealDaemon) -> float:
    """What the daemon itself has used; its executors are others."""
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_bucket_that_is_away_stops_the_receiving_until_it_is_back(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    for operation in ("GetObject", "PutObject", "HeadObject", "HeadBucket"):
        aws_gateway.add(operation, "error", times=10_000, status=503, code="SlowDown")
    submitted = [hand_in(world) for _ in range(4)]
    daemon.wait_for("dependency_away", what="the bucket")
    daemon.wait_for("submission_failed")
    world.wait_for(lambda: world.queue_depths()["waiting"] > 0, "message that was given back")
    received = aws_gateway.count("ReceiveMessage")
    time.sleep(2)
    assert aws_gateway.count("ReceiveMessage") - received <= 2, "those that were under way"
    aws_gateway.clear()
    daemon.wait_for("dependency_back", what="the bucket")
    assert_graded_once_and_nothing_left(world, *submitted)


@pytest.mark.parametrize("how", ["refuse", "cut", "freeze"])
def test_a_postgres_that_goes_away_in_the_middle_costs_nothing(
    world: World, postgres_gateway: TcpGateway, start_daemon: StartDaemon, how: str
) -> None:
    daemon = start_daemon()
    submitted = [hand_in(world, SLOW_SQUARE) for _ in range(3)]
    daemon.wait_for("submission_received")
    time.sleep(1)
    if how == "cut":
        for _ in range(5):
            postgres_gateway.cut()
            time.sleep(1)
    else:
        with postgres_gateway.being("refuse" if how == "refuse" else "freeze"):
            if how == "refuse":
                postgres_gateway.cut()
            time.sleep(5)
    assert_graded_once_and_nothing_left(world, *submitted)
    assert daemon.process.poll() is None


def test_a_lease_that_cannot_be_renewed_is_noticed_and_another_daemon_takes_over(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    """The message comes to the second daemon while the first still works; one result is published."""
    world.environment["SUBMITTER_VISIBILITY_TIMEOUT"] = "3"
    cut_off = start_daemon()
    aws_gateway.add("ChangeMessageVisibility", "drop request", times=10_000)
    submitted = hand_in(world, b"import sys, time\ntime.sleep(0.5)\nprint(int(sys.argv[1]) ** 2)\n")
    cut_off.wait_for("submission_received", submission_id=submitted.key.subid)
    aws_gateway.add("ReceiveMessage", "error", times=10_000)
    world.environment["AWS_ENDPOINT_URL"] = f"http://{aws_gateway.upstream.netloc}"
    second = start_daemon()
    cut_off.wait_for("submission_left", submission_id=submitted.key.subid)
    second.wait_for("submission_graded", submission_id=submitted.key.subid)
    assert not [line for line in cut_off.lines if line["event"] == "submission_graded"]
    aws_gateway.clear()
    assert_graded_once_and_nothing_left(world, submitted)


def test_a_reply_that_reaches_two_daemons_is_graded_once(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    daemons = [start_daemon(), start_daemon()]
    aws_gateway.add("ReceiveMessage", "repeat reply", times=2)
    submitted = hand_in(world, SLOW_SQUARE)
    assert_graded_once_and_nothing_left(world, submitted)
    told = {"event": "submission_graded", "submission_id": submitted.key.subid}
    graded = [line for daemon in daemons for line in daemon.lines if told.items() <= line.items()]
    assert len(graded) == 1


def test_a_hangup_renews_the_executors_and_loses_nothing(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    submitted = hand_in(world, SLOW_SQUARE)
    daemon.wait_for("submission_received")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("executors_renewed")
    assert_graded_once_and_nothing_left(world, submitted)
    after = hand_in(world)
    assert_graded_once_and_nothing_left(world, after)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("short_of", ["bytes", "inodes"])
def test_a_disk_that_is_nearly_full_stops_the_receiving_until_there_is_room(
    world: World, start_daemon: StartDaemon, tmp_path: Path, short_of: str
) -> None:
    work_dir = Path(world.environment["SUBMITTER_WORK_DIR"])
    work_dir.mkdir(exist_ok=True)
    options = "size=80m" if short_of == "bytes" else "size=200m,nr_inodes=1100"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", work_dir], check=True)
    try:
        daemon = start_daemon()
        world.results(hand_in(world))
        fillers = [work_dir / f"filler{number}" for number in range(1 if short_of == "bytes" else 300)]
        for path in fillers:
            path.write_bytes(bytes(30 << 20) if short_of == "bytes" else b"")
        daemon.wait_for("dependency_away", what="room on this host")
        time.sleep(1.5)  # for a poll that was under way
        submitted = hand_in(world)
        time.sleep(2)
        assert not [line for line in daemon.lines if line.get("submission_id") == submitted.key.subid]
        for path in fillers:
            path.unlink()
        daemon.wait_for("dependency_back", what="room on this host")
        assert_graded_once_and_nothing_left(world, submitted)
        daemon.stop()
    finally:
        subprocess.run(["umount", "--lazy", work_dir], check=True)


@pytest.mark.parametrize(
    ("code", "advice"),
    [("RequestTimeTooSkewed", "clock is wrong: set it"), ("ExpiredToken", "refuses our credentials")],
)
def test_a_refusal_that_needs_somebody_is_said_and_loses_nothing(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon, code: str, advice: str
) -> None:
    daemon = start_daemon()
    aws_gateway.add("*", "error", times=10_000, status=403, code=code)
    submitted = hand_in(world)
    daemon.wait_for("queue_unavailable")
    assert advice in daemon.wait_for("operator_needed", level="error")["reason"]
    aws_gateway.clear()
    for operation in ("GetObject", "HeadBucket"):
        aws_gateway.add(operation, "error", times=10_000, status=403, code=code)
    daemon.wait_for("dependency_away", what="the bucket")
    aws_gateway.clear()
    assert_graded_once_and_nothing_left(world, submitted)
    assert daemon.process.poll() is None


class CredentialSource:
    """What gives a container its credentials; they last a minute, so botocore asks for new ones before each call."""

    def __init__(self) -> None:
        self.given = 0
        self.mode = "works"
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if source.mode == "is down":
                    self.send_error(500)
                    return
                source.given += 1
                lasts_s = -60 if source.mode == "gives old ones" else 60
                given = {
                    "AccessKeyId": f"KEY{source.given}",
                    "SecretAccessKey": "secret",
                    "Token": "token",
                    "Expiration": (datetime.now(UTC) + timedelta(seconds=lasts_s)).isoformat(timespec="seconds"),
                }
                body = json.dumps(given).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/credentials"

    def __enter__(self) -> "CredentialSource":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.long
def test_credentials_are_renewed_and_a_source_that_fails_for_a_while_loses_nothing(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    with CredentialSource() as source:
        own = world.environment
        world.environment = {name: value for name, value in own.items() if "ACCESS_KEY" not in name}
        world.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = source.url
        daemon = start_daemon()
        world.environment = own
        assert_graded_once_and_nothing_left(world, hand_in(world))
        used = {call.key_id for call in aws_gateway.calls if call.key_id.startswith("KEY")}
        assert len(used) > 5, "each call has newer ones"
        for mode in ("is down", "gives old ones"):
            so_far = len([line for line in daemon.lines if line["event"] == "operator_needed"])
            source.mode = mode
            daemon.wait_for("operator_needed", count=so_far + 1)
            submitted = hand_in(world)
            source.mode = "works"
            assert_graded_once_and_nothing_left(world, submitted)
        assert daemon.process.poll() is None
        daemon.stop()


DEPLOYS = 10


@pytest.mark.long
def test_daemons_that_are_replaced_one_after_the_other_during_a_long_job_cost_it_nothing(
    world: World, start_daemon: StartDaemon
) -> None:
    """Each gives the message back, which uses up one of its deliveries and no more."""
    world.environment |= {"SUBMITTER_GRACE_PERIOD": "0.5", "SUBMITTER_POLL_WAIT": "0"}
    submitted = hand_in(world, SLOW_SQUARE)
    for _ in range(DEPLOYS):
        daemon = start_daemon()
        daemon.wait_for("submission_received", submission_id=submitted.key.subid)
        assert daemon.stop() == 0
        daemon.wait_for("submission_failed", submission_id=submitted.key.subid)
    start_daemon()
    assert_graded_once_and_nothing_left(world, submitted)
    deliveries = (
        "SELECT array_agg(a.receive_count ORDER BY a.number) FROM submitter.attempts AS a "
        "JOIN submitter.submissions AS s ON s.id = a.submission_id WHERE s.subid = %s"
    )
    assert world.query(deliveries, submitted.key.subid) == [(list(range(1, DEPLOYS + 2)),)]


@pytest.mark.long
def test_a_job_whose_message_may_be_hidden_no_longer_is_left_and_graded_in_the_next_delivery(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    """SQS hides a message for twelve hours after its receipt, and refuses more."""
    world.environment["SUBMITTER_VISIBILITY_TIMEOUT"] = "3"
    daemon = start_daemon()
    limit = "Value 3 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is "
    limit += "beyond the limit [43200 seconds]."
    aws_gateway.add(
        "ChangeMessageVisibility", "error", times=10_000, status=400, code="InvalidParameterValue", message=limit
    )
    submitted = hand_in(world, b"import sys, time\ntime.sleep(0.5)\nprint(int(sys.argv[1]) ** 2)\n")
    assert "beyond the limit" in daemon.wait_for("lease_not_renewed")["error"]
    daemon.wait_for("lease_lost")
    daemon.wait_for("submission_left", submission_id=submitted.key.subid)
    aws_gateway.clear()
    assert_graded_once_and_nothing_left(world, submitted)


def test_a_queue_that_answers_nothing_but_errors_costs_next_to_no_processor_time(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    """By an error that botocore does not try again by itself, so that the pauses are ours alone."""
    daemon = start_daemon()
    aws_gateway.add("ReceiveMessage", "error", times=100_000, status=403, code="AccessDenied")
    submitted = hand_in(world)
    daemon.wait_for("queue_unavailable")
    used_s, since_s = processor_time_s(daemon), time.monotonic()
    time.sleep(5)
    share = (processor_time_s(daemon) - used_s) / (time.monotonic() - since_s)
    aws_gateway.clear()
    assert_graded_once_and_nothing_left(world, submitted)
    assert share < 0.02, "of one processor; 0.002 is usual, and 0.06 if it asks again at once"


def test_slow_services_slow_it_down_and_no_more(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    start_daemon()
    aws_gateway.add("*", "delay", times=40, seconds=0.7)
    assert_graded_once_and_nothing_left(world, *[hand_in(world) for _ in range(2)])


def test_a_queue_that_fails_in_every_other_call_loses_nothing(
    world: World, aws_gateway: HttpGateway, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    actions: tuple[Action, ...] = ("drop reply", "drop request", "error", "reset")
    for number in range(36):
        operation = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")[number % 3]
        aws_gateway.add(operation, actions[number % 4], after=1)
    assert_graded_once_and_nothing_left(world, *[hand_in(world) for _ in range(6)])
    assert daemon.process.poll() is None
