"""The documents name what there is, and their links lead somewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from submitter.cli import cli
from submitter.comparison import ComparisonKind
from submitter.config import SETTINGS
from submitter.crash import POINTS
from submitter.logs import EVENTS
from submitter.model import InputMode, Verdict

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def all_pages() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def names(text: str, name: str) -> bool:
    """Whether a text names something as a word of its own; `daemon` is not named by `daemon_started`."""
    return re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w-])", text) is not None


def commands(group: click.Group, path: str = "submitter") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def made_in_sql() -> set[str]:
    """The functions and views of the migrations, with their schema."""
    scripts = "\n".join(path.read_text() for path in sorted((ROOT / "sql").glob("*.sql")))
    made = re.findall(r"^CREATE (?:OR REPLACE )?(?:FUNCTION|VIEW) (submitter\.\w+)", scripts, re.MULTILINE)
    assert made
    return set(made)


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in LINK.findall(FENCE.sub("", page.read_text())):
            if not re.match(r"[a-z]+:", target):
                yield page, target


@pytest.mark.parametrize("variable", [variable for variable, _ in SETTINGS.values()])
def test_every_setting_is_in_the_operators_table(variable: str) -> None:
    assert f"\n| `{variable}` |" in text_of("docs/operators.md")


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_in_the_operators_table(event: str) -> None:
    assert f"\n| `{event}` |" in text_of("docs/operators.md")


def test_the_operators_table_has_no_event_that_is_not_logged() -> None:
    table = text_of("docs/operators.md").partition("| event |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(EVENTS)


def test_every_setting_that_is_named_exists() -> None:
    """A setting of a later version would send an operator on a search."""
    for_tests = {"SUBMITTER_REQUIRE_DOCKER", "SUBMITTER_TEST_DATABASE_URL"}
    assert set(re.findall(r"\bSUBMITTER_[A-Z_]+\b", all_pages())) <= {name for name, _ in SETTINGS.values()} | for_tests


@pytest.mark.parametrize("command", list(commands(cli)))
def test_every_command_is_described(command: str) -> None:
    assert names(all_pages(), command)


def test_every_command_that_is_named_exists() -> None:
    known = set(commands(cli))
    groups = {command.rpartition(" ")[0] for command in known} - {"submitter"}
    named = re.findall(r"(?:`|[$#] |bin/)(submitter [a-z]+(?: [a-z]+)?)", all_pages())
    assert named
    for words in named:
        first_two = " ".join(words.split()[:2])
        assert words in known or first_two in known or words in groups, words


@pytest.mark.parametrize("made", sorted(made_in_sql()))
def test_every_function_and_view_is_named_for_admins(made: str) -> None:
    assert names(text_of("docs/admins.md"), made)


@pytest.mark.parametrize("word", [*InputMode, *ComparisonKind])
def test_every_mode_is_explained_for_admins(word: str) -> None:
    assert f"| `{word}`" in text_of("docs/admins.md")


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_explained(verdict: Verdict) -> None:
    assert f"| `{verdict.long_name}` | {verdict.code} |" in text_of("docs/verdicts.md")


@pytest.mark.parametrize(("page", "target"), [pytest.param(*link, id=f"{link[0].name}-{link[1]}") for link in links()])
def test_links_lead_somewhere(page: Path, target: str) -> None:
    path, _, anchor = unquote(target).partition("#")
    aim = (page.parent / path).resolve() if path else page
    assert aim.is_relative_to(ROOT), "a link out of the repository leads nowhere on another machine"
    assert aim.exists()
    if anchor:
        assert anchor in anchors(aim.read_text())


def named_tests(page: str) -> Iterator[tuple[str, str]]:
    """Files and functions; `::test_x` alone is one of the file named before it, and a bare file is a contract test."""
    path = ""
    for file, function in re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)?(?:::(\w+))?`", text_of(page)):
        if file:
            path = file if "/" in file else f"tests/contract/{file}"
        if file or function:
            yield path, function


def is_long(path: str, function: str) -> bool:
    """Whether `make test` leaves all forms of a test out."""
    marks: list[ast.expr] = []
    for node in ast.parse(text_of(path)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            marks += node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks += getattr(node.value, "elts", [node.value])
    return "pytest.mark.long" in map(ast.unparse, marks)


@pytest.mark.parametrize(
    ("path", "function"), sorted({*named_tests("docs/threat-model.md"), *named_tests("docs/failures.md")})
)
def test_every_test_that_shows_a_promise_is_there(path: str, function: str) -> None:
    assert re.search(rf"^def {function}\(" if function else "^def test_", text_of(path), re.MULTILINE)


def test_what_make_test_leaves_out_is_marked_in_the_failure_tables() -> None:
    page = text_of("docs/failures.md")
    told = re.findall(r"`(?:tests/[\w/]+\.py)?::\w+`( \(long\))?", page)
    named = [(path, function) for path, function in named_tests("docs/failures.md") if function]
    assert len(told) == len(named) == page.count("::test_")
    for (path, function), said in zip(named, told, strict=True):
        assert is_long(path, function) == bool(said), function


@pytest.mark.parametrize(("point", "meaning"), POINTS.items())
def test_every_crash_point_is_in_the_failure_tables(point: str, meaning: str) -> None:
    assert f"\n| {point} | {meaning} | " in text_of("docs/failures.md")


def test_every_way_to_misbehave_is_in_the_threat_model() -> None:
    spans = re.findall(r"\bS(\d+)(?: to S(\d+))?", text_of("docs/threat-model.md"))
    named = {number for first, last in spans for number in range(int(first), int(last or first) + 1)}
    assert named == set(range(1, 81))


def test_prose_has_a_sentence_on_a_line() -> None:
    """So that a change shows as a change of one sentence. Tables and lists may hold several."""
    crowded = [
        f"{page.name}: {line}"
        for page in [*PAGES, ROOT / "CHANGELOG.md"]
        for line in FENCE.sub("", page.read_text()).splitlines()
        if re.match(r"[A-Z`*]", line) and re.search(r"[a-z`)]\. [A-Z]", line)
    ]
    assert not crowded
