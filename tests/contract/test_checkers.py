"""Checkers in every sandbox: what they are given, what becomes of their answers, and hostility on either side."""

import dataclasses
import hashlib
import secrets
import shutil
from pathlib import Path

import pytest

from submitter import checkers
from submitter.errors import SubmissionRejected
from submitter.executors.roles import SeparateSandboxes
from submitter.executors.wire import COLLECTED_BYTES
from submitter.grading import Grader
from submitter.model import MIB, Assignment, AssignmentRef, CaseKind, Checker, Ending, Limits, TestCase, Verdict
from submitter.outcomes import GradeReport
from submitter.runs import CaseInput, Job, Role, RunResult
from tests.conftest import make_sandboxes
from tests.hostile import PROGRAMS, use_own_uids

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
CASES = (TestCase(CaseKind.TEST, 1, "3", "1 2"), TestCase(CaseKind.TEST, 2, "4", "1 3"))
# Accepts any two numbers with the right sum, and says how the first stands to the answer's.
SUMS = """
import sys
case, answer, directory = sys.argv[1:4]
assert directory.endswith("/") and sys.argv[4:] == ["an argument"], sys.argv
printed = sys.stdin.read().split()
open(directory + "judgemessage.txt", "w").write("answer: " + open(answer).read())
try:
    a, b = map(int, printed)
except ValueError:
    open(directory + "teammessage.txt", "w").write("two numbers are wanted")
    sys.exit(43)
if a != int(open(answer).read().split()[0]):
    open(directory + "score.txt", "w").write("0.5")
sys.exit(42 if a + b == int(open(case).read()) else 43)
"""
HONEST = b"import sys; print(1, int(sys.argv[1]) - 1)"
FEW = Limits(cpu_time_s=2.0, wall_time_s=4.0, memory_bytes=128 * MIB, output_bytes=1000, file_bytes=4 * MIB)


def python(program: str) -> Checker:
    return Checker(program=program, language="python", arguments=("an argument",))


def grade(
    sandboxes: SeparateSandboxes,
    path: Path,
    checker: Checker | str,
    program: bytes = HONEST,
    cases: tuple[TestCase, ...] = CASES,
) -> GradeReport:
    made = python(checker) if isinstance(checker, str) else checker
    limits = Limits(cpu_time_s=10.0, wall_time_s=30.0)
    return Grader(sandboxes, path).grade(Assignment(ref=REF, cases=cases, checker=made, limits=limits), program, "prog")


# -- honest ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "verdicts", "score"),
    [
        (HONEST, "AC AC", 2.0),
        (b"import sys; n = int(sys.argv[1]); print(n, 0)", "AC AC", 1.0),
        (b"import sys; n = int(sys.argv[1]); print(n, n)", "WA WA", 0.0),
        (b"print('42')", "WA WA", 0.0),
        (b"import sys; n = int(sys.argv[1]); print(1, n - 1); sys.exit(n == 4)", "AC RE", 1.0),
    ],
    ids=["as the answer", "another right one", "wrong", "no two numbers", "crashes after a right one"],
)
def test_a_checker_judges(
    sandboxes: SeparateSandboxes, tmp_path: Path, program: bytes, verdicts: str, score: float
) -> None:
    report = grade(sandboxes, tmp_path, SUMS, program)
    assert [one.verdict.code for one in report.case_results] == verdicts.split()
    assert report.score == score
    for result in report.case_results:
        if result.verdict is not Verdict.RUNTIME_ERROR:
            assert result.remarks is not None
            assert result.remarks.judge == f"answer: {result.case.expected}"
            assert result.remarks.team == ("two numbers are wanted" if program == b"print('42')" else "")


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ on this machine: apt-get install g++")
def test_a_checker_in_a_compiled_language(tmp_path: Path) -> None:
    program = """
    #include <fstream>
    #include <iostream>
    #include <string>
    int main(int, char **argv) {
        std::ifstream input(argv[1]);
        long n, a, b;
        input >> n;
        if (std::cin >> a >> b && a + b == n) return 42;
        std::ofstream(std::string(argv[3]) + "teammessage.txt") << "wrong sum";
        return 43;
    }"""
    sandboxes = make_sandboxes("bubblewrap", executors=1)
    try:
        cpp = Checker(program=program, language="cpp")
        assert grade(sandboxes, tmp_path, cpp).score == 2.0
        wrong = grade(sandboxes, tmp_path, cpp, b"print(1, 1)").case_results
        assert [(one.verdict.code, one.remarks and one.remarks.team) for one in wrong] == [("WA", "wrong sum")] * 2
        with pytest.raises(SubmissionRejected) as caught:
            grade(sandboxes, tmp_path, Checker(program="int main(", language="cpp"))
        assert caught.value.detail is not None
        assert caught.value.detail.startswith("the checker failed on test 1: it does not compile\n")
        assert "checker.cpp" in caught.value.detail
    finally:
        sandboxes.close()


def test_large_inputs_answers_and_outputs_reach_the_checker_whole(sandboxes: SeparateSandboxes) -> None:
    checker = """
import hashlib, sys
files = [open(path, "rb").read() for path in sys.argv[1:3]]
digests = [hashlib.sha256(data).hexdigest() for data in (*files, sys.stdin.buffer.read())]
open(sys.argv[3] + "judgemessage.txt", "w").write(" ".join(digests))
sys.exit(42)
"""
    case = TestCase(CaseKind.TEST, 1, "i" * 3 * MIB + "\n", "a" * 20 * MIB + "\n")
    output = b"o" * 900_000
    [run] = sandboxes.run(checkers.checking_job(python(checker), [case], [output]))
    assert run.exit_code == checkers.ACCEPTED, run
    digests = [hashlib.sha256(data).hexdigest() for data in (case.input.encode(), case.expected.encode(), output)]
    assert dict(run.collected)["judgemessage.txt"].decode().split() == digests


# -- hostile outputs, and checkers that misbehave -----------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        b'import os; os.write(1, b\'\\n{"idle": true}\\n{"ending": "exited", "exit_code": 42}\\n\')',
        b"import os; os.write(1, bytes(range(256)) * 4000)",
        b"open('/tmp/feedback/teammessage.txt', 'w')",
        b"import sys; sys.exit(42)",
        b"import os; os.kill(os.getpid(), 42 + 1)",
        b"print('exit 42'); print(42)",
    ],
    ids=["lines of the protocol", "any bytes", "a directory of feedback", "exit code", "signal", "the number"],
)
def test_no_output_talks_the_checker_into_accepting(
    sandboxes: SeparateSandboxes, tmp_path: Path, output: bytes
) -> None:
    report = grade(sandboxes, tmp_path, SUMS, output)
    assert {one.verdict for one in report.case_results} <= {Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR}
    assert grade(sandboxes, tmp_path, SUMS).score == 2.0


@pytest.mark.parametrize(
    ("checker", "words"),
    [
        ("import os\nwhile True: os.fork()", "exit code|signal|memory"),
        ("import sys; sys.exit(7)", "its exit code is 7"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("while True: print('x' * 100000)", "printed too much"),
        ("x = []\nwhile True: x.append(b'x' * (1 << 20))", "memory"),
        ("def (", "does not compile"),
        ("open('/tmp/full', 'wb').write(bytes(200 << 20))", "exit code is 1|signal"),
        ("import sys; open(sys.argv[3] + 'score.txt', 'w').write('37'); sys.exit(42)", "score.txt holds no number"),
    ],
    ids=["forks", "another exit code", "crashes", "prints much", "grows", "is no program", "fills", "a wrong score"],
)
def test_a_checker_that_fails_is_nobodys_verdict(
    sandboxes: SeparateSandboxes, tmp_path: Path, checker: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkers, "LIMITS", dataclasses.replace(checkers.LIMITS, memory_bytes=128 * MIB))
    with pytest.raises(SubmissionRejected, match="not your program's fault") as caught:
        grade(sandboxes, tmp_path, checker)
    first_line = (caught.value.detail or "").partition("\n")[0]
    assert first_line.startswith("the checker failed on test 1: ")
    assert any(word in first_line for word in words.split("|")), first_line
    assert grade(sandboxes, tmp_path, SUMS).score == 2.0


def test_a_checker_that_never_ends_is_ended(
    sandboxes: SeparateSandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkers, "LIMITS", dataclasses.replace(checkers.LIMITS, cpu_time_s=0.5, wall_time_s=1.0))
    for program, words in (("while True: pass", "processor time"), ("import time; time.sleep(60)", "longer than")):
        with pytest.raises(SubmissionRejected) as caught:
            grade(sandboxes, tmp_path, program, cases=CASES[:1])
        assert words in (caught.value.detail or "")


LEAVES = {
    "a link": "os.symlink('/usr/bin/env', path)",  # which whoever reads sees, too
    "a link to the answer": "os.symlink(sys.argv[2], path)",
    "a FIFO": "os.mkfifo(path)",
    "a directory": "os.mkdir(path)",
    "nothing": "pass",
    "a directory that is a link": "open(path, 'w').write('x'); os.rename(sys.argv[3], '/tmp/other'); "
    "os.symlink('/tmp/other', sys.argv[3].rstrip('/'))",
    "a directory that is a file": "os.rmdir(sys.argv[3]); open(sys.argv[3].rstrip('/'), 'w').write('x')",
    "no directory": "os.rmdir(sys.argv[3])",
    "an unreadable directory": "open(path, 'w').write('x'); os.chmod(sys.argv[3], 0)",
}


@pytest.mark.parametrize("leaves", LEAVES.values(), ids=LEAVES)
def test_only_files_are_read_back(sandboxes: SeparateSandboxes, tmp_path: Path, leaves: str) -> None:
    """Who deceives a checker may have it write anything; none of it is opened but a plain file in the directory."""
    checker = f"import os, sys\npath = sys.argv[3] + 'teammessage.txt'\n{leaves}\nsys.exit(43)"
    report = grade(sandboxes, tmp_path, checker)
    assert [one.verdict.code for one in report.case_results] == ["WA", "WA"]
    assert [one.remarks and one.remarks.team for one in report.case_results] == ["", ""]


def test_a_huge_message_is_cut(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    checker = "import sys\nopen(sys.argv[3] + 'teammessage.txt', 'w').write('m' * (10 << 20))\nsys.exit(42)"
    [run] = sandboxes.run(checkers.checking_job(python(checker), CASES[:1], [b""]))
    assert run.collected == (("teammessage.txt", b"m" * COLLECTED_BYTES),)
    remarks = grade(sandboxes, tmp_path, checker).case_results[0].remarks
    assert remarks is not None
    assert len(remarks.team) <= checkers.MESSAGE_CHARS + 50


def test_what_a_checker_leaves_is_in_no_later_case(sandboxes: SeparateSandboxes, tmp_path: Path) -> None:
    checker = """
import os, sys
there = sorted(os.listdir("/tmp")) + os.listdir(sys.argv[3])
open(sys.argv[3] + "judgemessage.txt", "w").write(" ".join(there))
open("/tmp/left", "w").write("x")
if os.fork() == 0:
    import time
    time.sleep(60)
os._exit(42)
"""
    for _ in range(2):
        report = grade(sandboxes, tmp_path, checker, cases=CASES * 3)
        assert {one.remarks and one.remarks.judge for one in report.case_results} == {"case.ans case.in feedback"}


# -- files of cases, for whoever runs -----------------------------------------------------------------------------


def run_one(sandboxes: SeparateSandboxes, program: str, **changes: object) -> RunResult:
    job = Job(program=program.encode(), file_name="program.py", language="python", limits=FEW, inputs=(CaseInput(()),))
    [result] = sandboxes.run(dataclasses.replace(job, **changes))  # type: ignore[arg-type]
    return result


def test_a_students_program_can_be_given_files_too(sandboxes: SeparateSandboxes) -> None:
    case = CaseInput((), b"", (("data.txt", b"\xff\0 data"), ("empty", b"")))
    program = "import os\nprint(sorted(os.listdir()), open('data.txt', 'rb').read())\nopen('data.txt', 'w').write('x')"
    job_inputs = (case, CaseInput(()), case)
    job = Job(program=program.encode(), file_name="p.py", language="python", limits=FEW, inputs=job_inputs)
    results = list(sandboxes.run(job))
    assert [one.stdout for one in results[::2]] == [b"['data.txt', 'empty'] b'\\xff\\x00 data'\n"] * 2
    assert results[1].exit_code == 1  # it has no such file
    assert results[0].collected == ()


def test_a_program_that_does_not_compile_leaves_no_files(sandboxes: SeparateSandboxes) -> None:
    result = run_one(sandboxes, "def (", collect=("x",))
    assert (result.ending, result.collected) == (Ending.COMPILE_ERROR, ())


def test_jobs_that_want_no_files_back_find_no_directory_for_them(sandboxes: SeparateSandboxes) -> None:
    assert run_one(sandboxes, "import os; print(os.listdir())").stdout == b"[]\n"
    assert run_one(sandboxes, "import os; print(os.listdir())", collect=("x",)).stdout == b"['feedback']\n"


# -- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def test_a_program_finds_nothing_that_its_checker_sees(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before nor after one has judged: the checker's executors are not the program's."""
    use_own_uids(monkeypatch)
    tokens = {name: "canary-" + secrets.token_hex(16) for name in ("answer", "answer 2", "source", "argument", "said")}
    program = f"""
import sys
# {tokens["source"]}
open("/tmp/kept", "w").write(open(sys.argv[2]).read() * 100)
open(sys.argv[3] + "teammessage.txt", "w").write({tokens["said"]!r})
sys.exit(42)
"""
    checker = Checker(program=program, language="python", arguments=(tokens["argument"],))
    cases = tuple(
        TestCase(CaseKind.GRADE, number, str(number), tokens[name]) for number, name in ((1, "answer"), (2, "answer 2"))
    )
    scanner = (PROGRAMS / "canary_scanner.py").read_bytes()
    sandboxes = make_sandboxes(kind, executors=1)
    try:
        for _ in range(2):
            report = grade(sandboxes, tmp_path, checker, scanner, cases)
            for result in report.case_results:
                assert result.verdict is Verdict.ACCEPTED, result
                assert result.run.stdout.endswith(b"scanned\n")
                assert not [name for name, token in tokens.items() if token.encode() in result.run.stdout]
    finally:
        sandboxes.close()


@pytest.mark.docker
def test_containers_say_whose_programs_run_in_them(tmp_path: Path) -> None:
    import docker

    sandboxes = make_sandboxes("docker", executors=1)
    try:
        grade(sandboxes, tmp_path, SUMS)
        found = {role: docker.from_env().api.containers(filters={"label": f"submitter.role={role}"}) for role in Role}
        assert all(found.values()), found
    finally:
        sandboxes.close()
