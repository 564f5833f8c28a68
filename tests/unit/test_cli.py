"""The command line: exit codes, one line for every error, and data that machines can read."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from submitter import app, upload
from submitter.adapters.memory import MemoryResultStore
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.cli import main
from submitter.config import SETTINGS
from submitter.model import Assignment, AssignmentRef
from tests.unit.test_reports import read_junit

SUBID = "0123456789abcdef" * 2
KEY = f"/m.soltys/aws_labs/lab5/{SUBID}/{SUBID}.json"
DATABASE_URL = "postgresql://submitter:sesame@db.invalid/submitter"

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of whoever runs the tests; and the logging that a command sets up here ends with its test."""
    for variable in list(os.environ):
        if variable.startswith(("SUBMITTER_", "AWS_")):
            monkeypatch.delenv(variable)
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A grading folder: print the square of argv[1]."""
    folder = tmp_path / "squares"
    folder.mkdir()
    for name, text in {"test.in": "2\n3\n", "test.out": "4\n9\n", "grade.in": "-4\n", "grade.out": "16\n"}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "square.py"
    path.write_text("import sys\nprint(int(sys.argv[1]) ** 2)\n")
    return path


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def submitter(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it."""
    return subprocess.run(
        [sys.executable, "-m", "submitter", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on standard error: one line; and nothing on standard output."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("submitter: ")
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    return captured.err


# -- help ---------------------------------------------------------------------------------------------------------


def test_help_is_quick_because_it_loads_no_library_of_any_command() -> None:
    code = (
        "import sys\n"
        "from submitter.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as exc: code = exc.code\n"
        "heavy = {'boto3', 'botocore', 'docker', 'moto', 'psycopg', 'psycopg_pool', 'pygments', 'rich', 'structlog'}\n"
        "print(code, *sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == "0\n"
    assert "Grades the programs that students upload." in done.stdout


COMMANDS = [
    ["daemon"],
    ["process"],
    ["check"],
    ["submit"],
    ["demo"],
    ["stack"],
    ["doctor"],
    ["requeue"],
    ["assignment", "set"],
    ["assignment", "show"],
    ["publish"],
    ["similar"],
    ["results"],
    ["dlq", "list"],
    ["dlq", "redrive"],
    ["languages"],
    ["image", "build"],
    ["image", "check"],
    ["db", "migrate"],
    ["db", "status"],
    ["cases", "import"],
    ["cases", "export"],
    ["cases", "list"],
    ["cases", "stats"],
    ["cases", "verify"],
    ["notices", "list"],
    ["notices", "retry"],
]


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help_that_needs_no_settings(
    command: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*command, flag) == 0
    assert f"Usage: {' '.join(['submitter', *command])}" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out.startswith("submitter, version ")


# -- wrong use ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["grade"], "No such command 'grade'"),
        (["check", "--fast"], "No such option"),
        (["check", "--cases", "."], "Missing argument"),
        (["check", "nothing-here.py", "--cases", "."], "does not exist"),
        (["check", ".", "--cases", "."], "is a directory"),
        (["check", __file__], "either --cases or --assignment"),
        (["check", __file__, "--cases", ".", "--assignment", "a/b/c"], "either --cases or --assignment"),
        *(
            (["check", __file__, "--assignment", text], "'--assignment'")
            for text in ("", "lab5", "a/b", "a/b/c/d", "/a/b/c", "a//c", "../b/c", "a/b/%41", "a\\/b/c", "a/b/c\n")
        ),
        *(
            (["check", __file__, "--cases", ".", "--time-limit", text], "'--time-limit'")
            for text in ("0", "-1", "nan", "inf", "1e999", "3601", "soon")
        ),
        *(
            (["check", __file__, "--cases", ".", "--memory-limit", text], "'--memory-limit'")
            for text in ("0", "7", "1.5", "-1", "1048577")
        ),
        (["check", __file__, "--cases", ".", "--input-mode", "argv"], "'--input-mode'"),
        (["check", __file__, "--cases", ".", "--comparison", "fuzzy"], "'--comparison'"),
        (["check", __file__, "--cases", ".", "--sandbox", "none"], "'--sandbox'"),
        (["check", __file__, "--cases", ".", "--isolation", "none"], "'--isolation'"),
        (["submit", __file__, "--assignment", "a/b/c"], "'--token'"),
        (["submit", __file__, "--token", "a" * 32], "'--assignment'"),
        (["submit", __file__, "--assignment", "a/b/c", "--token", "a" * 32, "--wait", "0"], "'--wait'"),
        (["submit", __file__, "--assignment", "a/b/c", "--token", "x"], "no token"),
        (["process"], "Missing argument 'KEY'"),
        (["process", "hello"], "the key 'hello' is not"),
        (["process", KEY.replace(".json", ".results.json")], "does not end with"),
        (["process", KEY.replace("aws_labs", "..")], "is a path"),
        (["requeue"], "either keys"),
        (["requeue", KEY, "--status", "graded"], "either keys"),
        (["requeue", "--status", "failed"], "'--status'"),
        (["requeue", KEY, "hello"], "the key 'hello' is not"),
        (["dlq", "redrive"], "either message ids"),
        (["assignment", "set", "a/b/c"], "say what to change"),
        (["assignment", "set", "a/b/c", "--due", "tomorrow"], "--due: 'tomorrow' is no time with its zone"),
        (["assignment", "set", "a/b/c", "--late", "often"], "--late: 'often' is no part of a late policy"),
        (["assignment", "set", "a/b/c", "--tries", "0 per day"], "--tries: there are 1 to 1000 tries"),
        (["assignment", "set", "a/b/c", "--feedback", "grade: some"], "--feedback: 'some' is no level"),
        (["publish"], "'--assignment'"),
        (["results", "--csv", "--json"], "--csv or --json"),
        (["results", "x"], "no submission"),
        (["results", "--state", "failed"], "'--state'"),
        (["results", "--verdict", "BAD"], "'--verdict'"),
        (["results", "--try", "first"], "'--try'"),
        (["results", "--for", "everybody"], "'--for'"),
        (["results", "--for", "student", "--try", "best"], "would tell of them"),
        (["results", "--for", "student", "--verdict", "accepted"], "would tell of them"),
        *((["results", "--since", text], "'--since'") for text in ("", "yesterday", "2026-13-01", "1")),
        (["results", "--html", __file__], "is a file"),
        (["check", __file__, "--cases", ".", "--html", "."], "is a directory"),
        (["check", __file__, "--cases", ".", "--junit", "."], "is a directory"),
        (["cases", "import", "."], "'--assignment'"),
        (["cases", "export", __file__, "--assignment", "a/b/c"], "is a file"),
    ],
)
def test_wrong_use_ends_with_2_and_one_line_that_says_why(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == 2
    line = error_line(capsys)
    assert why in line
    assert "--help`." in line


@pytest.mark.parametrize("group", [[], ["cases"], ["db"], ["image"]], ids=" ".join)
def test_group_without_a_command_shows_its_commands_and_ends_with_2(
    group: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*group) == 2
    assert "Commands:" in capsys.readouterr().err


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["daemon"], {"QUEUE_URL", "BUCKET", "DATABASE_URL"}),
        (["process", KEY], {"BUCKET", "DATABASE_URL"}),
        (["submit", __file__, "--assignment", "a/b/c", "--token", "a" * 32], {"BUCKET"}),
        (["check", __file__, "--assignment", "a/b/c"], {"DATABASE_URL"}),
        (["requeue", KEY], {"QUEUE_URL", "BUCKET"}),
        (["requeue", "--status", "graded"], {"QUEUE_URL", "BUCKET", "DATABASE_URL"}),
        (["dlq", "list"], {"QUEUE_URL"}),
        (["db", "migrate"], {"DATABASE_URL"}),
        (["db", "status"], {"DATABASE_URL"}),
        (["cases", "import", ".", "--assignment", "a/b/c"], {"DATABASE_URL"}),
        (["cases", "import", "x", "--bucket", "--assignment", "a/b/c"], {"DATABASE_URL", "BUCKET"}),
        (["cases", "export", "x", "--assignment", "a/b/c"], {"DATABASE_URL"}),
        (["cases", "list"], {"DATABASE_URL"}),
        (["results"], {"DATABASE_URL"}),
    ],
)
def test_all_missing_settings_are_named_in_one_line(
    arguments: list[str], missing: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == 2
    line = error_line(capsys)
    named = {variable.removeprefix("SUBMITTER_") for variable, _ in SETTINGS.values() if f"{variable} is not" in line}
    assert named == missing


def test_wrong_and_missing_settings_are_told_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUBMITTER_CONCURRENCY", "many")
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", DATABASE_URL)
    assert exit_code("daemon") == 2
    line = error_line(capsys)
    assert "SUBMITTER_CONCURRENCY must be" in line
    assert "SUBMITTER_QUEUE_URL is not set" in line
    assert "sesame" not in line


def test_daemon_script_is_the_daemon_command() -> None:
    script = Path(__file__).resolve().parents[2] / "processStudentTestCases.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("submitter: SUBMITTER_QUEUE_URL is not set")
    assert done.stderr.count("\n") == 1


# -- what could not be done ---------------------------------------------------------------------------------------


def test_unequal_case_files_are_refused_with_both_counts(
    folder: Path, program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `check` and by `cases import`, which must not even ask for the database then."""
    (folder / "test.out").write_text("4\n")
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", DATABASE_URL)
    for arguments in (
        ["check", program, "--cases", folder],
        ["cases", "import", folder, "--assignment", "a/b/c"],
    ):
        assert exit_code(*arguments) == 1
        assert "test.in has 2 lines and test.out has 1" in error_line(capsys)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "test.in").unlink(), "test.in is missing"),
        (lambda folder: (folder / "grade.out").write_bytes(b"\xff\n"), "grade.out is not UTF-8: look at line 1"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "no case in the folder"),
    ],
)
def test_faulty_folder_is_refused_before_anything_is_run(
    folder: Path, program: Path, spoil: Callable[[Path], object], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder)
    assert exit_code("check", program, "--cases", folder, "--json") == 1
    assert why in error_line(capsys)


def test_folder_that_is_not_there_is_named(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("check", program, "--cases", "/nowhere/at/all") == 1
    assert "/nowhere/at/all is no directory" in error_line(capsys)


def test_case_that_is_no_list_of_arguments_is_named(
    folder: Path, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "grade.in").write_text("'\n")
    assert exit_code("check", program, "--cases", folder, "--input-mode", "arguments") == 1
    assert "grade 1: its input is no list of arguments" in error_line(capsys)


# -- a real run ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("programs")
    texts = {
        "right.py": b"import sys\r\nprint(int(sys.argv[1]) ** 2)\r\n",
        "half right.py": b"import sys\nprint(int(sys.argv[1]) + 2)\n",
        "crash.py": b"raise SystemExit(3)\n",
        "syntax.py": b"print(\n",
        "empty.py": b"\n",
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    return {name: folder / name for name in texts}


def test_check_prints_one_object_for_each_program_in_the_order_given(folder: Path, programs: dict[str, Path]) -> None:
    done = submitter("check", *programs.values(), "--cases", folder, "--json", "--sandbox", "bubblewrap")
    assert done.stderr == ""
    assert done.returncode == 3
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["program"] for line in lines] == [str(path) for path in programs.values()]
    assert [(line["score"], line["max_score"]) for line in lines] == [(3, 3), (1, 3), (0, 3), (0, 3), (0, 3)]
    verdicts = [[case["verdict"] for case in line["cases"]] for line in lines]
    assert verdicts == [
        ["accepted"] * 3,
        ["accepted", "wrong_answer", "wrong_answer"],
        ["runtime_error"] * 3,
        ["compile_error"] * 3,
        [],
    ]
    shape: dict[str, type | tuple[type, ...]] = {
        "kind": str,
        "ordinal": int,
        "verdict": str,
        "points": float,
        "max_points": float,
        "cpu_time_s": float,
        "wall_time_s": float,
        "memory_bytes": int,
        "exit_code": (int, type(None)),
        "signal": (int, type(None)),
        "group": (str, type(None)),
        "role": str,
        "reason": (str, type(None)),
    }
    for line in lines[:4]:
        assert set(line) == {"program", "score", "max_score", "cases"}
        assert [(case["kind"], case["ordinal"]) for case in line["cases"]] == [("test", 1), ("test", 2), ("grade", 1)]
        for case in line["cases"]:
            assert case.keys() == shape.keys()
            assert all(isinstance(case[name], kind) for name, kind in shape.items()), case
    assert lines[2]["cases"][0]["exit_code"] == 3
    assert lines[4]["reason"] == "Your program is empty. Check the file and submit again."


def test_check_ends_with_0_only_when_every_program_passed_everything(folder: Path, programs: dict[str, Path]) -> None:
    done = submitter("check", programs["right.py"], "--cases", folder, "--sandbox", "bubblewrap")
    assert (done.returncode, done.stderr) == (0, "")
    assert "AC AC AC" in done.stdout
    assert "3/3" in done.stdout


def test_check_writes_a_page_and_junit_beside_what_it_prints(
    folder: Path, programs: dict[str, Path], tmp_path: Path
) -> None:
    """For a repository's CI: the same reports as a course has."""
    html, junit = tmp_path / "checked.html", tmp_path / "checked.xml"
    files = ["--html", html, "--junit", junit]
    done = submitter("check", *programs.values(), "--cases", folder, "--json", "--sandbox", "bubblewrap", *files)
    assert (done.returncode, done.stderr) == (3, "")
    assert len(done.stdout.splitlines()) == len(programs)
    page = html.read_text()
    assert all(str(path) in page for path in programs.values())
    assert "SyntaxError" in page
    suites = read_junit(junit.read_text())
    assert [(suite.attrib["failures"], suite.attrib["errors"]) for suite in suites] == [
        ("0", "0"),
        ("2", "0"),
        ("3", "0"),
        ("3", "0"),
        ("0", "1"),
    ]


def test_options_change_how_a_program_is_run_and_judged(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "stdin.py"
    path.write_text("print(' ', int(input()) ** 2)\n")
    run = ["check", path, "--cases", folder, "--json", "--sandbox", "bubblewrap", "--input-mode", "stdin"]
    assert submitter(*run).returncode == 3
    assert submitter(*run, "--comparison", "whitespace").returncode == 0
    assert submitter(*run, "--comparison", "numbers absolute=1e-6").returncode == 0
    (folder / "comparison").write_text("tokens\n")
    assert submitter(*run).returncode == 0
    assert submitter(*run, "--comparison", "exact").returncode == 3


def test_time_limit_of_the_command_line_holds(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    path.write_text("while True: pass\n")
    done = submitter("check", path, "--cases", folder, "--json", "--sandbox", "bubblewrap", "--time-limit", "0.2")
    [line] = [json.loads(line) for line in done.stdout.splitlines()]
    assert {case["verdict"] for case in line["cases"]} == {"time_limit_exceeded"}


def test_reader_that_goes_away_is_no_error_of_ours(folder: Path, programs: dict[str, Path]) -> None:
    """`submitter check … | head -1` must not end in a traceback."""
    files = [str(programs["right.py"])] * 3
    command = [sys.executable, "-m", "submitter", "check", *files, "--cases", str(folder), "--json"]
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as closed:
        done = subprocess.run(
            [*command, "--sandbox", "bubblewrap"],
            stdin=subprocess.DEVNULL,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_doctor_prints_findings_that_machines_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    code = exit_code("doctor", "--json")
    findings: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert findings
    assert code in {0, 1}


@pytest.mark.parametrize("host", ["tcp://x:notaport", "nonsense", "unix:///nowhere/docker.sock"])
def test_a_docker_host_that_is_none_is_one_line(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "test.in").write_text("3\n")
    (tmp_path / "test.out").write_text("9\n")
    monkeypatch.setenv("DOCKER_HOST", host)
    assert exit_code("check", __file__, "--cases", str(tmp_path), "--sandbox", "docker") == 1
    assert "docker" in error_line(capsys).lower()


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"state": "graded", "subid": SUBID, "score": 0.0, "max_score": 2.0, "tests": []}, 0),
        ({"state": "rejected", "subid": SUBID, "reason": "Your program is empty."}, 3),
        (None, 1),
    ],
)
def test_submit_tells_a_grade_from_a_rejection_and_from_no_result(
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    result: dict[str, Any] | None,
    code: int,
) -> None:
    monkeypatch.setenv("SUBMITTER_BUCKET", "b")
    monkeypatch.setattr(app, "open_results", lambda _: MemoryResultStore())
    monkeypatch.setattr(upload, "wait_for_results", lambda *_: result)
    arguments = ["submit", program, "--assignment", "a/b/c", "--token", "a" * 32, "--wait", "1"]
    assert exit_code(*arguments) == code
    said = capsys.readouterr()
    assert ("no result of" in said.err) == (result is None)
    assert exit_code(*arguments, "--json") == code


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--late", "10% per day"), "--late will change nothing without a due date: set one with --due TIME"),
        (("--feedback", "grade: verdict, points after due"), "`after due` in --feedback will change nothing"),
        (("--late", "10% per day", "--due", "2026-08-01T00:00Z"), ""),
        (("--tries", "3 per day"), ""),
    ],
)
def test_what_waits_for_a_due_date_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    store = MemoryCaseStore()
    store.save_assignment(Assignment(ref=AssignmentRef("a", "b", "c"), cases=()))
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", DATABASE_URL)
    monkeypatch.setattr(app, "open_cases", lambda _: contextlib.nullcontext(store))
    assert exit_code("assignment", "set", "a/b/c", *options) == 0
    said = capsys.readouterr().err
    assert (told in said) if told else not said


def test_an_exit_code_stays_what_it_is_when_nobody_reads_the_log() -> None:
    """Python would make it 120, and systemd call a daemon failed that has ended well."""
    program = (
        "import structlog\n"
        "from submitter import cli, logs\n"
        "logs.configure('json')\n"
        "structlog.get_logger().warning('library_warned')\n"
        "cli.main(['--version'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    nobody_reads, log = os.pipe()
    os.close(nobody_reads)
    try:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=log, env=environment, check=False)
    finally:
        os.close(log)
    assert done.returncode == 0
