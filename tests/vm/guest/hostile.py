"""Programs that try to get out, or to use up the machine."""

import json
import sys

from tests.vm.guest.grading import RIGHT
from tests.vm.guest.tools import ISOLATIONS, LISTENER, check, expect, grade, listener, run

SPY = """\
import os
def spy():
    for pid in (1, os.getppid()):
        for name in ("mem", "environ", "maps"):
            try:
                with open(f"/proc/{pid}/{name}", "rb", 0) as file:
                    if name != "mem":
                        if file.read(64):
                            return f"reached {file.name}"
                        continue
                    with open(f"/proc/{pid}/maps") as maps:
                        file.seek(int(next(maps).split("-")[0], 16))
                    if file.read(16):
                        return f"reached {file.name}"
            except OSError:
                pass
    return 9
print(spy())
"""
CALLER = f"""\
import socket
def call():
    for family, address in (
        (socket.AF_INET, {LISTENER!r}),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_UNIX, "/run/docker.sock"),
    ):
        try:
            with socket.socket(family) as outside:
                outside.settimeout(2)
                outside.connect(address)
                return f"reached {{address}}"
        except OSError:
            pass
    return 9
print(call())
"""
HOSTILE = {
    "fork_bomb": ("import os\nwhile True:\n    os.fork()", {"runtime_error", "time_limit_exceeded"}),
    "memory_hog": ("x = []\nwhile True:\n    x.append(bytearray(b'x') * (8 << 20))", {"memory_limit_exceeded"}),
    "sleeper": ("import time\ntime.sleep(1000)", {"wall_time_limit_exceeded"}),
    # These print what earns the points when they have reached nothing.
    "spy": (SPY, {"accepted"}),
    "caller": (CALLER, {"accepted"}),
}


def make_hostile_check(isolation: str) -> None:
    def hostile() -> str:
        programs = {name: source for name, (source, _) in HOSTILE.items()}
        if isolation != ISOLATIONS[0]:
            del programs["sleeper"]  # it takes long, and the level makes no difference to it
        with listener():
            graded, _ = grade(programs, "grader", isolation, options=("--time-limit", "2", "--memory-limit", "64"))
        verdicts = {name: case["verdict"] for name, case in graded.items()}
        for name, verdict in verdicts.items():
            assert verdict in HOSTILE[name][1], verdicts
        right, _ = grade({"right": RIGHT}, "grader", isolation)
        expect(right["right"]["verdict"], "accepted")
        return json.dumps(verdicts)

    hostile.__name__ = f"hostile_programs_are_contained_in_{isolation}"
    check(hostile)


for _isolation in ISOLATIONS:
    make_hostile_check(_isolation)


@check
def the_hostile_programs_would_reach_something_outside() -> None:
    """Else their verdicts would prove nothing."""
    with listener():
        for source in (SPY, CALLER):
            said = run(sys.executable, "-c", source)
            assert said.startswith("reached"), said
