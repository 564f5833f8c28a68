"""The list of log events is the operator's index: nothing may be logged that is not in it, and nothing in it unused."""

import ast
import io
import json
import logging
import sys
from pathlib import Path

import pytest
import structlog

from submitter import logs

PACKAGE = Path(logs.__file__).parent


def logged_events() -> set[str]:
    events = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
                and node.args
                and path.name != "trigger.py"  # Lambda's own logging
            ):
                assert isinstance(node.args[0], ast.Constant), f"{path}: an event's name is constant"
                events.add(str(node.args[0].value))
    return events


def test_every_logged_event_is_listed_and_every_listed_one_is_logged() -> None:
    # Those that logs.py itself produces have no call of `log`.
    assert logged_events() | {"library_warned"} == set(logs.EVENTS)


def test_a_pipe_gets_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("auto")
    structlog.get_logger().info("submission_graded", reason="two\nlines")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["reason"], line["level"]) == ("submission_graded", "two\nlines", "info")


def test_warnings_of_libraries_are_told_in_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg's pool is the only one who knows why Postgres cannot be reached."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("json")
    logging.getLogger("psycopg.pool").warning("error connecting in %r", "pool-1")
    logging.getLogger("psycopg.pool").info("not this")
    line = json.loads(stream.getvalue())
    assert line["event"] == "library_warned"
    assert (line["library"], line["text"]) == ("psycopg.pool", "error connecting in 'pool-1'")


def test_quiet_leaves_only_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("json", quiet=True)
    structlog.get_logger().info("submission_graded")
    structlog.get_logger().warning("submission_failed")
    assert "submission_failed" in stream.getvalue()
    assert "submission_graded" not in stream.getvalue()


@pytest.mark.parametrize("error", [BrokenPipeError(32, "nobody reads"), OSError(28, "the disk is full"), ValueError()])
def test_a_log_that_cannot_be_written_costs_its_lines_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The thread that polls logs its own end: if it failed there, the daemon would look alive, and do nothing."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("json")
    structlog.get_logger().info("submission_graded")
    broken = pytest.MonkeyPatch()

    def refuse(_: object = None) -> int:
        raise error

    broken.setattr(stream, "write", refuse)
    broken.setattr(stream, "flush", refuse)
    structlog.get_logger().info("submission_rejected")
    logging.getLogger("psycopg.pool").warning("lost")
    broken.undo()
    structlog.get_logger().info("submission_failed")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "submission_graded",
        "submission_failed",
    ]
