"""Reports: what strangers wrote harms no reader and no document, and hidden cases stay hidden."""

import base64
import csv
import hashlib
import io
import json
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter.accounts import TEXT_CHARS, Account, Student
from submitter.comparison import Comparison, Hint
from submitter.model import AssignmentRef, CaseKind, Step, Verdict
from submitter.outcomes import ShownPoints
from submitter.points import Group, GroupResult, GroupStatus
from submitter.policy import Level, View
from submitter.reports import gradebook, junit, page, terminal
from submitter.reports.diff import MOST_LINES, DiffLine, compare
from submitter.reports.text import escaped, one_line, plain
from submitter.results import seen_by_student
from tests.unit.reports import RENDERERS, account, case, is_harmful, open_, refused_file, rejected

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"'><img src=x onerror=alert(1)>",
    "closing tags": "</pre></section></body></html></testcase>]]>--><!--",
    "entities": "&lt;b&gt; &#0; &nope; %3Cb%3E",
    "formula": '=HYPERLINK("http://example.org/?"&A1,"click")',
    "formula after a blank": " \t@SUM(1+1)|cmd",
    "other formulas": "+1\n-1\n@x",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1bP\x9b31m\x08\x7f",
    "control characters": "".join(map(chr, [*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0)])),
    "right to left": "abc\u202edcba\u202c\u2066x\u2069\u200f\u061c",
    "invisible": "a\u200bb\u200dc\ufeffd\xade\u2060\U000e0041",
    "line breaks": "a\rb\r\nc\u2028d\u2029e\x85f\x0bg\x0ch",
    "no characters": "\ufffe\uffff\ufdd0\U0010ffff",
    "quotes and commas": 'a,"b",\n"c',
    "megabyte line": "x<&" * 350_000,
    "megabyte of lines": "\n" * 1_000_000,
    "rich's markup": "[red]x[/red] [link=http://example.org]y[/link]",
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
BYTES = [b"\xff\xfe\xc3", b"\xed\xa0\x80", b"\0\0\0", bytes(range(256)), "é".encode()[:1] + b"x"]


def accounts_with(text: str, verdicts: Iterable[Verdict] = Verdict) -> Iterator[Account]:
    """The text wherever a student or an admin may have put it, and with each verdict."""
    raw = text.encode(errors="surrogatepass")
    texts: dict[str, Any]
    for verdict in verdicts:
        texts = {"input": text[:TEXT_CHARS], "expected": (text + "!")[:TEXT_CHARS], "stdout": raw, "stderr": raw}
        yield account(case(verdict, use={"exit_code": 1}, **texts), case(verdict, CaseKind.GRADE, **texts))
    yield rejected(text[:1000])  # ours, if it quotes a student: never long
    yield refused_file(f"/tmp/{text[:200].replace(chr(0), '')}", text[:1000])
    name = text[:200]
    yield account(
        replace(case(), group=name),
        ref=AssignmentRef(name, name, name),
        students=(Student(name, name), Student(name, None)),
        language=name,
        groups=(GroupResult(Group(name), 0.0, 1.0, GroupStatus.FAILED),),
    )


def renderings(told: Account) -> Iterator[tuple[str, str]]:
    for name, render in RENDERERS.items():
        if told.name.isalnum() or name != "index":  # only submissions are in an index, and have such a name
            yield name, render(told)


def test_what_a_tool_said_is_told_and_compared_with_nothing() -> None:
    """Its expected output is empty: a diff would show all that it said as too much."""
    proof = replace(case(Verdict.WRONG_ANSWER, input="", expected="", stdout=b"line 2: no type\n"), step=Step.PROVE)
    told = account(proof)
    shown_page, shown_terminal = RENDERERS["page"](told), RENDERERS["terminal"](told)
    for shown in (shown_page, shown_terminal):
        assert "(prove)" in shown
        assert "not proved" in shown
        assert "line 2: no type" in shown
        assert "+ line" not in shown
    assert shown_terminal.endswith("line 2: no type"), "and no empty line after it"
    assert "expected" not in shown_page.partition("<section>")[2]
    assert json.loads(RENDERERS["json"](told))["cases"][0]["step"] == "prove"


# -- harmless text ------------------------------------------------------------------------------------------------


def test_every_harmful_character_is_written_as_an_escape_and_no_other() -> None:
    """Held against Unicode's categories as this Python knows them."""
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        shown = plain(character)
        if is_harmful(character):
            assert shown == escaped(character), hex(number)
        elif shown != character:
            # A newer Unicode may have made a harmful character of one that is none here; all of U+E0000's block is
            # invisible, whatever its category.
            assert shown == escaped(character)
            assert unicodedata.category(character) == "Cn" or 0xE0000 <= number <= 0xE0FFF, hex(number)


@pytest.mark.parametrize("raw", BYTES)
def test_bytes_that_are_no_text_are_shown_as_escapes(raw: bytes) -> None:
    assert not any(map(is_harmful, plain(raw)))


def test_cut_text_says_so_and_how_much_there_was() -> None:
    assert plain(b"x" * 20, 10) == "x" * 10 + "… (20 bytes in all)"
    assert plain(b"x" * 20, 30, whole=700) == "x" * 20 + "… (700 bytes in all)"
    assert plain("x" * 20, 10) == "x" * 10 + "…"
    assert plain(b"x" * 10, 10) == plain("x" * 10, 10) == "x" * 10


def test_one_line_is_one() -> None:
    assert one_line("a\n\tb\r\n") == "a\\n\\tb\\r\\n"


# -- hostile text through every renderer --------------------------------------------------------------------------


@hostile
def test_no_rendering_holds_a_harmful_character_or_grows_with_what_was_printed(text: str) -> None:
    for told in accounts_with(text):
        for name, rendered in renderings(told):
            found = {hex(ord(character)) for character in set(rendered) if is_harmful(character)}
            assert not found, name
            assert len(rendered) < 300_000, name


ELEMENTS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "table",
    "thead",
    "tbody",
    "tr",
}
ELEMENTS |= {"th", "td", "meter", "span", "pre", "del", "ins", "mark", "i", "a", "section", "details", "summary"}
ATTRIBUTES = {"scope", "lang", "charset", "http-equiv", "content", "name", "class", "href", "min", "max", "value"}


@hostile
def test_pages_are_valid_and_hold_no_element_of_a_stranger(text: str) -> None:
    for told in accounts_with(text, [Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR]):
        for name in ("page", "index") if told.name.isalnum() else ("many on a page",):
            rendered = RENDERERS[name](told)
            document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(rendered)
            for element in document.iter():
                assert element.tag in ELEMENTS, name
                assert set(element.attrib) <= ATTRIBUTES, name
                assert element.tag != "a" or re.fullmatch(r"[0-9a-f]{32}\.html", element.attrib["href"])
            assert "javascript:" not in rendered


@pytest.mark.parametrize("printed", ["<script>a && b</script>\n  \"two\"  'blanks'\t\n&amp;", "\nafter a line", " \n"])
def test_what_was_printed_is_in_the_page_letter_for_letter(printed: str) -> None:
    """Escaping that lost or doubled something would show a student what was never printed."""
    rendered = page.page(account(case(Verdict.RUNTIME_ERROR, stdout=printed.encode(), use={"exit_code": 1})))
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(rendered)
    assert printed in ["".join(block.itertext()) for block in document.iter("pre")]


def test_a_page_needs_nothing_from_elsewhere_and_forbids_it() -> None:
    """One file to mail or to print; should anything get past the escaping, the browser refuses to run it."""
    rendered = page.page(account(case(), case(Verdict.ACCEPTED)))
    assert not re.search(r"<script|<link|<img|<iframe|\bsrc=|\bstyle=|url\(|@import|\bon\w+=", rendered)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', rendered)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    style = re.search(r"<style>(.*)</style>", rendered, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy[1], "a browser would drop the style sheet"


# In our own words, what the schema of Jenkins's xUnit plug-in (junit-10.xsd) allows of what we use:
# for each element its children, the attributes it must have, and those that it may have.
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url", "group"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": (
        {"skipped", "error", "failure", "system-out", "system-err"},
        {"name"},
        {"time", "classname", "group"},
    ),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}


def read_junit(document: str) -> ElementTree.Element:
    """A document, after it was held against the schema and its suites' counts against their cases."""
    root = ElementTree.fromstring(document.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        children, needed, allowed = JUNIT[element.tag]
        assert {child.tag for child in element} <= children
        assert needed <= set(element.attrib) <= needed | allowed
        if "time" in element.attrib:
            assert re.fullmatch(r"[0-9]+\.[0-9]{3}", element.attrib["time"])
        if element.tag in {"testsuites", "testsuite", "properties"}:
            assert not (element.text or "").strip(), "text where the schema allows elements only"
    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))
    return root


@hostile
def test_junit_is_valid_whatever_was_printed(text: str) -> None:
    read_junit(junit.OPEN + "".join(map(junit.suite, accounts_with(text))) + junit.CLOSE)


def test_junit_has_an_outcome_for_every_verdict() -> None:
    told = account(*(case(verdict, ordinal=number) for number, verdict in enumerate(Verdict, start=1)))
    [suite] = read_junit(junit.OPEN + junit.suite(told) + junit.CLOSE)
    outcomes = {
        verdict: [child.tag for child in one if child.tag != "system-out"]
        for verdict, one in zip(Verdict, suite.iter("testcase"), strict=True)
    }
    assert outcomes.pop(Verdict.ACCEPTED) == []
    assert outcomes.pop(Verdict.SKIPPED) == ["skipped"]
    assert outcomes.pop(Verdict.INTERNAL_ERROR) == ["error"], "ours: a build must not blame the program"
    assert set(map(tuple, outcomes.values())) == {("failure",)}


def test_junit_tells_a_rejected_submission_and_one_without_a_result() -> None:
    document = junit.OPEN + junit.suite(rejected("Your program is empty.")) + junit.suite(open_()) + junit.CLOSE
    first, second = read_junit(document)
    [error] = first.iter("error")
    assert error.text == error.attrib["message"] == "Your program is empty."
    assert len(list(second.iter("skipped"))) == 1


@hostile
def test_no_cell_of_the_grade_book_is_a_formula_and_every_line_has_every_column(text: str) -> None:
    lines = gradebook.csv_line(gradebook.COLUMNS)
    lines += "".join(gradebook.csv_rows(told) for told in accounts_with(text))
    rows = list(csv.reader(io.StringIO(lines), strict=True))
    assert {len(row) for row in rows} == {len(gradebook.COLUMNS)}
    assert not [cell for row in rows for cell in row if re.match(r"\s*[=+\-@|%＝＋－＠]", cell)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "|", "%", "＝", " =", "\t=", "\r=", "\u200b="])
def test_a_cell_that_would_be_a_formula_gets_an_apostrophe(start: str) -> None:
    [cells] = csv.reader([gradebook.csv_line([f"{start}1+1", "ada", -1.5, None])])
    if start in {"\t=", "\r=", "\u200b="}:  # an escape before it makes it text already
        assert cells[0].startswith("\\")
    else:
        assert cells[0] == f"'{start}1+1"
    assert cells[1:] == ["ada", "-1.5", ""], "a number of ours stays one, and a spreadsheet can add it up"


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7"), (12.345678, "12.345678"), (1234567.5, "1234567.5"), (0.1 + 0.2, "0.3"), (-0.0, "0"), (100.0, "100")],
)
def test_a_number_in_the_grade_book_is_whole_to_the_millionth(value: float, text: str) -> None:
    assert gradebook.csv_line(["ada", value]) == f"ada,{text}\n"


def test_the_grade_book_has_a_line_for_each_student() -> None:
    told = account(case(Verdict.ACCEPTED), case(Verdict.TIME_LIMIT_EXCEEDED, CaseKind.GRADE))
    book = gradebook.csv_line(gradebook.COLUMNS) + gradebook.csv_rows(told) + gradebook.csv_rows(open_())
    rows = list(csv.DictReader(io.StringIO(book)))
    assert [(row["token"], row["email"], row["score"]) for row in rows] == [
        ("a" * 32, "ada@example.edu", "1"),
        ("b" * 32, "", "1"),
        ("a" * 32, "ada@example.edu", ""),
        ("b" * 32, "", ""),
    ]
    assert rows[0] | {"token": "", "email": ""} == {
        "admin": "m.soltys",
        "event": "aws_labs",
        "assignment": "lab5_containers",
        "subid": "ab" * 16,
        "token": "",
        "email": "",
        "state": "graded",
        "score": "1",
        "max_score": "2",
        "verdicts": "AC TLE",
        "attempt": "2",
        "attempts": "3",
        "graded_at": "2026-08-01T08:30:00+00:00",
        "reason": "",
        "late_s": "",
        "penalty": "0",
    }


@hostile
def test_json_is_one_line_of_ascii_with_the_exact_text(text: str) -> None:
    line = gradebook.json_line(rejected(text[:1000]))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["reason"] == text[:1000]


# -- the diff -----------------------------------------------------------------------------------------------------


def diff(expected: str, printed: str) -> list[tuple[str, str, str, str]]:
    texts = case(expected=expected, stdout=printed.encode()).texts
    assert texts is not None
    return [(line.sign, line.before, line.changed, line.after) for line in compare(texts)]


def test_the_diff_shows_where_a_line_departs() -> None:
    assert diff("a\nsum: 12 m\nb\n", "a\nsum:  13 m\nb") == [
        ("=", "a", "", ""),
        ("-", "sum: ", "12", " m"),
        ("+", "sum: ", " 13", " m"),
        ("=", "b", "", ""),
    ]


def test_the_diff_finds_a_line_that_is_missing_and_leaves_out_what_is_equal() -> None:
    lines = [str(number) for number in range(1000)]
    told = diff("\n".join(lines), "\n".join(lines[:500] + lines[501:]))
    assert told == [
        ("…", "498 equal lines", "", ""),
        ("=", "498", "", ""),
        ("=", "499", "", ""),
        ("-", "500", "", ""),
        ("=", "501", "", ""),
        ("=", "502", "", ""),
        ("…", "497 equal lines", "", ""),
    ]


def test_the_diff_takes_its_own_end_for_no_difference() -> None:
    """With a line more on one side, the last line that is compared has its equal beyond what is compared."""
    lines = [f"line {number}" for number in range(3 * MOST_LINES)]
    told = diff("\n".join(lines), "\n".join(["more", *lines[:-1], "other"]))
    assert [(sign, before) for sign, before, _, _ in told if sign in "-+"] == [("+", "more")]
    assert told[-1] == ("…", "the rest is not compared here", "", "")


@pytest.mark.parametrize(
    ("expected", "printed", "shown"),
    [
        ("a b", "a  b", "a<i>·</i><mark><i>·</i></mark>b"),
        ("a", "a ", "a<mark><i>·</i></mark>"),
        ("a", "a\t", "a<mark><i>→</i></mark>"),
        ("a", "a\r", r"a<mark>\r</mark>"),
        ("a b", "a\xa0b", r"a<mark>\xa0</mark>b"),
        ("a", "a\u200b", r"a<mark>\u200b</mark>"),
        ("", "<b>", "<mark>&lt;b&gt;</mark>"),
    ],
)
def test_blanks_in_a_diff_can_be_seen(expected: str, printed: str, shown: str) -> None:
    rendered = page.page(account(case(expected=expected, stdout=printed.encode())))
    assert f"<ins>+ {shown}</ins>" in rendered


def test_the_diff_shows_the_place_in_a_very_long_line() -> None:
    told = diff("a" * 9000 + "b" + "a" * 2000, "a" * 9000 + "c" + "a" * 2000)
    assert [(sign, changed) for sign, _, changed, _ in told] == [("-", "b"), ("+", "c")]
    assert all(len(before) + len(after) < 400 for _, before, _, after in told)
    assert all(before.startswith("…") and after.endswith("…") for _, before, _, after in told)


@pytest.mark.parametrize(
    ("comparison", "expected", "printed"),
    [
        ("numbers absolute=1e-6", "1" * TEXT_CHARS, "2" * TEXT_CHARS),
        ("numbers absolute=1e-6", "1e999999999\n" * 1000, "1e-999999999\n" * 1000),
        ("whitespace ignore_case", "a \u0130" * 4000, "A  i\u0307" * 4000),
        ("unordered_tokens", "a " * 8000, "b " * 8000),
        ("unordered_lines", "a\n" * 8000, "b\n" * 8000),
    ],
)
def test_a_comparison_makes_no_diff_slow(comparison: str, expected: str, printed: str) -> None:
    started = time.process_time()
    told = signs(expected[: TEXT_CHARS - 1], printed[: TEXT_CHARS - 1], comparison)
    assert time.process_time() - started < 1
    assert 0 < len(told) <= 2 * MOST_LINES + 2


@pytest.mark.parametrize("lines", [["x"], ["x", "y"], ["", "x", ""]])
def test_the_diff_of_a_hostile_output_is_quick(lines: list[str]) -> None:
    """Comparing lines takes the square of their number or more, and a program chooses it."""
    expected = "\n".join(lines * 3000)[:TEXT_CHARS]
    printed = "\n".join([*lines[::-1], "z"] * 3000)[:TEXT_CHARS]
    started = time.process_time()
    told = diff(expected, printed)
    assert time.process_time() - started < 1
    assert len(told) <= 2 * MOST_LINES + 2
    assert told[-1] == ("…", "the rest is not compared here", "", "")


quick = settings(deadline=None, max_examples=25)
some_lines = st.lists(st.sampled_from(["", "a", "b", "a b", "a  b", " "]), max_size=12).map("\n".join)


@quick
@given(some_lines, some_lines)
def test_both_sides_can_be_read_from_a_diff(expected: str, printed: str) -> None:
    """What is equal and what is left out is as many lines as were left out of both."""
    texts = case(expected=expected, stdout=printed.encode()).texts
    assert texts is not None
    told = compare(texts)

    def side(signs: str) -> list[str]:
        return [line.before + line.changed + line.after for line in told if line.sign in signs]

    left_out = [line for line in told if line.sign == "…"]
    if not left_out:
        assert side("=-") == expected.removesuffix("\n").split("\n")
        assert side("=+") == printed.removesuffix("\n").split("\n")
    else:
        missing = sum(int(line.before.split()[0]) for line in left_out)
        assert len(side("=-")) + missing == len(expected.removesuffix("\n").split("\n"))
        assert len(side("=+")) + missing == len(printed.removesuffix("\n").split("\n"))


def signs(expected: str, printed: str, comparison: str) -> list[str]:
    """The lines of a diff, each with its sign."""
    told = case(expected=expected, stdout=printed.encode())
    assert told.texts is not None
    lines = compare(told.texts, Comparison.parse(comparison))
    return [f"{line.sign}{line.before}{line.changed}{line.after}" for line in lines]


@pytest.mark.parametrize(
    ("comparison", "expected", "printed", "shown"),
    [
        ("exact", "A b\nc", "A b \nd", ["-A b", "+A b ", "-c", "+d"]),
        ("trailing_blanks", "A b\nc", "A b \nd\n\n\n", ["≈A b ", "-c", "+d"]),
        ("whitespace", "A b\nc", "A\t b\nd", ["≈A\t b", "-c", "+d"]),
        ("exact ignore_case", "Yes\nno", "yES\non", ["≈yES", "-no", "+on"]),
        ("numbers absolute=0.01", "1.0 2\n3", "1.001  2\n4", ["≈1.001  2", "-3", "+4"]),
        ("numbers", "x 1\n3", "x 1.0\n4", ["≈x 1.0", "-3", "+4"]),
        ("unordered_lines", "a\nb\nb\nc", "c \nB\nb\na\n", ["-b", "+B"]),
        ("unordered_tokens ignore_case", "a b b", "B\na d", ["-b", "+d"]),
        ("regex", "a+", "b", []),
    ],
)
def test_the_diff_knows_what_the_comparison_forgives(
    comparison: str, expected: str, printed: str, shown: list[str]
) -> None:
    told = signs(expected, printed, comparison)
    assert [line for line in told if line[0] != "…"] == shown
    assert any("order" in line for line in told) == comparison.startswith("unordered")


def test_where_the_comparison_forgives_all_by_now_everything_counts() -> None:
    """It was another when this was graded: then the plain difference is the best there is to show."""
    assert signs("Yes", "yes", "exact ignore_case") == ["-Yes", "+yes"]
    assert signs("a\nb", "b\na", "unordered_lines") == []


def test_a_page_and_a_terminal_tell_hint_comparison_language_and_lateness() -> None:
    told = account(
        replace(case(), hint=Hint.ROUNDING),
        language="c",
        comparison=Comparison.parse("numbers absolute=1e-6"),
        late_s=90061.0,
        penalty=0.2,
    )
    for name in ("page", "many on a page", "terminal"):
        rendered = RENDERERS[name](told)
        for text in (
            "right but for rounding",
            "outputs are compared by numbers absolute=1e-6",
            "1 day 1 h late, which costs 20% of the points",
        ):
            assert text in rendered, name


def test_what_a_compiler_said_is_told_once() -> None:
    cases = [case(Verdict.COMPILE_ERROR, ordinal=one, stderr=b"main.c:1: <oops>") for one in (1, 2, 3)]
    assert page.page(account(*cases)).count("main.c:1: &lt;oops&gt;") == 1
    assert RENDERERS["terminal"](account(*cases)).count("main.c:1: <oops>") == 1
    assert RENDERERS["junit"](account(*cases)).count("main.c:1: &lt;oops&gt;</failure>") == 3


def test_a_pattern_is_shown_as_one() -> None:
    rendered = page.page(account(case(expected="a+"), comparison=Comparison.parse("regex")))
    assert "expected: text that matches" in rendered


def test_an_admin_is_told_what_the_student_is_shown() -> None:
    told = account(
        case(),
        case(kind=CaseKind.GRADE),
        view=View(Level.EVERYTHING, Level.VERDICT),
        shown=ShownPoints(0.0, 1.0, whole=False),
    )
    for rendered in (page.page(told), RENDERERS["terminal"](told)):
        assert "of test cases everything, of grade cases verdict; in all 0 of 1 points" in rendered
    assert "hidden from the student, but for the verdict" in page.page(told)
    assert "0 of 1 points so far; those of other cases, if any, are not shown yet" in page.page(seen_by_student(told))


def test_without_an_expected_output_there_is_no_diff() -> None:
    told = case(input=None, expected=None, is_changed=True)
    assert told.texts is not None
    assert compare(told.texts) == list[DiffLine]()
    rendered = page.page(account(told))
    assert "was changed after this was graded" in rendered
    assert "not the expected output" in rendered


# -- what a student may see ---------------------------------------------------------------------------------------

hidden_texts = st.fixed_dictionaries(
    {
        "input": st.none() | st.text(max_size=20),
        "expected": st.none() | st.text(max_size=20),
        "stdout": st.binary(max_size=20),
        "stderr": st.binary(max_size=20),
    }
)
hidden_use = st.fixed_dictionaries(
    {
        "cpu_time_s": st.floats(0, 100),
        "wall_time_s": st.floats(0, 100),
        "memory_bytes": st.integers(0, 1 << 40),
        "exit_code": st.none() | st.integers(0, 255),
        "signal": st.none() | st.integers(1, 64),
    }
)
hidden = st.tuples(hidden_texts, hidden_use)


@quick
@given(st.sampled_from(Verdict), hidden, hidden)
def test_nothing_that_a_student_gets_depends_on_what_is_hidden(
    verdict: Verdict, one: tuple[dict[str, Any], dict[str, Any]], other: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """
    Whatever a hidden case's input and outputs are, and whatever it used, every rendering is the same to the byte.

    So nothing of them can be read from it, not even how long an output was or how long its program slept.
    """
    told = [
        seen_by_student(account(case(Verdict.ACCEPTED), case(verdict, CaseKind.GRADE, use=use, **texts)))
        for texts, use in (one, other)
    ]
    assert dict(renderings(told[0])) == dict(renderings(told[1]))


SECRETS: dict[str, Any] = {
    "input": "tok-input",
    "expected": "tok-expected",
    "stdout": b"tok-stdout",
    "stderr": b"tok-stderr",
}


@pytest.mark.parametrize("verdict", Verdict)
def test_hidden_text_is_in_no_rendering_for_a_student(verdict: Verdict) -> None:
    told = account(case(), case(verdict, CaseKind.GRADE, use={"exit_code": 77, "memory_bytes": 77 << 20}, **SECRETS))
    for name, rendered in renderings(seen_by_student(told)):
        assert "tok-" not in rendered, name
        assert "77" not in rendered, name
        assert "grade 1" in rendered or name in {"csv", "json", "index"}, "its verdict is told"
    found = {name for name, rendered in renderings(told) if "tok-" in rendered}
    assert found >= {"page", "many on a page"}, "the test proves something only as long as an admin does see it"
    if verdict is not Verdict.ACCEPTED:
        assert "terminal" in found


def test_a_student_s_report_names_no_other_student_and_no_machine() -> None:
    for name, rendered in renderings(seen_by_student(account(case()))):
        for text in ("ada@", "a" * 32, "b" * 32, "host-1"):
            assert text not in rendered, name
    assert "ada@example.edu" in page.page(account(case()))


def test_the_time_that_a_student_reads_is_that_of_the_open_cases() -> None:
    told = account(case(use={"wall_time_s": 0.25}), case(kind=CaseKind.GRADE, use={"wall_time_s": 7.0}))
    assert seen_by_student(told).execution_time_s == 0.25


def test_a_student_sees_open_cases_whole() -> None:
    told = seen_by_student(account(case(**SECRETS)))
    assert told.cases == account(case(**SECRETS)).cases


# -- pages and terminals ------------------------------------------------------------------------------------------


def test_a_page_has_every_case_in_its_table_and_tells_only_so_many_in_full() -> None:
    count = page.MOST_DETAILS + 5
    passed = tuple(case(Verdict.ACCEPTED, ordinal=number) for number in range(1, count))
    rendered = page.page(account(*passed, case(ordinal=count)))
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(rendered)
    assert len(list(document.iter("tr"))) == count + 1
    assert len(list(document.iter("details"))) == page.MOST_DETAILS - 1
    assert len(list(document.iter("section"))) == 1, "what failed comes first, however late its case"
    assert "5 more cases are in the table only" in rendered


def test_bars_are_as_long_as_their_part_of_the_largest() -> None:
    told = account(case(use={"wall_time_s": 0.5}), case(use={"wall_time_s": 2.0, "memory_bytes": 0}))
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.page(told))
    assert [bar.attrib["value"] for bar in document.iter("meter")] == ["0.250", "1.000", "1.000", "0.000"]


def test_what_is_hidden_is_marked_for_an_admin() -> None:
    told = account(case(kind=CaseKind.GRADE))
    assert "hidden from the student" in page.page(told)
    assert "hidden from the student" not in page.page(seen_by_student(told))


def test_a_submission_without_a_result_and_a_rejected_one_are_told_as_such() -> None:
    assert "There is no result yet" in page.page(open_())
    assert "Your &lt;program&gt; is empty." in page.page(rejected("Your <program> is empty."))
    assert [line.text for line in terminal.account_lines(open_())][-1] == "no result yet"
    assert "Your <program> is empty." in [*terminal.account_lines(rejected("Your <program> is empty."))][-1].text


def test_only_a_subid_becomes_a_file_s_name() -> None:
    assert page.file_name(account()) == f"{'ab' * 16}.html"
    with pytest.raises(AssertionError):
        page.file_name(replace(account(), name="../x"))


def test_the_terminal_shows_a_diff_with_visible_blanks_and_its_colours_roles() -> None:
    lines = [(line.role, line.text) for line in terminal.account_lines(account(case(expected="a b", stdout=b"a\tb")))]
    assert ("expected", "    - a·b") in lines
    assert ("printed", "    + a→b") in lines
    assert ("bad", "test 1     WA  0/1  13 ms  9.0 MiB") in lines


def test_a_case_that_was_not_run_is_neither_good_nor_bad() -> None:
    told = account(case(Verdict.ACCEPTED), case(Verdict.SKIPPED, ordinal=2), case(Verdict.RUNTIME_ERROR, ordinal=3))
    styles = re.findall('<span class="(good|bad|faint)">(accepted|skipped|runtime error)</span>', page.page(told))
    assert set(styles) == {("good", "accepted"), ("faint", "skipped"), ("bad", "runtime error")}
    roles = [line.role for line in terminal.account_lines(told) if line.text.startswith("test ")]
    assert roles == ["good", "dim", "bad"]
