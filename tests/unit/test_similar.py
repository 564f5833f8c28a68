"""`submitter similar`: what is compared, what is told of it, and programs that are written against whoever looks."""

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter import app, similar
from submitter.adapters.memory import MemoryResultStore
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.cli import main
from submitter.errors import AssignmentRefused, StoreUnavailable
from submitter.model import Assignment, AssignmentRef, SubmissionKey
from submitter.outcomes import AttemptStart
from submitter.similar import NotCompared, Source, fetch_sources, find_subids, local_sources, make_programs
from submitter.similar_page import MAX_LINE_CHARACTERS, MAX_LINES, similar_page, visible
from submitter.similarity import Program, decode, fingerprint, lexer_for, rank
from submitter.upload import upload
from tests.unit.test_similarity import HONEST, do_all_of_it, rename_everything
from tests.unit.test_terminal import run_on_a_terminal

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
ADA, BOB, EVE, ZOE = (digit * 32 for digit in "abef")


class Services:
    """The two services that the command uses."""

    def __init__(self) -> None:
        self.cases, self.store = MemoryCaseStore(), MemoryResultStore()

    def hand_in(self, program: str | bytes, *tokens: str) -> str:
        """A submission that a daemon has begun to grade; its subid."""
        data = program.encode() if isinstance(program, str) else program
        key = upload(self.store, REF, tokens, data).key
        self.begin(key)
        return key.subid

    def begin(self, key: SubmissionKey) -> None:
        start = AttemptStart(key=key, tokens=(), language="python", upload="v1", worker="host:1", receive_count=1)
        self.cases.end_attempt(self.cases.begin_attempt(start), None)

    def fetch(self) -> list[Source | NotCompared]:
        language, subids = find_subids(self.cases, REF)
        return list(fetch_sources(self.store, REF, language, subids, at_once=4))


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    services = Services()

    @contextlib.contextmanager
    def open_cases(_: object) -> Iterator[MemoryCaseStore]:
        yield services.cases

    monkeypatch.setattr(app, "open_cases", open_cases)
    monkeypatch.setattr(app, "open_results", lambda _: services.store)
    for variable in ("BUCKET", "DATABASE_URL"):
        monkeypatch.setenv(f"SUBMITTER_{variable}", "postgresql://db.invalid/submitter")
    yield services
    structlog.reset_defaults()


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["similar", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def documents(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def program(name: str, text: str, *team: str) -> Program:
    lexer = lexer_for("program.py")
    assert lexer is not None
    return Program(name, decode(text.encode()), fingerprint(decode(text.encode()), lexer), frozenset(team))


# -- of an assignment ---------------------------------------------------------------------------------------------


def test_a_disguised_copy_leads_the_list_of_an_assignment(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nobody is named, neither by address nor by token."""
    services.cases.register(ADA, "ada@example.edu")
    copied = {services.hand_in(HONEST[0], ADA), services.hand_in(do_all_of_it(HONEST[0]), EVE)}
    services.hand_in(HONEST[1], BOB)
    assert exit_code("--assignment", REF, "--json") == 0
    first, *rest = documents(capsys)
    assert {first["a"]["program"], first["b"]["program"]} == copied
    assert first["similarity"] > 0.6
    assert all(one["similarity"] < 0.25 for one in rest)
    assert exit_code("--assignment", REF) == 0
    printed = capsys.readouterr()
    assert all(subid in printed.out for subid in copied)
    assert printed.err == "3 programs compared\n"
    assert not re.search(f"@|{ADA}|{BOB}|{EVE}", json.dumps(first) + printed.out)


def test_names_are_given_to_those_who_ask(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services.cases.register(ADA, "ada@example.edu")
    services.cases.register(BOB, "bob@example.edu")
    services.hand_in(HONEST[0], ADA, BOB)
    services.hand_in(HONEST[0], EVE)
    page = tmp_path / "page.html"
    assert exit_code("--assignment", REF, "--json", "--names", "--html", page) == 0
    [pair] = documents(capsys)
    told = [pair["a"]["emails"], pair["b"]["emails"]]
    assert sorted(told, key=len) == [[], ["ada@example.edu", "bob@example.edu"]]
    assert "ada@example.edu, bob@example.edu" in page.read_text()
    assert exit_code("--assignment", REF, "--names") == 0
    assert "ada@example.edu" in capsys.readouterr().out
    assert exit_code("--assignment", REF, "--html", page) == 0
    assert "ada@example.edu" not in page.read_text()


def test_the_newest_upload_of_a_submission_is_compared(services: Services) -> None:
    services.hand_in(HONEST[0], ADA)
    subid = services.hand_in(HONEST[1], ADA)
    [source] = services.fetch()
    assert isinstance(source, Source)
    assert (source.name, source.data, source.team) == (subid, HONEST[1].encode(), frozenset({ADA}))


def test_keys_are_found_with_a_leading_slash_and_without(services: Services) -> None:
    key = SubmissionKey(REF, "9" * 32)
    services.begin(key)
    metadata = {"subid": key.subid, "admin": REF.admin, "event": REF.event, "assignment": REF.assignment}
    services.store.put(key.metadata, json.dumps({**metadata, "tokens": [ADA]}).encode(), "application/json")
    services.store.put(key.program(".py"), b"print(1)", "text/plain")
    [source] = services.fetch()
    assert isinstance(source, Source)
    assert source.data == b"print(1)"


def test_what_cannot_be_compared_is_told_and_the_others_are_compared(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.hand_in(HONEST[0], ADA)
    services.hand_in(HONEST[1], BOB)
    large = services.hand_in(b"#" * (similar.MAX_PROGRAM_BYTES + 1), EVE)
    empty = services.hand_in("# nothing yet\n", ZOE)
    lost, broken = SubmissionKey(REF, "7" * 32), SubmissionKey(REF, "8" * 32)
    services.begin(lost)
    services.begin(broken)
    services.store.put(broken.metadata, b"{}", "application/json")
    assert exit_code("--assignment", REF, "--json") == 1
    problems = {one["program"]: one["problem"] for one in documents(capsys) if "problem" in one}
    assert "larger than" in problems.pop(large)
    assert problems.pop(empty) == "it has no code"
    assert "not in the bucket" in problems.pop(lost.subid)
    assert "subid" in problems.pop(broken.subid)
    assert not problems
    assert exit_code("--assignment", REF) == 1
    captured = capsys.readouterr()
    assert f"submitter: {empty} was not compared: it has no code\n" in captured.err
    assert "2 programs compared" in captured.err


def test_an_unknown_assignment_is_an_error_that_says_what_to_do(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("--assignment", REF) == 1
    assert "submitter cases list" in capsys.readouterr().err
    services.cases.save_assignment(Assignment(ref=REF, cases=()))
    assert exit_code("--assignment", REF) == 0
    assert capsys.readouterr().err.startswith("0 programs compared")


def test_a_bucket_that_is_away_ends_the_command(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services.hand_in(HONEST[0], ADA)
    services.store.fail_next(StoreUnavailable("the bucket is away"))
    assert exit_code("--assignment", REF) == 1
    assert "the bucket is away" in capsys.readouterr().err


def test_several_programs_are_fetched_at_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until all four are on the way: one after the other, they would wait for ever."""
    for token in (ADA, BOB, EVE, ZOE):
        services.hand_in(HONEST[0], token)
    together, get = threading.Barrier(4, timeout=20), services.store.get

    def wait_and_get(key: str, max_bytes: int) -> Any:
        if key.startswith("/") and key.endswith(".json"):
            together.wait()
        return get(key, max_bytes)

    monkeypatch.setattr(services.store, "get", wait_and_get)
    assert len(services.fetch()) == 4


# -- of files -----------------------------------------------------------------------------------------------------


def test_a_directory_gives_the_programs_in_and_below_it(tmp_path: Path) -> None:
    (tmp_path / "ada" / "lab").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name in ("ada/lab/main.py", "b.c", "notes.txt", ".git/hook.py", ".hidden.py"):
        (tmp_path / name).write_text("print(1)")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    told = list(local_sources([tmp_path, tmp_path / "b.c"]))
    assert sorted(one.name for one in told) == [str(tmp_path / name) for name in ("ada/lab/main.py", "b.c")]


def test_names_of_files_cannot_speak_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor stop the command by being no UTF-8."""
    names = [b"\x1b[2Jclear.py", b"\xff\xfe.py", "ü.py".encode()]
    for name in names:
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_text(HONEST[0])
    assert exit_code(tmp_path, "--html", tmp_path / "page.html") == 0
    printed = capsys.readouterr().out
    assert "\x1b[2J" not in printed
    assert all(name in printed for name in (r"\x1b[2Jclear.py", r"\udcff\udcfe.py", "ü.py"))


def test_template_files_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template, one, other = (tmp_path / name for name in ("template.py", "one.py", "other.py"))
    template.write_text(HONEST[4])
    one.write_text(HONEST[4] + HONEST[0])
    other.write_text(HONEST[4] + HONEST[1])
    assert exit_code(one, other, "--json") == 0
    [with_it] = documents(capsys)
    assert exit_code(one, other, "--json", "--template", template) == 0
    [without] = documents(capsys)
    assert with_it["similarity"] > 0.5
    assert without["similarity"] < 0.15
    assert exit_code(one, template, "--json", "--template", template) == 1
    assert documents(capsys) == [{"program": str(template), "problem": "it has nothing beside the template"}]


def test_a_template_that_is_no_program_is_refused(tmp_path: Path) -> None:
    sources = [Source("a", "a.py", b"print(1)")]
    with pytest.raises(AssignmentRefused, match="handout"):
        list(make_programs(sources, [Source("handout", "handout.txt", b"Write a program.")]))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give either files and directories, or --assignment"),
        ([__file__, "--assignment", "a/b/c"], "give either files and directories, or --assignment"),
        ([__file__, "--names"], "--names goes with --assignment"),
        ([__file__, "--most", "0"], "--most"),
        ([__file__, "--html", "/nowhere/page.html"], "cannot write /nowhere/page.html"),
    ],
)
def test_wrong_use_is_one_line(arguments: Sequence[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) in {1, 2}
    assert why in capsys.readouterr().err


def test_reading_shows_progress_on_a_terminal(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(HONEST[0])
    command = [sys.executable, "-m", "submitter", "similar", str(tmp_path)]
    code, said = run_on_a_terminal(command)
    assert code == 0
    assert b"100%" in said
    done = subprocess.run([*command, "--json"], capture_output=True, check=True)
    assert done.stderr == b""
    assert json.loads(done.stdout)["similarity"] == 1.0


# -- hostile programs ---------------------------------------------------------------------------------------------


def test_programs_are_never_run_or_imported(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    text = f"open({str(trace)!r}, 'w')\nraise SystemExit(7)\n"
    sources = [Source(name, name, text.encode()) for name in ("os.py", "conftest.py", "sitecustomize.py")]
    assert all(isinstance(one, Program) for one in make_programs(sources))
    assert not trace.exists()


def test_a_program_that_its_lexer_takes_for_ever_over_is_given_up_and_the_others_are_compared() -> None:
    """Blanks before and after a `match`: the lexer's expression looks at all of them for each of them."""
    endless = b" " * 120_000 + b"match" + b" " * 120_000
    sources = [Source("endless", "a.py", endless), Source("honest", "b.py", HONEST[0].encode())]
    started = time.monotonic()
    told, compared = make_programs(sources, cpu_time_s=0.5)
    assert time.monotonic() - started < 30  # alone, it takes minutes
    assert isinstance(told, NotCompared)
    assert "takes more than 0.5 s" in told.reason
    assert isinstance(compared, Program)


def test_large_and_odd_programs_are_read_within_bounds() -> None:
    """One token over and over, one line of brackets, no UTF-8: all are compared, each is like itself alone."""
    odd = {
        "one token": b"x " * 30_000,
        "one line": b"[" * 10_000,
        "no UTF-8": bytes(range(256)) * 60 + b"\nprint(1)\n",
        "UTF-16": HONEST[0].encode("utf-16"),
        "NUL": b"\0" * 10_000 + b"a = 1",
    }
    told = list(make_programs([Source(name, "a.py", data) for name, data in odd.items()]))
    programs = [one for one in told if isinstance(one, Program)]
    assert [one.name for one in programs] == list(odd)
    assert len(programs[0].fingerprints.lines) == 1
    assert not [pair for pair in rank(programs, 10) if pair.similarity > 0.9]


def test_too_much_to_hold_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "MAX_ALL_BYTES", 10)
    with pytest.raises(AssignmentRefused, match="in parts"):
        list(make_programs([Source("a", "a.py", b"x = 1\n"), Source("b", "b.py", b"x = 1\n")]))


# -- the page -----------------------------------------------------------------------------------------------------

ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "div", "table", "tr", "th", "td"),
    *("a", "span"),
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "id", "href"}


class Reader(HTMLParser):
    """What a browser would make of the page: its tags, its attributes, and its text beside the style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._in_style = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._in_style else data


HOSTILE = """</td></table><script>alert(1)</script><img src=x onerror=alert(2)>
a = "</style><style>*{display:none}</style>" + '"><a href="javascript:alert(3)">' # <!-- ]]> &lt;
b = "\u202e}\u2066 \u0000 \u001b[31m" ; c = "{{7*7}} ${7*7} &#x3c;script>"
"""


def test_a_hostile_program_is_nothing_but_text_on_the_page() -> None:
    """In programs, in names of files and in e-mail addresses: no tag, no attribute and no address is theirs."""
    name = "\"><script>alert(1)</script>'<b onclick=x>.py"
    programs = [program(name, HOSTILE + HONEST[0], ADA), program("other", HOSTILE + HONEST[0], EVE)]
    page = similar_page(f"of {name}", rank(programs, 5), {ADA: "<script>@example.edu"}, [f"{name} was not compared"])
    read = Reader(page)
    assert read.tags <= ALLOWED
    assert {name for name, _ in read.attributes} <= ATTRIBUTES
    links = [value for name, value in read.attributes if name == "href"]
    assert links
    assert all(re.fullmatch(r"#p\d+([ab]\d+)?", link) for link in links)
    for line in HOSTILE.splitlines()[:2]:
        assert read.text.count(line) == 2
    assert "U+202E" in read.text
    assert "U+0000" in read.text
    assert not re.search("[\u202e\u2066\u0000\u001b]", page)
    assert f"{name} (<script>@example.edu)" in read.text


def test_the_page_needs_nothing_and_forbids_itself_everything() -> None:
    page = similar_page("none", [], {})
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", page)


SPELLED_OUT = re.compile(r'<span class="c">U\+([0-9A-F]{4,6})</span>')


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_all_of_a_text_can_be_seen(text: str) -> None:
    html = visible(text)
    assert Reader(html).tags <= {"span"}
    assert unescape(SPELLED_OUT.sub(lambda found: chr(int(found[1], 16)), html)) == text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", html)


def test_shared_lines_are_marked_and_lead_to_the_like_of_them() -> None:
    moved = "import sys, os\n\n\n" + rename_everything(HONEST[4]) + "while sys: os.x = [1]\n"
    page = similar_page("two", rank([program("1", HONEST[4]), program("2", moved)], 1), {})
    leads_to = {
        int(at): int(there) for at, there in re.findall(r'<tr id="p1a\d+" class="s">.*?"#p1b(\d+)">(\d+)<', page)
    }
    leads_to = {mine: theirs for theirs, mine in leads_to.items()}
    assert len(leads_to) > 0.8 * len([line for line in HONEST[4].splitlines() if line.strip()])
    assert sum(theirs == mine + 3 for mine, theirs in leads_to.items()) > 0.8 * len(leads_to)
    assert '<tr id="p1b1"><td class="l">1</td><td>import sys, os</td></tr>' in page


def test_a_page_of_large_programs_stays_small() -> None:
    long = "x = [" + "1, " * 2_000 + "]\n" + "y = 1\n" * (MAX_LINES + 9)
    page = similar_page("long", rank([program("1", long), program("2", long)], 1), {})
    assert max(map(len, page.splitlines())) < MAX_LINE_CHARACTERS + 2_000
    assert f'id="p1b{MAX_LINES}"' in page
    assert f'id="p1b{MAX_LINES + 1}"' not in page
    assert "and 10 lines more" in page


def test_the_page_is_for_whoever_asked_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(HONEST[0])
    assert exit_code(tmp_path, "--html", page) == 0
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "100%" in Reader(page.read_text()).text
