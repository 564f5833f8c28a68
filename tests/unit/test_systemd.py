"""The files in systemd/: systemd itself reads them, and they agree with the code."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from submitter.adapters.aws import ATTEMPTS, CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from submitter.config import SETTINGS, Config
from submitter.daemon import LONGEST_QUEUE_DELAY_S
from submitter.service import START_TIMEOUT_S

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
UNIT = SYSTEMD / "submitter.service"
TIMEOUT_S = 60


def tool(name: str) -> str:
    """The path of one of systemd's programs; without it the test is skipped, and fails where nothing may be missing."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is missing: apt-get install systemd"
        if os.environ.get("SUBMITTER_REQUIRE_DOCKER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def settings_of(path: Path) -> Iterator[tuple[str, str]]:
    """The Name=value lines of a unit, in order."""
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield name, value


def values_of(name: str) -> list[str]:
    return [value for found, value in settings_of(UNIT) if found == name]


def variables_in(text: str) -> set[str]:
    """The variables that an environment file sets, those in comments too."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))


@pytest.fixture
def unit_that_can_start(tmp_path: Path) -> Path:
    """The unit, with a program that is there: `verify` also looks for the one that an installation brings."""
    program = tmp_path / "submitter"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/submitter/bin/submitter", str(program)))
    return copy


def test_systemd_understands_the_unit(unit_that_can_start: Path) -> None:
    """A misspelt wall is no wall: systemd only warns of it, so a warning fails the test."""
    done = run(tool("systemd-analyze"), "verify", "--man=no", str(unit_that_can_start))
    about_us = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, about_us) == (0, [])


def test_the_unit_is_well_walled() -> None:
    done = run(tool("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--no-pager", str(UNIT))
    assert done.returncode == 0, done.stdout + done.stderr


def test_sysusers_understands_its_file() -> None:
    done = run(tool("systemd-sysusers"), "--dry-run", str(SYSTEMD / "submitter.sysusers.conf"))
    assert done.returncode == 0, done.stderr


def test_tmpfiles_understands_its_file(tmp_path: Path) -> None:
    """Below a root of its own, and owned by us: so much can be tried by anybody."""
    text = (SYSTEMD / "submitter.tmpfiles.conf").read_text()
    copy = tmp_path / "submitter.conf"
    copy.write_text(re.sub(r"root +root", f"{os.getuid()} {os.getgid()}", text))
    done = run(tool("systemd-tmpfiles"), "--create", f"--root={tmp_path}", str(copy))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "etc" / "submitter").stat().st_mode & 0o777 == 0o750


def test_the_unit_starts_the_daemon_from_the_environment_file() -> None:
    assert values_of("ExecStart") == ["/opt/submitter/bin/submitter daemon"]
    assert values_of("EnvironmentFile") == ["/etc/submitter/submitter.env"]


def test_what_the_unit_sets_is_a_setting_with_a_valid_value() -> None:
    told = dict(item.split("=", 1) for value in values_of("Environment") for item in value.split())
    ours = {name: value for name, value in told.items() if name.startswith("SUBMITTER_")}
    assert ours.keys() <= {variable for variable, _ in SETTINGS.values()}
    assert Config.from_env(ours).sandbox == "docker"


def test_systemd_waits_longer_than_the_daemon_does() -> None:
    assert values_of("TimeoutStopSec") == [str(int(Config().grace_period_s) + 30)]


def test_a_wrong_setting_is_not_tried_again() -> None:
    """Exit code 2 says so; any other failure is worth another start."""
    assert values_of("Restart") == ["on-failure"]
    assert values_of("RestartPreventExitStatus") == ["2"]


def test_the_default_work_directory_is_the_state_directory() -> None:
    """The unit may write there and nowhere else, and the engine sees it under the same path."""
    assert [f"/var/lib/{name}" for name in values_of("StateDirectory")] == [str(Config().work_dir)]


def test_nothing_hides_what_the_daemon_reads_in_proc() -> None:
    """It labels containers with the boot's id and tells living owners from dead ones by other users' processes."""
    assert values_of("ProcSubset") == values_of("ProtectProc") == []


def test_the_example_names_every_setting_and_no_other() -> None:
    named = variables_in((SYSTEMD / "submitter.env.example").read_text())
    assert {name for name in named if name.startswith("SUBMITTER_")} == {variable for variable, _ in SETTINGS.values()}
    assert all(name.startswith(("SUBMITTER_", "AWS_")) for name in named)


def test_the_example_says_the_defaults() -> None:
    """Uncommented, what has a default changes nothing but what the unit sets anyway, and the number of cores."""
    lines = re.findall(r"^#(SUBMITTER_\w+)=(.*)$", (SYSTEMD / "submitter.env.example").read_text(), re.MULTILINE)
    told = Config.from_env(dict(lines))
    assert told == Config(sandbox="docker", log_format="json", concurrency=told.concurrency)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_the_example_as_systemd_does(shell: str) -> None:
    """An unquoted & in a database URL would cut it, and run the rest."""
    script = f'. {SYSTEMD}/submitter.env.example; printf %s "$SUBMITTER_DATABASE_URL"'
    done = run(tool(shell), "-euc", script)
    assert done.stdout == "postgresql://submitter:password@db.example.edu:5432/submitter?sslmode=require"


def test_the_unit_waits_for_readiness_and_the_watchdog_outlasts_every_wait_of_the_loop() -> None:
    """The longest is one poll, each of whose tries may take its time-out."""
    assert values_of("Type") == ["notify"]
    assert int(values_of("TimeoutStartSec")[0]) == START_TIMEOUT_S
    assert int(values_of("WatchdogSec")[0]) > ATTEMPTS * (CONNECT_TIMEOUT_S + READ_TIMEOUT_S) + LONGEST_QUEUE_DELAY_S
