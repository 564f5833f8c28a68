"""The handbook names whatever an operator may be told: every warning, and every reason not to start."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from submitter.logs import EVENTS

ROOT = Path(__file__).resolve().parents[2]
HANDBOOK = ROOT / "docs" / "handbook"
PAGES = sorted(path for path in HANDBOOK.glob("*.md") if path.name != "README.md")
LEVELS = {"warning", "error", "exception", "critical"}
# The rooms that a daemon goes through before it takes messages, and whose complaints end it.
AT_START = ("app.py", "config.py", "resources.py", "adapters/*.py", "executors/*_executor.py")
# Raised in those rooms, but told in the log, as executor_not_started.
NOT_AT_START = "Docker could not start an executor: "


def text() -> str:
    return "\n".join(path.read_text() for path in PAGES)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def warnings_of(path: Path) -> Iterator[str]:
    """The first argument of each `log.warning(…)` and above."""
    for call in calls(ast.parse(path.read_text())):
        function = call.func
        is_log = isinstance(function, ast.Attribute) and function.attr in LEVELS
        if is_log and call.args and isinstance(call.args[0], ast.Constant):
            yield str(call.args[0].value)


def told() -> list[str]:
    found = {event for path in (ROOT / "submitter").rglob("*.py") for event in warnings_of(path)}
    assert len(found) > 20
    return sorted(found)


def pieces(message: ast.expr) -> list[str]:
    """What of a message is written in the code, in order; empty if all of it comes from elsewhere."""
    if isinstance(message, ast.Constant):
        return [str(message.value)]
    if isinstance(message, ast.JoinedStr):
        return [str(part.value) for part in message.values if isinstance(part, ast.Constant)]
    if isinstance(message, ast.BinOp):
        return pieces(message.left)
    return []


def reasons_not_to_start() -> Iterator[tuple[str, str]]:
    """For each ConfigError and SandboxUnavailable of those rooms: the room, and the longest piece of its text."""
    for path in (path for rooms in AT_START for path in (ROOT / "submitter").glob(rooms)):
        for call in calls(ast.parse(path.read_text())):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in {"ConfigError", "SandboxUnavailable"} and call.args:
                written = pieces(call.args[0])
                longest = max((part for part in written if part.strip("; ")), key=len, default="")
                if longest and written[0] != NOT_AT_START:
                    yield path.stem, longest


@pytest.mark.parametrize("event", told())
def test_every_warning_has_a_page(event: str) -> None:
    assert f"`{event}`" in text() or f'"event": "{event}"' in text()


def test_every_warning_is_one_of_the_events() -> None:
    """All but what the trigger says, which runs without our logging."""
    assert {event for event in told() if " " not in event} <= set(EVENTS)


@pytest.mark.parametrize(("room", "reason"), sorted(set(reasons_not_to_start())))
def test_every_reason_not_to_start_is_on_the_page_of_that(room: str, reason: str) -> None:
    """By its longest piece between what varies, where the page says `…`, as far as its first colon or bracket."""
    page = (HANDBOOK / "does-not-start.md").read_text()
    assert re.split("[:`(;]", reason.strip(" (:;"))[0].strip() in page


def test_reasons_were_found_at_all() -> None:
    found = {room for room, _ in reasons_not_to_start()}
    assert {"app", "sqs", "aws", "postgres_connections", "docker_executor", "bubblewrap_executor"} <= found


def test_a_queue_that_does_not_answer_at_the_start_is_on_the_page_of_that() -> None:
    """Its text is put together in two places."""
    doing = "cannot find the dead-letter queue"
    assert f'_errors_of("{doing}")' in (ROOT / "submitter" / "adapters" / "sqs.py").read_text()
    assert doing in (HANDBOOK / "does-not-start.md").read_text()


@pytest.mark.parametrize("fault", ["is not set", "must be"])
def test_a_wrong_setting_is_on_the_page_of_that(fault: str) -> None:
    page = (HANDBOOK / "does-not-start.md").read_text()
    assert re.search(rf"\| `SUBMITTER_….*{fault}", page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_says_what_is_seen_what_it_means_and_what_to_do(page: Path) -> None:
    headings = re.findall(r"^#+ .*$", page.read_text(), re.MULTILINE)
    assert headings[1:] == ["## What you see", "## What it means", "## What to do"]
    assert f"]({page.name})" in (HANDBOOK / "README.md").read_text(), "the index leads to it"


def test_no_log_line_that_is_shown_has_an_event_that_there_is_not() -> None:
    shown = set(re.findall(r'"event": "(\w+)"', text()))
    assert shown
    assert shown <= set(EVENTS)
