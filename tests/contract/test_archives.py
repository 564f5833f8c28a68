"""Programs of several files: what they find, in every level of isolation, and archives that nobody should unpack."""

import contextlib
import dataclasses
import gzip
import py_compile
import random
import shutil
import stat
import sys
import tarfile
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from submitter import languages as module
from submitter.containment import find_leaks
from submitter.errors import NotBegun
from submitter.executors.sandbox import ExecutorSandbox
from submitter.languages import languages
from submitter.model import MIB, Ending, Limits
from submitter.resources import resource
from submitter.runs import CaseInput, Exchange, Job, RunResult
from tests.archives import (
    encrypted,
    endless_header,
    entry,
    overlapping,
    tarred,
    with_a_lie_about_its_size,
    zip_link,
    zipped,
)
from tests.conftest import LEVELS, make_sandbox

LIMITS = Limits(file_bytes=2 * MIB, source_bytes=64 * MIB)
RAN = "print('ran')\n"
RAN_ARCHIVE = zipped({"main.py": RAN})


def run(
    sandbox: ExecutorSandbox,
    program: bytes,
    *arguments: str,
    files: bytes | None = None,
    is_archive: bool = True,
    file_name: str = "main.py",
    language: str = "python",
    limits: Limits = LIMITS,
) -> list[RunResult]:
    """One case for each argument; a single one without arguments if there is none."""
    inputs = tuple(CaseInput((argument,)) for argument in arguments) or (CaseInput(()),)
    job = Job(
        program=program,
        file_name=file_name,
        language=language,
        limits=limits,
        inputs=inputs,
        is_archive=is_archive,
        files=files,
    )
    return list(sandbox.run(job))


# -- what a program finds -----------------------------------------------------------------------------------------

MAIN = """\
import os, sys
import helper, below.deep
from pathlib import Path
print(sys.argv[1], helper.NAME, below.deep.NAME, __file__, sys.path[0], os.getcwd())
print(open("data.txt").read(), Path(__file__).with_name("data.txt").read_text(), sorted(os.listdir(".")))
with open("data.txt", "r+") as file:
    file.write("other")
for name in ("helper.py", "below/deep.py"):
    os.unlink(name)
open("new.txt", "w").write("x")
try:
    open(__file__, "a")
except OSError as error:
    print(error.strerror)
"""
SEVERAL = {
    "main.py": MAIN,
    "helper.py": "NAME = 'helper'",
    "below/deep.py": "NAME = 'deep'",
    "data.txt": "mine",
}
SAID = (
    "{} helper deep /usr/src/submitter/main.py /usr/src/submitter /tmp\n"
    "{} {} ['below', 'data.txt', 'helper.py', 'main.py']\nRead-only file system\n"
)


@pytest.mark.parametrize("level", LEVELS)
def test_each_case_finds_the_same_files_at_every_level(sandbox_name: str, level: str) -> None:
    """The second box's cases too, and after a case that wrote into one file, removed others and made a new one."""
    with contextlib.closing(make_sandbox(sandbox_name, level, executors=1)) as sandbox:
        results = run(sandbox, zipped(SEVERAL), "1", "2", "3", "4", "5")
        assert [result.stdout.decode() for result in results] == [SAID.format(n, "mine", "mine") for n in range(1, 6)]
        assert [result.stderr for result in results] == [b""] * 5


def test_a_change_that_leaves_no_trace_in_the_file_system_is_undone(sandbox: ExecutorSandbox) -> None:
    """As many bytes, in the same file, a moment after it was laid there."""
    program = "with open('data.txt', 'r+') as file:\n    print(file.read())\n    file.seek(0)\n    file.write('other')"
    results = run(sandbox, zipped({"main.py": program, "data.txt": "first"}), "1", "2", "3", "4", "5", "6")
    assert [result.stdout for result in results] == [b"first\n"] * 6


def test_a_program_is_what_python_runs_at_every_level(sandbox: ExecutorSandbox) -> None:
    """Its working directory is its home, too; but what lies there is no part of the interpreter."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [f".local/lib/{name}/site-packages" for name in (version, "python3.11", "python3.13")]
    files = {"main.py": "import os, sys\nprint(os.listdir())\ntry:\n    import ours\nexcept ImportError: print('no')"}
    for place in places:
        files |= {f"{place}/a.pth": "import sys; print('pth')", f"{place}/usercustomize.py": "print('user')"}
        files |= {f"{place}/ours.py": "print('ours')"}
    for around in ("", "project/"):
        [result] = run(sandbox, zipped({f"{around}{name}": content for name, content in files.items()}))
        assert result.stdout == b"['main.py']\nno\n"


@pytest.mark.parametrize("made", [tarred(SEVERAL), gzip.compress(tarred(SEVERAL)), zipped(SEVERAL, zipfile.ZIP_STORED)])
def test_all_kinds_of_archives_are_the_same_to_a_program(sandbox: ExecutorSandbox, made: bytes) -> None:
    [result] = run(sandbox, made, "1")
    assert result.stdout.decode() == SAID.format(1, "mine", "mine")


def test_files_of_the_assignment_take_the_place_of_the_program_s(sandbox: ExecutorSandbox) -> None:
    ours = zipped({"data.txt": "ours"})
    [result] = run(sandbox, zipped(SEVERAL), "1", files=ours)
    assert result.stdout.decode() == SAID.format(1, "ours", "ours")
    with_directory = zipped({"main.py": "print(open('data.txt').read())", "data.txt/x": "mine"})
    assert run(sandbox, with_directory, files=ours)[0].stdout == b"ours\n"
    with_file = zipped({"main.py": "print(open('data/x').read())", "data": "mine"})
    assert run(sandbox, with_file, files=zipped({"data/x": "ours"}))[0].stdout == b"ours\n"


def test_nothing_is_imported_in_place_of_a_module_of_the_assignment_s(sandbox: ExecutorSandbox, tmp_path: Path) -> None:
    source = tmp_path / "helper.py"
    source.write_text("NAME = 'theirs'")
    files: dict[str, str | bytes] = {"main.py": "import helper\nprint(helper.NAME)"}
    files["helper/__init__.py"] = source.read_text()
    tag = "cpython-{}{}".format(*sys.version_info)
    for name in (tag, "cpython-311", "cpython-313"):
        compiled = tmp_path / name
        py_compile.compile(str(source), str(compiled), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        files[f"__pycache__/helper.{name}.pyc"] = compiled.read_bytes()
    ours = zipped({"helper.py": "NAME = 'ours'"})
    assert run(sandbox, zipped(files), files=ours)[0].stdout == b"ours\n"
    del files["helper/__init__.py"]
    assert run(sandbox, zipped(files), files=ours)[0].stdout == b"ours\n"
    kept = zipped({"helper.py": "NAME = 'ours'", "helper/__init__.py": "NAME = 'ours too'"})
    assert run(sandbox, zipped(files), files=kept)[0].stdout == b"ours too\n"


def test_a_program_of_one_file_finds_the_assignment_s_files(sandbox: ExecutorSandbox) -> None:
    program = b"import helper\nprint(helper.NAME, open('data.txt').read(), __file__)"
    files = zipped({"helper.py": "NAME = 'ours'", "data.txt": "data"})
    [result] = run(sandbox, program, files=files, is_archive=False, file_name="handed_in.py")
    assert result.stdout == b"ours data /usr/src/submitter/handed_in.py\n", result.stderr


def test_the_assignment_may_bring_the_program_that_runs(sandbox: ExecutorSandbox) -> None:
    files = zipped({"main.py": "import solution\nprint(solution.double(21))"})
    [result] = run(sandbox, zipped({"solution.py": "def double(n): return 2 * n", "main.py": RAN}), files=files)
    assert result.stdout == b"42\n"
    [refused] = run(sandbox, RAN.encode(), files=files, is_archive=False)
    assert refused.ending is Ending.COMPILE_ERROR
    assert b"The assignment has a main.py of its own" in refused.stderr


def test_a_directory_around_everything_is_left_out(sandbox: ExecutorSandbox) -> None:
    """Who zips a folder gets one; and so does macOS, with more beside it."""
    files = {f"project/{name}": content for name, content in SEVERAL.items()}
    files |= {"__MACOSX/project/._main.py": "x", "project/.DS_Store": "x"}
    [result] = run(sandbox, zipped(files), "1")
    assert result.stdout.decode() == SAID.format(1, "mine", "mine")
    same_names = {"a/a": "x", "a/0": "y", "a/main.py": "import os\nprint(sorted(os.listdir()))"}
    assert run(sandbox, zipped(same_names))[0].stdout == b"['0', 'a', 'main.py']\n"


def test_files_are_no_part_of_what_a_case_may_use(sandbox: ExecutorSandbox) -> None:
    """Neither of its memory nor of its files: it has as much as if there were none."""
    limits = dataclasses.replace(LIMITS, memory_bytes=48 * MIB, file_bytes=40 * MIB, wall_time_s=20.0, cpu_time_s=8.0)
    program = (
        "import os, time\nheld = bytearray(20 << 20)\n"
        "open('x', 'wb').write(bytes(8 << 20))\ntime.sleep(0.1)\nprint('kept', os.path.getsize('big'))"
    )
    [result] = run(sandbox, zipped({"main.py": program, "big": bytes(36 * MIB)}), limits=limits)
    assert (result.ending, result.stdout) == (Ending.EXITED, b"kept %d\n" % (36 * MIB)), result
    greedy = "import time\nheld = bytearray(60 << 20)\ntime.sleep(5)"
    [result] = run(sandbox, zipped({"main.py": greedy, "big": bytes(36 * MIB)}), limits=limits)
    assert result.ending is Ending.MEMORY_LIMIT


def test_what_does_not_compile_is_a_compile_error_as_ever(sandbox: ExecutorSandbox) -> None:
    """Though a file is called as a module that the interpreter might want, to say so."""
    shadows = dict.fromkeys(("traceback.py", "warnings.py", "linecache.py"), "print('ran')")
    [result] = run(sandbox, zipped({"main.py": "if:\n", **shadows}))
    assert result.ending is Ending.COMPILE_ERROR
    assert b"SyntaxError: invalid syntax" in result.stderr
    assert b"ran" not in result.stderr + result.stdout


# -- other languages ----------------------------------------------------------------------------------------------

C_FILES = {
    "main.c": '#include "twice.h"\n#include <stdio.h>\n#include <stdlib.h>\n'
    'int main(int c, char **v) { FILE *f = fopen("data.txt", "r"); printf("%d %c\\n", twice(atoi(v[1])), getc(f)); }\n',
    "lib/twice.c": "int twice(int n) { return 2 * n; }\n",
    "twice.h": "int twice(int n);\n",
    "data.txt": "x",
}


def test_all_c_files_are_built_into_one_program() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not here")
    with contextlib.closing(make_sandbox("bubblewrap", executors=1)) as sandbox:
        results = run(sandbox, zipped(C_FILES), "3", "4", "5", "6", file_name="main.c", language="c")
        assert [result.stdout for result in results] == [b"6 x\n", b"8 x\n", b"10 x\n", b"12 x\n"], results[0].stderr
        without = {name: content for name, content in C_FILES.items() if name != "lib/twice.c"}
        [result] = run(sandbox, zipped(without), "3", file_name="main.c", language="c")
        assert (result.ending, b"twice" in result.stderr) == (Ending.COMPILE_ERROR, True)


@pytest.fixture
def own_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An operator's, of data alone: its programs are what a shell joins of all their files."""
    folder = tmp_path / "executor_image" / "languages"
    shutil.copytree(resource("executor_image") / "languages", folder)
    (folder / "joined.toml").write_text(
        'extension = ".part"\nother_extensions = [".piece"]\nversion = ["bash", "--version"]\n'
        'build = ["bash", "-c", "cat \\"$@\\" > joined; echo changed > data.txt", "-", "{sources}"]\n'
        'run = ["bash", "/usr/src/submitter/joined"]\n'
    )
    monkeypatch.setattr(module, "resource", lambda name: tmp_path / name)
    languages.cache_clear()
    yield
    languages.cache_clear()


def test_a_language_of_an_operator_s_is_given_all_files_of_its_endings(
    sandbox: ExecutorSandbox, own_language: None
) -> None:
    """And what a build does to the data is not what a case finds in its working directory."""
    files = {"main.part": "echo main\n", "a/one.piece": "echo one\n", "two.txt": "echo two\n", "data.txt": "kept\n"}
    files["b.part"] = "cat data.txt\n"
    [result] = run(sandbox, zipped(files), file_name="main.part", language="joined")
    assert result.stdout == b"one\nkept\nmain\n", result.stderr
    [alone] = run(sandbox, b"echo alone", file_name="x.part", language="joined", is_archive=False)
    assert alone.stdout == b"alone\n"


# -- hostile archives ---------------------------------------------------------------------------------------------

OUTSIDE = "does not say plainly where it goes"
UNSEEN = "a character that cannot be seen"
REFUSED = {
    "no-archive": (b"PKmain", "It is damaged"),
    "nothing-in-it": (zipped({}), "has no main.py"),
    "no-main": (
        zipped({"other.py": RAN}),
        "not unpacked. It has no main.py, which is the program to run. It has: other.py.",
    ),
    "main-is-a-directory": (zipped({"main.py/x": RAN}), "has no main.py"),
    "cut-short": (RAN_ARCHIVE[:-30], "It is damaged"),
    "wrong-sum": (RAN_ARCHIVE.replace(b"PK\x01\x02", b"PK\x01\x02", 1)[:40] + b"?" + RAN_ARCHIVE[41:], "It is damaged"),
    "tar-cut-short": (gzip.compress(tarred({"main.py": RAN * 900}))[:-60], "It is damaged"),
    "encrypted": (encrypted(), "It is encrypted"),
    "lzma": (zipped({"main.py": RAN}, zipfile.ZIP_LZMA), "compressed in an unusual way"),
    "absolute": (zipped({"main.py": RAN, "/tmp/x": RAN}), OUTSIDE),
    "above": (zipped({"main.py": RAN, "../x": RAN}), OUTSIDE),
    "above-in-a-tar": (tarred({"main.py": RAN, "a/../../x": RAN}), OUTSIDE),
    "absolute-in-a-tar": (tarred({"main.py": RAN, "/usr/src/submitter/x": RAN}), OUTSIDE),
    "empty-part": (zipped({"main.py": RAN, "a//x": RAN}), OUTSIDE),
    "backslash": (zipped({"main.py": RAN, "..\\x": RAN}), "has a backslash"),
    "newline": (zipped({"main.py": RAN, "a\nb": RAN}), UNSEEN),
    "escape": (zipped({"main.py": RAN, "\x1b[2Jx": RAN}), UNSEEN),
    "right-to-left": (zipped({"main.py": RAN, "a\u202eyp.x": RAN}), UNSEEN),
    "no-utf-8": (tarred({"main.py": RAN, "a\udcff": RAN}), UNSEEN),
    "nul": (zipped({"main.py": RAN, "axb": RAN}).replace(b"axb", b"a\0b"), UNSEEN),
    "long": (zipped({"main.py": RAN, "x" * 201: RAN}), "has more than 200 bytes"),
    "deep": (zipped({"main.py": RAN, "a/" * 8 + "x": RAN}), "or 8 levels"),
    "very-deep": (tarred({"main.py": RAN, "a/" * 5000 + "x": RAN}), "or 8 levels"),
    "twice": (tarred({"main.py": RAN, "./main.py": RAN}), "'main.py' is in it twice"),
    "file-and-directory": (zipped({"main.py": RAN, "x": RAN, "x/y": RAN}), "both a file and a directory"),
    "directory-and-file": (zipped({"main.py": RAN, "x/y": RAN, "x": RAN}), "is in it twice"),
    "link": (zip_link("x", "/etc/passwd"), "neither a file nor a directory"),
    "fifo-in-a-zip": (zip_link("x", "", stat.S_IFIFO), "neither a file nor a directory"),
    "tar-link": (tarred({"main.py": RAN}, entry("x", tarfile.SYMTYPE, "/etc")), "neither a file nor a directory"),
    "hard-link": (tarred({"main.py": RAN}, entry("x", tarfile.LNKTYPE, "main.py")), "neither a file nor a directory"),
    "device": (tarred({"main.py": RAN}, entry("x", tarfile.CHRTYPE)), "neither a file nor a directory"),
    "fifo": (tarred({"main.py": RAN}, entry("x", tarfile.FIFOTYPE)), "neither a file nor a directory"),
    "many": (zipped({"main.py": RAN} | {f"{n}": "" for n in range(1000)}), "more than 1000 files and directories"),
    "many-directories": (
        zipped({"main.py": RAN} | {f"{n}/a/b/c/d/e/f/g": "" for n in range(200)}),
        "more than 1000 files and directories",
    ),
    "bomb": (zipped({"main.py": RAN, "x": bytes(64 * MIB)}), "It has more than 2048 KiB when it is unpacked"),
    "bomb-of-small-files": (zipped({"main.py": RAN} | {f"{n}": "x" for n in range(600)}), "more than 2048 KiB"),
    "bomb-in-a-tar": (gzip.compress(tarred({"main.py": RAN, "x": bytes(64 * MIB)})), "more than 2048 KiB"),
    "lie": (with_a_lie_about_its_size(8 * MIB), "It is damaged"),
    "overlapping": (overlapping(900, 200_000), "more than 2048 KiB|It is damaged"),
    "endless-header": (endless_header(), "more than 2048 KiB"),
}


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def one_executor(request: pytest.FixtureRequest) -> Iterator[ExecutorSandbox]:
    """Which has to be as well after every one of these as it was before."""
    with contextlib.closing(make_sandbox(request.param, executors=1)) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", REFUSED)
def test_archives_that_nobody_should_unpack_are_refused_with_the_reason(
    one_executor: ExecutorSandbox, name: str
) -> None:
    made, words = REFUSED[name]
    results = run(one_executor, made, "1", "2")
    assert [result.ending for result in results] == [Ending.COMPILE_ERROR] * 2, results
    said = results[0].stderr.decode()
    assert any(word in said for word in words.split("|")), said
    assert results[0].stdout == b""
    assert all(character.isprintable() for character in said.rstrip("\n"))  # nothing of theirs acts on a terminal
    assert len(said) < 500
    assert run(one_executor, RAN_ARCHIVE)[0].stdout == b"ran\n"


@pytest.mark.long
def test_a_hundred_thousand_entries_are_refused(sandbox: ExecutorSandbox) -> None:
    made = zipped({"main.py": RAN} | {f"{number}": "" for number in range(100_000)})
    [result] = run(sandbox, made)
    assert result.ending is Ending.COMPILE_ERROR
    assert b"1000 files" in result.stderr or b"seconds" in result.stderr or b"s of processor time" in result.stderr
    [result] = run(sandbox, gzip.compress(tarred({f"{number}": "" for number in range(100_000)})))
    assert result.ending is Ending.COMPILE_ERROR
    assert b"1000 files" in result.stderr


def test_archives_of_any_bytes_are_the_student_s(one_executor: ExecutorSandbox) -> None:
    """Whatever a library makes of them: never a fault of ours, and the next program runs."""
    chance = random.Random(5)
    whole = (zipped(SEVERAL), tarred(SEVERAL), gzip.compress(tarred(SEVERAL)))
    for number in range(24):
        made = bytearray(whole[number % 3])
        for _ in range(chance.randint(1, 8)):
            made[chance.randrange(4, len(made))] = chance.randrange(256)
        [result] = run(one_executor, bytes(made), "1")
        assert result.ending in {Ending.EXITED, Ending.COMPILE_ERROR}, made
        assert result.stderr or result.stdout.startswith(b"1 helper")
    assert run(one_executor, RAN_ARCHIVE)[0].stdout == b"ran\n"


# -- names that mean something ------------------------------------------------------------------------------------

# What the executor imports, or an interpreter at its start, or the case that unpacks.
SHADOWS = [
    "resource",
    "random",
    "sitecustomize",
    "usercustomize",
    "ast",
    "os",
    "io",
    "json",
    "struct",
    "zlib",
    "zipfile",
    "tarfile",
    "gzip",
    "shutil",
    "unicodedata",
    "argparse",
    "_json",
    "binascii",
    "_socket",
    "select",
    "time",
    "gc",
    "signal",
    "re",
    "shlex",
    "encodings",
    "codecs",
    "site",
    "types",
    "abc",
    "stat",
]
EVIL = "import sys\nsys.stderr.write('evil %s in ' % __name__ + repr(sys.argv))\n"


def test_files_called_as_modules_are_for_their_own_program_alone(sandbox_name: str) -> None:
    """Process 1 of a box once imported `resource` from where the program lies, with all its rights."""
    evil = {f"{name}.py": EVIL for name in SHADOWS} | {"encodings/utf_8.py": EVIL, "encodings/__init__.py": EVIL}
    del evil["encodings.py"]
    innocent = zipped({"main.py": "import resource, random, ast, sys\nprint(resource.getpagesize(), ast.__file__)"})
    asked = (
        "import sys\nprint([name for name in ('resource', 'random') if name in sys.modules])\nimport random, resource"
    )
    for level in ("box", "strict"):
        with contextlib.closing(make_sandbox(sandbox_name, level, executors=1)) as sandbox:
            results = run(sandbox, zipped(evil | {"main.py": asked}), "1", "2", "3", "4")
            for result in results:
                assert (result.ending, result.exit_code) == (Ending.EXITED, 0)
                assert result.stdout == b"[]\n"
                said = result.stderr.decode()
                assert [word for word in said.replace("evil", " evil").split() if word in SHADOWS] == [
                    "random",
                    "resource",
                ], said
            # The assignment's archive is unpacked when the student's files are there already.
            ours = gzip.compress(tarred({"data.txt": "x"}))
            [result] = run(sandbox, zipped(evil | {"main.py": "print(open('data.txt').read())"}), files=ours)
            assert (result.stdout, result.stderr) == (b"x\n", b"")
            [after] = run(sandbox, innocent)
            assert (after.exit_code, after.stderr) == (0, b"")


class Archived:
    """A sandbox to which every program comes in an archive, with another file beside it."""

    def __init__(self, sandbox: ExecutorSandbox) -> None:
        self.sandbox, self.name, self.environment = sandbox, sandbox.name, sandbox.environment

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        archive = zipped({job.file_name: job.program, "beside.txt": "x"})
        yield from self.sandbox.run(dataclasses.replace(job, program=archive, is_archive=True))

    def converse(self, job: Job, judge: Job) -> Generator[Exchange, None, None]:
        return self.sandbox.converse(job, judge)

    def close(self) -> None:
        self.sandbox.close()


def test_the_walls_about_a_program_of_several_files_are_those_of_any(sandbox: ExecutorSandbox) -> None:
    """The daemon's own hostile program looks for holes; its own files in /tmp it takes for another case's."""
    assert set(find_leaks(Archived(sandbox))) == {"look: files of an earlier case"}


def test_an_assignment_whose_own_files_cannot_be_unpacked_is_our_fault(sandbox: ExecutorSandbox) -> None:
    """Never the student's: nothing is said of the program."""
    for broken in (RAN_ARCHIVE[:-30], zipped({"../x": ""}), b"no archive"):
        with pytest.raises(NotBegun, match=r"the assignment's own files cannot be unpacked: (It is|A name in it)"):
            run(sandbox, RAN_ARCHIVE, files=broken)
