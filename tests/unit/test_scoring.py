"""What cases and groups are worth, and which cases are not run any more."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter import scoring
from submitter.errors import AssignmentRefused
from submitter.model import CaseKind, Ending, Limits, TestCase, Verdict
from submitter.outcomes import CaseResult
from submitter.points import CaseRole, Group, GroupRule, GroupStatus, LimitOverrides
from submitter.runs import RunResult
from submitter.scoring import Progress, check_groups, dependencies_first

SUM, MINIMUM, ALL_OR_NOTHING = GroupRule
BONUS, PENALTY = CaseRole.BONUS, CaseRole.PENALTY
A_MILLIONTH = 1e-6


def case(ordinal: int, points: float = 1.0, group: str | None = None, role: CaseRole = CaseRole.REGULAR) -> TestCase:
    return TestCase(CaseKind.TEST, ordinal, "in", "out", points, group, role)


def judged(one: TestCase, fraction: float) -> CaseResult:
    verdict = Verdict.ACCEPTED if fraction == 1 else Verdict.WRONG_ANSWER
    run = RunResult(ending=Ending.EXITED, exit_code=0)
    return CaseResult(one, run, verdict, scoring.points_of(one, fraction), partial=fraction)


def score(cases: Sequence[TestCase], groups: Sequence[Group], fractions: Sequence[float]) -> float:
    return scoring.total(list(map(judged, cases, fractions)), groups)[0]


def run_through(cases: Sequence[TestCase], groups: Sequence[Group], would_get: Sequence[float]) -> list[float | None]:
    """What each case gets when those that are not wanted are not run: None."""
    progress = Progress(cases, groups)
    got: list[float | None] = [None] * len(cases)
    for index in progress.order:
        wanted = progress.is_wanted(index)
        assert wanted is not None, "all before it have their results"
        assert wanted is (progress.reason(index) is None)
        got[index] = would_get[index] if wanted else None
        progress.note(index, would_get[index] if wanted else 0.0)
    return got


def score_of_a_run(cases: Sequence[TestCase], groups: Sequence[Group], would_get: Sequence[float]) -> float:
    return score(cases, groups, [got or 0.0 for got in run_through(cases, groups, would_get)])


# -- each rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "fractions", "expected", "status"),
    [
        (SUM, (1, 1, 1), 6, GroupStatus.PASSED),
        (SUM, (1, 0, 1), 4, GroupStatus.PARTIAL),
        (SUM, (0.5, 0.25, 0), 1, GroupStatus.PARTIAL),
        (SUM, (0, 0, 0), 0, GroupStatus.FAILED),
        (MINIMUM, (1, 1, 1), 6, GroupStatus.PASSED),
        (MINIMUM, (1, 0, 1), 0, GroupStatus.FAILED),
        (MINIMUM, (1, 0.5, 0.75), 3, GroupStatus.PARTIAL),
        (ALL_OR_NOTHING, (1, 1, 1), 6, GroupStatus.PASSED),
        (ALL_OR_NOTHING, (1, 1, 0), 0, GroupStatus.FAILED),
        (ALL_OR_NOTHING, (1, 0.999, 1), 0, GroupStatus.FAILED),
    ],
)
def test_rules_of_groups(rule: GroupRule, fractions: tuple[float, ...], expected: float, status: GroupStatus) -> None:
    cases = [case(number, points=number, group="g") for number in (1, 2, 3)]
    total, [group] = scoring.total(list(map(judged, cases, fractions)), [Group("g", rule)])
    assert (total, group.score, group.max_score, group.status) == (expected, expected, 6, status)


@pytest.mark.parametrize(
    ("role", "fraction", "expected"),
    [(BONUS, 1, 8), (BONUS, 0.5, 6.5), (BONUS, 0, 5), (PENALTY, 1, 5), (PENALTY, 0.5, 3.5), (PENALTY, 0, 2)],
)
def test_bonus_comes_on_top_and_a_penalty_is_lost_by_failing(role: CaseRole, fraction: float, expected: float) -> None:
    cases = [case(1, 5), case(2, 3, role=role)]
    assert score(cases, [], [1, fraction]) == expected
    assert scoring.max_score(cases) == 5


def test_penalties_never_take_the_score_below_nothing() -> None:
    assert score([case(1, 2), case(2, 3, role=PENALTY)], [], [1, 0]) == 0


def test_points_are_rounded_to_a_millionth() -> None:
    cases = [case(number, 0.1, "g") for number in range(1, 4)]
    total, [group] = scoring.total([judged(one, 1) for one in cases], [Group("g")])
    assert (total, group.score, group.max_score, scoring.max_score(cases)) == (0.3, 0.3, 0.3, 0.3)
    assert scoring.points_of(case(1, 1), 1 / 3) == 0.333333


def test_a_group_is_worth_nothing_unless_those_it_depends_on_passed() -> None:
    groups = [Group("last", depends_on=("middle",)), Group("middle", depends_on=("first",)), Group("first")]
    cases = [case(1, 1, "last"), case(2, 2, "middle"), case(3, 4, "first"), case(4, 8)]
    assert score(cases, groups, [1, 1, 1, 1]) == 15
    assert score(cases, groups, [1, 0, 1, 1]) == 12
    total, results = scoring.total(list(map(judged, cases, [1, 1, 0.5, 1])), groups)
    assert total == 10
    assert [one.status for one in results] == [GroupStatus.SKIPPED, GroupStatus.SKIPPED, GroupStatus.PARTIAL]


# -- what is skipped ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "would_get", "got"),
    [
        (Group("g", stops_early=False), (0, 1, 1), [0, 1, 1]),
        (Group("g", stops_early=True), (1, 0, 1), [1, 0, None]),
        (Group("g", stops_early=True), (0.5, 1, 1), [0.5, 1, 1]),
        (Group("g", ALL_OR_NOTHING, stops_early=True), (0.5, 1, 1), [0.5, None, None]),
        (Group("g", MINIMUM, stops_early=True), (0.5, 0, 1), [0.5, 0, None]),
    ],
)
def test_early_stop(group: Group, would_get: tuple[float, ...], got: list[float | None]) -> None:
    """A case that earned a part has not failed, unless the group is all or nothing."""
    assert run_through([case(number, group="g") for number in (1, 2, 3)], [group], would_get) == got


def test_cases_of_other_groups_and_of_none_run_on() -> None:
    cases = [case(1, group="g"), case(2, group="h"), case(3), case(4, role=BONUS), case(5, group="g")]
    groups = [Group("g", stops_early=True), Group("h", stops_early=True)]
    assert run_through(cases, groups, [0, 1, 1, 1, 1]) == [0, 1, 1, 1, None]


def test_dependent_groups_run_after_those_they_depend_on_and_not_if_these_failed() -> None:
    cases = [case(1, group="last"), case(2, group="middle"), case(3, group="first"), case(4)]
    groups = [Group("last", depends_on=("middle",)), Group("middle", depends_on=("first",)), Group("first")]
    assert Progress(cases, groups).order == [2, 3, 1, 0]
    assert run_through(cases, groups, [1, 1, 0, 1]) == [None, None, 0, 1]
    assert run_through(cases, groups, [1, 0, 1, 1]) == [None, 0, 1, 1]


def test_what_depends_on_results_to_come_is_not_decided() -> None:
    """Else the executor would begin with it while it may yet be skipped."""
    cases = [case(1, group="first"), case(2, group="first"), case(3, group="last")]
    progress = Progress(cases, [Group("first", stops_early=True), Group("last", depends_on=("first",))])
    assert [progress.is_wanted(index) for index in range(3)] == [True, None, None]
    progress.note(0, 1.0)
    assert [progress.is_wanted(index) for index in (1, 2)] == [True, None]
    progress.note(1, 1.0)
    assert progress.is_wanted(2) is True


def test_the_reason_names_the_case_or_the_group() -> None:
    cases = [case(1, group="first"), case(2, group="first"), case(3, group="last")]
    progress = Progress(cases, [Group("first", stops_early=True), Group("last", depends_on=("first",))])
    progress.note(0, 0.0)
    assert progress.reason(1) == "not run: test 1 of the group “first” failed"
    assert progress.reason(2) == "not run: the group “first” was not passed"


# -- what makes no sense ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cases", "groups", "why"),
    [
        ([case(1, group="g")], [], "test 1 is in “g”, which is no group; there are: none"),
        ([case(1, group="g", role=BONUS)], [Group("g")], "test 1 is a bonus case.* take it out of the group “g”"),
        ([], [Group("g"), Group("g")], "two groups “g”"),
        ([], [Group("")], "cannot be a group's name"),
        ([], [Group(" g")], "cannot be a group's name"),
        ([], [Group("g" * 101)], "cannot be a group's name"),
        ([], [Group("a\nb")], "cannot be a group's name"),
        ([], [Group("g", depends_on=("h",))], "“g” depends on “h”, which is no group; there are: g"),
        ([], [Group("g", depends_on=("g",))], "in a circle, g → g"),
        (
            [
                TestCase(CaseKind.GRADE, 1, "", "", group="a"),
                TestCase(CaseKind.TEST, 1, "", "", group="c"),
            ],
            [Group("a"), Group("b", depends_on=("a",)), Group("c", depends_on=("b",))],
            "“c” has test cases and depends on “a”, which has grade cases",
        ),
        ([], [Group("a"), Group("g", depends_on=("h",)), Group("h", depends_on=("a", "g"))], "circle, g → h → g"),
    ],
)
def test_groups_that_make_no_sense_are_refused(cases: list[TestCase], groups: list[Group], why: str) -> None:
    with pytest.raises(AssignmentRefused, match=why):
        check_groups(cases, groups)


def test_dependencies_come_first() -> None:
    groups = [Group("c", depends_on=("b", "a")), Group("b", depends_on=("a",)), Group("a"), Group("d")]
    assert [group.name for group in dependencies_first(groups)] == ["a", "d", "b", "c"]


# -- a case's own limits ------------------------------------------------------------------------------------------


def test_limits_of_a_case_go_before_the_assignments() -> None:
    limits = Limits(cpu_time_s=3, memory_bytes=7)
    own = LimitOverrides(cpu_time_s=0.5, output_bytes=9)
    assert limits.overridden(own) == replace(limits, cpu_time_s=0.5, output_bytes=9)
    assert limits.overridden(LimitOverrides()) is limits


@pytest.mark.parametrize("name", ["cpu_time_s", "wall_time_s", "memory_bytes", "output_bytes"])
def test_a_limit_of_nothing_is_none(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be greater than 0"):
        LimitOverrides(**{name: 0})


# -- where rules compose ------------------------------------------------------------------------------------------

FRACTIONS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0])
Drawn = tuple[list[TestCase], list[Group], list[float]]


@st.composite
def gradings(draw: st.DrawFn, rules: Sequence[GroupRule] = tuple(GroupRule)) -> Drawn:
    """Cases, groups that depend on earlier ones only, and what each case would get."""
    names = ["a", "b", "c"][: draw(st.integers(0, 3))]
    groups = [
        Group(
            name,
            draw(st.sampled_from(rules)),
            draw(st.booleans()),
            tuple(draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else ()),
        )
        for number, name in enumerate(names)
    ]
    cases = []
    for ordinal in range(1, draw(st.integers(1, 8)) + 1):
        group = draw(st.sampled_from([None, *names]))
        role = draw(st.sampled_from(CaseRole)) if group is None else CaseRole.REGULAR
        cases.append(case(ordinal, draw(st.sampled_from([0, 0.1, 1, 2.5, 7])), group, role))
    return cases, draw(st.permutations(groups)), [draw(FRACTIONS) for _ in cases]


@given(gradings())
def test_the_score_lies_between_nothing_and_the_most_with_every_bonus(drawn: Drawn) -> None:
    cases, groups, fractions = drawn
    bonus = sum(one.points for one in cases if one.role is BONUS)
    assert 0 <= score_of_a_run(cases, groups, fractions) <= scoring.max_score(cases) + bonus + A_MILLIONTH


@settings(max_examples=300)
@given(gradings(), st.data())
def test_passing_a_case_more_never_lowers_the_score(drawn: Drawn, data: st.DataObject) -> None:
    """Though more cases may then be run, which may fail."""
    cases, groups, fractions = drawn
    better = list(fractions)
    better[data.draw(st.integers(0, len(cases) - 1))] = 1.0
    assert score_of_a_run(cases, groups, better) >= score_of_a_run(cases, groups, fractions)


@given(gradings())
def test_all_or_nothing_is_never_worth_more_than_the_minimum_nor_that_more_than_the_sum(drawn: Drawn) -> None:
    cases, groups, fractions = drawn
    by_rule = [
        score(cases, [replace(group, rule=rule) for group in groups], fractions)
        for rule in (ALL_OR_NOTHING, MINIMUM, SUM)
    ]
    assert by_rule[0] <= by_rule[1] + A_MILLIONTH
    assert by_rule[1] <= by_rule[2] + A_MILLIONTH


@settings(max_examples=300)
@given(gradings(rules=(MINIMUM, ALL_OR_NOTHING)))
def test_what_is_skipped_does_not_change_the_score_unless_points_are_added_up(drawn: Drawn) -> None:
    cases, groups, fractions = drawn
    assert score_of_a_run(cases, groups, fractions) == score(cases, groups, fractions)


@given(gradings(), st.data())
def test_the_order_of_groups_does_not_matter(drawn: Drawn, data: st.DataObject) -> None:
    cases, groups, fractions = drawn
    shuffled = data.draw(st.permutations(groups))
    assert score_of_a_run(cases, shuffled, fractions) == score_of_a_run(cases, groups, fractions)
    assert run_through(cases, shuffled, fractions) == run_through(cases, groups, fractions)
