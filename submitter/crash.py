"""
Numbered points at which a test can end the process, to see that nothing is lost.

`SUBMITTER_CRASH_AT=P8@3:kill` ends it the third time that P8 is reached. What
comes after the colon: `kill` (SIGKILL, as a host that dies), `term` (SIGTERM,
and on), `error` (an exception that nobody foresaw). Without the variable
nothing happens. tests/acceptance/test_crash.py goes through all of them.
"""

import os
import re
import signal
import threading

POINTS = {
    "P1": "a message was received, nobody holds it yet",
    "P2": "the lease is in Postgres",
    "P3": "the metadata was read",
    "P4": "the program was read",
    "P5": "the cases were read",
    "P6": "an executor was lent",
    "P7": "the program was handed over",
    "P8": "a case has ended (the nth by @n)",
    "P9": "all cases have ended, nothing is published",
    "P10": "the first result file is there",
    "P11": "both are",
    "P12": "the result is in Postgres",
    "P13": "the message was deleted",
    "P14": "an executor is about to be ended",
    "P15": "an executor was started ahead, and nobody knows it yet",
    "P16": "in the middle of sweeping",
    "P17": "draining after a signal",
    "P18": "a lease is about to be renewed",
}

_ASKED = re.fullmatch(r"(P\d+)(?:@(\d+))?:(kill|term|error)", os.environ.get("SUBMITTER_CRASH_AT", ""))
_lock = threading.Lock()
_times = 0


def reached(point: str) -> None:
    """Nothing, unless a test wants the end here."""
    if _ASKED is None or _ASKED[1] != point:
        return
    global _times
    with _lock:
        _times += 1
        if _times != int(_ASKED[2] or 1):
            return
    if _ASKED[3] == "error":
        raise RuntimeError(f"told to fail at {point}: {POINTS[point]}")
    os.kill(os.getpid(), signal.SIGKILL if _ASKED[3] == "kill" else signal.SIGTERM)
