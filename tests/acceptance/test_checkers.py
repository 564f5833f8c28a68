"""A checker from the admin's file to the student's result, through the commands and a real daemon."""

import json
import secrets
from pathlib import Path

from tests.acceptance.conftest import RealDaemon, World
from tests.acceptance.test_commands import documents, submitter

SUMS = """\
import sys
n = int(open(sys.argv[1]).read())
try:
    a, b = map(int, sys.stdin.read().split())
except ValueError:
    open(sys.argv[3] + "teammessage.txt", "w").write("Print two whole numbers.")
    sys.exit(43)
open(sys.argv[3] + "judgemessage.txt", "w").write(f"{a} and {b}")
sys.exit(42 if a + b == n else 43)
"""
HONEST = "import sys; n = int(sys.argv[1]); print(n - 2, 2) if n < 9 else print('no idea')"


def test_a_checker_from_the_admins_file_to_the_students_result(
    world: World, daemon: RealDaemon, tmp_path: Path
) -> None:
    name = f"m.soltys/aws_labs/sums_{secrets.token_hex(4)}"
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "test.in").write_text("5\n9\n")
    (folder / "test.out").write_text("1 4\n2 7\n")
    submitter(world, "cases", "import", str(folder), "--assignment", name)
    checker, program = tmp_path / "sums.py", tmp_path / "program.py"
    program.write_text(HONEST)

    checker.write_text("import sys\nsys.exit(int(open(sys.argv[1]).read()) == 9)")
    assert "give the PROGRAM that judges" in submitter(world, "assignment", "checker", name, code=2).stderr
    run = ["assignment", "checker", name, str(checker), "--sandbox", "bubblewrap"]
    refused = submitter(world, *run, code=1)
    assert "the checker failed on test 1: its exit code is 0, neither 42 (accepted) nor 43 (wrong)" in refused.stderr
    [shown] = documents(submitter(world, "assignment", "show", name, "--json"))
    assert shown["checker"] is None

    # Stored all the same, it rejects what it cannot judge, and tells the staff why.
    submitter(world, *run, "--no-verify")
    submit = ["submit", str(program), "--assignment", name, "--token", secrets.token_hex(16), "--wait", "60", "--json"]
    [rejected] = documents(submitter(world, *submit, code=3))
    assert (rejected["state"], rejected["score"]) == ("rejected", 0.0)
    assert "not your program's fault" in rejected["reason"]
    ours = "attempt_id IN (SELECT attempt_id FROM submitter.history WHERE subid = %s)"
    subid = rejected["subid"]
    [[detail]] = world.query(f"SELECT detail FROM submitter.results WHERE {ours}", subid)
    assert detail.startswith("the checker failed on test 1: its exit code is 0")

    checker.write_text(SUMS)
    assert submitter(world, *run).stdout == f"{name}: a checker in python judges the outputs\n"
    assert "python" in submitter(world, "assignment", "show", name).stdout
    [graded] = documents(submitter(world, *submit))
    assert (graded["state"], graded["score"], graded["max_score"]) == ("graded", 1.0, 2.0)
    assert [(one["verdict"], one["output"]) for one in graded["tests"]] == [
        ("accepted", "as expected"),
        ("wrong_answer", "not accepted by the assignment's checker\nPrint two whole numbers."),
    ]
    remarks = "SELECT ordinal, team_message, judge_message FROM submitter.case_remarks"
    said = world.query(f"{remarks} WHERE {ours} ORDER BY ordinal", subid)
    assert said == [(1, "", "3 and 2"), (2, "Print two whole numbers.", "")]

    # As files, and back.
    out = tmp_path / "exported"
    submitter(world, "cases", "export", str(out), "--assignment", name)
    assert (out / "checker.py").read_text() == SUMS
    checked = submitter(world, "check", str(program), "--cases", str(out), "--sandbox", "bubblewrap", "--json", code=3)
    [told] = [json.loads(line) for line in checked.stdout.splitlines()]
    assert [one["verdict"] for one in told["cases"]] == ["accepted", "wrong_answer"]
    submitter(world, "cases", "import", str(out), "--assignment", f"{name}-again")
    [again] = documents(submitter(world, "assignment", "show", f"{name}-again", "--json"))
    assert again["checker"] == "python"
    submitter(world, "cases", "import", str(out), "--assignment", f"{name}-again", "--comparison", "exact")
    [compared] = documents(submitter(world, "assignment", "show", f"{name}-again", "--json"))
    assert compared["checker"] is None
    assert "outputs are compared, by" in submitter(world, "assignment", "checker", name, "--none").stdout
