"""EC2's notice is heard in time, and a metadata service that is odd in any way means no notice and nothing else."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from structlog.testing import capture_logs

from submitter import spot
from submitter.spot import MARGIN_S, NOTICE_S, SpotWatch

TIMEOUT_S = 20.0


class MetadataService:
    """EC2's, as far as it concerns us: a token first, then 404 or the notice."""

    def __init__(self) -> None:
        self.notice: bytes | None = None
        self.status: int | None = None  # of every answer, when it is to fail
        self.slow_s = 0.0
        self.asked = self.tokens = 0
        self.valid = ""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.path != "/latest/api/token" or not self.headers["X-aws-ec2-metadata-token-ttl-seconds"]:
                    self.send_error(400)
                    return
                service.tokens += 1
                service.valid = f"token{service.tokens}"
                self._answer(service.status or 200, service.valid.encode())

            def do_GET(self) -> None:
                service.asked += 1
                time.sleep(service.slow_s)
                if self.headers["X-aws-ec2-metadata-token"] != service.valid:
                    self._answer(401, b"")
                elif self.path != "/latest/meta-data/spot/instance-action" or service.notice is None:
                    self._answer(service.status or 404, b"")
                else:
                    self._answer(service.status or 200, service.notice)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> "MetadataService":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def give_notice(self, left_s: float = NOTICE_S) -> None:
        at = (datetime.now(UTC) + timedelta(seconds=left_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.notice = json.dumps({"action": "terminate", "time": at}).encode()


@pytest.fixture
def service() -> Iterator[MetadataService]:
    with MetadataService() as service:
        yield service


class Heard:
    """What the daemon was told."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.told = threading.Event()

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.told.set()


@pytest.fixture
def watch() -> Iterator[Callable[[str], Heard]]:
    """Starts a watch on an endpoint; it is stopped afterwards."""
    started: list[SpotWatch] = []

    def start(endpoint: str) -> Heard:
        heard = Heard()
        started.append(SpotWatch(heard, endpoint, every_s=0.01))
        started[-1].start()
        return heard

    yield start
    for one in started:
        one.stop()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_notice_is_told_once_with_the_time_that_is_left(
    service: MetadataService, watch: Callable[[str], Heard]
) -> None:
    heard = watch(service.endpoint)
    eventually(lambda: service.asked >= 3)
    assert heard.seconds == []
    assert service.tokens == 1, "a token is asked for once"
    with capture_logs() as lines:
        service.give_notice(left_s=60)
        assert heard.told.wait(TIMEOUT_S)
    [left_s] = heard.seconds
    assert 60 - MARGIN_S - 5 < left_s <= 60 - MARGIN_S
    assert [line["event"] for line in lines] == ["spot_notice_received"]
    asked = service.asked
    time.sleep(0.1)
    assert (service.asked, len(heard.seconds)) == (asked, 1)


@pytest.mark.parametrize(
    ("notice", "left_s"),
    [
        (b'{"action": "stop", "time": "2015-01-05T18:02:00Z"}', 0.0),
        (b'{"action": "stop", "time": "2999-01-05T18:02:00Z"}', NOTICE_S - MARGIN_S),
        (b'{"action": "stop", "time": "2015-01-05T18:02:00"}', NOTICE_S - MARGIN_S),
        (b"soon", NOTICE_S - MARGIN_S),
        (b"[]", NOTICE_S - MARGIN_S),
    ],
)
def test_a_notice_with_an_odd_time_leaves_at_most_two_minutes(
    service: MetadataService, watch: Callable[[str], Heard], notice: bytes, left_s: float
) -> None:
    """The clock of this host may be wrong; the notice is none the less one."""
    service.notice = notice
    heard = watch(service.endpoint)
    assert heard.told.wait(TIMEOUT_S)
    assert heard.seconds == [left_s]


def test_a_token_that_has_run_out_is_renewed(service: MetadataService, watch: Callable[[str], Heard]) -> None:
    heard = watch(service.endpoint)
    eventually(lambda: service.asked >= 1)
    service.valid = "another"
    eventually(lambda: service.tokens >= 2)
    service.give_notice()
    assert heard.told.wait(TIMEOUT_S)


@pytest.mark.parametrize("status", [200, 403, 500, 503])
def test_a_service_that_fails_means_no_notice_until_it_works(
    service: MetadataService, watch: Callable[[str], Heard], status: int
) -> None:
    service.status = status
    if status != 200:
        service.give_notice()
    heard = watch(service.endpoint)
    if status == 200:  # empty, where 404 belongs: a notice of unknown time, and the safe side is to end
        assert heard.told.wait(TIMEOUT_S)
        return
    eventually(lambda: service.tokens + service.asked >= 3)
    assert heard.seconds == []
    service.status = None
    assert heard.told.wait(TIMEOUT_S)


def test_a_service_that_is_away_or_silent_or_no_url_means_no_notice(watch: Callable[[str], Heard]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        ports = {"silent": silent.getsockname()[1], "away": 9}
        heard = [watch(f"http://127.0.0.1:{port}") for port in ports.values()]
        heard += [watch("no url"), watch("http://127.0.0.1:1/\x00")]
        begun = time.monotonic()
        time.sleep(1.5)
        assert all(one.seconds == [] for one in heard)
        assert time.monotonic() - begun < TIMEOUT_S


def test_a_stop_does_not_wait_for_a_slow_service(service: MetadataService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spot, "ANSWER_TIMEOUT_S", 0.2)
    service.slow_s = 3
    one = SpotWatch(Heard(), service.endpoint)
    one.start()
    eventually(lambda: service.asked >= 1)
    begun = time.monotonic()
    one.stop()
    assert time.monotonic() - begun < 2
