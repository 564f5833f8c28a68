"""
Secrets, planted wherever there are any, and a program that reads all it can reach.

It must find the one that it planted itself, and the one in its own input; a
scanner that finds nothing at all would show nothing.
"""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from submitter.executors.pool import ExecutorPool
from submitter.executors.sandbox import ExecutorSandbox
from submitter.model import CaseKind, Limits, TestCase
from tests.conftest import make_sandbox
from tests.hostile import PROGRAMS, Arena, case, use_own_uids

LIMITS = Limits(cpu_time_s=30.0, wall_time_s=90.0, memory_bytes=256 << 20, output_bytes=1 << 20)
SCANNER = (PROGRAMS / "canary_scanner.py").read_bytes()


def token() -> str:
    return "canary-" + secrets.token_hex(16)


def waiting(sandbox: ExecutorSandbox) -> set[int]:
    """Which executors a sandbox has, now that none of them is lent."""
    pool = sandbox._lender
    return {id(warm.executor) for warm in pool._idle} if isinstance(pool, ExecutorPool) else set()


@pytest.mark.parametrize("isolation", ["box", "strict"])
@pytest.mark.parametrize("sandbox", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def test_nothing_secret_can_be_found_from_inside(
    sandbox: str, isolation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the expected output, another case's input, another submission, nor what the daemon has."""
    use_own_uids(monkeypatch)
    places: dict[str, str] = {}

    def plant(place: str) -> str:
        new = token()
        places[new] = place
        return new

    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text(f"[default]\naws_secret_access_key = {plant('credentials')}\n")
    (home / ".pgpass").write_text(f"*:*:*:*:{plant('the password of Postgres')}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", plant("the environment"))
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", f"postgresql://user:{plant('the environment, a URL')}@localhost/db")
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    (work_dir / "left-behind").write_text(plant("another file of the work directory"))
    (work_dir / "left-behind").chmod(0o644)

    # A submission before it, at `box` in the very executor that it gets itself; and one beside it, still running.
    box, next_door = make_sandbox(sandbox, isolation, executors=1), make_sandbox(sandbox, isolation, executors=1)
    try:
        arena, beside_it = Arena(box, work_dir, quiet=True), Arena(next_door, work_dir, quiet=True)
        earlier = [case(n, plant("an earlier input"), plant("an earlier expected output")) for n in (1, 2)]
        noisy = f"secret = {plant('an earlier program')!r}\nopen('/tmp/x', 'w').write(secret * 99)\nprint(secret)"
        arena.grade(noisy.encode(), earlier)
        waiting_before = waiting(box)
        beside = f"import sys, time\nsecret = {plant('a program beside it')!r} + sys.argv[1]\ntime.sleep(60)"
        cases = [
            TestCase(kind, ordinal, token(), plant("an expected output"))
            for kind in (CaseKind.TEST, CaseKind.GRADE)
            for ordinal in (1, 2)
        ]
        with ThreadPoolExecutor(1) as pool:
            slow = Limits(cpu_time_s=30.0, wall_time_s=25.0)
            running = pool.submit(
                beside_it.grade, beside.encode(), [case(1, plant("an input beside it"), plant("x"))], limits=slow
            )
            time.sleep(1.0)
            report = arena.grade(SCANNER, cases, limits=LIMITS)
            assert not running.done(), "the one beside it ended too early to be found"
            assert isolation == "strict" or waiting(box) == waiting_before, "it was another executor"
            next_door.close()
            assert running.exception() is not None
    finally:
        box.close()
        next_door.close()

    for number, result in enumerate(report.case_results):
        lines = result.run.stdout.decode().splitlines()
        assert lines[-1:] == ["scanned"], result.run
        planted = lines[0].removeprefix("planted ")
        found = {line.split(" ", 2)[1]: line for line in lines[1:-1]}
        assert planted in found, "the scanner does not see its own memory"
        own = cases[number].input
        assert own in found, "the scanner does not see its own input"
        others = {each.input: f"the input of case {n}" for n, each in enumerate(cases, start=1)} | places
        others.pop(own)
        assert {others.get(name, name): line for name, line in found.items() if name not in (own, planted)} == {}
