"""
The shipped unit under a real systemd, on a host of its own: in a virtual machine, whose power is cut in the end.

One machine for all tests, in this order: each leaves the service active with
nothing in hand. Where no machine can be built they are skipped, unless
SUBMITTER_REQUIRE_VM=1 says that one must be. Waits that the unit has in minutes
are shorter here, by a drop-in and by settings: see service.py.
"""

import os
import re
import time
from collections.abc import Iterator

import pytest

from submitter.config import Config
from submitter.upload import Submitted
from tests.vm.disks import CHECKOUT, MachineMissing
from tests.vm.service import GRACE_S, STOP_S, WATCHDOG_S, Service, machine_with_a_world

# The first one waits for the machine to be built, and for the installation.
pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(3600)]

DOZEN = 12


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Installed and started as docs/operators.md says; a command that fails there fails every test, with its name."""
    started = time.monotonic()
    try:
        with machine_with_a_world(Config.from_env(os.environ).image) as service:
            service.install()
            print(f"booted and installed after {time.monotonic() - started:.0f} s")
            yield service
            print(f"the machine was on for {time.monotonic() - started:.0f} s")
    except MachineMissing as exc:
        if os.environ.get("SUBMITTER_REQUIRE_VM") == "1":
            raise
        pytest.skip(str(exc))


def test_the_documented_installation_gives_a_service_that_grades(service: Service) -> None:
    assert (service.show("ActiveState"), service.show("UnitFileState")) == ("active", "enabled")
    assert service.show("StatusText") == "grading 0 of at most 2 submissions at once"
    service.wait_until_graded(service.hand_in())
    assert service.events("boxes_unavailable") == []


def test_the_hardening_is_in_force(service: Service) -> None:
    """As the kernel tells of the daemon that has just graded; and tried, as root, where that says more."""
    pid = service.show("MainPID")
    status = dict(
        re.findall(r"^(\w+):\s*(.*)$", service.machine.run(f"cat /proc/{pid}/status"), re.M),
    )
    uid = service.machine.run("id --user submitter").strip()
    assert status["Uid"].split() == [uid] * 4
    assert [status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [""] * 5
    assert (status["NoNewPrivs"], status["Seccomp"], status["Umask"]) == ("1", "2", "0077")
    for place, refused in {
        "/usr/x": "Read-only file system",
        "/etc/submitter/submitter.env": "Read-only file system",
        "/opt/submitter/x": "Read-only file system",
        "/proc/sys/kernel/core_pattern": "Read-only file system",
        "/sys/fs/cgroup/cgroup.procs": "Read-only file system",
        "/home/grader/x": "No such file|Permission denied|Read-only",
    }.items():
        code, _, said = service.machine.try_run(f"echo x | nsenter --mount --target {pid} tee --append {place}")
        assert code != 0, place
        assert re.search(refused, said), (place, said)
    inside = f"nsenter --mount --target {pid}"
    service.machine.run(f"{inside} sh -c 'echo x > /var/lib/submitter/x && rm /var/lib/submitter/x'")
    assert service.machine.try_run(f"{inside} test -e /dev/vda")[0] == 1
    said = service.machine.run("systemd-analyze security --no-pager submitter")
    print(said.splitlines()[-1])
    found = re.search(r"Overall exposure level for submitter.service: ([\d.]+)", said)
    assert found, said[-500:]
    documented = re.search(r"gives the unit ([\d.]+), of 10", (CHECKOUT / "docs/operators.md").read_text())
    assert documented, "docs/operators.md no longer says it"
    assert float(found[1]) <= float(documented[1])


def test_reload_renews_executors_and_nothing_else(service: Service) -> None:
    """Also of a submission in hand: its executor is ended when it is done."""
    before, pid = service.containers(), service.show("MainPID")
    in_hand = service.hand_in_and_wait(3)
    service.machine.run("systemctl reload submitter")
    service.wait_for(lambda: service.show("ActiveState") == "active", "end of the reload")  # which the daemon tells
    assert len(service.events("executors_renewed")) == 1
    later = service.hand_in()
    service.wait_until_graded(in_hand, later)
    assert (service.attempts(in_hand), service.attempts(later)) == (["graded"], ["graded"])
    service.wait_for(lambda: len(service.containers()) == 2 and not before & service.containers(), "two new executors")
    assert (service.show("MainPID"), service.show("NRestarts")) == (pid, "0")


def test_stop_lets_a_running_submission_finish(service: Service) -> None:
    in_hand = service.hand_in_and_wait(2)
    seconds = stop(service)
    assert service.published(in_hand) == {in_hand.key.subid: 1}, "it was to be graded before the end"
    assert service.attempts(in_hand) == ["graded"]
    print(f"stopped after {seconds:.1f} s")
    service.machine.run("systemctl start submitter")
    service.wait_until_graded(in_hand)


def test_stop_gives_back_what_takes_longer_than_the_grace_period(service: Service) -> None:
    in_hand = service.hand_in_and_wait(GRACE_S + 5)
    seconds = stop(service)
    assert seconds > GRACE_S - 1, "it was to have the grace period"
    assert service.published(in_hand) == {}
    # At once, which is sooner than its visibility could have run out: the daemon renews it to the end.
    assert service.world.queue_depths() == {"waiting": 1, "in_hand": 0, "aside": 0}
    print(f"stopped after {seconds:.1f} s")
    service.machine.run("systemctl start submitter")
    service.wait_until_graded(in_hand)
    assert service.attempts(in_hand) == ["unfinished", "graded"]


def stop(service: Service) -> float:
    """Seconds that a clean stop took, inside its time limit, with nothing left on the host."""
    started = time.monotonic()
    service.machine.run("systemctl stop submitter")
    seconds = time.monotonic() - started
    assert seconds < STOP_S
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0"), service.journal()[-3000:]
    assert service.containers() == set()
    assert not any(service.leftovers().values()), service.leftovers()
    return seconds


def test_the_unit_is_active_only_when_programs_are_contained(service: Service) -> None:
    """Without the engine's runtime no program can be run, so nothing is taken, and the unit is not active."""
    restarts = int(service.show("NRestarts"))
    service.machine.run("systemctl stop submitter; mv /usr/sbin/runc /usr/sbin/away")
    service.machine.run("systemctl start --no-block submitter")
    service.wait_for(lambda: service.show("StatusText").startswith("programs cannot be run here"), "status")
    waiting = service.hand_in()
    service.wait_for(lambda: service.world.queue_depths()["waiting"] == 1, "message")
    time.sleep(5)  # two polls, if there were any
    assert service.show("ActiveState") == "activating"
    assert service.world.queue_depths() == {"waiting": 1, "in_hand": 0, "aside": 0}
    service.machine.run("mv /usr/sbin/away /usr/sbin/runc")
    service.wait_until_active(restarts)
    service.wait_until_graded(waiting)
    assert service.attempts(waiting) == ["graded"]


def test_the_watchdog_restarts_a_frozen_daemon(service: Service) -> None:
    pid, restarts = service.show("MainPID"), int(service.show("NRestarts"))
    in_hand = service.hand_in_and_wait(3)
    service.machine.run(f"kill -STOP {pid}")
    seconds = service.wait_until_active(restarts + 1)
    assert seconds > WATCHDOG_S / 2
    assert "Watchdog timeout" in service.journal()
    assert "Failed with result 'watchdog'" in service.journal()
    print(f"active again after {seconds:.0f} s")
    assert service.show("MainPID") != pid
    assert_graded_after_a_crash(service, in_hand)


def test_systemd_restarts_a_daemon_that_was_killed(service: Service) -> None:
    pid, restarts = service.show("MainPID"), int(service.show("NRestarts"))
    in_hand = service.hand_in_and_wait(3)
    service.machine.run(f"kill -KILL {pid}")
    seconds = service.wait_until_active(restarts + 1)
    print(f"active again after {seconds:.0f} s")
    assert service.show("MainPID") != pid
    assert_graded_after_a_crash(service, in_hand)


def assert_graded_after_a_crash(service: Service, in_hand: Submitted) -> None:
    """What the dead daemon had in hand; and all that it left is gone, which there was."""
    service.wait_until_graded(in_hand)
    assert service.attempts(in_hand) == ["unfinished", "graded"]
    assert service.events("leftovers_swept"), "there was nothing to sweep"
    service.wait_for(lambda: not any(service.leftovers().values()), "clean host")
    assert len(service.containers()) <= 2


def test_a_power_cut_in_the_middle_of_a_dozen_loses_nothing(service: Service) -> None:
    machine = service.machine
    sent = [service.hand_in(0.5) for _ in range(DOZEN)]
    service.wait_for(lambda: len(service.published(*sent)) >= DOZEN // 4, "first results")
    executors = service.containers()
    machine.cut_power()
    before = service.published(*sent)
    interrupted = [one for one in sent if service.attempts(one) == ["unfinished"]]
    assert len(before) < DOZEN, "the power was to be cut in the middle"
    assert interrupted, "some were to be in hand"
    boot = time.monotonic()
    machine.power_on()
    assert "recovery complete" in machine.run("dmesg"), "the file systems were not cut in the middle"
    service.wait_until_active()
    print(
        f"{len(before)} were published, {len(interrupted)} in hand; active {time.monotonic() - boot:.0f} s after power"
    )
    service.wait_until_graded(*sent)
    print(f"all graded {time.monotonic() - boot:.0f} s after power was back")
    for one in sent:
        expected = ["unfinished", "graded"] if one in interrupted else ["graded"]
        assert service.attempts(one) == expected
    service.wait_for(lambda: not any(service.leftovers().values()), "clean host")
    assert not service.containers() & executors


def test_nothing_is_left_after_all_this(service: Service) -> None:
    service.machine.run("systemctl disable submitter")
    stop(service)
    service.wait_until_queue_is_empty()
    assert service.world.dead_letters() == []
    rows = service.world.query("SELECT subid FROM submitter.history WHERE published GROUP BY subid HAVING count(*) > 1")
    assert rows == [], "published twice"
