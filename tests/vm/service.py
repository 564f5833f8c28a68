"""
The shipped service in a virtual machine, installed as docs/operators.md says, and what a test looks at.

How it works. S3, SQS, the trigger and Postgres run on this host, so that they
outlive the machine; the guest reaches them through QEMU's network. It is the
daemon's host and nothing else. The test hands in and looks at results here, and
tells the guest's agent what to do there.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import psycopg

from submitter.config import DEFAULT_IMAGE
from submitter.model import AssignmentRef
from submitter.resources import resource
from submitter.stack import Stack
from submitter.upload import Submitted, find_results, upload
from tests.acceptance.conftest import World
from tests.gateway import TcpGateway, postgres_of
from tests.vm.disks import CHECKOUT
from tests.vm.machine import HOST, Machine, copied_machine

REF = AssignmentRef("v.neumann", "machines", "squares")
SCORE = 2.0
GRACE_S, STOP_S, WATCHDOG_S, VISIBILITY_S = 10, 40, 20, 15
INSTALL_S = 600.0  # for any one step
WAIT_S = 300.0  # for anything; the processor is emulated, and the host may be busy

# Like the shipped ones, but sooner: these are waited for. STOP_S is GRACE_S and 30, as in the unit.
DROP_IN = f"[Service]\nWatchdogSec={WATCHDOG_S}\nTimeoutStopSec={STOP_S}\n"
SETTINGS = {
    "SUBMITTER_CONCURRENCY": "2",
    "SUBMITTER_POLL_WAIT": "2",
    "SUBMITTER_GRACE_PERIOD": str(GRACE_S),
    "SUBMITTER_VISIBILITY_TIMEOUT": str(VISIBILITY_S),
}
# Of the documented commands, those that a machine without an image registry cannot run, or that never end. The
# executor image is on the engine's disk already.
LEFT_OUT = {"/opt/submitter/bin/submitter image build", "journalctl -u submitter -f"}

Found = TypeVar("Found")


class Service:
    """The machine with the service, and the world around it."""

    def __init__(self, machine: Machine, world: World, settings: dict[str, str]) -> None:
        self.machine = machine
        self.world = world
        self._settings = settings

    def install(self) -> None:
        """
        By the commands of docs/operators.md, in their order, and then settings and a drop-in.

        Raises:
            AssertionError: one fails; the text names it.
        """
        self.machine.run("systemctl enable --now systemd-networkd")
        text = "".join(f'{name}="{value}"\n' for name, value in self._settings.items())
        override = "/etc/systemd/system/submitter.service.d/test.conf"
        for block in documented_installation():
            if "db migrate" in block:  # the step before it is "edit /etc/submitter/submitter.env"
                self.machine.run(f"cat >> /etc/submitter/submitter.env <<'END'\n{text}END")
                self.machine.run(f"mkdir {override.rpartition('/')[0]}; cat > {override} <<'END'\n{DROP_IN}END")
            self.machine.run(block, INSTALL_S)

    # -- the unit ----------------------------------------------------------------------------------------------

    def show(self, name: str) -> str:
        """A property of the unit: `ActiveState`, `MainPID`."""
        return self.machine.run(f"systemctl show --value --property {name} submitter").strip()

    def wait_until_active(self, restarts: int = 0) -> float:
        """Seconds until the unit is active, after so many restarts by systemd."""
        started = time.monotonic()
        self.wait_for(
            lambda: self.show("ActiveState") == "active" and self.show("NRestarts") == str(restarts),
            "active unit",
        )
        return time.monotonic() - started

    def journal(self) -> str:
        """What systemd and the daemon have said since boot."""
        return self.machine.run("journalctl --boot --unit submitter --output cat --no-pager")

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.journal().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def wait_for(self, look: Callable[[], Found | None], what: str) -> Found:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.2)
        raise AssertionError(f"no {what} within {WAIT_S:.0f} s; the journal's end:\n{self.journal()[-4000:]}")

    # -- submissions -------------------------------------------------------------------------------------------

    def hand_in(self, seconds: float = 0.0) -> Submitted:
        """A right program, each of whose two cases takes so long."""
        program = f"import sys, time\ntime.sleep({seconds})\nprint(int(sys.argv[1]) ** 2)\n"
        return upload(self.world.store, REF, [secrets.token_hex(16)], program.encode())

    def hand_in_and_wait(self, seconds: float) -> Submitted:
        """Returns when the daemon works on it."""
        submitted = self.hand_in(seconds)
        self.machine.run(f"until test -d /var/lib/submitter/{submitted.key.subid}; do sleep 0.1; done", WAIT_S)
        return submitted

    def wait_until_graded(self, *all_submitted: Submitted) -> None:
        """Right, and each exactly once in effect."""
        for one in all_submitted:
            found = self.wait_for(lambda one=one: find_results(self.world.store, one), one.key.subid)  # type: ignore[misc]
            assert (found["state"], found["score"]) == ("graded", SCORE), found
        self.wait_until_queue_is_empty()
        assert self.published(*all_submitted) == {one.key.subid: 1 for one in all_submitted}

    def published(self, *all_submitted: Submitted) -> dict[str, int]:
        """How many results of each were published, if any was."""
        rows = self.world.query(
            "SELECT subid, count(*) FROM submitter.history WHERE published AND subid = ANY(%s) GROUP BY subid",
            [one.key.subid for one in all_submitted],
        )
        return {str(subid): int(count) for subid, count in rows}

    def attempts(self, submitted: Submitted) -> list[str]:
        """How each ended: "graded", or "unfinished"."""
        sql = "SELECT state FROM submitter.history WHERE subid = %s ORDER BY number"
        return [str(state) for (state,) in self.world.query(sql, submitted.key.subid)]

    def wait_until_queue_is_empty(self) -> None:
        depths = {"waiting": 0, "in_hand": 0, "aside": 0}
        self.wait_for(lambda: self.world.queue_depths() == depths, "empty queue")

    # -- what is left ------------------------------------------------------------------------------------------

    def containers(self) -> set[str]:
        """All of the guest's, also those that do not run."""
        return set(self.machine.run("docker ps --all --quiet --no-trunc").split())

    def leftovers(self) -> dict[str, list[str]]:
        """Of our things what nobody needs while no submission is in hand; executors that wait are needed."""
        waiting = self.machine.run("docker ps --quiet --no-trunc").split()
        mounts = self.machine.run("grep -o ' /srv/engine/overlay2/[^ ]*/merged' /proc/mounts || true").split()
        return {
            "directories": self.machine.run("ls /var/lib/submitter").split(),
            "containers": sorted(self.containers() - set(waiting)),
            "kept by the engine": sorted(set(self.machine.run("ls /srv/engine/containers").split()) - set(waiting)),
            "mounts": mounts[len(waiting) :],
            "files": self.machine.run("ls -d /tmp/submitter-* /dev/shm/* 2> /dev/null || true").split(),
        }


def documented_installation() -> list[str]:
    """
    The commands of docs/operators.md under "Install under systemd", a script for each block.

    What is left out must be there, so that it cannot grow by chance.
    """
    section = (CHECKOUT / "docs/operators.md").read_text().split("\n## Install under systemd\n")[1].split("\n## ")[0]
    blocks = [re.findall(r"^ *# (.*)$", block, re.M) for block in re.findall(r"```console\n(.*?)```", section, re.S)]
    commands = {command for block in blocks for command in block}
    assert commands >= LEFT_OUT, f"docs/operators.md no longer has {LEFT_OUT - commands}"
    return ["\n".join(command for command in block if command not in LEFT_OUT) for block in blocks]


@contextmanager
def machine_with_a_world(image: str) -> Iterator[Service]:
    """
    A machine that is on, with nothing installed yet, and the services around it.

    Raises:
        MachineMissing: no machine can be built or booted here.
    """
    with ExitStack() as started:
        machine = started.enter_context(copied_machine(image))
        stack = started.enter_context(Stack(resource("sql")))
        postgres = started.enter_context(TcpGateway(postgres_of(stack.environment["SUBMITTER_DATABASE_URL"])))
        world = World({**os.environ, **stack.environment})
        seed(world.config.database_url)
        settings = {
            **{name: value.replace("127.0.0.1", HOST) for name, value in stack.environment.items()},
            "SUBMITTER_DATABASE_URL": f"postgresql://postgres@{HOST}:{postgres.port}/postgres",
            **({} if image == DEFAULT_IMAGE else {"SUBMITTER_IMAGE": image}),
            **SETTINGS,
        }
        machine.power_on()
        yield Service(machine, world, settings)


def seed(database_url: str) -> None:
    """The assignment: squares, a case for the student and one that counts."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = (REF.admin, REF.event, REF.assignment)
        connection.execute("SELECT submitter.add_assignment(%s, %s, %s, cpu_time_s => 10, wall_time_s => 60)", name)
        for kind, text in (("test", "3"), ("grade", "12")):
            outputs = [str(int(text) ** 2)]
            connection.execute("SELECT submitter.replace_cases(%s, %s, %s, %s, %s, %s)", (*name, kind, [text], outputs))
