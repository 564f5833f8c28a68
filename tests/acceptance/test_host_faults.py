"""The daemon on a host that is short of something, or turns odd: memory, descriptors, processes, the clock, its log."""

import json
import os
import resource as limits
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from submitter.resources import resource
from submitter.spot import MARGIN_S
from tests.acceptance.conftest import World
from tests.acceptance.test_faults import (
    SQUARE,
    StartDaemon,
    assert_graded_once_and_nothing_left,
    hand_in,
)
from tests.unit.test_spot import MetadataService

HALF_A_SECOND = b"import sys, time\ntime.sleep(0.5)\nprint(int(sys.argv[1]) ** 2)\n"
DAEMON = [sys.executable, str(resource("sql").parent / "processStudentTestCases.py")]
FAKE_CLOCK = "faketime/libfaketimeMT.so.1"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this to a process")


@pytest.fixture
def sandbox_name() -> str:
    return "bubblewrap"


@pytest.fixture
def in_cgroup(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A cgroup (v1) of the test's own, of the controller that the test names."""
    top = Path("/sys/fs/cgroup", request.param)
    if not (top / "cgroup.procs").exists():
        pytest.skip(f"no cgroup v1 hierarchy of the {request.param} controller here")
    group = top / f"submitter-test-{secrets.token_hex(4)}"
    group.mkdir()
    yield group
    for pid in (group / "cgroup.procs").read_text().split():
        (top / "cgroup.procs").write_text(pid)
    deadline = time.monotonic() + 10
    while True:
        try:
            group.rmdir()
        except OSError:  # the kernel is not done yet with a process that has ended
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


# -- descriptors and processes ------------------------------------------------------------------------------------


@as_root
def test_a_daemon_without_free_descriptors_waits_until_it_has_some(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    before = limits.prlimit(daemon.process.pid, limits.RLIMIT_NOFILE)
    in_hand = hand_in(world, HALF_A_SECOND)
    daemon.wait_for("submission_received", submission_id=in_hand.key.subid)
    limits.prlimit(daemon.process.pid, limits.RLIMIT_NOFILE, (3, before[1]))
    submitted = [in_hand, hand_in(world)]
    daemon.wait_for("dependency_away", what="room on this host")
    time.sleep(2)
    limits.prlimit(daemon.process.pid, limits.RLIMIT_NOFILE, before)
    daemon.wait_for("dependency_back", what="room on this host")
    assert_graded_once_and_nothing_left(world, *submitted)
    assert daemon.process.poll() is None


@as_root
@pytest.mark.parametrize("in_cgroup", ["pids"], indirect=True)
def test_a_daemon_that_may_start_no_process_or_thread_gives_back_until_it_may(
    in_cgroup: Path, world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    in_hand = hand_in(world, HALF_A_SECOND)
    daemon.wait_for("submission_received")
    (in_cgroup / "cgroup.procs").write_text(str(daemon.process.pid))
    (in_cgroup / "pids.max").write_text("1")
    submitted = [in_hand, hand_in(world)]
    daemon.wait_for("client_not_started")
    # Executors that were started before are outside: one is lost, so that a new one is needed, too.
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("executor_not_started")
    (in_cgroup / "pids.max").write_text("max")
    assert_graded_once_and_nothing_left(world, *submitted)
    assert daemon.process.poll() is None


# -- memory -------------------------------------------------------------------------------------------------------

# Takes memory until the kernel kills in this cgroup, step by step, and is never killed itself.
HOG = """
import sys
open("/proc/self/oom_score_adj", "w").write("-1000")
taken = []
for line in sys.stdin:
    taken.append(b"x" * (1 << 20))
    print(len(taken), flush=True)
"""


@as_root
@pytest.mark.long
@pytest.mark.parametrize("in_cgroup", ["memory"], indirect=True)
def test_on_a_host_without_memory_programs_are_killed_before_the_daemon_and_nothing_is_lost(
    in_cgroup: Path, world: World, start_daemon: StartDaemon
) -> None:
    world.environment["SUBMITTER_VISIBILITY_TIMEOUT"] = "3"
    daemon = start_daemon()
    (in_cgroup / "cgroup.procs").write_text(str(daemon.process.pid))
    daemon.process.send_signal(signal.SIGHUP)  # new executors, in the cgroup as well
    daemon.wait_for("executors_renewed")
    until = time.time() + 8  # so the next attempt is quick
    submitted = hand_in(world, f"import time\ntime.sleep(max(0, {until} - time.time()))\n".encode() + SQUARE)
    daemon.wait_for("submission_received", submission_id=submitted.key.subid)
    cases = world.wait_for(lambda: cases_in(in_cgroup), "case in the cgroup")
    assert daemon.process.pid not in cases
    used = int((in_cgroup / "memory.usage_in_bytes").read_text())
    (in_cgroup / "memory.limit_in_bytes").write_text(str(used + (24 << 20)))
    with subprocess.Popen([sys.executable, "-c", HOG], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hog:
        try:
            assert hog.stdin is not None
            assert hog.stdout is not None
            (in_cgroup / "cgroup.procs").write_text(str(hog.pid))
            died: list[str] = []
            for _ in range(500):
                hog.stdin.write(b"\n")
                hog.stdin.flush()
                hog.stdout.readline()
                if "a case" not in died and not set(cases) <= set(cases_in(in_cgroup)):
                    died.append("a case")
                if daemon.process.poll() is not None:
                    died.append("the daemon")
                    break
            assert died == ["a case", "the daemon"]
        finally:
            hog.kill()
    assert daemon.process.returncode == -signal.SIGKILL
    start_daemon()
    assert_graded_once_and_nothing_left(world, submitted)
    world.wait_for(lambda: not (in_cgroup / "cgroup.procs").read_text(), "end of the dead daemon's sandboxes")


def cases_in(group: Path) -> list[int]:
    """The processes that the kernel would kill first."""
    found = []
    for pid in map(int, (group / "cgroup.procs").read_text().split()):
        try:
            if int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == 1000:
                found.append(pid)
        except (OSError, ValueError):
            continue  # it has just ended
    return found


# -- the clock ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fake_clock() -> str:
    """The library of libfaketime."""
    for directory in Path("/usr/lib").glob("*-linux-gnu"):
        if (directory / FAKE_CLOCK).exists():
            return str(directory / FAKE_CLOCK)
    reason = "libfaketime is missing: apt-get install faketime"
    if os.environ.get("SUBMITTER_REQUIRE_DOCKER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def test_a_clock_that_jumps_an_hour_changes_neither_verdicts_nor_leases(
    world: World, start_daemon: StartDaemon, fake_clock: str, tmp_path: Path
) -> None:
    """Limits and renewals go by the monotonic clock, and leases by Postgres's: another daemon sees them as they are."""
    world.environment["SUBMITTER_VISIBILITY_TIMEOUT"] = "3"
    shift = tmp_path / "shift"
    shift.write_text("+0")
    # libfaketime gets wrong how Python sleeps, until a monotonic instant, though it shall leave that clock alone.
    (tmp_path / "sitecustomize.py").write_text(
        "import threading, time\ntime.sleep = lambda seconds: threading.Event().wait(seconds)\n"
    )
    own = world.environment
    world.environment = own | {
        "PYTHONPATH": str(tmp_path),
        "LD_PRELOAD": fake_clock,
        "FAKETIME_TIMESTAMP_FILE": str(shift),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }
    daemon = start_daemon()
    world.environment = own
    submitted = hand_in(world, HALF_A_SECOND)
    daemon.wait_for("submission_received", submission_id=submitted.key.subid)
    start_daemon()  # it would take over what it takes for expired
    for hours in ("+1h", "-1h"):
        shift.write_text(hours)
        time.sleep(1.5)
    assert_graded_once_and_nothing_left(world, submitted)
    told = daemon.wait_for("submission_graded", submission_id=submitted.key.subid)
    off_s = (datetime.fromisoformat(told["timestamp"]).timestamp() - time.time()) / 3600
    assert -1.01 < off_s < -0.9, "the daemon's clock was not changed"
    attempts = world.query("SELECT count(*) FROM submitter.history WHERE subid = %s", submitted.key.subid)
    assert attempts == [(1,)]


# -- the log ------------------------------------------------------------------------------------------------------


def grades_on_and_ends_well(world: World, process: "subprocess.Popen[bytes]") -> None:
    assert_graded_once_and_nothing_left(world, hand_in(world))
    for signum in (signal.SIGPIPE, signal.SIGHUP):
        process.send_signal(signum)
    assert_graded_once_and_nothing_left(world, hand_in(world))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


@pytest.mark.long
def test_a_daemon_whose_log_nobody_reads_any_more_works_on(world: World) -> None:
    # Buffered as it is for users: what could not be written is tried once more at the end.
    environment = {name: value for name, value in world.environment.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        DAEMON, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stdout is not None
            while json.loads(process.stderr.readline())["event"] != "daemon_started":
                pass
            process.stderr.close()
            process.stdout.close()
            grades_on_and_ends_well(world, process)
        finally:
            process.kill()


@as_root
def test_a_daemon_whose_log_is_on_a_full_disk_works_on(world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        log = disk / "log"
        with (
            log.open("ab") as file,
            subprocess.Popen(DAEMON, env=world.environment, stdin=subprocess.DEVNULL, stderr=file) as process,
        ):
            try:
                world.wait_for(lambda: b"daemon_started" in log.read_bytes(), "start of the daemon")
                filler = disk / "filler"
                with pytest.raises(OSError, match="No space"):
                    filler.write_bytes(bytes(1 << 20))
                with pytest.raises(OSError, match="No space"):
                    log.write_bytes(log.read_bytes() + b" " * 4096)  # the last page of it, too
                assert_graded_once_and_nothing_left(world, hand_in(world))
                told = log.stat().st_size
                filler.unlink()
                grades_on_and_ends_well(world, process)
            finally:
                process.kill()
        assert log.stat().st_size > told
        assert b"daemon_stopped" in log.read_bytes()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


# -- the instance is taken back -----------------------------------------------------------------------------------


@pytest.mark.long
def test_a_spot_instance_that_is_taken_back_gives_its_work_back_in_time(
    world: World, start_daemon: StartDaemon
) -> None:
    with MetadataService() as metadata:
        own = world.environment
        world.environment = own | {
            "SUBMITTER_SPOT_NOTICE": "on",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.endpoint,
        }
        daemon = start_daemon()
        world.environment = own
        until = time.time() + 9  # so the next attempt is quick
        submitted = hand_in(world, f"import time\ntime.sleep(max(0, {until} - time.time()))\n".encode() + SQUARE)
        daemon.wait_for("submission_received", submission_id=submitted.key.subid)
        metadata.give_notice(left_s=MARGIN_S + 1)
        daemon.wait_for("spot_notice_received")
        begun = time.monotonic()
        assert daemon.process.wait(60) == 0, "a clean end, after which systemd starts nothing"
        assert time.monotonic() - begun < MARGIN_S
    daemon.wait_for("shutdown_hurried")
    assert world.queue_depths()["waiting"] == 1
    time.sleep(max(0, until - time.time()))
    start_daemon()
    assert_graded_once_and_nothing_left(world, submitted)
