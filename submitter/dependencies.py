"""
What we cannot work without, and whether it is away.

While something is, nothing is taken from the queue: each message would fail,
and its deliveries are counted. Whoever meets an outage notes it, from any
thread; the thread that polls asks until it is over.
"""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

from submitter.errors import CasesUnavailable, HostShort, SandboxUnavailable, StoreUnavailable, Unavailable

NAMES: Mapping[type[Unavailable], str] = {
    StoreUnavailable: "the bucket",
    CasesUnavailable: "Postgres",
    SandboxUnavailable: "the sandbox",
    HostShort: "room on this host",
}

log = structlog.get_logger()


def alarm(error: Unavailable) -> None:
    """Call somebody, if the error will hardly go away by itself."""
    if error.needs_operator:
        log.error("operator_needed", reason=str(error))


class Dependencies:
    """
    Args:
        probes: for each class of errors what to call to see whether it is over; it raises one if not.
    """

    def __init__(self, probes: Mapping[type[Unavailable], Callable[[], None]]) -> None:
        self._probes = probes
        self._away: dict[type[Unavailable], float] = {}  # since when, by the monotonic clock
        self._lock = threading.Lock()

    def note(self, error: Unavailable) -> None:
        """One of them is away, if that is what the error says."""
        for kind in self._probes:
            if isinstance(error, kind):
                with self._lock:
                    is_known = kind in self._away
                    self._away.setdefault(kind, time.monotonic())
                if not is_known:
                    log.warning("dependency_away", what=NAMES[kind], reason=str(error))
                    alarm(error)

    def look(self) -> None:
        """Ask what costs nothing to be asked before each message: whether there is room."""
        if HostShort in self._probes:
            try:
                self._probes[HostShort]()
            except HostShort as exc:
                self.note(exc)

    def away(self) -> list[str]:
        """What is, in words."""
        with self._lock:
            return [NAMES[kind] for kind in self._away]

    def ask(self) -> bool:
        """Ask those that are away; whether all are back."""
        with self._lock:
            kinds = list(self._away)
        for kind in kinds:
            try:
                self._probes[kind]()
            except Unavailable as exc:
                log.warning("dependency_away", what=NAMES[kind], reason=str(exc))
                alarm(exc)
                continue
            with self._lock:
                since = self._away.pop(kind, time.monotonic())
            log.info("dependency_back", what=NAMES[kind], away_s=round(time.monotonic() - since, 1))
        return not self.away()
