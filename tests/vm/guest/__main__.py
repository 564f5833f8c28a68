"""Runs all checks."""

import json
import time
import traceback
from pathlib import Path
from typing import Any

from tests.vm.guest import CHECKS


def main() -> None:
    say({"booted_after_s": uptime_s()})
    for function in CHECKS:
        started = time.monotonic()
        try:
            text, passed = function() or "", True
        except Exception:
            text, passed = traceback.format_exc(limit=-4)[-4000:], False
        seconds = round(time.monotonic() - started, 1)
        say({"check": function.__name__, "passed": passed, "seconds": seconds, "text": text})
    say({"finished_after_s": uptime_s()})


def say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


def uptime_s() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


if __name__ == "__main__":
    main()
