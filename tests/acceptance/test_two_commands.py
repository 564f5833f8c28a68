"""What somebody does who has just cloned the project, as root and as an ordinary user: nothing may be left behind."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from submitter.demo import SAMPLES
from submitter.executors.docker_executor import LABEL
from submitter.resources import resource
from tests.ordinary_user import as_ordinary_user

CHECKOUT = resource("sql").parent
TIMEOUT_S = 120
PASSED = {"accepted"}


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that everybody may write to, under a short path."""
    with tempfile.TemporaryDirectory(prefix="submitter-test-") as name:
        Path(name).chmod(0o1777)
        yield Path(name)


def processes_in(directory: Path) -> list[str]:
    """Processes that were told to keep their temporary files in a directory, by their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={directory}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def orphans() -> list[str]:
    """Containers whose process is gone: those of others that run beside this test are theirs to remove."""
    listed = subprocess.run(
        ["docker", "ps", "-a", "--filter", f"label={LABEL}", "--format", '{{.Label "submitter.owner"}}'],
        capture_output=True,
        text=True,
        check=False,
    )
    return [owner for owner in listed.stdout.split() if not Path("/proc", owner.partition(":")[0]).exists()]


def run_demo(directory: Path, *, ordinary: bool, sandbox: str) -> list[dict[str, Any]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "SUBMITTER_SANDBOX": sandbox,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "submitter", "demo", "--json"]
    if ordinary:
        command = as_ordinary_user(command, CHECKOUT)
    done = subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("ordinary", "sandbox"),
    [
        (True, "bubblewrap"),
        (False, "bubblewrap"),
        pytest.param(False, "docker", marks=pytest.mark.docker),
    ],
    ids=["an ordinary user in bubblewrap", "this user in bubblewrap", "this user in docker"],
)
def test_the_demo_grades_all_its_samples_and_leaves_nothing(directory: Path, ordinary: bool, sandbox: str) -> None:
    if sandbox == "docker":
        from tests.conftest import make_launcher

        make_launcher("docker")
    rows = {row["what"]: row for row in run_demo(directory, ordinary=ordinary, sandbox=sandbox)}

    assert list(rows) == [what for _, what, _ in SAMPLES]
    verdicts = {what: set(row["verdicts"]) - PASSED for what, row in rows.items()}
    assert verdicts == {
        "right": set(),
        "wrong": {"wrong_answer"},
        "crashing": {"wrong_answer", "runtime_error"},
        "too slow": {"time_limit_exceeded"},
        "too greedy": {"memory_limit_exceeded"},
        "flooding": {"output_limit_exceeded"},
        "syntax error": {"compile_error"},
        "cheating": {"wrong_answer"},
    }
    assert rows["right"]["score"] == rows["right"]["max_score"] == 20
    assert rows["cheating"]["score"] == 0
    assert list(directory.iterdir()) == []
    assert processes_in(directory) == []
    assert orphans() == []


@pytest.mark.parametrize("level", ["box", pytest.param("strict", marks=pytest.mark.long)])
def test_the_suite_of_the_sandbox_holds_for_an_ordinary_user_too(directory: Path, level: str) -> None:
    """Root makes its namespaces in another way: what holds for root is no proof for others."""
    if os.geteuid() != 0:
        pytest.skip("this whole run is an ordinary user's already")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", f"bubblewrap-{level}"]
    command += ["--basetemp", str(directory / "pytest"), "tests/contract/test_sandbox.py"]
    done = subprocess.run(
        as_ordinary_user(command, CHECKOUT),
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " passed" in done.stdout
