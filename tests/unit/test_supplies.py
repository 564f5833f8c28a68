"""What an assignment brings beside its cases: which uploads are archives, what a job has of it, and the command."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from submitter import app
from submitter.adapters.memory import FakeSandbox
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.cli import main
from submitter.errors import AssignmentRefused, NotBegun, SubmissionRejected
from submitter.executors.wire import encode_request
from submitter.grading import Grader, check_assignment
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, Limits, Step, TestCase
from submitter.runs import CaseInput, Job, RunResult
from submitter.supplies import MAX_ARCHIVE_BYTES, Supplies, archive_ending
from tests.archives import tarred, zipped

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
ARCHIVE = zipped({"main.py": "print(4)"})
FILES = zipped({"data.txt": "x"})


def assignment(**changes: Any) -> Assignment:
    return Assignment(ref=REF, cases=(TestCase(CaseKind.TEST, 1, "2", "4"),), **changes)


def everything_right() -> FakeSandbox:
    return FakeSandbox(lambda *_: RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4\n"))


# -- uploads ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (ARCHIVE, ".zip"),
        (zipped({}), ".zip"),
        (tarred({"main.py": "x"}), ".tar"),
        (b"\x1f\x8b\x08\x00", ".tar.gz"),
        (b"print('PK')\n" * 50, None),
        (b"#" * 257 + b"ustar", None),  # text that happens to have it there
        (b"", None),
        (b"PK", None),
    ],
)
def test_an_archive_is_told_by_its_first_bytes(data: bytes, ending: str | None) -> None:
    assert archive_ending(data) == ending


def test_an_archive_is_refused_unless_the_assignment_takes_them(tmp_path: Path) -> None:
    sandbox = everything_right()
    with pytest.raises(SubmissionRejected, match="this assignment takes one file: the program itself"):
        Grader(sandbox, tmp_path).grade(assignment(), ARCHIVE, "a" * 32)
    taking = assignment(supplies=Supplies(main_file="main.py"))
    Grader(sandbox, tmp_path).grade(taking, ARCHIVE, "a" * 32)
    [job] = sandbox.jobs
    assert (job.is_archive, job.file_name, job.program, job.files) == (True, "main.py", ARCHIVE, None)


def test_an_archive_that_is_too_large_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    taking = assignment(supplies=Supplies(main_file="main.py"), limits=Limits(source_bytes=len(ARCHIVE) - 1))
    with pytest.raises(SubmissionRejected, match="the assignment allows"):
        Grader(everything_right(), tmp_path).grade(taking, ARCHIVE, "a" * 32)


def test_a_program_of_one_file_is_still_taken_and_called_as_the_assignment_says(tmp_path: Path) -> None:
    sandbox = everything_right()
    supplies = Supplies(main_file="main.py", archive=FILES, preload=("numpy",))
    Grader(sandbox, tmp_path).grade(assignment(supplies=supplies), b"print(4)", "a" * 32)
    [job] = sandbox.jobs
    assert (job.is_archive, job.file_name, job.files, job.preload) == (False, "main.py", FILES, ("numpy",))
    with pytest.raises(SubmissionRejected, match="NUL byte"):
        Grader(sandbox, tmp_path).grade(assignment(supplies=supplies), b"print(4)\0", "a" * 32)


def test_a_job_without_files_is_said_as_ever() -> None:
    """So that what most submissions are costs nothing more."""
    plain = Job(program=b"x", file_name="p.py", language="python", limits=Limits(), inputs=(CaseInput(()),))
    assert "unpack" not in json.loads(encode_request(plain, "fork", 1))
    files = Job(program=b"x", file_name="p.c", language="c", limits=Limits(), inputs=(CaseInput(()),), files=FILES)
    request = json.loads(encode_request(files, "fork", 1))
    assert request["unpack"]["is_archive"] is False
    assert request["unpack"]["limits"]["file_bytes"] == Limits().file_bytes
    assert "{sources}.c" in request["commands"]["build"]
    alone = Job(program=b"x", file_name="p.c", language="c", limits=Limits(), inputs=(CaseInput(()),))
    assert "/usr/src/submitter/p.c" in json.loads(encode_request(alone, "fork", 1))["commands"]["build"]


def test_programs_of_several_files_are_not_proved(tmp_path: Path) -> None:
    """A tool would look into the main file alone for what switches it off, and find another file's functions proved."""
    proves = TestCase(CaseKind.TEST, 2, "", "", step=Step.PROVE)
    made = assignment(supplies=Supplies(main_file="main.py"))
    made = replace(made, cases=(*made.cases, proves))
    with pytest.raises(AssignmentRefused, match="prove programs, which are of one file"):
        check_assignment(made)
    sandbox = everything_right()
    with pytest.raises(SubmissionRejected, match="Tell your instructor"):
        Grader(sandbox, tmp_path).grade(made, ARCHIVE, "a" * 32)
    assert sandbox.jobs == []


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "main", "a/main.py", "../main.py", ".py", "-c.py", "ma in.py", "m" * 65 + ".py"])
def test_a_main_file_is_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a program"):
        Supplies(main_file=name)


def test_an_assignment_s_files_are_bounded() -> None:
    Supplies(archive=bytes(MAX_ARCHIVE_BYTES))
    for size in (0, MAX_ARCHIVE_BYTES + 1):
        with pytest.raises(ValueError, match="at most 8 MiB"):
            Supplies(archive=bytes(size))


@pytest.mark.parametrize(
    ("language", "name", "words"),
    [
        ("python", "main.c", r"ends with \.py, which main\.c does not; set another with .*set_main_file"),
        ("java", "Other.java", r"is called Main\.java, not Other\.java; set another with .*set_main_file"),
        ("c", "main.c", None),
    ],
)
def test_a_main_file_fits_the_language(language: str, name: str, words: str | None) -> None:
    made = assignment(language=language, supplies=Supplies(main_file=name))
    if words is None:
        check_assignment(made)
        return
    with pytest.raises(AssignmentRefused, match=words):
        check_assignment(made)


@pytest.mark.parametrize(
    "names", [("",), ("a b",), ("a,b",), ("a.",), (".a",), ("-a",), ("a", "a"), tuple(f"m{n}" for n in range(17))]
)
def test_what_is_preloaded_are_names_of_modules(names: tuple[str, ...]) -> None:
    Supplies(preload=("numpy", "xml.dom.minidom", "_json"))
    with pytest.raises(ValueError, match="module"):
        Supplies(preload=names)


# -- the command --------------------------------------------------------------------------------------------------


def refuses(job: Job, case: CaseInput) -> RunResult:
    raise NotBegun("the assignment's own files cannot be unpacked: It is damaged")


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> MemoryCaseStore:
    store = MemoryCaseStore()
    store.save_assignment(assignment())

    @contextlib.contextmanager
    def open_cases(_: object) -> Iterator[MemoryCaseStore]:
        yield store

    monkeypatch.setattr(app, "open_cases", open_cases)
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", "postgresql://db.invalid/submitter")
    return store


def call(command: str, *arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["assignment", command, str(REF), *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def files(*arguments: object) -> int:
    return call("files", *arguments)


def stored(cases: MemoryCaseStore) -> Supplies:
    found = cases.load_assignment(REF)
    assert found is not None
    return found.supplies


def test_files_are_tried_in_a_sandbox_and_stored(
    cases: MemoryCaseStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = everything_right()
    monkeypatch.setattr(app, "open_sandbox", lambda *_, **__: sandbox)
    path = tmp_path / "files.zip"
    path.write_bytes(FILES)
    assert files(path, "--main-file", "main.py", "--json") == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == len(FILES)
    assert stored(cases) == Supplies(main_file="main.py", archive=FILES)
    assert [job.files for job in sandbox.jobs] == [FILES]
    assert files("none") == 0  # what is not named stays
    assert stored(cases) == Supplies(main_file="main.py")
    assert files() == 0
    assert "main.py" in capsys.readouterr().out
    assert files("--main-file", "none") == 0
    assert stored(cases) == Supplies()
    assert len(sandbox.jobs) == 1, "where there is nothing to unpack, no sandbox is needed"


def test_files_that_cannot_be_unpacked_are_not_stored(
    cases: MemoryCaseStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "open_sandbox", lambda *_, **__: FakeSandbox(refuses))
    path = tmp_path / "files.zip"
    path.write_bytes(b"PK damaged")
    assert files(path) == 1
    assert "It is damaged" in capsys.readouterr().err
    path.write_bytes(b"")
    assert files(path) == 2
    assert files(tmp_path / "absent.zip") == 1
    assert files("--main-file", "a/b.py") == 2
    assert files("--main-file", "main.c") == 1
    assert stored(cases) == Supplies()


def test_modules_are_tried_by_an_executor_and_stored(
    cases: MemoryCaseStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[tuple[str, ...]] = []

    def ask_for_boxes(launcher: object, preload: tuple[str, ...] = ()) -> str | None:
        tried.append(preload)
        return "No module named 'absent'" if "absent" in preload else None

    monkeypatch.setattr(app, "choose_launcher", lambda _: FakeSandbox(refuses))  # which has a name
    monkeypatch.setattr("submitter.executors.pool.ask_for_boxes", ask_for_boxes)
    assert call("preload", "numpy,xml.dom", "--json") == 0
    assert json.loads(capsys.readouterr().out)["preload"] == ["numpy", "xml.dom"]
    assert stored(cases).preload == ("numpy", "xml.dom")
    assert call("preload", "json,absent") == 1
    assert "json, absent cannot be preloaded in fake: No module named 'absent'" in capsys.readouterr().err
    assert call("preload", "a b") == 2
    assert stored(cases).preload == ("numpy", "xml.dom")
    assert call("preload") == 0
    assert "numpy, xml.dom preloaded" in capsys.readouterr().out
    assert call("preload", "none") == 0
    assert stored(cases) == Supplies()
    assert tried == [("numpy", "xml.dom"), ("json", "absent"), ()]


def test_modules_are_python_s_alone(cases: MemoryCaseStore, capsys: pytest.CaptureFixture[str]) -> None:
    cases.save_assignment(assignment(language="c"))
    assert call("preload", "numpy") == 1
    assert "only Python's modules are preloaded" in capsys.readouterr().err
