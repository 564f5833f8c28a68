"""Interactors in every sandbox: two programs that speak to each other, each of which may do so badly."""

import secrets
from pathlib import Path

import pytest

from submitter.errors import SubmissionRejected
from submitter.exchanges import BOTH_WAITED
from submitter.executors.roles import SeparateSandboxes
from submitter.grading import Grader
from submitter.model import Assignment, AssignmentRef, CaseKind, Checker, Limits, TestCase, Verdict
from submitter.outcomes import GradeReport
from submitter.points import Group
from tests.conftest import make_sandboxes
from tests.hostile import PROGRAMS, use_own_uids

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
CASES = (TestCase(CaseKind.TEST, 1, "500", ""), TestCase(CaseKind.TEST, 2, "77", ""))
LIMITS = Limits(cpu_time_s=0.5, wall_time_s=2.0, output_bytes=4 << 20)
# Has a number guessed, in 20 guesses.
GUESS = """
import sys
number, directory = int(open(sys.argv[1]).read()), sys.argv[3]
def refuse(why):
    open(directory + "teammessage.txt", "w").write(why)
    sys.exit(43)
for _ in range(20):
    line = sys.stdin.readline()
    if not line:
        refuse("you stopped")
    if not line.strip().isdigit():
        refuse("no number")
    guess = int(line)
    if guess == number:
        print("right", flush=True)
        sys.exit(42)
    print("less" if number < guess else "more", flush=True)
refuse("too many guesses")
"""
HALVES = b"""
low, high = 0, 1000
while True:
    print((low + high) // 2, flush=True)
    answer = input()
    if answer == "right":
        break
    if answer == "less":
        high = (low + high) // 2 - 1
    else:
        low = (low + high) // 2 + 1
"""


def grade(
    sandboxes: SeparateSandboxes,
    path: Path,
    program: bytes,
    interactor: str = GUESS,
    cases: tuple[TestCase, ...] = CASES,
    groups: tuple[Group, ...] = (),
    limits: Limits = LIMITS,
) -> GradeReport:
    checker = Checker(program=interactor, language="python", interactive=True)
    assignment = Assignment(ref=REF, cases=cases, checker=checker, limits=limits, groups=groups)
    return Grader(sandboxes, path).grade(assignment, program, "prog")


@pytest.mark.parametrize(
    ("program", "verdicts", "message"),
    [
        (HALVES, "AC AC", ""),
        (b"print('x', flush=True)\ninput()", "WA WA", "no number"),
        (b"print('x', flush=True)\nwhile True: pass", "WA WA", "no number"),
        (b"print(5)", "WA WA", "you stopped"),
        (b"while True: print(5)", "WA WA", "too many guesses"),
        (b"import os; os.close(1); os.close(0)", "WA WA", "you stopped"),
        (b"print(5, flush=True)\n1 / 0", "RE RE", None),
        (b"import sys; print('x', flush=True); input(); sys.exit(1)", "WA WA", "no number"),
        (b"print(5, flush=True)\nwhile True: pass", "TLE TLE", None),
        (b"def (", "CE CE", None),
        (b"import sys; assert len(sys.argv) == 1\n" + HALVES, "AC AC", ""),
    ],
    ids=[
        "right",
        "breaks the rules",
        "goes on after it was rejected",
        "ends early",
        "does not read",
        "closes both ends",
        "crashes",
        "crashes after it was rejected",
        "computes for ever",
        "does not compile",
        "gets nothing but what the interactor says",
    ],
)
def test_a_program_and_an_interactor(
    sandboxes: SeparateSandboxes, tmp_path: Path, program: bytes, verdicts: str, message: str | None
) -> None:
    report = grade(sandboxes, tmp_path, program)
    assert [one.verdict.code for one in report.case_results] == verdicts.split()
    assert [one.remarks and one.remarks.team for one in report.case_results] == [message] * 2


def test_that_both_waited_is_told(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    """What a student forgets first is to flush."""
    silent = b"import sys, time\nsys.stdout.write('500')\ntime.sleep(60)"
    for program in (b"input()", silent):
        [result] = grade(sandboxes, tmp_path, program, cases=CASES[:1]).case_results
        assert (result.verdict, result.reason) == (Verdict.WALL_TIME_LIMIT_EXCEEDED, BOTH_WAITED)


def test_who_is_slow_by_himself_is_not_told_that_both_waited(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    busy = b"import time\nwhile True:\n    print(5, flush=True); time.sleep(0.2)"
    patient = "import sys\nfor line in sys.stdin: pass"
    [result] = grade(sandboxes, tmp_path, busy, patient, CASES[:1]).case_results
    assert (result.verdict, result.reason) == (Verdict.WALL_TIME_LIMIT_EXCEEDED, None)


def test_much_goes_both_ways_whole_and_in_order(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    """Many times what may be under way at once."""
    echo = b"import sys, shutil\nshutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    interactor = """
import os, sys, threading
sent = os.urandom(2 << 20)
def send():
    sys.stdout.buffer.write(sent)
    sys.stdout.flush()
    os.close(1)
threading.Thread(target=send).start()
sys.exit(42 if sys.stdin.buffer.read() == sent else 43)
"""
    assert grade(sandboxes, tmp_path, echo, interactor).score == 2.0


def test_who_prints_and_is_not_read_waits(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    """And nobody keeps what is printed meanwhile: it is stopped by its time, not by its output."""
    floods = b"import sys\nwhile True: sys.stdout.write('x' * 65536)"
    never_reads = "import time; time.sleep(60)"
    [result] = grade(sandboxes, tmp_path, floods, never_reads, CASES[:1]).case_results
    assert result.verdict is Verdict.WALL_TIME_LIMIT_EXCEEDED
    assert len(result.run.stdout) < 400_000
    assert result.reason is None


@pytest.mark.parametrize(
    ("interactor", "words"),
    [
        ("import sys; sys.exit(1)", "its exit code is 1"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("def (", "does not compile"),
        ("import os\nwhile True: os.fork()", ""),
    ],
)
def test_an_interactor_that_fails_is_nobodys_verdict(
    sandboxes: SeparateSandboxes, tmp_path: Path, interactor: str, words: str
) -> None:
    with pytest.raises(SubmissionRejected, match="not your program's fault") as caught:
        grade(sandboxes, tmp_path, HALVES, interactor)
    first_line = (caught.value.detail or "").partition("\n")[0]
    assert first_line.startswith("the checker failed on test 1: ")
    assert words in first_line
    assert grade(sandboxes, tmp_path, HALVES).score == 2.0


def test_a_group_stops_early_without_running_the_rest(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    cases = tuple(TestCase(CaseKind.TEST, number, "500", "", group="all") for number in (1, 2, 3))
    report = grade(sandboxes, tmp_path, b"print(5)", cases=cases, groups=(Group("all", stops_early=True),))
    assert [one.verdict.code for one in report.case_results] == ["WA", "SK", "SK"]
    assert report.case_results[1].reason == "not run: test 1 of the group “all” failed"


@pytest.mark.parametrize("kind", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def test_a_program_finds_nothing_that_its_interactor_has_not_said(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_own_uids(monkeypatch)
    tokens = ["canary-" + secrets.token_hex(16) for _ in range(3)]
    interactor = f"""
import sys
open("/tmp/kept", "w").write(open(sys.argv[1]).read() + open(sys.argv[2]).read() + {tokens[2]!r})
for line in sys.stdin:
    pass
sys.exit(42)
"""
    cases = (TestCase(CaseKind.GRADE, 1, tokens[0], tokens[1]),)
    limits = Limits(cpu_time_s=10.0, wall_time_s=30.0)
    sandboxes = make_sandboxes(kind, executors=1)
    try:
        for _ in range(2):
            scanner = (PROGRAMS / "canary_scanner.py").read_bytes()
            [result] = grade(sandboxes, tmp_path, scanner, interactor, cases, limits=limits).case_results
            assert result.verdict is Verdict.ACCEPTED, result
            assert result.run.stdout.endswith(b"scanned\n")
            assert not [token for token in tokens if token.encode() in result.run.stdout]
    finally:
        sandboxes.close()
