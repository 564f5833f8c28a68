"""Whose an executor is, so that what the dead have left can be told from what the living use."""

import os
from pathlib import Path


def owner(pid: int | None = None) -> str:
    """A process, this one if none is named, by what no other process is called until the next boot."""
    pid = pid or os.getpid()
    return f"{pid}:{_start_time(pid)}"


def is_gone(name: str) -> bool:
    """Whether the process that `owner` named so, on this host and since its boot, has ended."""
    pid, _, started = name.partition(":")
    return not (pid.isdigit() and _start_time(int(pid)) == started)


def _start_time(pid: int) -> str:
    """When a process started, in ticks since boot. Empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
