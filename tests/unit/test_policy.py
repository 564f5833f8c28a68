"""Deadlines, tries and feedback: what they cost, what they show, and that neither rises where it must not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter.policy import (
    Feedback,
    Late,
    Level,
    Moment,
    Policy,
    Stages,
    Terms,
    Tried,
    Tries,
    View,
    parse_due,
    parse_duration,
)

DUE = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
DAY = 86400.0
HELD_BACK = Feedback.parse("test: everything; grade: nothing, points after due, everything once published")
quick = settings(deadline=None)

levels = st.sampled_from(Level)
views = st.builds(View, levels, levels)
stages = st.builds(Stages, levels, st.none() | levels, st.none() | levels)
feedbacks = st.builds(Feedback, test=stages, grade=stages)
periods = st.integers(1, 30 * 86400).map(float)
lates = st.builds(
    lambda percent, every_s, floor, grace_s, more_s: Late(
        percent=percent,
        every_s=every_s,
        floor_percent=floor,
        grace_s=grace_s,
        cutoff_s=None if more_s is None else grace_s + more_s,
    ),
    st.floats(0.001, 100),
    periods,
    st.floats(0, 100),
    st.integers(0, 86400).map(float),
    st.none() | st.integers(0, 86400).map(float),
)
tries_settings = st.builds(lambda count, every_s, then: Tries(count=count, every_s=every_s, then=then),
                           st.integers(1, 5), periods, views)  # fmt: skip
times = st.integers(0, 40 * 86400).map(lambda seconds: DUE - timedelta(days=20) + timedelta(seconds=seconds))
policies = st.builds(
    lambda due_at, late, tries, feedback, published_at: Policy(
        due_at=due_at, late=late, tries=tries, feedback=feedback, published_at=published_at
    ),
    st.none() | times,
    st.none() | lates,
    st.none() | tries_settings,
    feedbacks,
    st.none() | times,
)


def after(seconds: float) -> datetime:
    return DUE + timedelta(seconds=seconds)


# -- points -------------------------------------------------------------------------------------------------------

TEN_PERCENT = Late.parse("10% per day, floor 50%, grace 5 min, cutoff 7 days")


@pytest.mark.parametrize(
    ("late_s", "penalty"),
    [
        (0, 0.0),
        (300, 0.0),  # the whole of the grace
        (301, 0.1),
        (DAY, 0.1),
        (DAY + 1, 0.2),  # a period counts as soon as it starts
        (5 * DAY, 0.5),
        (6 * DAY, 0.5),  # the floor
        (7 * DAY, 0.5),
        (7 * DAY + 1, 1.0),  # the cut-off
    ],
)
def test_each_started_period_costs_down_to_the_floor_until_the_cut_off(late_s: float, penalty: float) -> None:
    assert TEN_PERCENT.penalty(late_s) == penalty
    terms = Policy(due_at=DUE, late=TEN_PERCENT).on_points(after(late_s))
    assert terms.late_s == late_s
    assert terms.after_penalty(8.0) == round(8.0 * (1 - penalty), 6)


def test_what_is_early_or_has_no_due_date_or_no_time_costs_nothing() -> None:
    policy = Policy(due_at=DUE, late=TEN_PERCENT)
    assert policy.on_points(after(-5)).late_s == 0.0
    assert policy.on_points(None) == Terms()
    assert replace(policy, due_at=None).on_points(after(9 * DAY)).late_s is None
    assert replace(policy, late=None).on_points(after(9 * DAY)).penalty == 0.0  # told, and costs nothing


@quick
@given(lates, st.floats(0, 1e8), st.floats(0, 1e8), st.floats(-10, 1000))
def test_handing_in_later_never_gives_more_points(late: Late, one_s: float, other_s: float, points: float) -> None:
    policy = Policy(due_at=DUE, late=late)
    earlier, later = (policy.on_points(after(seconds)) for seconds in sorted((one_s, other_s)))
    assert 0 <= earlier.penalty <= later.penalty <= 1
    assert later.after_penalty(points) <= earlier.after_penalty(points) <= max(points, round(points, 6))


def test_points_below_zero_are_not_given_back_by_being_late() -> None:
    assert Terms(penalty=0.5).after_penalty(-4.0) == -4.0


# -- what is shown ------------------------------------------------------------------------------------------------


@quick
@given(feedbacks)
def test_what_is_shown_once_is_not_hidden_at_a_later_moment(feedback: Feedback) -> None:
    now, after_due, published = map(feedback.at, Moment)
    assert after_due.shows(now)
    assert published.shows(after_due)


@quick
@given(views, views)
def test_the_lower_of_two_views_shows_no_more_than_either(one: View, other: View) -> None:
    assert one.shows(one.at_most(other))
    assert other.shows(one.at_most(other))


@pytest.mark.parametrize(
    ("late", "closes_after_s"),
    [(None, 0), ("10% per day", 0), ("10% per day, grace 1 h", 3600), ("10% per day, grace 1 h, cutoff 2 h", 7200)],
)
def test_after_due_begins_when_the_grace_and_the_cut_off_are_past(late: str | None, closes_after_s: float) -> None:
    """Before that, whoever hands in late would profit from it."""
    policy = Policy(due_at=DUE, late=None if late is None else Late.parse(late), feedback=HELD_BACK)
    assert policy.moment(after(closes_after_s)) is Moment.NOW
    assert policy.moment(after(closes_after_s + 1)) is Moment.AFTER_DUE
    published = replace(policy, published_at=after(-9))
    assert published.moment(after(-10)) is Moment.NOW
    assert published.moment(after(-9)) is Moment.PUBLISHED


def shown(policy: Policy, tried: Tried) -> Terms:
    return policy.on_view(Terms(), tried)


def test_a_result_says_that_there_will_be_more_and_when() -> None:
    policy = Policy(due_at=DUE, feedback=HELD_BACK)
    terms = shown(policy, Tried(now=after(-1)))
    assert terms.view == View(Level.EVERYTHING, Level.NOTHING)
    assert terms.more_at == DUE
    assert terms.note == (
        "More of this result can be shown after 2026-08-01 12:00:00 UTC. "
        "More of this result can be shown when your instructor publishes it."
    )
    terms = shown(policy, Tried(now=after(1)))
    assert terms.view == View(Level.EVERYTHING, Level.POINTS)
    assert terms.note == "More of this result can be shown when your instructor publishes it."
    terms = shown(replace(policy, published_at=after(2)), Tried(now=after(2)))
    assert terms.view == View(Level.EVERYTHING, Level.EVERYTHING)
    assert (terms.note, terms.more_at) == (None, None)


def test_an_assignment_without_a_policy_says_nothing() -> None:
    assert shown(Policy(), Tried(now=DUE, others_at=(DUE,) * 50)) == Terms()


TWO_A_DAY = Policy(tries=Tries.parse("2 per day, then test verdict, grade nothing"))
FULL, LESS = View(), View(Level.VERDICT, Level.NOTHING)


@pytest.mark.parametrize(
    ("others_s", "used", "view"),
    [
        ((), 1, FULL),
        ((-10,), 2, FULL),
        ((-20, -10), 3, LESS),
        ((-DAY, -10), 2, FULL),  # a day later it is forgotten
        ((-DAY + 1, -10), 3, LESS),
        ((-10, 10), 2, FULL),  # an upload that is graded again is not charged for later ones
    ],
)
def test_uploads_beyond_the_tries_of_a_period_are_shown_less(
    others_s: tuple[float, ...], used: int, view: View
) -> None:
    others_at = tuple(after(seconds) for seconds in others_s)
    first = shown(TWO_A_DAY, Tried(now=DUE, others_at=tuple(at for at in others_at if at <= DUE)))
    again = shown(TWO_A_DAY, Tried(now=after(3600), first_at=DUE, others_at=others_at))
    assert first == again
    assert (first.tries_used, first.tries, first.view) == (used, 2, view)


def test_when_tries_are_used_up_the_result_says_when_there_is_full_feedback_again() -> None:
    terms = shown(TWO_A_DAY, Tried(now=DUE, others_at=(after(-20), after(-10.5))))
    assert terms.more_at == after(-10.5 + DAY)
    assert terms.note == (
        "You have used your 2 tries per day, so this result shows less. "
        "A submission after 2026-08-02 11:59:50 UTC shows all again, if none comes before. "
        "More of this result can be shown when your instructor publishes it."
    )
    promised = Tried(now=after(-10 + DAY), others_at=(after(-20), after(-10.5), DUE))
    assert shown(TWO_A_DAY, promised).view == FULL


def test_used_up_tries_hold_nothing_back_after_the_due_date() -> None:
    policy = replace(TWO_A_DAY, due_at=after(5))
    tried = Tried(now=DUE, others_at=(after(-20), after(-10)))
    assert shown(policy, tried).view == LESS
    assert shown(policy, tried).more_at == after(5)  # sooner than the next try
    assert shown(policy, replace(tried, now=after(6), first_at=DUE)).view == FULL


@quick
@given(policies, times, st.lists(times, max_size=8), times)
def test_one_more_try_never_gives_more_feedback(
    policy: Policy, now: datetime, others: list[datetime], one_more: datetime
) -> None:
    without = shown(policy, Tried(now=now, others_at=tuple(others)))
    with_it = shown(policy, Tried(now=now, others_at=(*others, one_more)))
    assert without.view.shows(with_it.view)
    assert policy.feedback.at(policy.moment(now)).shows(without.view)


@quick
@given(policies, times, st.lists(times, max_size=8))
def test_less_than_there_will_ever_be_is_always_told(policy: Policy, now: datetime, others: list[datetime]) -> None:
    terms = shown(policy, Tried(now=now, others_at=tuple(others)))
    most = policy.feedback.at(Moment.PUBLISHED)
    assert most.shows(terms.view)
    assert (terms.note is None) == (terms.view == most)


@quick
@given(policies, times, times, st.lists(times, max_size=8))
def test_the_same_upload_is_shown_no_less_later_on(
    policy: Policy, one: datetime, other: datetime, others: list[datetime]
) -> None:
    earlier, later = sorted((one, other))
    at_first = shown(policy, Tried(now=earlier, others_at=tuple(others)))
    again = shown(policy, Tried(now=later, first_at=earlier, others_at=tuple(others)))
    assert again.view.shows(at_first.view)


# -- text ---------------------------------------------------------------------------------------------------------


@quick
@given(lates, tries_settings, feedbacks)
def test_what_is_printed_is_read_back(late: Late, tries: Tries, feedback: Feedback) -> None:
    assert Late.parse(str(late)) == late
    assert Tries.parse(str(tries)) == tries
    assert Feedback.parse(str(feedback)) == feedback


def test_text_has_defaults_and_other_spellings() -> None:
    assert Late.parse("5%  per 2 hours") == Late(percent=5, every_s=7200)
    assert Late.parse("5% per day,cut-off 1 week") == Late(percent=5, cutoff_s=7 * DAY)
    assert Tries.parse("3 per day") == Tries(count=3, then=View(Level.EVERYTHING, Level.NOTHING))
    assert Tries.parse("3 per 12h, then grade verdict").then == View(Level.EVERYTHING, Level.VERDICT)
    assert Feedback.parse("grade: Verdict") == Feedback(grade=Stages(Level.VERDICT))
    assert parse_duration("1.5 h") == 5400
    assert parse_due("2026-08-01T14:00:00+02:00") == DUE == parse_due("2026-08-01T12:00Z")


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (Late, "", "is no part"),
        (Late, "floor 50%", "how much is lost"),
        (Late, "0% per day", "more than 0%"),
        (Late, "101% per day", "at most 100%"),
        (Late, "nan% per day", "more than 0%"),
        (Late, "x% per day", "no number"),
        (Late, "10% per month", "no length of time"),
        (Late, "10% per 0 s", "from 1 s"),
        (Late, "10% per day, floor 101%", "floor"),
        (Late, "10% per day, floor 1%, floor 2%", "again"),
        (Late, "10% per day, grace 2 h, cutoff 1 h", "cut-off"),
        (Late, "10% per day, grace 400 days", "grace"),
        (Tries, "many", "no number of tries"),
        (Tries, "0 per day", "1 to 1000"),
        (Tries, "3 per day, then all nothing", "for test or for grade"),
        (Tries, "3 per day, then grade nothing, grade nothing", "for test or for grade"),
        (Tries, "3 per day, then grade little", "no level"),
        (Feedback, "everything", "write feedback as in"),
        (Feedback, "grade: nothing; grade: points", "write feedback as in"),
        (Feedback, "grade: some", "no level of feedback; there are nothing, verdict, points, diff, everything"),
        (Feedback, "grade: nothing, points tomorrow", "after due"),
        (Feedback, "grade: nothing, points after due, diff after due", "each once"),
    ],
)
def test_text_that_makes_no_sense_is_refused_with_what_to_write(
    kind: type[Late] | type[Tries] | type[Feedback], text: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        kind.parse(text)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-08-01T12:00", "2026-08-01"])
def test_a_due_date_says_in_which_zone(text: str) -> None:
    with pytest.raises(ValueError, match="with its zone"):
        parse_due(text)
