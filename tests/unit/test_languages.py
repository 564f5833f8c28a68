"""Languages as files describe them: what a file may say, and what is made of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from submitter.adapters.memory import FakeSandbox
from submitter.errors import AssignmentRefused, ConfigError
from submitter.executors.wire import encode_request
from submitter.grading import Grader, check_assignment
from submitter.languages import (
    BUILD_LIMITS,
    PROOF_LIMITS,
    Proof,
    language_of_file,
    languages,
    read_language,
    read_languages,
)
from submitter.model import MIB, Assignment, AssignmentRef, CaseKind, Ending, Limits, Step, TestCase, Verdict
from submitter.resources import resource
from submitter.runs import CaseInput, Job, RunResult

MINIMAL = 'extension = ".x"\nversion = ["x", "--version"]\nrun = ["x", "{source}"]\n'


PROVED = MINIMAL + "[prove]\ncommand = ['y', '{source}']\nversion = ['y']\n"


def read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lang.toml"
    path.write_text(text)
    read_language(path)


def test_python_comes_first_and_all_that_was_promised_is_there() -> None:
    assert next(iter(languages())) == "python"
    assert set(languages()) == {
        *("python", "c", "cpp", "java", "javascript", "php", "ada", "go", "rust", "pascal", "bash"),
    }
    assert languages()["python"].commands("x.py", Limits()) is None


def test_a_file_is_all_that_a_language_needs(tmp_path: Path) -> None:
    shutil.copy(resource("executor_image") / "languages" / "python.toml", tmp_path)
    (tmp_path / "ruby.toml").write_text(
        'extension = ".rb"\nversion = ["ruby", "-v"]\nbuild = ["ruby", "-c", "{source}"]\n'
        'run = ["ruby", "--heap={memory_mib}", "{source}", "{stem}"]\nlimits_factor = 1.5\nextra_processes = 4\n'
        "address_space = false\n[build_limits]\ncpu_time_s = 3\nmemory_mib = 100\n"
    )
    ruby = read_languages(tmp_path)["ruby"]
    limits = ruby.limits(Limits(cpu_time_s=2.0, wall_time_s=10.0, memory_bytes=64 * MIB, processes=8))
    assert (limits.cpu_time_s, limits.wall_time_s, limits.processes, limits.memory_bytes) == (3.0, 15.0, 12, 64 * MIB)
    commands = ruby.commands("sub.rb", limits)
    assert commands is not None
    assert commands["build"] == ["ruby", "-c", "/usr/src/submitter/sub.rb"]
    assert commands["run"] == ["ruby", "--heap=64", "/usr/src/submitter/sub.rb", "sub"]
    assert commands["address_space"] is False
    assert commands["build_limits"] == {
        "cpu_time_s": 3,
        "wall_time_s": BUILD_LIMITS.wall_time_s,
        "memory_bytes": 100 * MIB,
        "output_bytes": MIB,
        "file_bytes": BUILD_LIMITS.file_bytes,
        "processes": BUILD_LIMITS.processes,
    }


def test_a_table_is_all_that_a_prove_step_needs(tmp_path: Path) -> None:
    (tmp_path / "y.toml").write_text(
        PROVED + 'packages = ["y"]\nrefused = [10]\nbroken = [1]\naddress_space = false\n'
        "[prove.limits]\ncpu_time_s = 5\nmemory_mib = 100\n"
    )
    language = read_language(tmp_path / "y.toml")
    assert language.proof == Proof(
        command=("y", "{source}"),
        version=("y",),
        packages=("y",),
        refused=(10,),
        broken=(1,),
        address_space=False,
        limits=replace(PROOF_LIMITS, cpu_time_s=5, memory_bytes=100 * MIB),
    )
    commands = language.commands("a.x", Limits(), Step.PROVE)
    assert commands is not None
    assert (commands["build"], commands["run"], commands["address_space"]) == (
        None,
        ["y", "/usr/src/submitter/a.x"],
        False,
    )
    assert language.commands("a.x", Limits()) != commands


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("extension = ", "Invalid value"),
        ('run = ["x"]\nversion = ["x"]', "extension"),
        (MINIMAL + "colour = 1", "colour"),
        (MINIMAL + "[build_limits]\nspeed = 1", "no limit of a build is called speed"),
        (MINIMAL + "[build_limits]\ncpu_time_s = 0", "cpu_time_s must be greater than 0"),
        (MINIMAL + "[build_limits]\nmemory_mib = 0.5", "memory_mib is a whole number, not 0.5"),
        (MINIMAL + "limits_factor = 0", "limits_factor"),
        (MINIMAL + "extra_processes = -1", "extra_processes"),
        (MINIMAL + 'file_name = "Main.y"', "file_name does not end with .x"),
        (MINIMAL.replace('".x"', '"x"'), "is no extension"),
        (MINIMAL.replace('".x"', '".json"'), "is no extension"),
        (MINIMAL.replace('["x", "{source}"]', '"x {source}"'), "run is not a list of texts"),
        (MINIMAL.replace("{source}", "{program}"), "{source}, {stem} and {memory_mib}"),
        ('extension = ".x"\nversion = ["x"]\nbuild = ["x"]', "it has build and no run"),
        ('extension = ".x"\nrun = ["x"]', "it has no version"),
        (MINIMAL + "prove = 1", "prove is a table"),
        (MINIMAL + "[prove]\nversion = ['y']", "command"),
        (MINIMAL + "[prove]\ncommand = ['y']", "version"),
        (MINIMAL + "[prove]\ncommand = []\nversion = ['y']", "prove needs a command"),
        (PROVED + "colour = 1", "colour"),
        (PROVED.replace("['y', '{source}']", "'y'"), "command is not a list of texts"),
        (PROVED.replace("{source}", "{program}"), "{source}, {stem} and {memory_mib}"),
        (PROVED + "refused = [256]", "lists of exit codes"),
        (PROVED + "refused = 1", "lists of exit codes"),
        (PROVED + "refused = [true]", "lists of exit codes"),
        (PROVED + "refused = [0]", "none of them twice"),
        (PROVED + "broken = [1]", "none of them twice"),
        (PROVED + "accepted = []", "prove accepts no exit code or refuses none"),
        (PROVED + "[prove.limits]\nspeed = 1", "no limit of a build is called speed"),
    ],
)
def test_a_faulty_file_is_refused_by_name_and_reason(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert str(tmp_path / "lang.toml") in str(refused.value)
    assert why in str(refused.value)


def test_two_languages_of_one_extension_are_refused(tmp_path: Path) -> None:
    shutil.copy(resource("executor_image") / "languages" / "python.toml", tmp_path)
    (tmp_path / "snake.toml").write_text(MINIMAL.replace(".x", ".py"))
    with pytest.raises(ConfigError, match=r"the extension \.py is python's already"):
        read_languages(tmp_path)


def test_an_extension_tells_the_language_of_a_file() -> None:
    names = {"a/b.c": "c", "b.cc": "cpp", "b.cpp": "cpp", "B.java": "java", "x.sh": "bash", "x.js": "javascript"}
    assert {name: language_of_file(Path(name)) for name in names} == names
    assert {language_of_file(Path(name)) for name in ("x.py", "x", "x.txt")} == {"python"}


def test_a_program_is_given_and_judged_by_the_limits_of_its_language(tmp_path: Path) -> None:
    """Else an answer after the assignment's own limit, and within the language's, would be too late."""
    case = TestCase(CaseKind.TEST, 1, "1", "1")
    ref = AssignmentRef("a", "e", "p")
    assignment = Assignment(ref=ref, cases=(case,), language="java", limits=Limits(cpu_time_s=1.0))
    sandbox = FakeSandbox(lambda job, _: RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"1", cpu_time_s=1.9))
    report = Grader(sandbox, tmp_path).grade(assignment, b"class Main {}", "a" * 32)
    assert [result.verdict for result in report.case_results] == [Verdict.ACCEPTED]
    [job] = sandbox.jobs
    assert (job.file_name, job.language, job.limits.cpu_time_s) == ("Main.java", "java", 2.0)


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    case = TestCase(CaseKind.TEST, 1, "1", "1")
    with pytest.raises(AssignmentRefused, match="no language cobol; there is python, ada, bash, c, "):
        check_assignment(Assignment(ref=AssignmentRef("a", "e", "p"), cases=(case,), language="cobol"))


def test_a_request_brings_the_commands_and_no_language() -> None:
    job = Job(program=b"x", file_name="y.c", language="c", limits=Limits(), inputs=(CaseInput(()),))
    request = encode_request(job, "fork", 1)
    assert b'"run": ["/usr/src/submitter/program"]' in request
    assert b"language" not in request
