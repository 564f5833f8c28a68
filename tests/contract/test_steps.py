"""Programs that are proved: by a tool that an operator's file names, with the walls of every case, and by real ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from submitter.errors import NotBegun
from submitter.executors.sandbox import ExecutorSandbox
from submitter.grading import Grader
from submitter.languages import languages
from submitter.model import (
    Assignment,
    AssignmentRef,
    CaseKind,
    Comparison,
    Ending,
    InputMode,
    Limits,
    Step,
    TestCase,
    Verdict,
)
from submitter.outcomes import CaseResult
from submitter.results import explain
from submitter.runs import CaseInput, Job
from submitter.toolchains import find_tool_chains
from tests import tool_chains
from tests.archives import zipped
from tests.tool_chains import kinds, languages_beside_ours, sandbox_with_tool_chains

# For which languages executor_image/ensure-image.sh puts the tools into the image; one with CBMC is built on trixie.
IN_IMAGE = frozenset(["python"])
LIMITS = Limits(cpu_time_s=0.4, wall_time_s=3.0)
PROOF = TestCase(CaseKind.TEST, 1, "", "", step=Step.PROVE)
GRADED_PROOF = TestCase(CaseKind.GRADE, 1, "", "", 2.0, step=Step.PROVE)
SQUARE = TestCase(CaseKind.TEST, 2, "5", "25")
# What proves programs is the program itself, so that a test says what a tool does.
OWN_LANGUAGES = {
    "own": """
        extension = ".own"
        run = ["bash", "{source}"]
        version = ["bash", "--version"]
        [prove]
        command = ["bash", "{source}"]
        version = ["bash", "--version"]
        refused = [1, 2]
        broken = [7]
        [prove.limits]
        cpu_time_s = 0.7
        wall_time_s = 1.5
        memory_mib = 64
        processes = 16
    """,
    "toolless": """
        extension = ".toolless"
        run = ["bash", "{source}"]
        version = ["bash", "--version"]
        [prove]
        command = ["no-such-tool", "{source}"]
        version = ["no-such-tool", "--version"]
    """,
}


@pytest.fixture(scope="module", params=kinds("box"))
def sandbox(request: pytest.FixtureRequest) -> Iterator[ExecutorSandbox]:
    with sandbox_with_tool_chains(*request.param) as sandbox:
        yield sandbox


@pytest.fixture
def own_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with languages_beside_ours(OWN_LANGUAGES, tmp_path, monkeypatch):
        yield


def grade(
    sandbox: ExecutorSandbox, work_dir: Path, language: str, program: str, *cases: TestCase, stdin: bool = False
) -> list[CaseResult]:
    assignment = Assignment(
        ref=AssignmentRef("a", "e", "p"),
        cases=cases,
        language=language,
        limits=LIMITS,
        comparison=Comparison.TRAILING_BLANKS,
        input_mode=InputMode.STDIN if stdin else InputMode.ARGUMENT,
    )
    return list(Grader(sandbox, work_dir).grade(assignment, program.encode(), "program").case_results)


def need(name: str, sandbox: ExecutorSandbox) -> None:
    proof = languages()[name].proof
    assert proof is not None
    tool_chains.need(proof.version[0], sandbox, is_in_image=name in IN_IMAGE)


# -- a tool that an operator's file names -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "verdict", "text"),
    [
        ("echo fine", Verdict.ACCEPTED, "proved"),
        ("echo line 3: bad; echo also >&2; exit 1", Verdict.WRONG_ANSWER, "not proved\nline 3: bad\nalso\n"),
        ("exit 2", Verdict.WRONG_ANSWER, "not proved\n"),
        (
            "echo lost; exit 5",
            Verdict.RUNTIME_ERROR,
            "the tool could not deal with the program: it ended with exit code 5\nlost\n",
        ),
        (
            "kill -SEGV $$",
            Verdict.RUNTIME_ERROR,
            "the tool could not deal with the program: it ended with signal 11\n",
        ),
    ],
)
def test_what_a_tool_says_is_the_verdict(
    sandbox: ExecutorSandbox, tmp_path: Path, own_languages: None, tool: str, verdict: Verdict, text: str
) -> None:
    [result] = grade(sandbox, tmp_path, "own", tool, PROOF)
    assert (result.verdict, explain(result)) == (verdict, text)


@pytest.mark.parametrize(
    ("tool", "verdict"),
    [
        ("while :; do :; done", Verdict.TIME_LIMIT_EXCEEDED),
        ("sleep 60", Verdict.WALL_TIME_LIMIT_EXCEEDED),
        ("dd if=/dev/zero of=/dev/null bs=200M count=9", Verdict.MEMORY_LIMIT_EXCEEDED),
        ("yes", Verdict.OUTPUT_LIMIT_EXCEEDED),
    ],
)
def test_a_program_that_blows_up_its_tool_has_passed_a_limit(
    sandbox: ExecutorSandbox, tmp_path: Path, own_languages: None, tool: str, verdict: Verdict
) -> None:
    """Never our fault, which would be tried again and again; and the cases after it are run."""
    first, second = grade(sandbox, tmp_path, "own", f'[ "$1" = 5 ] && echo 25 && exit; {tool}', PROOF, SQUARE)
    assert (first.verdict, second.verdict) == (verdict, Verdict.ACCEPTED)


def test_a_tool_has_the_walls_and_leaves_nothing(sandbox: ExecutorSandbox, tmp_path: Path, own_languages: None) -> None:
    program = """
        tried() { "${@:2}" 2>/dev/null && echo "SUCCEEDED in $1"; }
        tried 'the network' bash -c 'exec 3<>/dev/tcp/127.0.0.1/80'
        tried 'a namespace' unshare --user true
        tried 'reading the executor' cat /proc/1/environ
        tried 'writing the interpreter' touch /usr/bin/x
        tried 'writing the program' bash -c "echo > $0"
        tried 'writing beside it' touch /usr/src/submitter/x
        tried 'executing what it wrote' bash -c 'cp /bin/true built; ./built'
        tried 'finding what the last one left' test -e /tmp/left -o -e /dev/shm/left
        touch /tmp/left /dev/shm/left
        grep -E 'Seccomp:|NoNewPrivs:|CapEff:|CapBnd:' /proc/self/status
        sleep 30 &
    """
    cases = [TestCase(CaseKind.TEST, number, "", "", step=Step.PROVE) for number in (1, 2)]
    run = TestCase(CaseKind.TEST, 3, "", "")
    results = grade(sandbox, tmp_path, "own", program, *cases, run)
    for result in results:
        assert b"SUCCEEDED" not in result.run.stdout
        lines = dict(line.split() for line in result.run.stdout.decode().splitlines())
        assert lines == {"Seccomp:": "2", "NoNewPrivs:": "1", "CapEff:": "0" * 16, "CapBnd:": "0" * 16}
    assert [result.verdict for result in results] == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER]


@pytest.mark.parametrize(
    ("language", "program", "why"),
    [
        ("toolless", "echo 25", "the executor has no no-such-tool, which this language needs"),
        (
            "own",
            '[ "$1" = 5 ] && echo 25 || exit 7',
            "the tool that proves own programs does not work: bash is missing",
        ),
    ],
)
def test_a_tool_that_is_not_there_is_our_fault_and_named(
    sandbox: ExecutorSandbox, tmp_path: Path, own_languages: None, language: str, program: str, why: str
) -> None:
    with pytest.raises(NotBegun, match=why):
        grade(sandbox, tmp_path, language, program, SQUARE, GRADED_PROOF)


def test_it_is_told_which_tools_are_there(sandbox: ExecutorSandbox, own_languages: None) -> None:
    found = {one.language.name: one for one in find_tool_chains(sandbox)}
    assert str(found["own"].prover).startswith("GNU bash, version ")
    assert (found["toolless"].version is None, found["toolless"].prover) == (False, None)
    assert found["bash"].prover is None


# -- the tools that come with it ----------------------------------------------------------------------------------

SWITCHED_OFF = "What switches the type check off is not allowed here."
TYPED = "import sys\n\n\ndef square(n: int) -> int:\n    return n * n\n\n\nprint(square(int(sys.argv[1])))\n"


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (TYPED, None),
        (TYPED.replace("(n: int) -> int", "(n)"), "Function is missing a type annotation"),
        (TYPED.replace("int(sys.argv[1])", "int(sys.argv[1]) or 'no'"), "Argument 1 to"),
        (
            "# mypy: ignore-errors\n" + TYPED.replace("(n: int) -> int", "(n)"),
            SWITCHED_OFF,
        ),
        (TYPED.replace("import sys", "import sys  #type:ignore"), SWITCHED_OFF),
        (TYPED.replace("(n: int) -> int:", "(n):  # type:\tignore"), SWITCHED_OFF),
        ("# coding: utf-7\n+ACM- mypy: ignore-errors\n" + TYPED.replace("(n: int) -> int", "(n)"), SWITCHED_OFF),
        # Python reads the first of the two, mypy the last.
        ("# coding: utf-8 coding: utf-7\n#+AAo-exit()\n" + TYPED.replace("(n: int) -> int", "(n)"), SWITCHED_OFF),
        (
            "from typing import *\n" + TYPED.replace("def square(n: int) -> int", "@no_type_chec𝗄\ndef square(n)"),
            SWITCHED_OFF,
        ),
    ],
)
def test_python_has_a_strict_type_check(
    sandbox: ExecutorSandbox, tmp_path: Path, program: str, found: str | None
) -> None:
    need("python", sandbox)
    first, square = grade(sandbox, tmp_path, "python", program, PROOF, SQUARE)
    assert square.verdict is Verdict.ACCEPTED
    assert first.verdict is (Verdict.ACCEPTED if found is None else Verdict.WRONG_ANSWER), explain(first)
    assert (found or "proved") in explain(first)


@pytest.mark.parametrize(
    ("helper", "ending"),
    [
        ("def square(n: int) -> int:\n    return n * n\n", Ending.PROVED),
        ("def square(n):\n    return n * n\n", Ending.REFUTED),
        ("def square(n):  # type: ignore\n    return n * n\n", Ending.REFUTED),
    ],
)
def test_of_several_files_all_are_checked(sandbox: ExecutorSandbox, helper: str, ending: Ending) -> None:
    need("python", sandbox)
    main = "import sys\n\nfrom helper import square\n\nprint(square(int(sys.argv[1])))\n"
    job = Job(
        program=zipped({"main.py": main, "helper.py": helper, "mypy.ini": "[mypy]\nignore_errors = True\n"}),
        file_name="main.py",
        language="python",
        limits=Limits(),
        inputs=(CaseInput((), step=Step.PROVE), CaseInput(("5",))),
        is_archive=True,
    )
    proof, square = sandbox.run(job)
    assert proof.ending is ending, proof.stdout
    assert square.stdout == b"25\n"


@pytest.mark.parametrize("name", ["helper.pyi", "helper.pyc"])
def test_what_takes_the_place_of_a_source_is_not_taken(sandbox: ExecutorSandbox, name: str) -> None:
    """A stub is looked at in place of what runs; and what was compiled before runs in place of what was looked at."""
    need("python", sandbox)
    main = "import sys\n\nfrom helper import square\n\nprint(square(int(sys.argv[1])))\n"
    job = Job(
        program=zipped(
            {
                "main.py": main,
                "helper.py": "def square(n): return n * n\n"
                if name.endswith("i")
                else "def square(n: int) -> int: ...",
                name: "def square(n: int) -> int: ...\n",
            }
        ),
        file_name="main.py",
        language="python",
        limits=Limits(),
        inputs=(CaseInput((), step=Step.PROVE),),
        is_archive=True,
    )
    [proof] = sandbox.run(job)
    assert (proof.ending, SWITCHED_OFF in proof.stdout.decode()) == (Ending.REFUTED, True), proof.stdout


def test_a_program_that_does_not_compile_is_not_proved_either(sandbox: ExecutorSandbox, tmp_path: Path) -> None:
    results = grade(sandbox, tmp_path, "python", "print((", SQUARE, GRADED_PROOF)
    assert [result.verdict for result in results] == [Verdict.COMPILE_ERROR] * 2


ONLY_FOR_CBMC = "What only the model checker understands is not allowed here."
C_SQUARE = """
    #include <stdio.h>
    #define JOIN(one, other) one ## other
    int main(void) {
        int n, squares[8];
        if (scanf("%d", &n) != 1) return 1;
        for (int i = 0; i < LAST; i++) squares[i] = i * i;
        printf("%lld\\n", (long long) n * n);
        return 0;
    }
"""


@pytest.mark.parametrize(
    ("last", "verdict", "found"),
    [
        ("8", Verdict.ACCEPTED, "proved"),
        ("9", Verdict.WRONG_ANSWER, "array 'squares' upper bound"),
        ("9 /* __CPROVER */", Verdict.WRONG_ANSWER, "array 'squares' upper bound"),
        ("8 + ({ int __CPRO\\\nVER_zero = 0; 0; })", Verdict.WRONG_ANSWER, ONLY_FOR_CBMC),
        ("8 + ({ int JOIN(__CP, ROVER_zero) = 0; 0; })", Verdict.WRONG_ANSWER, ONLY_FOR_CBMC),
        ('8 + ({ _Pragma("CPROVER check disable \\"bounds\\"") 0; })', Verdict.WRONG_ANSWER, ONLY_FOR_CBMC),
    ],
)
def test_c_has_a_bounded_model_checker(
    sandbox: ExecutorSandbox, tmp_path: Path, last: str, verdict: Verdict, found: str
) -> None:
    need("c", sandbox)
    first, square = grade(sandbox, tmp_path, "c", C_SQUARE.replace("LAST", last), PROOF, SQUARE, stdin=True)
    assert square.verdict is Verdict.ACCEPTED
    assert first.verdict is verdict
    assert found in explain(first)
