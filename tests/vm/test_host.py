"""
The executor on a host with systemd, cgroup v2 and AppArmor, whatever this one is: in a virtual machine of its own.

It is booted once, runs every check of guest/ and switches itself off; each check is a test here. Where no machine
can be built the tests are skipped, unless SUBMITTER_REQUIRE_VM=1 says that one must be.
"""

import os

import pytest

from submitter.config import Config
from tests.vm import guest
from tests.vm.disks import MachineMissing
from tests.vm.machine import Outcome, boot_checkout

NAMES = [function.__name__ for function in guest.CHECKS]

# The first one waits for the machine to be built and to have run.
pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """What the machine has said, from power-on to power-off."""
    try:
        outcome = boot_checkout(Config.from_env(os.environ).image)
    except MachineMissing as exc:
        if os.environ.get("SUBMITTER_REQUIRE_VM") == "1":
            raise
        pytest.skip(str(exc))
    print(f"the machine: {outcome.end} after {outcome.seconds:.0f} s")
    for line in outcome.lines:
        print(line)
    return outcome


def test_the_machine_ran_every_check_and_switched_itself_off(outcome: Outcome) -> None:
    """So that a machine that stops half-way is seen as that."""
    assert [line["check"] for line in outcome.lines if "check" in line] == NAMES, outcome.console[-4000:]
    assert "finished_after_s" in outcome.lines[-1]
    assert outcome.end.startswith("switched off"), outcome.end


@pytest.mark.parametrize("name", NAMES)
def test_in_the_machine(outcome: Outcome, name: str) -> None:
    lines = [line for line in outcome.lines if line.get("check") == name]
    assert lines, f"it never came to this check; {outcome.end}; the console's end:\n{outcome.console[-4000:]}"
    assert lines[0]["passed"], lines[0]["text"]
