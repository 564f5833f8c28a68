"""Programs in other languages than Python: built once, run in each case, with the walls of every case about both."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.compiled import CompiledLevel
from submitter.executors.sandbox import ExecutorSandbox
from submitter.languages import languages
from submitter.model import Ending, Limits
from submitter.runs import CaseInput, Job, RunResult
from submitter.toolchains import find_tool_chains
from tests import tool_chains
from tests.tool_chains import kinds, languages_beside_ours, sandbox_with_tool_chains

LIMITS = Limits(cpu_time_s=2.0, wall_time_s=6.0, memory_bytes=128 << 20)
TWO, FIVE = ("3", "-4"), ("3", "-4", "5", "10", "0")  # in one box, and in two by turns

SQUARES = {
    "c": "#include <stdio.h>\n#include <stdlib.h>\n"
    'int main(int c, char **v) { int n = atoi(v[1]); printf("%d\\n", n * n); return 0; }\n',
    "bash": "echo $(($1 * $1))\n",
    "javascript": "console.log(process.argv[2] ** 2)\n",
    "cpp": "#include <iostream>\n#include <string>\n"
    'int main(int, char **v) { int n = std::stoi(v[1]); std::cout << n * n << "\\n"; }\n',
    "go": 'package main\nimport ("fmt"; "os"; "strconv")\n'
    "func main() { n, _ := strconv.Atoi(os.Args[1]); fmt.Println(n * n) }\n",
    "rust": 'fn main() { let n: i64 = std::env::args().nth(1).unwrap().parse().unwrap();\nprintln!("{}", n * n); }\n',
    "java": "class Main { static class Inner {} public static void main(String[] words) {\n"
    "int n = Integer.parseInt(words[0]); System.out.println(n * n); } }\n",
    "php": '<?php $n = intval($argv[1]); echo $n * $n, "\\n";\n',
    "ada": "with Ada.Text_IO; with Ada.Command_Line; procedure Main is\n"
    "N : Integer := Integer'Value (Ada.Command_Line.Argument (1)); S : String := Integer'Image (N * N);\n"
    "begin Ada.Text_IO.Put_Line (S (2 .. S'Last)); end Main;\n",
    "pascal": "uses sysutils; var n: longint; begin n := StrToInt(ParamStr(1)); writeln(n * n); end.\n",
}

BUILT = "/usr/src/submitter"
# What executor_image/ensure-image.sh puts into the image with tool chains.
IN_IMAGE = frozenset(["bash", "c", "javascript"])
# Languages of the tests' own: their programs are shell scripts that are run as the build, so that a test says what a
# build does; what it leaves is run.
OWN_LANGUAGES = {
    "anything": f"""
        extension = ".anything"
        build = ["bash", "{{source}}"]
        run = ["bash", "{BUILT}/left.sh"]
        address_space = false
    """,
    "native": f"""
        extension = ".native"
        build = ["bash", "{{source}}"]
        run = ["{BUILT}/program"]
    """,
    "absent": """
        extension = ".absent"
        run = ["no-such-tool-chain", "{source}"]
        version = ["no-such-tool-chain", "--version"]
    """,
}
OWN_VERSION = '\nversion = ["bash", "--version"]'
OWN_LIMITS = """
[build_limits]
cpu_time_s = 0.5
wall_time_s = 1.5
memory_mib = 96
file_mib = 4
processes = 16
"""


@pytest.fixture(scope="module", params=kinds("box", "strict"))
def sandbox(request: pytest.FixtureRequest) -> Iterator[ExecutorSandbox]:
    with sandbox_with_tool_chains(*request.param) as sandbox:
        yield sandbox


@pytest.fixture
def own_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    texts = {
        name: f"{text}{'' if 'version' in text else OWN_VERSION}{OWN_LIMITS}" for name, text in OWN_LANGUAGES.items()
    }
    with languages_beside_ours(texts, tmp_path, monkeypatch):
        yield


Run = Callable[..., list[RunResult]]


@pytest.fixture
def run(sandbox: ExecutorSandbox) -> Run:
    def run(name: str, program: str, arguments: tuple[str, ...] = TWO, limits: Limits = LIMITS) -> list[RunResult]:
        language = languages()[name]
        return list(
            sandbox.run(
                Job(
                    program=program.encode(),
                    file_name=language.file_name or f"program{language.extension}",
                    language=name,
                    limits=language.limits(limits),
                    inputs=tuple(CaseInput((argument,)) for argument in arguments),
                )
            )
        )

    return run


def need(name: str, sandbox: ExecutorSandbox) -> None:
    tool_chains.need(languages()[name].version[0], sandbox, is_in_image=name in IN_IMAGE)


# -- what a program gets and gives --------------------------------------------------------------------------------


def test_neither_a_build_nor_a_program_has_another_descriptor_than_the_three(
    run: Run, sandbox: ExecutorSandbox, own_languages: None
) -> None:
    """What a case waits with before it becomes either is a socket to the executor itself, among others."""
    look = "for fd in $(seq 0 254); do [ -e /proc/$$/fd/$fd ] && echo $fd; done"
    program = f"({look}) > left\n(echo cat {BUILT}/left; cat <<'END'\n{look}\nEND\n) > left.sh\n"
    for result in run("anything", program, FIVE):
        assert result.stdout.split() == b"0 1 2 0 1 2".split(), result


@pytest.mark.parametrize(
    "name",
    [name if name in ("c", "bash", "javascript") else pytest.param(name, marks=pytest.mark.long) for name in SQUARES],
)
def test_a_program_is_built_once_and_run_in_every_case(run: Run, sandbox: ExecutorSandbox, name: str) -> None:
    need(name, sandbox)
    results = run(name, SQUARES[name], FIVE)
    assert [(result.ending, result.stdout) for result in results] == [
        (Ending.EXITED, b"%d\n" % int(argument) ** 2) for argument in FIVE
    ], results[0].stderr.decode()


def test_the_build_runs_once_and_its_files_are_in_every_case(run: Run, own_languages: None) -> None:
    results = run("anything", 'echo "echo $RANDOM$RANDOM$RANDOM \\$1" > left.sh; mkdir -p a/b; echo x > a/b/c', FIVE)
    numbers, words = zip(*(result.stdout.decode().split() for result in results), strict=True)
    assert len(set(numbers)) == 1
    assert words == FIVE


def test_a_program_that_does_not_compile_is_told_the_compiler_s_words(run: Run, sandbox: ExecutorSandbox) -> None:
    need("bash", sandbox)
    results = run("bash", "echo before; if [")
    assert [result.ending for result in results] == [Ending.COMPILE_ERROR] * 2
    assert all(b"syntax error: unexpected end of file" in result.stderr for result in results)
    assert [result.stdout for result in results] == [b""] * 2
    assert results[1].cpu_time_s == 0.0  # it was compiled once


def test_a_c_program_that_does_not_compile_is_told_why(run: Run, sandbox: ExecutorSandbox) -> None:
    need("c", sandbox)
    [result] = run("c", "int main(void) { return undeclared; }", ("1",))
    assert result.ending is Ending.COMPILE_ERROR
    assert b"'undeclared' undeclared" in result.stderr.replace("‘".encode(), b"'").replace("’".encode(), b"'")


def test_a_tool_chain_that_is_not_there_is_our_fault_and_named(run: Run, own_languages: None) -> None:
    from submitter.errors import NotBegun

    with pytest.raises(NotBegun, match="the executor has no no-such-tool-chain, which this language needs"):
        run("absent", "x")


def test_limits_end_a_case_as_they_do_in_python(run: Run, sandbox: ExecutorSandbox) -> None:
    need("bash", sandbox)
    quick = Limits(cpu_time_s=0.3, wall_time_s=1.0, memory_bytes=32 << 20, output_bytes=1000)
    program = """
        case $1 in
            cpu) while :; do :; done ;;
            wall) sleep 9 ;;
            memory) dd if=/dev/zero of=/dev/null bs=100M count=9 ;;
            output) head -c 5000 /dev/zero ;;
            *) exit 3 ;;
        esac
    """
    results = run("bash", program, ("cpu", "wall", "memory", "output", "exit"), quick)
    assert [result.ending for result in results] == [
        Ending.CPU_LIMIT,
        Ending.WALL_LIMIT,
        # In Docker there is room for the build, which is more than a case may have.
        Ending.MEMORY_LIMIT,
        Ending.OUTPUT_LIMIT,
        Ending.EXITED,
    ]
    assert results[-1].exit_code == 3


def test_memory_that_is_held_for_less_than_a_look_is_seen(sandbox: ExecutorSandbox, run: Run) -> None:
    """A program may end a few milliseconds after its peak, between two looks at it; the kernel has noted the peak."""
    need("c", sandbox)
    program = """
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>
        #include <unistd.h>
        int main(int count, char **words) {
            char *volatile place = malloc(128 << 20);
            memset(place, 1, 56 << 20);
            struct timespec some = {0, atoi(words[1]) * 1000000};
            nanosleep(&some, 0);
            memset(place + (56 << 20), 1, atoi(words[1]) ? 20 << 20 : 0);
            write(1, place + (76 << 20) - 4, 4);
            _exit(0);
        }
    """
    limits = Limits(cpu_time_s=2.0, wall_time_s=6.0, memory_bytes=64 << 20)
    moments = tuple(str(20 + moment) for moment in range(8))
    within, *passed = run("c", program, ("0", *moments), limits)
    assert within.ending is Ending.EXITED
    assert {result.ending for result in passed} == {Ending.MEMORY_LIMIT}


def test_the_ceiling_of_addresses_is_there_unless_the_language_says_otherwise(
    run: Run, sandbox: ExecutorSandbox, own_languages: None
) -> None:
    [without] = run("anything", "echo ulimit -v > left.sh", ("",))
    [with_it] = run("bash", "ulimit -v", ("",))
    stacks = languages()["bash"].limits(LIMITS).processes * (128 << 20)
    assert int(with_it.stdout) == (4 * LIMITS.memory_bytes + (1 << 30) + stacks) >> 10
    assert int(without.stdout) > 1 << 40


# -- hostile builds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        ("while :; do :; done", r"The compiler used more than 0.5 s of processor time."),
        ("sleep 60", r"The compiler took longer than 1.5 s."),
        ("dd if=/dev/zero of=/dev/null bs=200M count=9", r"The compiler used more than 96 MiB of memory."),
        ("yes", r"The compiler printed more than 1048576 bytes."),
        ("for i in 1 2 3 4 5 6; do truncate -s 4000000 $i; done", r"The compiler has left more than 4 MiB."),
        ("kill -SEGV $$", r"The compiler ended by signal 11."),
        ("exit 5", r"The compiler ended with exit code 5."),
        ("echo x > program", r"The compiler has found nothing wrong, and yet left no program that can be run."),
        ("mkdir program", r"The compiler has found nothing wrong, and yet left no program that can be run."),
        ("ln -s /bin/true program", r"The compiler has found nothing wrong, and yet left no program that can be run."),
        (
            "echo x > program; chmod 100 program",
            r"The compiler has found nothing wrong, and yet left no program that can be run.",
        ),
    ],
)
def test_a_build_beyond_its_limits_is_the_program_s_own_fault(
    run: Run, own_languages: None, build: str, reason: str
) -> None:
    """Never ours: a submission that comes to nothing because of us is tried again, which would be for ever."""
    results = run("native", build)
    assert [(result.ending, result.stderr.decode().splitlines()[0]) for result in results] == [
        (Ending.COMPILE_ERROR, reason)
    ] * 2


def test_a_build_may_not_do_what_a_case_may_not(run: Run, own_languages: None) -> None:
    build = """
        tried() { "${@:2}" 2>/dev/null && echo "SUCCEEDED in $1"; }
        {
            tried 'the network' bash -c 'exec 3<>/dev/tcp/127.0.0.1/80'
            tried 'a namespace' unshare --user true
            tried 'reading the executor' cat /proc/1/environ
            tried 'writing the interpreter' touch /usr/bin/x
            tried 'executing what it wrote' bash -c 'cp /bin/true built; ./built'
            tried 'reading accounts' cat /etc/shadow
            grep -E 'Seccomp:|NoNewPrivs:|CapEff:|CapBnd:' /proc/self/status
        } > said
        echo "cat /usr/src/submitter/said" > left.sh
    """
    [result] = run("anything", build, ("1",))
    assert b"SUCCEEDED" not in result.stdout
    lines = dict(line.split() for line in result.stdout.decode().splitlines())
    assert lines == {"Seccomp:": "2", "NoNewPrivs:": "1", "CapEff:": "0" * 16, "CapBnd:": "0" * 16}


def test_nothing_of_a_build_but_its_files_is_left(run: Run, own_languages: None) -> None:
    build = """
        (while :; do echo alive > /tmp/alive; sleep 0.05; done) &
        echo x > /tmp/of-the-build; echo x > /dev/shm/of-the-build
        ln -s / link; ln -s /bin/true file-link; mkfifo pipe; echo x > unreadable; chmod 0 unreadable
        mkdir -p 1/2/3/4/5/6/7/8/9/10/11/12 closed; chmod 0 closed
        cat > left.sh <<'END'
            sleep 0.2
            cd /usr/src/submitter; find . -not -path './1/*' | sort | tr '\\n' ' '
            ls -A /tmp /dev/shm; ls -d /proc/[0-9]* | wc -l
END
    """
    [result] = run("anything", build, ("1",))
    said = result.stdout.decode().split()
    assert said[:4] == [".", "./1", "./left.sh", "./program.anything"]
    assert said[4:6] == ["/dev/shm:", "/tmp:"], said  # empty both
    assert int(said[6]) <= 4


def test_no_case_changes_what_the_next_one_runs(run: Run, own_languages: None) -> None:
    build = r"""
        cat > left.sh <<'END'
            tried() { "${@:2}" 2>/dev/null && echo "SUCCEEDED in $1"; }
            cd /usr/src/submitter
            tried 'writing over it' bash -c 'echo echo SUCCEEDED > left.sh'
            tried 'removing it' rm -f left.sh
            tried 'moving it' mv left.sh /tmp
            tried 'changing its mode' chmod 777 left.sh
            tried 'putting something beside it' touch new
            tried 'mounting' mount -o remount,rw /usr/src/submitter
            tried 'executing of /tmp' bash -c 'cp /bin/true /tmp; /tmp/true'
            tried 'finding what the last left' test -e /tmp/left
            touch /tmp/left
            echo well $1
END
    """
    results = run("anything", build, FIVE)
    assert [result.stdout.decode() for result in results] == [f"well {argument}\n" for argument in FIVE]


def test_a_c_program_cannot_write_over_its_own_binary(run: Run, sandbox: ExecutorSandbox) -> None:
    need("c", sandbox)
    program = r"""
        #include <fcntl.h>
        #include <stdio.h>
        #include <unistd.h>
        int main(int c, char **v) {
            const char *own = "/usr/src/submitter/program";
            if (open(own, O_WRONLY | O_TRUNC) >= 0 || open("/proc/self/exe", O_RDWR) >= 0) puts("SUCCEEDED open");
            if (unlink(own) == 0 || rename(own, "/tmp/program") == 0) puts("SUCCEEDED unlink");
            puts(v[1]);
        }
    """
    assert [result.stdout.decode() for result in run("c", program, FIVE)] == [f"{word}\n" for word in FIVE]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('#include "/dev/zero"\nint main(void) {}', "The compiler used more than 512 MiB of memory."),
        ("char a[1ULL << 34] = {1}; int main(void) { return a[5]; }", "File size limit exceeded"),
    ],
)
def test_a_c_program_that_would_blow_up_the_compiler(
    run: Run, sandbox: ExecutorSandbox, source: str, reason: str
) -> None:
    need("c", sandbox)
    [result] = run("c", source, ("1",))
    assert (result.ending, reason in result.stderr.decode()) == (Ending.COMPILE_ERROR, True), result.stderr


def test_a_program_may_put_large_arrays_on_its_stack(run: Run, sandbox: ExecutorSandbox) -> None:
    """As the juries' systems allow, for which problem packages are made."""
    need("c", sandbox)
    program = """
        #include <stdio.h>
        #include <string.h>
        int main(void) {
            volatile char large[24 << 20];
            for (int i = 0; i < sizeof large; i += 4096) large[i] = 1;
            printf("%d\\n", large[4096]);
        }
    """
    [result] = run("c", program, ("1",))
    assert (result.ending, result.exit_code, result.stdout) == (Ending.EXITED, 0, b"1\n")


def test_threads_have_room_for_their_stacks(run: Run, sandbox: ExecutorSandbox) -> None:
    """Whose size is by default the most that the main thread's may grow to."""
    need("c", sandbox)
    program = """
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        static void *rest(void *_) { free(malloc(1000)); sleep(1); return _; }  // with an arena of its own
        int main(void) {
            pthread_t them[28];
            int made = 0;
            while (made < 28 && !pthread_create(&them[made], 0, rest, 0)) made++;
            for (int i = 0; i < made; i++) pthread_join(them[i], 0);
            printf("%d\\n", made);
        }
    """
    [result] = run("c", program, ("1",))
    assert (result.ending, result.stdout) == (Ending.EXITED, b"28\n")


@pytest.mark.long
def test_a_template_bomb(run: Run, sandbox: ExecutorSandbox) -> None:
    need("cpp", sandbox)
    bomb = """
        template<int D, int N> struct C { static const int v = C<D - 1, N * 2>::v ^ C<D - 1, N * 2 + 1>::v; };
        template<int N> struct C<0, N> { static const int v = N; };
        int main() { return C<28, 1>::v; }
    """
    [result] = run("cpp", bomb, ("1",))
    assert result.ending is Ending.COMPILE_ERROR
    assert result.stderr.startswith(b"The compiler used more than")


# -- what is there ------------------------------------------------------------------------------------------------


def test_it_is_told_which_tool_chains_are_there(sandbox: ExecutorSandbox, own_languages: None) -> None:
    found = {one.language.name: one.version for one in find_tool_chains(sandbox)}
    assert next(iter(found)) == "python"
    assert set(found) == set(languages())
    assert str(found["python"]).startswith("Python 3.")
    assert str(found["bash"]).startswith("GNU bash, version ")
    assert found["absent"] is None


def test_the_benchmark_s_run_phase_begins_when_the_build_has_ended() -> None:
    """A submission's whole time has the build in it, its run phase does not."""
    if shutil.which("gcc", path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip("gcc is not on the host")
    with contextlib.closing(CompiledLevel("bubblewrap", "box")) as level:
        started = time.perf_counter()
        outputs = level.run(b"", [1, 2, 3])
        whole_s = time.perf_counter() - started
    assert outputs == [b"1\n", b"4\n", b"9\n"]
    assert 0 < level.phases.cases_s <= level.phases.run_s < whole_s
