"""The commands as an admin and an operator type them, against the embedded services and a real daemon."""

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from submitter.packages.formats import read_package
from tests.acceptance.conftest import LAB5, RealDaemon, SharedDaemon, World
from tests.archives import zip_link, zipped
from tests.problem_packages import LEGACY, unpacked

SQUARE = "import sys\nprint(int(sys.argv[1]) ** 2)\n"
GRADING = "m.soltys/aws_labs/cubes/grading"


def submitter(world: World, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "submitter", *arguments],
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def documents(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "square.py"
    path.write_text(SQUARE)
    return path


def test_submit_waits_for_the_result_of_this_upload(world: World, daemon: RealDaemon, program: Path) -> None:
    token = secrets.token_hex(16)
    arguments = ["submit", str(program), "--assignment", str(LAB5), "--token", token, "--wait", "60", "--json"]
    [first] = documents(submitter(world, *arguments))
    assert first["score"] == 20.0
    program.write_text("print(1)")
    [second] = documents(submitter(world, *arguments))
    assert (second["subid"], second["score"]) == (first["subid"], 1.0), "not the result that was there before"
    assert "1/20 points" in submitter(world, *arguments[:-1]).stdout


def test_a_zip_is_graded_with_the_files_of_its_assignment(world: World, daemon: RealDaemon, tmp_path: Path) -> None:
    """As an admin sets it up and a student hands it in, and as a student reads what is wrong with another zip."""
    ref = "m.soltys/aws_labs/lab_files"
    grading = tmp_path / "grading"
    grading.mkdir()
    (grading / "test.in").write_text("1\n2\n3\n4\n5\n")
    (grading / "test.out").write_text("ada 1\nada 2\nada 3\nada 4\nada 5\n")
    submitter(world, "cases", "import", str(grading), "--assignment", ref)
    files, project = tmp_path / "files.zip", tmp_path / "project.zip"
    files.write_bytes(zipped({"names.txt": "ada"}))
    main = "import sys, helper\nprint(helper.name(), sys.argv[1])\nopen('names.txt', 'w').write('other')\n"
    helper = "def name(): return open('names.txt').read()\n"
    project.write_bytes(zipped({"p/main.py": main, "p/helper.py": helper, "p/names.txt": "bob"}))
    [told] = documents(submitter(world, "assignment", "files", ref, str(files), "--main-file", "main.py", "--json"))
    assert (told["main_file"], told["bytes"]) == ("main.py", files.stat().st_size)
    files.write_bytes(zipped({"../names.txt": "ada"}))
    refused = submitter(world, "assignment", "files", ref, str(files), code=1)
    assert "does not say plainly where it goes" in refused.stderr
    arguments = ["submit", str(project), "--assignment", ref, "--wait", "60", "--json", "--token"]
    [graded] = documents(submitter(world, *arguments, secrets.token_hex(16)))
    assert [test["verdict"] for test in graded["tests"]] == ["accepted"] * 5, graded
    project.write_bytes(zip_link("names.txt", "/etc/passwd"))
    [graded] = documents(submitter(world, *arguments, secrets.token_hex(16)))
    assert [test["verdict"] for test in graded["tests"]] == ["compile_error"] * 5
    assert "Your archive was not unpacked. 'names.txt' in it is neither a file nor" in graded["tests"][0]["output"]
    submitter(world, "check", str(project), "--cases", str(grading), "--main-file", "main.py", code=3)


def test_requeue_has_a_graded_submission_graded_again(world: World, daemon: RealDaemon, program: Path) -> None:
    """The message that asked for it first is done with for ever; a new one is not."""
    arguments = ["submit", str(program), "--assignment", str(LAB5), "--token", secrets.token_hex(16), "--json"]
    [document] = documents(submitter(world, *arguments, "--wait", "60"))
    key = f"{LAB5}/{document['subid']}/{document['subid']}.json"  # the front end's has a slash before it
    unknown = key.replace(document["subid"], "0" * 32)
    told = documents(submitter(world, "requeue", key, unknown, "--json", code=1))
    assert [(line["key"], line["requeued"]) for line in told] == [(f"/{key}", True), (unknown, False)]
    assert "is not in the bucket" in told[1]["problem"]
    daemon.wait_for("submission_graded", count=2, submission_id=document["subid"])
    published = "SELECT score FROM submitter.history WHERE subid = %s AND published"
    assert world.query(published, document["subid"]) == [(20,), (20,)]
    listed = submitter(world, "requeue", "--assignment", str(LAB5), "--status", "graded", "--dry-run").stdout
    assert f"/{key}\n" in listed


def test_requeue_of_a_submission_in_work_waits_its_turn_and_is_graded_then(
    world: World, daemon: RealDaemon, program: Path
) -> None:
    program.write_text("import sys, time\ntime.sleep(0.15)\n" + SQUARE)
    arguments = ["submit", str(program), "--assignment", str(LAB5), "--token", secrets.token_hex(16), "--json"]
    [submitted] = documents(submitter(world, *arguments))
    daemon.wait_for("submission_received", submission_id=submitted["subid"])
    assert submitter(world, "requeue", submitted["key"]).stdout == "put back 1\n"
    daemon.wait_for("submission_waits", submission_id=submitted["subid"])
    daemon.wait_for("submission_graded", count=2, submission_id=submitted["subid"])
    published = "SELECT score FROM submitter.history WHERE subid = %s AND published"
    assert world.query(published, submitted["subid"]) == [(20,), (20,)]
    assert world.dead_letters() == []


def test_process_grades_again_without_the_queue(world: World, no_daemon: None, program: Path) -> None:
    """No daemon runs here: whoever graded it was this command."""
    arguments = ["submit", str(program), "--assignment", str(LAB5), "--token", secrets.token_hex(16), "--json"]
    [submitted] = documents(submitter(world, *arguments))
    [dry] = documents(submitter(world, "process", submitted["key"], "--dry-run", "--json"))
    assert dry["score"] == 20.0
    results = submitted["key"].replace(".json", ".results.json")
    assert world.store.version(results) is None
    other = submitter(world, "process", submitted["key"].removeprefix("/"), code=1)
    assert f"`submitter requeue --assignment {LAB5} --dry-run`" in other.stderr, (
        "where the keys as they are can be seen"
    )
    submitter(world, "process", submitted["key"])
    stored = world.store.get(results, 1 << 20)
    assert stored is not None
    assert json.loads(stored.data)["score"] == 20.0
    state = "SELECT state FROM submitter.gradebook WHERE subid = %s"
    assert world.query(state, submitted["subid"]) == [("graded",)]


@pytest.mark.parametrize("sandbox_name", ["bubblewrap"], indirect=True)
def test_redrive_puts_what_went_aside_back_to_be_graded(
    world: World, no_daemon: None, shared_daemon: SharedDaemon, program: Path
) -> None:
    """As after daemons that died in the middle of it again and again: SQS itself moves it aside, with no reason."""
    world.empty_queues()  # no daemon was there for what the tests before this one handed in
    arguments = ["submit", str(program), "--assignment", str(LAB5), "--token", secrets.token_hex(16), "--json"]
    [submitted] = documents(submitter(world, *arguments))
    world.send("nobody understands this")
    world.wait_for(lambda: world.queue_depths()["waiting"] == 2, "both messages")
    world.wear_out()
    assert world.queue_depths() == {"waiting": 0, "in_hand": 0, "aside": 2}
    daemon = shared_daemon.get(world.environment)
    listed = documents(submitter(world, "dlq", "list", "--json"))
    [letter] = [letter for letter in listed if submitted["subid"] in letter["body"]]
    assert letter["reason"] is None
    told = documents(submitter(world, "dlq", "redrive", letter["message_id"], "0" * 36, "--json", code=1))
    assert [(line["message_id"], line["redriven"]) for line in told] == [
        (letter["message_id"], True),
        ("0" * 36, False),
    ]
    daemon.wait_for("submission_graded", submission_id=submitted["subid"], score=20.0, receive_count=1)
    world.wait_for(lambda: world.queue_depths() == {"waiting": 0, "in_hand": 0, "aside": 1}, "empty queue")
    attempts = "SELECT published, failure FROM submitter.history WHERE subid = %s"
    assert world.query(attempts, submitted["subid"]) == [(True, None)]
    assert world.dead_letters() == [("nobody understands this", "")], "which nobody wanted back"
    world.empty_queues()


def test_cases_come_from_the_bucket_and_go_into_a_folder_and_back(world: World, tmp_path: Path) -> None:
    files = {"test.in": "1\n2\n", "test.out": "1\n8\n", "grade.in": "3\n", "grade.out": "27\n"}
    for file_name, text in files.items():
        world.store.put(f"{GRADING}/{file_name}", text.encode(), "text/plain")
    name = ["--assignment", "m.soltys/aws_labs/cubes"]
    [imported] = documents(submitter(world, "cases", "import", GRADING, "--bucket", *name, "--json"))
    assert (imported["test"], imported["grade"]) == (2, 1)
    [exported] = documents(submitter(world, "cases", "export", str(tmp_path / "out"), *name, "--json"))
    assert exported["cases"] == 3
    kept = files | {"comparison": "trailing_blanks\n"}
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == kept
    (tmp_path / "out" / "test.in").write_text("1\n2\n4\n")
    refused = submitter(world, "cases", "import", str(tmp_path / "out"), *name, code=1)
    assert "3 lines" in refused.stderr
    assert "has 2" in refused.stderr
    listed = documents(submitter(world, "cases", "list", *name, "--json"))
    assert [(case["kind"], case["input"], case["expected"]) for case in listed] == [
        ("test", "1", "1"),
        ("test", "2", "8"),
        ("grade", "3", "27"),
    ]
    assert "m.soltys/aws_labs/cubes" in submitter(world, "cases", "list").stdout


def test_a_package_comes_in_if_its_solutions_pass_and_goes_out_again(world: World, tmp_path: Path) -> None:
    package = unpacked(tmp_path / "twice", LEGACY)
    name = ["--assignment", "m.soltys/aws_labs/twice"]
    done = submitter(world, "cases", "import", str(package), *name, "--sandbox", "bubblewrap", "--json")
    [told] = documents(done)
    assert (told["format"], told["test"], told["grade"]) == ("icpc", 1, 1)
    submitter(world, "cases", "export", str(tmp_path / "out.zip"), *name, "--format", "polygon")
    assert [(case.input, case.answer) for case in read_package(tmp_path / "out.zip").cases] == [
        (b"2\n", b"4\n"),
        (b"3\n", b"6\n"),
    ]
    (package / "data" / "secret" / "01.ans").write_text("7\n")
    refused = submitter(world, "cases", "import", str(package), *name, "--sandbox", "bubblewrap", code=1)
    assert "does not pass grade 1" in refused.stderr
    (package / "submissions" / "accepted" / "right.py").unlink()
    refused = submitter(world, "cases", "import", str(package), *name, code=1)
    assert "give a --reference program, or --no-verify" in refused.stderr
    expected = [case["expected"] for case in documents(submitter(world, "cases", "list", *name, "--json"))]
    assert expected == ["4\n", "6\n"], "what was refused changed nothing"
    submitter(world, "cases", "import", str(package), *name, "--no-verify")
    expected = [case["expected"] for case in documents(submitter(world, "cases", "list", *name, "--json"))]
    assert expected == ["4\n", "7\n"]


@pytest.mark.parametrize("sandbox_name", ["bubblewrap"], indirect=True)
def test_a_folder_may_ask_for_a_proof(world: World, tmp_path: Path) -> None:
    """By an empty line and grading.toml; the tool is a student's only where it is there."""
    (tmp_path / "test.in").write_text("3\n\n")
    (tmp_path / "test.out").write_text("9\n\n")
    (tmp_path / "grading.toml").write_text('[[case]]\ncases = ["test 2"]\nstep = "prove"\npoints = 4\n')
    name = ["--assignment", "m.soltys/aws_labs/proved"]
    refused = submitter(world, "cases", "import", str(tmp_path), *name, "--language", "bash", code=1)
    assert "test 2: no tool proves bash programs; there are some for python, ada, c" in refused.stderr
    submitter(world, "cases", "import", str(tmp_path), *name)
    assert "(proved, not run)" in submitter(world, "cases", "list", *name).stdout
    submitter(world, "cases", "export", str(tmp_path / "out"), *name)
    assert (tmp_path / "out" / "grading.toml").read_text() == (
        '[[case]]\ncases = ["test 2"]\npoints = 4.0\nstep = "prove"\n'
    )
    refused = submitter(world, "cases", "export", str(tmp_path / "p"), *name, "--format", "icpc", code=1)
    assert "packages" in refused.stderr
    if shutil.which("mypy", path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip("mypy is not on the host")
    (tmp_path / "untyped.py").write_text("import sys\ndef f(n): return n * n\nprint(f(int(sys.argv[1])))\n")
    checked = submitter(world, "check", str(tmp_path / "untyped.py"), *name, "--sandbox", "bubblewrap", code=3)
    assert "AC WA" in checked.stdout
    assert "1/5" in checked.stdout
    assert "Function is missing a type annotation" in checked.stdout


def test_a_folder_comes_in_if_the_reference_passes(world: World, tmp_path: Path) -> None:
    (tmp_path / "test.in").write_text("2\n3\n")
    (tmp_path / "test.out").write_text("4\n7\n")
    (tmp_path / "right.py").write_text("import sys\nprint(2 * int(sys.argv[1]))\n")
    run = ["cases", "import", str(tmp_path), "--assignment", "m.soltys/aws_labs/doubled", "--sandbox", "bubblewrap"]
    refused = submitter(world, *run, "--reference", str(tmp_path / "right.py"), code=1)
    assert "does not pass test 2 (right.py: wrong_answer)" in refused.stderr
    (tmp_path / "test.out").write_text("4\n6\n")
    submitter(world, *run, "--reference", str(tmp_path / "right.py"))


def test_check_grades_against_an_assignment_in_postgres(world: World, program: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("print(4)")
    done = submitter(world, "check", str(program), str(wrong), "--assignment", str(LAB5), "--json", code=3)
    assert [(line["program"], line["score"]) for line in documents(done)] == [(str(program), 20.0), (str(wrong), 1.0)]


def test_doctor_finds_nothing_broken_where_nothing_is(world: World) -> None:
    world.work_dir.mkdir(exist_ok=True)
    findings = {finding["what"]: finding for finding in documents(submitter(world, "doctor", "--json"))}
    for what in ("programs in the sandbox", "postgres", "queue", "bucket", "work directory"):
        assert findings[what]["health"] == "ok", findings[what]


def test_the_schema_s_state_is_told(world: World) -> None:
    assert "nothing to apply" in submitter(world, "db", "migrate").stdout
    assert all(line["applied_at"] for line in documents(submitter(world, "db", "status", "--json")))


def test_the_stack_s_environment_can_be_sourced_by_a_shell(tmp_path: Path) -> None:
    """What an admin does in a second terminal."""
    file = tmp_path / "stack.env"
    command = [sys.executable, "-m", "submitter", "stack", "--env-file", str(file)]
    stack = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert stack.stderr is not None
        assert select.select([stack.stderr], [], [], 60)[0]
        assert "ready" in stack.stderr.readline()
        assert file.stat().st_mode & 0o077 == 0
        script = 'set -a; . "$1"; set +a; exec "$2" -m submitter db status --json'
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SUBMITTER_", "AWS_"))}
        shell = ["sh", "-c", script, "sh", str(file), sys.executable]
        done = subprocess.run(shell, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert all(line["applied_at"] for line in documents(done))
    finally:
        stack.send_signal(signal.SIGTERM)
        code = stack.wait(30)
    assert code == 0
    assert not file.exists()


def test_feedback_that_is_held_back_is_published(world: World, daemon: RealDaemon, tmp_path: Path) -> None:
    folder, name = tmp_path / "cases", f"m.soltys/aws_labs/held_back_{secrets.token_hex(4)}"
    folder.mkdir()
    for file, text in {"test.in": "2\n", "test.out": "4\n", "grade.in": "3\n", "grade.out": "9\n"}.items():
        (folder / file).write_text(text)
    program = tmp_path / "square.py"
    program.write_text(SQUARE)
    settings = ["--input-mode", "arguments", "--comparison", "whitespace", "--time-limit", "3"]
    submitter(world, "cases", "import", str(folder), "--assignment", name, *settings)
    held_back = "test: everything; grade: nothing, everything once published"
    changes = ["--due", "2020-01-01T00:00Z", "--late", "10% per day, floor 50%", "--tries", "1 per day"]
    [told] = documents(submitter(world, "assignment", "set", name, *changes, "--feedback", held_back, "--json"))
    assert (told["due"], told["feedback"]) == ("2020-01-01T00:00:00+00:00", held_back)
    assert documents(submitter(world, "assignment", "show", name, "--json")) == [told]
    assert (told["input_mode"], told["comparison"], told["limits"]["cpu_time_s"]) == ("arguments", "whitespace", 3)
    assert "10% per day, floor 50%" in submitter(world, "assignment", "show", name).stdout
    [told] = documents(submitter(world, "assignment", "set", name, "--tries", "none", "--json"))
    assert (told["tries"], told["late"]) == (None, "10% per day, floor 50%")

    token = secrets.token_hex(16)
    submit = ["submit", str(program), "--assignment", name, "--token", token]
    printed = submitter(world, *submit, "--wait", "60").stdout
    assert "0.5/1 points, 50% lost for being late" in printed
    assert "when your instructor publishes it" in printed
    assert "grade 1" not in printed

    [shown] = documents(submitter(world, "publish", "--assignment", name, "--json"))
    assert (shown["shown"], shown["problem"]) == ({"test": "everything", "grade": "everything"}, None)
    assert f"{name}: 1 of 1 results shown anew" in submitter(world, "publish", "--assignment", name, "--refresh").stdout
    key = f"/{name}/{shown['subid']}/{shown['subid']}.json"
    [again] = documents(submitter(world, "process", key, "--json"))
    assert (again["tests"][1]["actual"], again["score"], again["max_score"]) == ("9", 1.0, 2.0)
    assert "note" not in again["feedback"]

    refused = submitter(world, "publish", "--assignment", "m.soltys/aws_labs/none_such", code=1)
    assert "cases list" in refused.stderr
    refused = submitter(world, "assignment", "set", "m.soltys/aws_labs/none_such", "--tries", "none", code=1)
    assert "cases list` shows those that are there, `submitter cases import` makes one" in refused.stderr


@pytest.mark.parametrize("sandbox_name", ["bubblewrap"], indirect=True)
def test_a_copy_is_found_and_cases_have_statistics(world: World, no_daemon: None, tmp_path: Path) -> None:
    """From the bucket and from Postgres, as an admin asks: the newest uploads, the results that stand."""
    for name, text in {"test.in": "2\n-3\n", "test.out": "4\n9\n"}.items():
        (tmp_path / name).write_text(text)
    ref = "m.soltys/aws_labs/alike"
    submitter(world, "cases", "import", str(tmp_path), "--assignment", ref)
    program, subids = tmp_path / "program.py", []
    for text in (SQUARE, SQUARE.replace("sys", "wert").replace("import wert", "import sys as wert"), "print(4)"):
        program.write_text(text)
        token = secrets.token_hex(16)
        [told] = documents(submitter(world, "submit", str(program), "--assignment", ref, "--token", token, "--json"))
        submitter(world, "process", told["key"])
        subids.append(told["subid"])
    page = tmp_path / "page.html"
    first, *_ = documents(submitter(world, "similar", "--assignment", ref, "--html", str(page), "--json"))
    assert {first["a"]["program"], first["b"]["program"]} == set(subids[:2])
    assert first["similarity"] > 0.6
    assert "import sys as wert" in page.read_text()
    statistics = documents(submitter(world, "cases", "stats", "--assignment", ref, "--json"))
    assert [(one["passed"], one["remarks"]) for one in statistics] == [(3, ["everybody passes"]), (2, [])]


def test_an_assignment_may_be_in_another_language(world: World, daemon: RealDaemon, tmp_path: Path) -> None:
    """Bash, since it is in every image: what it says of a program that does not parse reaches the student."""
    cases = tmp_path / "cases"
    cases.mkdir()
    for file_name, text in {"test.in": "2\n", "test.out": "4\n", "grade.in": "3\n", "grade.out": "9\n"}.items():
        (cases / file_name).write_text(text)
    name = ["--assignment", "m.soltys/aws_labs/shell"]
    refused = submitter(world, "cases", "import", str(cases), *name, "--language", "cobol", code=1)
    assert "no language cobol; there is python, " in refused.stderr
    submitter(world, "cases", "import", str(cases), *name, "--language", "bash")
    program = tmp_path / "square.sh"
    arguments = ["submit", str(program), *name, "--token", secrets.token_hex(16), "--wait", "60", "--json"]
    program.write_text("echo $(($1 * $1))\n")
    assert documents(submitter(world, *arguments))[0]["score"] == 2.0
    program.write_text("if [\n")
    [document] = documents(submitter(world, *arguments))
    assert document["score"] == 0.0
    assert "syntax error: unexpected end of file" in json.dumps(document)
    [checked] = documents(submitter(world, "check", str(program), "--cases", str(cases), "--json", code=3))
    assert [case["verdict"] for case in checked["cases"]] == ["compile_error"] * 2
