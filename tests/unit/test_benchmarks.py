"""The benchmarks measure what they say: wrong work has no time, turns are taken, walls taken out were there."""

import json
from collections.abc import Sequence

import pytest

from benchmarks import work
from benchmarks.__main__ import BEGIN, END, HERE
from benchmarks.chapters import CHAPTERS
from benchmarks.chart import draw_bars, draw_lines
from benchmarks.compiled import C_PROGRAM, STAMP, STAMPED, stamped_language
from benchmarks.goals import goals
from benchmarks.layers import LAYERS, Layer, script_without
from benchmarks.levels import LIMITS
from benchmarks.report import Table, show
from benchmarks.work import Failed, Samples, take_turns
from submitter.executors.wire import encode_request
from submitter.languages import languages
from submitter.runs import CaseInput, Job


class Scripted:
    """A contender that notes its turns and prints what `answer` makes of an input."""

    def __init__(self, name: str, turns: list[str], wrong_from: int = 1000) -> None:
        self.name, self._turns, self._wrong_from = name, turns, wrong_from

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        self._turns.append(self.name)
        return [b"%d\n" % (n * n + (len(self._turns) > self._wrong_from)) for n in inputs]

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "QUIET_TIMEOUT_S", 0.0)


def test_contenders_take_turns() -> None:
    turns = list[str]()
    samples = take_turns([Scripted("a", turns), Scripted("b", turns)], 2, lambda _: None)
    assert turns == ["a", "b"] * 3, "one round to warm up, two that count"
    assert [len(sample.seconds) for sample in samples.values()] == [2, 2]


def test_who_prints_something_else_has_no_time_at_all() -> None:
    """Even if the first rounds were right."""
    turns = list[str]()
    samples = take_turns([Scripted("liar", turns, wrong_from=2), Scripted("other", turns)], 3, lambda _: None)
    assert samples["liar"].median_ms is None
    assert samples["liar"].p95_ms is None
    assert "case 1" in samples["liar"].fault


def test_too_few_outputs_are_wrong_too() -> None:
    class Lazy(Scripted):
        def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
            return super().run(program, inputs)[:-1]

    samples = take_turns([Lazy("lazy", [])], 1, lambda _: None)
    assert "9 outputs of 10" in samples["lazy"].fault


def test_median_and_p95() -> None:
    samples = Samples([number / 1000 for number in range(1, 101)])
    assert samples.median_ms == pytest.approx(50.5)
    assert samples.p95_ms == pytest.approx(95)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_wall_that_is_taken_out_was_there(layer: Layer) -> None:
    compile(script_without(layer), "executeSubmission.py", "exec")


def test_a_wall_that_is_not_there_cannot_be_taken_out() -> None:
    with pytest.raises(Failed, match="0 times"):
        script_without(Layer("x", [("no such line", "")]))


def test_goals_tell_reached_from_missed_and_from_not_measured() -> None:
    columns = ["who", "median ms.", "p95 ms.", "times as fast as docker run.", "as isolate.", "failed"]
    rows = [("box, docker", 17.0, 18.0, 20.5, 8.9, ""), ("box, bubblewrap", None, None, None, None, "not here")]
    found = {row[0]: row[3] for row in goals({"contenders": Table("contenders", "", columns, list(rows))}).rows}
    assert found["box, docker: times as fast as docker run"] == "yes"
    assert found["box, docker: times as fast as isolate"] == "no"
    assert found["box, bubblewrap: times as fast as isolate"] == "not measured"


def test_a_compiled_program_is_to_be_no_slower_than_with_the_faster_of_both_peers() -> None:
    columns = ["who", "times as fast as isolate.", "as go-judge."]
    rows = [("box, docker", 0.99, 2.0), ("box, bubblewrap", 1.7, 2.0)]
    found = {row[0]: row[3] for row in goals({"compiled": Table("compiled", "", columns, list(rows))}).rows}
    assert found["box, docker: a C program's run phase, times as fast as isolate"] == "no"
    assert found["box, docker: a C program's run phase, times as fast as go-judge"] == "yes"
    assert found["box, bubblewrap: a C program's run phase, times as fast as isolate"] == "yes"


def test_ours_are_built_by_the_very_command_of_the_language_and_say_when_that_ended() -> None:
    inputs = (CaseInput(("1",)),)
    job = Job(program=C_PROGRAM, file_name="program.c", language=STAMPED, limits=LIMITS, inputs=inputs)
    with stamped_language():
        stamped = json.loads(encode_request(job, "fork", 1))["commands"]
    c = languages()["c"].commands("program.c", LIMITS)
    assert c is not None
    assert stamped["build"][-len(c["build"]) :] == c["build"]
    assert STAMP in stamped["build"][2]
    assert {**stamped, "build": None} == {**c, "build": None}
    with pytest.raises(KeyError):
        encode_request(job, "fork", 1)


def test_cells_show_three_digits() -> None:
    assert [show(cell) for cell in (None, 0.123, 12.34, 123.4, 7, "x")] == ["–", "0.12", "12.3", "123", "7", "x"]


def test_pictures_are_xml_and_say_what_they_show() -> None:
    from xml.etree import ElementTree

    bars = draw_bars("a < b", "note", [("one & two", 2.0, "2 ms", True), ("three", 1.0, "1 ms", False)])
    lines = draw_lines("title", "note", ["100", "200"], {"one": [1.0, 2.0], "two": [2.0, 1.0]})
    for picture in (bars, lines):
        description = ElementTree.fromstring(picture).find("{http://www.w3.org/2000/svg}desc")
        assert description is not None
        assert "one" in str(description.text)


def test_the_page_has_the_marks_and_every_chapter() -> None:
    text = (HERE / "README.md").read_text()
    assert text.index(BEGIN) < text.index(END)
    for chapter in CHAPTERS:
        assert f"| `{chapter}` |" in text
