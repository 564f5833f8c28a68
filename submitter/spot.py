"""
EC2's notice that it takes a spot instance back, two minutes ahead.

How it works: a thread asks the instance metadata service every few seconds,
and tells the daemon once, when a notice is there. Nothing of grading depends
on an answer: a service that is away, slow or talks nonsense means no notice.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

DEFAULT_ENDPOINT = "http://169.254.169.254"
ASK_EVERY_S = 5.0  # as EC2 recommends
ANSWER_TIMEOUT_S = 1.0  # it is on this very host
TOKEN_LASTS_S = 21_600
MOST_BYTES = 4096
NOTICE_S = 120.0  # how long ahead a notice comes
MARGIN_S = 15.0  # kept of the time that is left, to give back and to end

log = structlog.get_logger()


class SpotWatch:
    """
    Args:
        end_within: called once, with the seconds that are left to end in, from the watch's thread.
        endpoint: the metadata service's URL; by default EC2's.
    """

    def __init__(self, end_within: Callable[[float], None], endpoint: str = "", every_s: float = ASK_EVERY_S) -> None:
        self._end_within = end_within
        self._endpoint = (endpoint or DEFAULT_ENDPOINT).rstrip("/")
        self._every_s = every_s
        self._token: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spot-watch", daemon=True)
        # Straight: a company's proxy does not lead to this host's own metadata.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2 * ANSWER_TIMEOUT_S)  # not for ever: nothing must wait for the metadata service

    def _run(self) -> None:
        while not self._stop.is_set():
            notice = self._ask()
            if notice is not None:
                left_s = _seconds_left(notice, datetime.now(UTC))
                log.warning("spot_notice_received", notice=notice, left_s=round(left_s, 1))
                self._end_within(left_s)
                return
            self._stop.wait(self._every_s)

    def _ask(self) -> str | None:
        """The notice as EC2 wrote it; None if there is none, or nobody can tell."""
        try:
            if self._token is None:
                lasts = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_LASTS_S)}
                self._token = self._call("PUT", "/latest/api/token", lasts)
            return self._call(
                "GET", "/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": self._token}
            )
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code == 401:
                self._token = None  # it has run out
        except (OSError, http.client.HTTPException, ValueError):
            pass
        return None

    def _call(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(self._endpoint + path, method=method, headers=headers)
        with self._opener.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return str(answer.read(MOST_BYTES).decode())


def _seconds_left(notice: str, now: datetime) -> float:
    """Until a notice comes true, less our margin; of one that we cannot read, as long as it usually is."""
    try:
        left_s = (datetime.fromisoformat(json.loads(notice)["time"]) - now).total_seconds()
    except (ValueError, TypeError, KeyError):
        left_s = NOTICE_S
    return max(0.0, min(left_s, NOTICE_S) - MARGIN_S)
