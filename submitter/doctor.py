"""What on this machine is missing for Submitter to work, and how to mend it."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from submitter.config import Config
from submitter.errors import ConfigError, ImageUnfit, SubmitterError
from submitter.resources import resource

LEAST_FREE_BYTES = 1 << 30  # in the work directory


class Health(StrEnum):
    """`absent` is no fault: something that is not set up here, and that not every use needs."""

    OK = "ok"
    ABSENT = "absent"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    what: str
    health: Health
    text: str  # what was found; of what is broken or absent: what to do

    def document(self) -> dict[str, Any]:
        return {"what": self.what, "health": str(self.health), "text": self.text}


class _Absent(Exception):
    """Not set up; the text says how it would be."""


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at one thing after the other; never raises for what it finds."""
    try:
        config = Config.from_env(environ)
    except ConfigError as exc:
        yield Finding("settings", Health.BROKEN, str(exc))
        config = Config()
    else:
        yield Finding("settings", Health.OK, "no wrong value")
    checks: list[tuple[str, Callable[[Config], str]]] = [
        ("python", _python),
        ("kernel", _kernel),
        ("docker", _docker),
        ("bubblewrap", _bubblewrap),
        ("boxes", _boxes),
        ("programs in the sandbox", _sandbox),
        ("work directory", _work_directory),
        ("postgres", _postgres),
        ("queue", _queue),
        ("bucket", _bucket),
    ]
    for what, check in checks:
        try:
            yield Finding(what, Health.OK, check(config))
        except _Absent as exc:
            yield Finding(what, Health.ABSENT, str(exc))
        except SubmitterError as exc:
            yield Finding(what, Health.BROKEN, str(exc))


def _python(_config: Config) -> str:
    return platform.python_version()


def _kernel(_config: Config) -> str:
    version = "v2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "v1"
    return f"{platform.system()} {platform.release()}, cgroups {version}"


def _docker(config: Config) -> str:
    from submitter.executors.docker_executor import DockerLauncher

    try:
        DockerLauncher(config.image, config.runtime).probe()
    except SubmitterError as exc:
        if config.sandbox == "docker":
            raise
        if isinstance(exc, ImageUnfit):  # which says what to do; the engine is there
            raise _Absent(str(exc)) from exc
        raise _Absent(f"{exc} (on Debian: apt-get install docker.io, and your user in the group docker)") from exc
    return f"an engine answers and has {config.image}"


def _bubblewrap(config: Config) -> str:
    from submitter.executors.bubblewrap_executor import BubblewrapLauncher

    try:
        BubblewrapLauncher().probe()
    except SubmitterError as exc:
        if config.sandbox == "bubblewrap":
            raise
        raise _Absent(str(exc)) from exc
    return "makes a sandbox"


def _boxes(config: Config) -> str:
    from submitter.app import choose_launcher
    from submitter.executors.pool import ask_for_boxes

    launcher = choose_launcher(config)
    if reason := ask_for_boxes(launcher):
        raise _Absent(f"{launcher.name} cannot make boxes, so every case gets an executor of its own: {reason}{_why()}")
    return f"executors in {launcher.name} make boxes"


def _why() -> str:
    """What on this machine keeps executors from making boxes, as far as it tells."""
    for path, bad, advice in (
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "load the AppArmor profile submitter-executor (docs/operators.md)",
        ),
    ):
        try:
            with open(path) as file:
                if file.read().strip() == bad:
                    return f" ({path} is {bad}: {advice})"
        except OSError:
            continue
    if os.path.exists("/sys/kernel/security/apparmor"):
        return " (this host has AppArmor: is the profile submitter-executor loaded? docs/operators.md)"
    return ""


def _sandbox(config: Config) -> str:
    """Not only whether a sandbox starts: whether a hostile program is contained and a right one judged right."""
    import tempfile
    from pathlib import Path

    from submitter.app import open_sandbox
    from submitter.containment import find_leaks
    from submitter.grading import Grader
    from submitter.model import Assignment, AssignmentRef, CaseKind, TestCase

    cases = (TestCase(CaseKind.TEST, 1, "3", "9"),)
    assignment = Assignment(ref=AssignmentRef("doctor", "doctor", "square"), cases=cases)
    sandbox = open_sandbox(config, executors=1)
    try:
        with tempfile.TemporaryDirectory(prefix="submitter-doctor-") as directory:
            program = b"import sys\nprint(int(sys.argv[1]) ** 2)\n"
            report = Grader(sandbox, Path(directory)).grade(assignment, program, "square")
        leaks = find_leaks(sandbox)
    finally:
        sandbox.close()
    if not report.passed_everything:
        raise ConfigError(f"in {sandbox.name} a right program got {report.case_results[0].verdict.long_name}")
    if leaks:
        raise ConfigError(f"{sandbox.name} does not contain a hostile program: {'; '.join(leaks)}")
    return f"{sandbox.name} contains a hostile program, and judges a right one right"


def _work_directory(config: Config) -> str:
    path = config.work_dir
    if not path.is_dir():
        raise _Absent(f"{path} is not there; the daemon makes it, or set SUBMITTER_WORK_DIR")
    if not os.access(path, os.W_OK | os.X_OK):
        raise _Absent(f"{path} is not writable for this user; the daemon's user must be able to write there")
    free = shutil.disk_usage(path).free
    if free < LEAST_FREE_BYTES:
        raise ConfigError(f"{path} has {free >> 20} MiB free; make room")
    return f"{path}, {free >> 30} GiB free"


def _postgres(config: Config) -> str:
    if not config.database_url:
        raise _Absent("SUBMITTER_DATABASE_URL is not set")
    from submitter import migrations

    statuses = migrations.status(config.database_url, resource("sql"))
    if problems := [status.problem for status in statuses if status.problem]:
        raise ConfigError("; ".join(problems))
    if pending := [status.name for status in statuses if status.applied_at is None]:
        raise ConfigError(f"{len(pending)} migrations are not applied: run `submitter db migrate`")
    return f"answers; {len(statuses)} migrations applied"


def _queue(config: Config) -> str:
    if not config.queue_url:
        raise _Absent("SUBMITTER_QUEUE_URL is not set")
    from submitter.app import open_queue

    dead_letters = open_queue(config).find_dead_letter_queue()
    return f"answers; its dead-letter queue is {dead_letters.rsplit('/', 1)[-1]}"


def _bucket(config: Config) -> str:
    if not config.bucket:
        raise _Absent("SUBMITTER_BUCKET is not set")
    from submitter.app import open_results

    open_results(config).version("submitter-doctor")  # no such object is fine, no such bucket is not
    return f"{config.bucket} answers"
