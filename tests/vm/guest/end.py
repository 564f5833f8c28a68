"""What grading makes of a machine without boxes, and what is left in the end."""

import json
import os
import sys
import time
from pathlib import Path

from tests.vm.guest.grading import RIGHT, WRITES
from tests.vm.guest.hostile import SPY
from tests.vm.guest.tools import (
    FIRST_EXECUTOR_UID,
    PROFILE,
    PROFILE_FILE,
    check,
    expect,
    grade,
    loaded_profiles,
    run,
    start,
)


def expect_grading_without_boxes(events: list[str], advice: str) -> str:
    """Programs get the same verdicts all the same, the log says these things, and the doctor gives this advice."""
    done = start(sys.executable, "-c", ASK_THE_DOCTOR, "boxes", user="grader")
    assert done.returncode == 0, done.stderr[-1000:]
    finding: dict[str, str] = json.loads(done.stdout.splitlines()[-1])  # after what is logged
    expect(finding["health"], "absent")
    assert advice in finding["text"], finding
    graded, said = grade({"wrong": "print(25)", "writes": WRITES, "spy": SPY}, "grader", cases=2)
    expect([case["verdict"] for case in graded.values()], ["wrong_answer", "accepted", "accepted"])
    expect(said, events)
    return finding["text"]


@check
def grading_works_where_the_kernel_makes_no_user_namespaces() -> str:
    setting = Path("/proc/sys/user/max_user_namespaces")
    before = setting.read_text()
    setting.write_text("0")
    try:
        return expect_grading_without_boxes(["boxes_unavailable"], "sysctl -w user.max_user_namespaces=")
    finally:
        setting.write_text(before)


@check
def grading_works_without_the_profile() -> str:
    run("apparmor_parser", "--remove", str(PROFILE_FILE))
    assert PROFILE not in loaded_profiles()
    # Several executors that start at once, and each finds it missing.
    graded, events = grade(dict.fromkeys(("a", "b"), RIGHT), "grader", "strict")
    expect([case["verdict"] for case in graded.values()], ["accepted"] * 2)
    expect(events, ["apparmor_profile_missing"])
    return expect_grading_without_boxes(
        ["apparmor_profile_missing", "boxes_unavailable"],
        f"is the profile {PROFILE} loaded? docs/operators.md",
    )


# One finding of the doctor, without those that come after it: they take long.
ASK_THE_DOCTOR = """\
import json, os, sys
from submitter.doctor import examine
environment = {**os.environ, "SUBMITTER_SANDBOX": "docker"}
print(json.dumps(next(finding.document() for finding in examine(environment) if finding.what == sys.argv[1])))
"""


@check
def nothing_is_left() -> None:
    """No container, cgroup, process, mount or directory of all that ran before."""
    expect(run("docker", "ps", "--all", "--quiet"), "")
    deadline = time.monotonic() + 10  # systemd removes an empty scope in its own time
    while (scopes := list(Path("/sys/fs/cgroup").rglob("docker-*.scope"))) and time.monotonic() < deadline:
        time.sleep(0.2)
    expect(scopes, [])
    uids = [os.stat(entry).st_uid for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    expect([uid for uid in uids if uid >= FIRST_EXECUTOR_UID], [])
    expect([line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "/overlay2/" in line], [])
    expect([*Path("/tmp").glob("submitter-*"), *Path("/tmp").glob("guest-*")], [])
