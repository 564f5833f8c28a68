"""What processes hold: memory, descriptors, namespaces, read from /proc."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def children_of() -> dict[int, list[int]]:
    """Every process's children, as of now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int(_fields_of(int(entry))[1])
                children.setdefault(parent, []).append(int(entry))
    return children


def tree_of(root: int) -> list[int]:
    """A process and all that descends from it, itself first."""
    children = children_of()
    found, waiting = list[int](), [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def program_of(pid: int) -> str:
    """The name of the program that a process runs; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def proportional_bytes(pids: Iterable[int]) -> int | None:
    """
    PSS: their memory, with each page that several processes share divided among these.

    None when one of them may not be looked at: an executor is not dumpable, so only root may.
    """
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        except OSError:
            return None
        total += 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def resident_bytes(pid: int) -> int | None:
    """RSS: all pages of it that are in memory, those that it shares with others too; None if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def open_files(pids: Iterable[int]) -> int | None:
    """How many descriptors they have open together; None when one of them may not be looked at."""
    total = 0
    for pid in pids:
        try:
            total += len(os.listdir(f"/proc/{pid}/fd"))
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            return None
    return total


def namespaces_of_machine() -> int:
    """How many namespaces there are, of all kinds: those that a process is in, or holds open."""
    found = set[str]()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        for directory in ("ns", "fd"):
            with contextlib.suppress(OSError):
                for link in os.listdir(f"/proc/{entry}/{directory}"):
                    with contextlib.suppress(OSError):
                        target = os.readlink(f"/proc/{entry}/{directory}/{link}")
                        if directory == "ns" or target.partition(":")[0] in NAMESPACES:
                            found.add(target)
    return len(found)


NAMESPACES = frozenset({"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"})


def network_namespaces_in_kernel() -> int | None:
    """
    How many network namespaces the kernel keeps, seen or not; None where it does not say.

    A namespace that nothing names any more, yet something keeps, is in no process's directory.
    """
    try:
        for line in Path("/proc/slabinfo").read_text().splitlines():
            if line.startswith("net_namespace "):
                return int(line.split()[1])
    except OSError:
        pass
    return None


def ticks_of(pids: Iterable[int]) -> int:
    """Processor time they have used together, in the kernel's ticks."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = _fields_of(pid)
            total += int(fields[11]) + int(fields[12])
    return total


def _fields_of(pid: int) -> list[str]:
    """The fields of a process's stat file that follow its name: its state, its parent, and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
