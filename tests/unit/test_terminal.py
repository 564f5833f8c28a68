"""What is meant for people's eyes shows on a terminal, and does not get into a pipe."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest


def run_on_a_terminal(command: list[str]) -> tuple[int, bytes]:
    """Run with standard error on a terminal of its own; gives the exit code and what the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65536):
            said += piece
    except OSError:  # EIO: nobody has the other end any more
        pass
    os.close(ours)
    return process.wait(), said


@pytest.fixture
def check(tmp_path: Path) -> list[str]:
    (tmp_path / "test.in").write_text("3\n")
    (tmp_path / "test.out").write_text("9\n")
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("import sys\nprint(int(sys.argv[1]) ** 2)\n")
    programs = [str(tmp_path / name) for name in ("a.py", "b.py")]
    return [sys.executable, "-m", "submitter", "check", *programs, "--cases", str(tmp_path), "--sandbox", "bubblewrap"]


def test_checking_shows_progress_on_a_terminal(check: list[str]) -> None:
    code, said = run_on_a_terminal(check)
    assert code == 0
    assert b"checking" in said
    assert b"100%" in said


def test_checking_shows_no_progress_in_a_pipe(check: list[str]) -> None:
    done = subprocess.run(check, capture_output=True, check=True)
    assert done.stderr == b""


def test_logs_are_pretty_on_a_terminal() -> None:
    script = (
        "import structlog; from submitter import logs; logs.configure('auto');"
        "structlog.get_logger().info('daemon_started', concurrency=2)"
    )
    code, said = run_on_a_terminal([sys.executable, "-c", script])
    assert code == 0
    assert b"daemon_started" in said
    assert b'{"' not in said
