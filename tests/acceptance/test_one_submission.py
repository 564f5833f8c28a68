"""One submission, end to end, on real parts: the example of the documentation and what can come in its way."""

import dataclasses
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from submitter import app
from submitter.executors.docker_executor import LABEL
from submitter.model import AssignmentRef, SubmissionKey
from submitter.protocol import parse_metadata_key
from submitter.upload import Submitted, submission_id, upload
from tests.acceptance.conftest import LAB5, RealDaemon, World

SQUARE = b"import sys\nprint(int(sys.argv[1]) ** 2)\n"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "results.schema.json").read_text())
StartDaemon = Callable[[], RealDaemon]


def hand_in(world: World, program: bytes, token: str | None = None, ref: AssignmentRef = LAB5) -> Submitted:
    return upload(world.store, ref, [token or secrets.token_hex(16)], program)


def containers_of(daemon: RealDaemon) -> str:
    """The containers that a daemon made and that are still there."""
    listed = subprocess.run(
        ["docker", "ps", "-a", "--filter", f"label={LABEL}", "--format", '{{.Label "submitter.owner"}}'],
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(line for line in listed.stdout.split() if line.startswith(f"{daemon.process.pid}:"))


def assert_nothing_left(world: World, daemon: RealDaemon) -> None:
    world.wait_for(lambda: world.queue_depths() == {"waiting": 0, "in_hand": 0, "aside": 0}, "empty queue")
    assert list(world.work_dir.iterdir()) == []
    if daemon.process.poll() is not None:  # one that runs keeps executors warm
        assert containers_of(daemon) == ""


def test_the_example_is_graded_line_for_line(world: World, daemon: RealDaemon) -> None:
    submitted = hand_in(world, SQUARE, "0123456789abcdef0123456789abcdef")
    key = submitted.key
    assert key.metadata.startswith("/m.soltys/aws_labs/lab5_containers/")

    document = world.results(submitted)

    out = world.store.get(key.out, 1 << 20)
    assert out is not None
    assert out.data == b"1\n4\n9\n16\n25\n36\n49\n64\n81\n100\n"
    jsonschema.validate(document, SCHEMA)
    assert (document["state"], document["score"], document["max_score"]) == ("graded", 20.0, 20.0)
    assert [test["verdict"] for test in document["tests"]] == ["accepted"] * 14
    daemon.wait_for("submission_graded", submission_id=key.subid)
    assert world.query("SELECT state, score, emails FROM submitter.gradebook WHERE subid = %s", key.subid) == [
        ("graded", 20, "ada@example.edu")
    ]
    assert_nothing_left(world, daemon)


def test_every_verdict_reaches_its_student(world: World, daemon: RealDaemon) -> None:
    program = (
        b"import os, sys, time\n"
        b"n = int(sys.argv[1])\n"
        b"if n == 1: print(1)\n"
        b"if n == 2: print(5)\n"
        b"if n == 3: raise ValueError('three')\n"
        b"while n == 4: pass\n"
        b"if n == 5: time.sleep(60)\n"
        b"if n == 6: x = b'x' * (1 << 30)\n"
        b"while n == 7: print('7' * 1000)\n"
        b"if n == 8: os.kill(os.getpid(), 9)\n"
        b"if n == 9: print('8\\n1')\n"
        b"if n == 10: print('100  ')\n"
    )
    quick = dataclasses.replace(LAB5, assignment="lab5_quick")
    with app.open_cases(world.config) as cases:
        lab5 = cases.load_assignment(LAB5)
        assert lab5 is not None
        limits = dataclasses.replace(lab5.limits, cpu_time_s=1.0, wall_time_s=2.0)
        cases.save_assignment(dataclasses.replace(lab5, ref=quick, limits=limits))
    submitted = hand_in(world, program, ref=quick)
    document = world.results(submitted)
    jsonschema.validate(document, SCHEMA)
    assert [test["verdict"] for test in document["tests"][:10]] == [
        "accepted",
        "wrong_answer",
        "runtime_error",
        "time_limit_exceeded",
        "wall_time_limit_exceeded",
        "memory_limit_exceeded",
        "output_limit_exceeded",
        "runtime_error",
        "wrong_answer",
        "accepted",
    ]
    assert "ValueError: three" in document["tests"][2]["output"]
    assert document["tests"][1]["output"] == "expected 4, got 5"
    out = world.store.get(submitted.key.out, 2 << 20)
    assert out is not None
    lines = out.data.split(b"\n")
    assert (len(lines), lines[0], lines[8]) == (11, b"1", rb"8\n1")


def test_grade_cases_leak_nothing(world: World, daemon: RealDaemon) -> None:
    """Their inputs and outputs are neither in a document nor in the log, whatever a program prints."""
    submitted = hand_in(world, b"import sys\nprint('got', sys.argv[1])\nprint('err', sys.argv[1], file=sys.stderr)\n")
    document = world.results(submitted)
    out = world.store.get(submitted.key.out, 1 << 20)
    assert out is not None
    for secret in ("123456789", "15241578750190521", "-12"):
        assert secret not in json.dumps(document["tests"])
        assert secret.encode() not in out.data
    daemon.wait_for("submission_graded", submission_id=submitted.key.subid)
    assert "15241578750190521" not in json.dumps(daemon.lines)


def test_handing_in_again_is_graded_again(world: World, daemon: RealDaemon) -> None:
    """The subid and the keys are the same, and so is the metadata, to the byte."""
    token = secrets.token_hex(16)
    first = world.results(hand_in(world, b"print(1)", token))
    second = world.results(hand_in(world, SQUARE, token))
    assert (first["subid"], first["score"]) == (second["subid"], 1.0)
    assert second["score"] == 20.0
    third = world.results(hand_in(world, b"print(4)", token))
    assert third["score"] == 1.0, "the newest counts, not the best"
    history = world.query(
        "SELECT number, score, published FROM submitter.history WHERE subid = %s ORDER BY number", first["subid"]
    )
    assert history == [(1, 1, True), (2, 20, True), (3, 1, True)]


def test_the_newest_upload_stays_when_an_older_one_ends_later(world: World, daemon: RealDaemon) -> None:
    token = secrets.token_hex(16)
    older = hand_in(world, b"import time\ntime.sleep(0.15)\nprint(1)", token)  # two seconds for all cases
    daemon.wait_for("submission_received", submission_id=older.key.subid)
    newer = hand_in(world, SQUARE, token)
    daemon.wait_for("submission_graded", submission_id=older.key.subid)
    assert world.results(newer)["score"] == 20.0
    world.wait_for(lambda: world.queue_depths()["waiting"] + world.queue_depths()["in_hand"] == 0, "empty queue")
    assert world.results(newer)["score"] == 20.0
    published = world.query("SELECT score FROM submitter.history WHERE subid = %s AND published", older.key.subid)
    assert published[-1] == (20,)
    assert (1,) not in published


def test_metadata_may_come_before_its_program(world: World, daemon: RealDaemon) -> None:
    key = SubmissionKey(LAB5, submission_id(LAB5, [secrets.token_hex(16)]), leading_slash=True)
    metadata = {"subid": key.subid, "admin": LAB5.admin, "event": LAB5.event, "assignment": LAB5.assignment}
    world.store.put(key.metadata, json.dumps(metadata | {"tokens": ["a" * 32]}).encode(), "application/json")
    daemon.wait_for("submission_waits", submission_id=key.subid)
    world.store.put(key.program(".py"), SQUARE, "text/plain")
    assert world.results(Submitted(key, None))["score"] == 20.0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_cases_finish(world: World, daemon: RealDaemon, signum: int) -> None:
    submitted = hand_in(world, b"import sys, time\ntime.sleep(0.1)\nprint(int(sys.argv[1]) ** 2)")
    daemon.wait_for("submission_received", submission_id=submitted.key.subid)
    assert daemon.stop(signum) == 0
    assert world.results(submitted)["score"] == 20.0
    assert daemon.lines[-1]["event"] == "daemon_stopped"
    assert_nothing_left(world, daemon)


def test_a_second_signal_gives_running_submissions_back(world: World, start_daemon: StartDaemon) -> None:
    first = start_daemon()
    submitted = hand_in(world, b"import sys, time\ntime.sleep(0.25)\nprint(int(sys.argv[1]) ** 2)")
    first.wait_for("submission_received", submission_id=submitted.key.subid)
    first.process.send_signal(signal.SIGTERM)
    first.wait_for("shutdown_started")
    assert first.stop() == 0
    first.wait_for("submission_failed", submission_id=submitted.key.subid)
    assert world.queue_depths()["waiting"] == 1, "at once, not when its visibility runs out"
    second = start_daemon()
    assert world.results(submitted)["score"] == 20.0
    assert_nothing_left(world, second)


def test_a_killed_daemon_leaves_nothing_that_the_next_does_not_mend(world: World, start_daemon: StartDaemon) -> None:
    first = start_daemon()
    submitted = hand_in(world, b"import sys, time\ntime.sleep(0.15)\nprint(int(sys.argv[1]) ** 2)")
    first.wait_for("submission_received", submission_id=submitted.key.subid)
    world.wait_for(lambda: list(world.work_dir.iterdir()), "working directory")
    first.process.kill()
    first.process.wait()
    second = start_daemon()
    assert world.results(submitted)["score"] == 20.0
    assert_nothing_left(world, second)
    world.wait_for(lambda: not containers_of(first), "removal of the dead daemon's container")


# -- bad input ----------------------------------------------------------------------------------------------------

BAD_BODIES = [
    "not JSON",
    "[1, 2]",
    '"text"',
    "{}",
    '{"subdata": 7}',
    "[" * 10_000,
    '{"subdata": "../../etc/passwd"}',
    '{"subdata": "a/b/c/%2e%2e/x.json"}',
    '{"subdata": "a/../c/' + "0" * 32 + "/" + "0" * 32 + '.json"}',
    '{"subdata": "a/b\\u0000/c/' + "0" * 32 + "/" + "0" * 32 + '.json"}',
    '{"subdata": "a/b%2f/c/' + "0" * 32 + "/" + "0" * 32 + '.json"}',
    '{"subdata": "a/b/c/' + "0" * 32 + "/" + "0" * 32 + '.results.json"}',
    '{"Records": []}',
]


def test_bodies_that_nobody_understands_are_set_aside_with_the_reason(world: World, daemon: RealDaemon) -> None:
    for body in BAD_BODIES:
        world.send(body)
    world.send('{"Service": "Amazon S3", "Event": "s3:TestEvent"}')
    submitted = hand_in(world, SQUARE)
    assert world.results(submitted)["score"] == 20.0, "the daemon goes on"
    daemon.wait_for("message_moved_aside", len(BAD_BODIES))
    daemon.wait_for("message_ignored")
    letters = dict(world.dead_letters())
    assert sorted(letters) == sorted(BAD_BODIES)
    assert all(len(reason) > 10 for reason in letters.values())
    assert_nothing_left(world, daemon)


def _metadata_for(key: SubmissionKey, **changes: Any) -> bytes:
    ref = key.ref
    document: dict[str, Any] = {
        "subid": key.subid,
        "admin": ref.admin,
        "event": ref.event,
        "assignment": ref.assignment,
    }
    return json.dumps(document | {"tokens": ["a" * 32]} | changes).encode()


BAD_METADATA: dict[str, Callable[[SubmissionKey], bytes]] = {
    "not UTF-8": lambda key: _metadata_for(key)[:-1] + b', "x": "\xff"}',
    "larger than": lambda key: _metadata_for(key, padding="x" * 100_000),
    "too deeply": lambda key: b"[" * 10_000 + b"]" * 10_000,
    "not an object": lambda key: b"[]",
    "is not text": lambda key: _metadata_for(key, event=7),
    "not a list": lambda key: _metadata_for(key, tokens="a" * 32),
    "names another assignment": lambda key: _metadata_for(key, assignment="lab6"),
    "names another subid": lambda key: _metadata_for(key, subid="f" * 32),
}


def test_metadata_that_cannot_be_read_is_rejected_in_words(world: World, daemon: RealDaemon) -> None:
    waiting = {}
    for reason, make in BAD_METADATA.items():
        key = SubmissionKey(LAB5, secrets.token_hex(16))
        world.store.put(key.program(".py"), SQUARE, "text/plain")
        world.store.put(key.metadata, make(key), "application/json")
        waiting[reason] = key
    for reason, key in waiting.items():
        document = world.results(Submitted(key, None))
        jsonschema.validate(document, SCHEMA)
        assert document["state"] == "rejected"
        assert reason in document["reason"]
        out = world.store.get(key.out, 100)
        assert out is not None
        assert out.data == b""
        [(state,)] = world.query("SELECT state FROM submitter.submissions WHERE subid = %s", key.subid)
        assert state == "rejected"
    assert_nothing_left(world, daemon)


@pytest.mark.parametrize(
    ("program", "reason"),
    [(b"", "is empty"), (b" \n\t\n", "is empty"), (b"#" * (10 << 20), "larger than"), (b"x = '\0'\n", "NUL byte")],
    ids=["empty", "blank", "10 MB", "NUL"],
)
def test_a_program_that_is_none_is_rejected_in_words(
    world: World, daemon: RealDaemon, program: bytes, reason: str
) -> None:
    document = world.results(hand_in(world, program))
    jsonschema.validate(document, SCHEMA)
    assert document["state"] == "rejected"
    assert reason in document["reason"]


def test_an_unknown_assignment_and_one_without_cases_are_rejected(world: World, daemon: RealDaemon) -> None:
    world.query("SELECT submitter.add_assignment('m.soltys', 'aws_labs', 'empty')")
    for name, reason in (("no_such", "There is no assignment no_such"), ("empty", "no test cases yet")):
        key = parse_metadata_key(f"m.soltys/aws_labs/{name}/{'7' * 32}/{'7' * 32}.json")
        world.store.put(key.program(".py"), SQUARE, "text/plain")
        world.store.put(key.metadata, _metadata_for(key), "application/json")
        document = world.results(Submitted(key, None))
        assert document["state"] == "rejected"
        assert reason in document["reason"]


@pytest.mark.parametrize("names", ["m soltys/aws+labs/läb #5?&", "a/b/c.d"])
def test_names_with_odd_characters_reach_the_right_object(world: World, daemon: RealDaemon, names: str) -> None:
    admin, event, assignment = names.split("/")
    world.query("SELECT submitter.add_assignment(%s, %s, %s)", admin, event, assignment)
    world.query("SELECT submitter.replace_cases(%s, %s, %s, 'test', ARRAY['3'], ARRAY['9'])", admin, event, assignment)
    subid = secrets.token_hex(16)
    key = parse_metadata_key(f"/{names}/{subid}/{subid}.json")
    world.store.put(key.program(".py"), SQUARE, "text/plain")
    world.store.put(key.metadata, _metadata_for(key), "application/json")
    assert world.results(Submitted(key, None))["score"] == 1.0


@pytest.mark.parametrize(
    "program",
    [b"\xef\xbb\xbf" + SQUARE, SQUARE.replace(b"\n", b"\r\n"), b"# coding: latin-1\nx = '\xe9'\n" + SQUARE],
    ids=["byte-order mark", "CRLF", "coding line"],
)
def test_a_program_in_any_guise_is_graded_like_any_other(world: World, daemon: RealDaemon, program: bytes) -> None:
    assert world.results(hand_in(world, program))["score"] == 20.0


def test_a_program_that_is_not_utf_8_and_does_not_say_so_is_told(world: World, daemon: RealDaemon) -> None:
    document = world.results(hand_in(world, b"print('caf\xe9')\n"))
    assert {test["verdict"] for test in document["tests"]} == {"compile_error"}
    assert "save it as UTF-8" in document["tests"][0]["output"]


# -- start-up -----------------------------------------------------------------------------------------------------


def test_a_daemon_without_a_dead_letter_queue_does_not_start(world: World) -> None:
    from submitter.adapters.aws import make_client

    sqs = make_client("sqs", world.environment)
    bare = sqs.create_queue(QueueName=f"bare-{secrets.token_hex(4)}")["QueueUrl"]
    daemon = RealDaemon({**world.environment, "SUBMITTER_QUEUE_URL": bare})
    assert daemon.process.wait(30) == 2
    assert "dead-letter" in json.dumps(daemon.lines)


def test_missing_settings_are_all_named_at_once(world: World) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SUBMITTER_")}
    daemon = RealDaemon(environment)
    assert daemon.process.wait(30) == 2
    daemon._reader.join(10)
    [line] = daemon.lines
    for name in ("SUBMITTER_QUEUE_URL", "SUBMITTER_BUCKET", "SUBMITTER_DATABASE_URL"):
        assert name in line["text"]
