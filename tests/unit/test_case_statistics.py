"""Statistics of cases, on results whose numbers can be reckoned by hand."""

import contextlib
import json
import math
from collections.abc import Iterator, Sequence

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter import app
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.case_statistics import OneCase, Statistics, case_statistics, point_biserial
from submitter.cli import main
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase, Verdict
from submitter.outcomes import AttemptStart, CaseResult, GradeReport, Outcome, PublishedCase
from submitter.runs import RunResult

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
CODES = {verdict.code: verdict for verdict in Verdict}


def result(codes: str, points: Sequence[float] = ()) -> list[PublishedCase]:
    """A submission's cases, all of them `test`: `AC WA` and what they gave, a point for AC unless said otherwise."""
    verdicts = [CODES[code] for code in codes.split()]
    given = points or [1.0 if verdict is Verdict.ACCEPTED else 0.0 for verdict in verdicts]
    return [
        PublishedCase(CaseKind.TEST, ordinal, verdict, worth)
        for ordinal, (verdict, worth) in enumerate(zip(verdicts, given, strict=True), start=1)
    ]


def of_case(statistics: Statistics, ordinal: int) -> OneCase:
    [found] = [case for case in statistics.cases if (case.kind, case.ordinal) == (CaseKind.TEST, ordinal)]
    return found


KNOWN = [
    result("AC AC AC WA AC"),
    result("AC AC WA WA AC"),
    result("AC WA WA WA AC"),
    result("AC WA TLE RE WA"),
]
# Case 2: those who pass it have 3 and 2 points elsewhere, the others 2 and 1. The means are 2.5 and 1.5, the standard
# deviation of 3, 2, 2, 1 is sqrt(0.5), half of them pass: (2.5 - 1.5) / sqrt(0.5) * sqrt(0.5 * 0.5) = sqrt(0.5).


def test_a_known_table() -> None:
    found = case_statistics(KNOWN)
    assert (found.submissions, found.did_not_compile) == (4, 0)
    counted = [(case.name, case.tried, case.passed, case.pass_rate) for case in found.cases]
    assert counted == [
        ("test 1", 4, 4, 1.0),
        ("test 2", 4, 2, 0.5),
        ("test 3", 4, 1, 0.25),
        ("test 4", 4, 0, 0.0),
        ("test 5", 4, 3, 0.75),
    ]
    assert of_case(found, 2).discrimination == pytest.approx(math.sqrt(0.5))
    # Case 3: who passes it has 3 points elsewhere, the others 3, 2 and 1, so that the means are 3 and 2; the variance
    # of 3, 3, 2, 1 is 0.6875.
    assert of_case(found, 3).discrimination == pytest.approx((3 - 2) / math.sqrt(0.6875) * math.sqrt(0.25 * 0.75))
    assert of_case(found, 1).discrimination is None
    assert of_case(found, 4).discrimination is None


def test_remarks_say_what_to_look_at() -> None:
    found = case_statistics(KNOWN)
    assert of_case(found, 1).remarks == ["everybody passes"]
    assert of_case(found, 4).remarks == ["nobody passes"]
    assert of_case(found, 5).remarks == ["never the only failure"]


def test_a_case_that_somebody_fails_alone_says_something_of_its_own() -> None:
    """Without it, that submission would have passed everything."""
    found = case_statistics([result("AC WA AC"), result("AC WA WA"), result("AC AC AC")])
    assert [case.only_failures for case in found.cases] == [0, 1, 0]
    assert of_case(found, 2).remarks == []
    assert of_case(found, 3).remarks == ["never the only failure"]


def test_a_case_that_the_weaker_ones_pass_is_told() -> None:
    """Its expected output is wrong, like as not."""
    found = case_statistics([result("AC AC WA"), result("AC AC WA"), result("WA WA AC")])
    assert of_case(found, 3).discrimination == pytest.approx(-1.0)
    assert "who passes has fewer points elsewhere" in of_case(found, 3).remarks


def test_a_cases_own_points_do_not_count_for_it() -> None:
    """Else every case would seem to discriminate: here nothing goes together."""
    found = case_statistics([result("AC AC"), result("AC WA"), result("WA AC"), result("WA WA")])
    assert [case.discrimination for case in found.cases] == [pytest.approx(0.0)] * 2


def test_points_of_others_count_by_their_worth() -> None:
    found = case_statistics(
        [result("AC AC WA", [1, 10, 0]), result("WA WA AC", [0, 0, 1]), result("AC WA WA", [1, 0, 0])]
    )
    # Elsewhere 10, 1 and 0 for passed, failed, passed: means 5 and 1.
    expected = (5 - 1) / math.sqrt((10**2 + 1) / 3 - (11 / 3) ** 2) * math.sqrt(2 / 9)
    assert of_case(found, 1).discrimination == pytest.approx(expected)


def test_what_says_nothing_of_a_program_is_left_out() -> None:
    """Skipped cases and our own faults of that case; of all cases, programs that did not compile."""
    found = case_statistics([result("AC SK"), result("WA IE"), result("WA WA"), result("CE CE")])
    assert (found.submissions, found.did_not_compile) == (3, 1)
    assert [(case.tried, case.passed, case.only_failures) for case in found.cases] == [(3, 1, 1), (1, 0, 0)]
    [alone] = case_statistics([result("SK")]).cases
    assert (alone.pass_rate, alone.remarks) == (None, ["nobody tried"])


def test_test_cases_come_before_grade_cases_whatever_results_lack() -> None:
    """Cases were added or replaced in between."""
    first = [PublishedCase(CaseKind.GRADE, 1, Verdict.ACCEPTED, 1.0)]
    found = case_statistics([first, [*result("AC WA"), *first]])
    assert [(case.name, case.tried) for case in found.cases] == [("test 1", 1), ("test 2", 1), ("grade 1", 2)]


def test_no_results_have_no_statistics() -> None:
    assert case_statistics([]) == Statistics(0, 0, ())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), min_size=2, max_size=40))
def test_discrimination_is_the_textbooks_point_biserial(pairs: list[tuple[bool, int]]) -> None:
    passed, rest = [one for one, _ in pairs], [float(points) for _, points in pairs]
    yes = [points for one, points in zip(passed, rest, strict=True) if one]
    no = [points for one, points in zip(passed, rest, strict=True) if not one]
    found = point_biserial(passed, rest)
    if not yes or not no or len(set(rest)) == 1:
        assert found is None
        return
    assert found is not None
    mean = sum(rest) / len(rest)
    deviation = math.sqrt(sum((points - mean) ** 2 for points in rest) / len(rest))
    share = len(yes) / len(rest)
    textbook = (sum(yes) / len(yes) - sum(no) / len(no)) / deviation * math.sqrt(share * (1 - share))
    assert found == pytest.approx(textbook, abs=1e-9)
    assert -1.0 <= found <= 1.0
    assert point_biserial([not one for one in passed], rest) == pytest.approx(-found, abs=1e-9)


# -- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryCaseStore]:
    store = MemoryCaseStore()

    @contextlib.contextmanager
    def open_cases(_: object) -> Iterator[MemoryCaseStore]:
        yield store

    monkeypatch.setattr(app, "open_cases", open_cases)
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", "postgresql://db.invalid/submitter")
    yield store
    structlog.reset_defaults()


def grade(store: MemoryCaseStore, subid: str, codes: str, upload: str = "v1") -> None:
    run = RunResult(ending=Ending.EXITED)
    results = tuple(
        CaseResult(TestCase(one.kind, one.ordinal, "", ""), run, one.verdict, one.points) for one in result(codes)
    )
    start = AttemptStart(
        key=SubmissionKey(REF, subid * 32), tokens=(), language="python", upload=upload, worker="w", receive_count=1
    )
    with store.publish_turn(store.begin_attempt(start)) as turn:
        turn.record(Outcome(report=GradeReport(results, 0.0, 5.0, 0.1)), published=True)


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["cases", "stats", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_the_command_counts_the_last_result_of_each_submission(
    cases: MemoryCaseStore, capsys: pytest.CaptureFixture[str]
) -> None:
    grade(cases, "a", "WA WA")
    grade(cases, "a", "AC WA", upload="v2")
    grade(cases, "b", "WA WA")
    grade(cases, "c", "CE CE")
    assert exit_code("--assignment", REF, "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0] == {
        "kind": "test",
        "ordinal": 1,
        "tried": 2,
        "passed": 1,
        "pass_rate": 0.5,
        "discrimination": None,
        "only_failures": 0,
        "remarks": ["never the only failure"],
    }
    assert told[1]["remarks"] == ["nobody passes"]
    assert exit_code("--assignment", REF) == 0
    printed = capsys.readouterr()
    assert "nobody passes" in printed.out
    assert "50%" in printed.out
    assert printed.err == "2 submissions, and 1 that did not compile and say nothing of the cases\n"


def test_the_command_knows_no_results_from_no_assignment(
    cases: MemoryCaseStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("--assignment", REF) == 1
    assert "submitter cases list" in capsys.readouterr().err
    cases.save_assignment(Assignment(ref=REF, cases=()))
    assert exit_code("--assignment", REF) == 0
    assert capsys.readouterr().err == "0 submissions\n"
