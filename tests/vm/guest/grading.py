"""Verdicts, at each level of isolation, as an ordinary user gets them."""

from tests.vm.guest.tools import ISOLATIONS, PROFILE, check, denials, expect, grade, oom_messages

RIGHT = "import sys\nprint(int(sys.argv[1]) ** 2)"
CONFINED = f"""\
with open("/proc/self/attr/apparmor/current") as file:
    said = file.read().strip()
print(9 if said == "{PROFILE} (enforce)" else said)
"""
# Every case finds all empty, also after one that has left something.
WRITES = """\
import os
places = ("/tmp", "/dev/shm")
print(sum(map(len, map(os.listdir, places))) or 9)
for place in places:
    os.makedirs(f"{place}/a/b")
    with open(f"{place}/a/b/c", "x") as file:
        file.write("left")
"""


def make_verdict_check(isolation: str) -> None:
    def verdicts() -> str:
        programs = {
            "right": RIGHT,
            "wrong": "import sys\nprint(int(sys.argv[1]) * 2)",
            "fails": "raise SystemExit(1)",
            "broken": "print(25",
            "confined": CONFINED,
            "writes": WRITES,
        }
        before = denials()
        graded, events = grade(programs, "grader", isolation, cases=2)
        expect(events, [])
        expected = ["accepted", "wrong_answer", "runtime_error", "compile_error", "accepted", "accepted"]
        expect({name: case["verdict"] for name, case in graded.items()}, dict(zip(programs, expected, strict=True)))
        expect(denials(), before)
        return f"{graded['right']['wall_time_s']:.3f} s, {graded['right']['memory_bytes'] >> 10} KiB"

    verdicts.__name__ = f"verdicts_are_right_in_{isolation}"
    check(verdicts)


for _isolation in ISOLATIONS:
    make_verdict_check(_isolation)


@check
def memory_verdicts_come_from_the_kernels_count() -> str:
    """
    A child is killed for its memory, and its parent ends well with the right answer: nothing but memory.events tells.

    The other two show that neither SIGKILL alone is taken for it, nor that much address space is.
    """
    child_grows = (
        "import os, sys\npid = os.fork()\nif pid == 0:\n    x = bytearray(b'x') * (400 << 20)\n    os._exit(0)\n"
        "print(9 if os.WIFSIGNALED(os.waitpid(pid, 0)[1]) else 'the child lived')"
    )
    programs = {
        "grows": "x = bytearray(b'x') * (400 << 20)",
        "child_grows": child_grows,
        "kills_itself": "import os\nos.kill(os.getpid(), 9)",
        "reserves": "import mmap\nmmap.mmap(-1, 400 << 20)\nprint(9)",
    }
    before = oom_messages()
    graded, _ = grade(programs, "grader", options=("--memory-limit", "64"))
    expected = ["memory_limit_exceeded", "memory_limit_exceeded", "runtime_error", "accepted"]
    expect({name: case["verdict"] for name, case in graded.items()}, dict(zip(programs, expected, strict=True)))
    killed = oom_messages() - before
    assert killed >= 2, f"the kernel speaks of {killed} kills"
    return f"{killed} kills"


@check
def processor_time_is_counted_for_all_processes_together() -> str:
    """By the cgroup: of a child that nobody waits for, the kernel tells its parent nothing."""
    program = (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(3):\n"
        "    if os.fork() == 0:\n        while time.process_time() < 1: pass\n        os._exit(0)\n"
        "try:\n    os.wait()\nexcept ChildProcessError: pass\nprint(9)"
    )
    graded, _ = grade({"children": program}, "grader", options=("--time-limit", "2"))
    case = graded["children"]
    expect(case["verdict"], "time_limit_exceeded")
    assert 2 < case["cpu_time_s"] < 3.5, case
    return f"{case['cpu_time_s']:.2f} s"
