"""What the checks have in common."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
PROFILE = "submitter-executor"
PROFILE_FILE = CHECKOUT / "executor_image/apparmor" / PROFILE
FIRST_EXECUTOR_UID = 2_000_000_000
ISOLATIONS = ("box", "container", "strict")  # the default first
LISTENER = ("127.0.0.1", 4321)  # where somebody listens outside the sandbox
COMMAND_TIMEOUT_S = 180.0

CHECKS: list[Callable[[], str | None]] = []


def check(function: Callable[[], str | None]) -> Callable[[], str | None]:
    CHECKS.append(function)
    return function


def expect(actual: object, expected: object) -> None:
    assert actual == expected, f"{actual!r} instead of {expected!r}"


def start(
    *command: str, user: str | None = None, text: str | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    if user not in (None, "root"):
        command = ("setpriv", "--reuid", str(user), "--regid", str(user), "--init-groups", "--inh-caps=-all", *command)
    variables = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    return subprocess.run(
        command,
        input=text or "",
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
        cwd="/",
        env={**variables, "LANG": "C.UTF-8", "SUBMITTER_IMAGE": image(), **(environment or {})},
    )


def run(*command: str) -> str:
    """What the command printed; it must end well."""
    done = start(*command)
    assert done.returncode == 0, f"{command[:3]} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
    return done.stdout


def image() -> str:
    return (CHECKOUT / "image").read_text()


def grade(
    programs: Mapping[str, str],
    user: str,
    isolation: str = ISOLATIONS[0],
    options: tuple[str, ...] = (),
    cases: int = 1,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """
    Each program's first case, as `submitter check --json` prints it, and which events it has logged.

    All cases are the same, the input 3 and the expected output 9, and must get the same verdict.
    """
    with tempfile.TemporaryDirectory(prefix="guest-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "test.in").write_text("3\n" * cases)
        (directory / "test.out").write_text("9\n" * cases)
        for stem, source in programs.items():
            (directory / f"{stem}.py").write_text(source + "\n")
        command = [sys.executable, "-m", "submitter", "check", *(str(directory / f"{stem}.py") for stem in programs)]
        command += ["--cases", str(directory), "--json", "--sandbox", "docker", "--isolation", isolation]
        if "--time-limit" not in options:
            command += ["--time-limit", "10"]  # this processor is emulated
        done = start(*command, *options, user=user)
    assert done.returncode in (0, 3), f"{done.returncode}: {done.stderr[-1000:]}"
    graded = {}
    for line in done.stdout.splitlines():
        document = json.loads(line)
        verdicts = [case["verdict"] for case in document["cases"]]
        assert verdicts == verdicts[:1] * cases, document
        graded[Path(document["program"]).stem] = document["cases"][0]
    expect(set(graded), set(programs))
    events = {json.loads(line)["event"] for line in done.stderr.splitlines() if line.startswith("{")}
    return {name: graded[name] for name in programs}, sorted(events)


def examine(user: str, environment: Mapping[str, str] | None = None) -> tuple[int, dict[str, dict[str, str]]]:
    """The doctor's exit code and findings."""
    variables = {"SUBMITTER_SANDBOX": "docker", **(environment or {})}
    done = start(sys.executable, "-m", "submitter", "doctor", "--json", user=user, environment=variables)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert findings, f"{done.returncode}: {done.stderr[-1000:]}"
    return done.returncode, {finding["what"]: finding for finding in findings}


def loaded_profiles() -> dict[str, str]:
    """Name and mode of each."""
    lines = Path("/sys/kernel/security/apparmor/profiles").read_text().splitlines()
    return {name: mode.rstrip(")") for name, _, mode in (line.rpartition(" (") for line in lines)}


def denials() -> list[str]:
    """What the kernel has logged of refusals by our profile; what `deny` rules refuse it does not log."""
    log = run("dmesg").splitlines()
    return [line for line in log if 'apparmor="DENIED"' in line and f'profile="{PROFILE}"' in line]


def oom_messages() -> int:
    return run("dmesg").count("Memory cgroup out of memory")


@contextlib.contextmanager
def listener() -> Iterator[None]:
    with socket.create_server(LISTENER):
        yield
