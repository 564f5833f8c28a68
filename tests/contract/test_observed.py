"""
What a running case looks like from outside, to the kernel and not to itself, held against a reviewed list.

To renew the lists after a change that is meant: `python -m tests.contract.test_observed docker bubblewrap`, then read
what changed. They lie in tests/programs/observed.
"""

import contextlib
import os
import re
import secrets
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from submitter.executors import link
from submitter.model import Limits
from tests.conftest import make_sandbox
from tests.hostile import Arena, case, use_own_uids

GOLDEN = Path(__file__).parents[1] / "programs" / "observed"
LIMITS = Limits(cpu_time_s=2.0, wall_time_s=20.0, memory_bytes=128 << 20, file_bytes=16 << 20, processes=32)
STATUS = (
    "Threads",
    "NoNewPrivs",
    "Seccomp",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "SigIgn",
    "SigBlk",
)
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")

# Names itself, so that it can be found from outside, and waits.
PARKED = b"""\
import ctypes, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
sys.stdin.read()
time.sleep(600)
"""


def observe(sandbox: str, isolation: str, work_dir: Path) -> list[str]:
    """Lines that say what the kernel knows of a case that waits; the same for every run of the same walls."""
    name = "park" + secrets.token_hex(5)
    box = make_sandbox(sandbox, isolation, executors=1)
    try:
        arena = Arena(box, work_dir, quiet=True)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(arena.grade, PARKED, [case(1, name, "")], limits=LIMITS)
            pid = _find(name)
            lines = _describe(pid)
            box.close()
            running.exception()
    finally:
        box.close()
    return lines


def _find(name: str) -> int:
    """The process that calls itself so."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        for comm in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if comm.read_text().strip() == name:
                    return int(comm.parent.name)
        time.sleep(0.05)
    raise AssertionError("the parked case is nowhere to be seen")


def _describe(pid: int) -> list[str]:
    of = Path("/proc") / str(pid)
    status = _status(pid)
    lines = [f"{field}: {_who(status[field])}" for field in ("Uid", "Gid")]
    lines += [f"Groups: {_who(status['Groups'])}".rstrip()]
    # 32 and 33 are the C library's own: nobody can change what was ignored before the executor started.
    status["SigIgn"] = f"{int(status['SigIgn'], 16) & ~(0b11 << 31):016x}"
    lines += [f"{field}: {status[field]}" for field in STATUS]
    lines += [f"pid in its own namespace is 1: {status['NSpid'].split()[-1] == '1'}"]
    lines += [f"oom_score_adj: {(of / 'oom_score_adj').read_text().strip()}"]
    lines += [f"environ: {word}" for word in sorted((of / "environ").read_text().rstrip("\0").split("\0"))]
    lines += [f"cwd: {os.readlink(of / 'cwd')}", f"root is the host's: {os.path.samefile(of / 'root', '/')}"]
    lines += [f"fd {fd}: {_what(of / 'fd' / fd)}" for fd in sorted(os.listdir(of / "fd"), key=int)]
    for limit in (of / "limits").read_text().splitlines()[1:]:
        resource, soft, hard = re.split(r"\s{2,}", limit)[:3]
        if resource not in ("Max stack size", "Max pending signals"):  # the host's
            lines.append(f"limit: {resource.removeprefix('Max ')} {soft} {hard}")
    for kind in NAMESPACES:
        own = os.readlink(of / "ns" / kind) != os.readlink(f"/proc/self/ns/{kind}")
        lines.append(f"namespace {kind} of its own: {own}")
    cgroups = (of / "cgroup").read_text()
    lines.append(f"cgroup of its own: {cgroups != Path('/proc/self/cgroup').read_text()}")
    lines += _mounts((of / "mountinfo").read_text())
    for above in map(_status, _ancestors(pid)):  # the zygote has one thread: a lock held by another would stay held
        lines.append("above it: " + ", ".join(f"{field} {above[field]}" for field in ("Threads", "Seccomp", "CapBnd")))
    return lines


def _status(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/status") as file:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


def _who(ids: str) -> str:
    """Real, effective, saved and file system id: each one of ours, or as it is."""
    first, last = link.UID_FIRST, link.UID_FIRST + link.UID_COUNT
    return " ".join("ours" if first <= int(each) < last else each for each in ids.split())


def _what(path: Path) -> str:
    target = re.sub(r"\d+", "N", os.readlink(path))
    with open(path.parent.parent / "fdinfo" / path.name) as file:
        flags = next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
    return f"{target} {('read', 'write', 'both')[flags & 3]}"


def _mounts(mountinfo: str) -> list[str]:
    """Every mount that can be written to, with its walls; and what covers the kernel's own file systems."""
    lines = []
    for line in mountinfo.splitlines():
        place, options, rest = line.split()[4], line.split()[5].split(","), line.partition(" - ")[2].split()
        kind = rest[0]
        more = [
            word for word in rest[2].split(",") if re.match("size=|nr_inodes=|subset=", word) and kind != "devtmpfs"
        ]
        if "rw" in options or place.startswith(("/proc", "/sys", "/dev", "/usr/src")):
            walls = [word for word in options if word in ("rw", "ro", "nosuid", "nodev", "noexec")]
            lines.append(f"mount {place}: {kind} {','.join(walls + more)}")
    return sorted(lines)


def _ancestors(pid: int) -> list[int]:
    """The processes above it that are of the executor too."""
    found = []
    while (pid := int(_status(pid)["PPid"])) and _who(_status(pid)["Uid"]).startswith("ours"):
        found.append(pid)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can see all of another user's process")
@pytest.mark.parametrize("isolation", ["box", "strict"])
@pytest.mark.parametrize("sandbox", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def test_a_running_case_looks_from_outside_as_it_must(
    sandbox: str, isolation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_own_uids(monkeypatch)
    lines = observe(sandbox, isolation, tmp_path)
    assert lines == (GOLDEN / f"{sandbox}.txt").read_text().splitlines()


if __name__ == "__main__":
    for which in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
            use_own_uids(patch)
            (GOLDEN / f"{which}.txt").write_text("\n".join(observe(which, "box", Path(directory))) + "\n")
