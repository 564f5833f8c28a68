"""Every system call there is a number for, asked of the filter that a case has: by simulation, and in a real case."""

import json
import os
import runpy
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from submitter.model import CaseKind, Limits
from submitter.resources import resource
from tests.conftest import make_sandbox
from tests.hostile import Arena, case, use_own_uids

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are x86_64's")

X86_64, I386, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7
X32 = 0x40000000
LAST_NUMBER = 600
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
MEMFD_CREATE = 319  # allowed where a cgroup counts its memory: see executeSubmission.py
# Refused by the kernel itself, since a case may lock no memory and does not own its standard input when it has none:
# mlock, mlockall, mlock2, fchmod, fchown.
KERNEL_SAYS_EPERM = {149, 151, 325, 91, 93}

# uretprobe and uprobe: newer kernels ask no filter about them, and answer whoever has no probe with SIGILL or ENXIO.
NEVER_FILTERED = {335: {1, 38, 1004}, 336: {1, 38, 6, 1004}}

# For each number a child that asks the kernel, with zeros or with nonsense; what it answered, a line each.
PROGRAM = b"""\
import ctypes, mmap, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
kind, value = sys.argv[1].split()
value = int(value)
code = mmap.mmap(-1, 4096, prot=7)
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
enter = ctypes.CFUNCTYPE(ctypes.c_int)(address)

def ask(number):
    if kind == 'i386':
        code[:8] = b'\\xb8' + number.to_bytes(4, 'little') + b'\\xcd\\x80\\xc3'  # mov eax, number; int 0x80; ret
        return -enter()
    result = libc.syscall(ctypes.c_long(number + (0x40000000 if kind == 'x32' else 0)), *[ctypes.c_long(value)] * 6)
    return ctypes.get_errno() if result == -1 else 0

signal.signal(signal.SIGALRM, signal.SIG_DFL)
out = os.dup(1)
for number in range(601):
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        os.dup2(2, 1)
        try:
            os._exit(ask(number) & 127)
        finally:
            os._exit(127)
    _, status = os.waitpid(pid, 0)
    ended = os.WTERMSIG(status) + 1000 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    os.write(out, b'%d %d\\n' % (number, ended))
"""


def simulate(program: bytes, number: int, arch: int = X86_64, arguments: tuple[int, ...] = (0,) * 6) -> int:
    """What a seccomp program answers: only the instructions that ours has, any other is an error."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *arguments)
    accumulator = at = 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:
            [accumulator] = struct.unpack_from("<I", data, operand)
        elif code == 0x06:
            return int(operand)
        else:
            tests = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}
            at += if_true if tests[code] else if_false


def answer_of(programs: Sequence[bytes], number: int, arch: int = X86_64, arguments: tuple[int, ...] = (0,) * 6) -> int:
    """What the kernel makes of several: the answer that takes most (seccomp(2): the lowest, as a signed number)."""
    answers = [simulate(program, number, arch, arguments) for program in programs]
    return min(answers, key=lambda answer: answer - (1 << 32) if answer & 1 << 31 else answer)


def _filters(machine: str = "x86_64") -> list[bytes]:
    """Of init, which a case has too, and a case's own."""
    script = runpy.run_path(str(resource("executeSubmission.py")), run_name="not main")
    return [script["build_filter"](machine), script["build_last_filter"](machine)]


def _reviewed(column: int) -> dict[str, set[int]]:
    """The numbers in each section of the reviewed list; column 1 is x86_64, 2 is aarch64."""
    sections: dict[str, set[int]] = {}
    for line in (Path(__file__).parents[1] / "system_calls.txt").read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), set())
        elif line and not line.startswith("#") and (number := line.split()[column]) != "-":
            section.add(int(number))
    return sections


@pytest.mark.parametrize(("machine", "arch", "column"), [("x86_64", X86_64, 1), ("aarch64", AARCH64, 2)])
def test_the_filter_answers_every_number_as_the_reviewed_list_says(machine: str, arch: int, column: int) -> None:
    programs = _filters(machine)
    reviewed = _reviewed(column)
    for number in [*range(2000), 1 << 20, 1 << 29]:
        answer = answer_of(programs, number, arch)
        if number in reviewed["allowed"]:
            assert answer == ALLOW, number
        elif number in reviewed["allowed with some arguments only"]:
            assert answer in (ALLOW, EPERM), number
        elif number in reviewed["answered as by a kernel that lacks them"] or number > 450:
            assert answer == ENOSYS, number
        else:
            assert answer == EPERM, number


def test_the_container_s_profile_is_the_reviewed_list_and_what_makes_a_box() -> None:
    profile = json.loads((resource("executor_image") / "seccomp.json").read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    answers = {name: (rule["action"], rule.get("errnoRet")) for rule in profile["syscalls"] for name in rule["names"]}
    allowed, lacking = ("SCMP_ACT_ALLOW", None), ("SCMP_ACT_ERRNO", 38)
    makes_a_box = ("capset", "mount", "mount_setattr", "umount2")
    reviewed: dict[str, tuple[str, int | None]] = dict.fromkeys(makes_a_box, allowed)
    section = ""
    for line in (Path(__file__).parents[1] / "system_calls.txt").read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            reviewed[line.split()[0]] = lacking if section == "answered as by a kernel that lacks them" else allowed
    assert answers == reviewed


@pytest.mark.parametrize(("machine", "arch", "mmap"), [("x86_64", X86_64, 9), ("aarch64", AARCH64, 222)])
def test_the_filter_refuses_huge_pages(machine: str, arch: int, mmap: int) -> None:
    """No limit of memory counts them; a host may have some reserved for its database."""
    programs = _filters(machine)
    for flags, right in ((0x22, ALLOW), (0x40022, EPERM), (0x40022 | 21 << 26, EPERM), (-1 & 0xFFFFFFFF, EPERM)):
        assert answer_of(programs, mmap, arch, (0, 4096, 7, flags, 0, 0)) == right


@pytest.mark.parametrize(
    ("machine", "arch", "prctl", "makers"),
    [("x86_64", X86_64, 157, {126, 165, 166}), ("aarch64", AARCH64, 167, {39, 40, 91})],  # capset, mount, umount2
)
def test_init_s_filter_leaves_it_what_makes_a_box_and_a_case_s_own_takes_it_away(
    machine: str, arch: int, prctl: int, makers: set[int]
) -> None:
    """A case has both from before its program begins; init, which a case forks from, the first alone."""
    of_both = _filters(machine)
    of_init, _ = of_both
    taken = {number for number in range(2000) if simulate(of_init, number, arch) != answer_of(of_both, number, arch)}
    assert taken == makers
    allowed = {
        option: [
            answer_of(programs, prctl, arch, (option, 0, 0, 0, 0, 0)) == ALLOW for programs in ([of_init], of_both)
        ]
        for option in range(100)
    }
    refused = {4: [True, False], 22: [True, False], 35: [False, False]}  # PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_MM
    assert allowed == {option: refused.get(option, [True, True]) for option in range(100)}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_kills_every_call_of_another_kind(machine: str) -> None:
    programs = _filters(machine)
    own = {"x86_64": X86_64, "aarch64": AARCH64}[machine]
    for arch in {X86_64, I386, AARCH64, 0x40000028, 0} - {own}:
        assert {answer_of(programs, number, arch) for number in range(LAST_NUMBER)} == {KILL}
    if machine == "x86_64":
        assert {answer_of(programs, X32 + number) for number in range(LAST_NUMBER)} == {KILL}


@pytest.mark.parametrize("sandbox", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
@pytest.mark.parametrize("value", [0, -1])
def test_the_kernel_refuses_a_case_what_the_filter_refuses(
    sandbox: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter is really on, for every number: the simulation is not asked what it would like to be."""
    use_own_uids(monkeypatch)
    box = make_sandbox(sandbox, executors=1)
    try:
        arena = Arena(box, tmp_path, quiet=True)
        limits = Limits(cpu_time_s=30.0, wall_time_s=90.0, memory_bytes=128 << 20, output_bytes=64 << 10)
        cases = [
            case(n, f"{kind} {value}", "", CaseKind.TEST) for n, kind in enumerate(("own", "x32", "i386"), start=1)
        ]
        report = arena.grade(PROGRAM, cases, limits=limits)
    finally:
        box.close()
    own, x32, i386 = (_answers(result.run.stdout) for result in report.case_results)
    assert set(x32.values()) == {1031}, "x32"
    assert set(i386.values()) == {1031}, "int 0x80"

    programs = _filters()
    arguments = (value & (1 << 64) - 1,) * 6
    wrong = {}
    for number, answer in own.items():
        if number == MEMFD_CREATE:
            continue
        foreseen = answer_of(programs, number, arguments=arguments)
        if number in NEVER_FILTERED:
            right = answer in NEVER_FILTERED[number]
        elif foreseen in (EPERM, ENOSYS):
            right = answer == foreseen & 0xFFFF
        elif sandbox == "docker":
            right = True  # Docker's own filter may refuse what ours allows
        else:
            right = answer not in (1, 1031) or number in KERNEL_SAYS_EPERM
        if not right:
            wrong[number] = (hex(foreseen), answer)
    assert wrong == {}


def _answers(stdout: bytes) -> dict[int, int]:
    """What each number gave: 0, an error's number, or 1000 and a signal's."""
    answers = {int(number): int(answer) for number, answer in (line.split() for line in stdout.splitlines())}
    assert answers.keys() == set(range(LAST_NUMBER + 1)), stdout[-300:]
    return answers
