"""
One suite for the port CaseStore, on memory and on Postgres.

What only Postgres has is in test_postgres.py and test_admin_functions.py.
"""

import contextlib
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from submitter.accounts import AccountFilter
from submitter.adapters import memory_cases, postgres
from submitter.errors import (
    AlreadyGraded,
    AssignmentRefused,
    CasesUnavailable,
    FailedTooOften,
    LeaseLost,
    StoreUnavailable,
    SubmissionBusy,
)
from submitter.model import (
    Assignment,
    AssignmentRef,
    CaseKind,
    Comparison,
    Ending,
    InputMode,
    Limits,
    Step,
    SubmissionKey,
    SubmissionState,
    TestCase,
    Verdict,
)
from submitter.outcomes import MOST_FAILURES, CaseResult, GradeReport, Outcome
from submitter.points import CaseRole, Group, GroupRule, LimitOverrides
from submitter.policy import Feedback, Late, Level, Policy, Stages, Terms, Tries, View
from submitter.ports import CaseStore
from submitter.runs import RunResult
from submitter.supplies import Supplies
from submitter.verdict import summarize
from tests.contract.case_stores import (
    ADA,
    CASES,
    GRACE,
    GRADED,
    KEY,
    REF,
    REJECTED,
    SQUARES,
    Witness,
    make_report,
    make_start,
    publish,
)

SOON_S = 0.2  # long enough for a thread to do what it must not do
AT_LAST_S = 20  # far longer than anything here takes

# -- assignments --------------------------------------------------------------------------------------------------


def test_an_unknown_assignment_is_none(case_store: CaseStore) -> None:
    assert case_store.load_assignment(REF) is None


def test_an_assignment_comes_back_as_it_was_saved(case_store: CaseStore) -> None:
    limits = Limits(
        cpu_time_s=0.1,
        wall_time_s=1 / 3,
        memory_bytes=2**40,
        output_bytes=1,
        file_bytes=2**33,
        processes=1,
        source_bytes=7,
    )
    saved = Assignment(
        ref=REF,
        cases=CASES,
        language="c",
        input_mode=InputMode.STDIN,
        comparison=Comparison.WHITESPACE,
        limits=limits,
    )
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved


def test_a_case_that_proves_comes_back_as_one(case_store: CaseStore) -> None:
    proof = TestCase(CaseKind.GRADE, 2, "", "", 3.0, step=Step.PROVE)
    saved = Assignment(ref=REF, cases=(*CASES, proof))
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved


@pytest.mark.parametrize("input_mode", InputMode)
@pytest.mark.parametrize("comparison", ["exact", "unordered_tokens ignore_case", "numbers absolute=1e-6 relative=0.5"])
def test_every_mode_and_comparison_can_be_saved(case_store: CaseStore, input_mode: InputMode, comparison: str) -> None:
    saved = replace(SQUARES, input_mode=input_mode, comparison=Comparison.parse(comparison))
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved


def test_an_assignment_without_cases_is_known(case_store: CaseStore) -> None:
    """Rejecting its submissions, with words of its own, is the grader's decision."""
    case_store.save_assignment(replace(SQUARES, cases=()))
    assert case_store.load_assignment(REF) == replace(SQUARES, cases=())


GROUPED = replace(
    SQUARES,
    groups=(
        Group("all", GroupRule.ALL_OR_NOTHING, depends_on=("samples", "a few")),
        Group("samples", stops_early=True),
        Group("a few", GroupRule.MINIMUM),
    ),
    cases=(
        TestCase(CaseKind.TEST, 1, "2", "4", group="samples"),
        TestCase(CaseKind.GRADE, 1, "3", "9", 2.5, "all", limits=LimitOverrides(cpu_time_s=0.1, wall_time_s=1 / 3)),
        TestCase(CaseKind.GRADE, 2, "4", "16", 7, role=CaseRole.BONUS, limits=LimitOverrides(memory_bytes=2**40)),
        TestCase(
            CaseKind.GRADE,
            3,
            "5",
            "25",
            3,
            role=CaseRole.PENALTY,
            limits=LimitOverrides(output_bytes=1, file_bytes=2**40, processes=3),
        ),
    ),
)


def test_groups_roles_and_limits_of_cases_come_back_as_they_were_saved(case_store: CaseStore) -> None:
    case_store.save_assignment(GROUPED)
    assert case_store.load_assignment(REF) == GROUPED
    assert [summary.points for summary in case_store.list_assignments()] == [3.5]  # without bonus and penalty
    case_store.save_assignment(replace(GROUPED, groups=tuple(reversed(GROUPED.groups))))
    assert case_store.load_assignment(REF) == replace(GROUPED, groups=tuple(reversed(GROUPED.groups)))
    case_store.save_assignment(SQUARES)
    assert case_store.load_assignment(REF) == SQUARES


def test_groups_that_make_no_sense_are_refused_and_nothing_is_changed(case_store: CaseStore) -> None:
    case_store.save_assignment(SQUARES)
    circle = (Group("a", depends_on=("b",)), Group("b", depends_on=("a",)))
    with pytest.raises(AssignmentRefused, match="circle"):
        case_store.save_assignment(replace(SQUARES, groups=circle))
    with pytest.raises(AssignmentRefused, match="no group"):
        case_store.save_assignment(replace(GROUPED, groups=()))
    assert case_store.load_assignment(REF) == SQUARES


def test_cases_come_in_the_order_in_which_they_run(case_store: CaseStore) -> None:
    case_store.save_assignment(replace(SQUARES, cases=tuple(reversed(CASES))))
    assert case_store.load_assignment(REF) == SQUARES


def test_saving_again_replaces_settings_and_all_cases(case_store: CaseStore) -> None:
    case_store.save_assignment(SQUARES)
    changed = replace(SQUARES, cases=(TestCase(CaseKind.GRADE, 1, "9", "81"),), input_mode=InputMode.STDIN)
    case_store.save_assignment(changed)
    assert case_store.load_assignment(REF) == changed


def test_names_differ_in_every_part(case_store: CaseStore) -> None:
    others = [replace(REF, admin="x"), replace(REF, event="x"), replace(REF, assignment="x")]
    for ref in [REF, *others]:
        case_store.save_assignment(replace(SQUARES, ref=ref, language=str(ref)))
    for ref in [REF, *others]:
        assert case_store.load_assignment(ref) == replace(SQUARES, ref=ref, language=str(ref))


def test_a_reader_never_sees_half_of_a_replacement(case_store: CaseStore) -> None:
    versions = [
        replace(SQUARES, cases=tuple(TestCase(CaseKind.TEST, n, text, text) for n in range(1, 20)), language=text)
        for text in ("old", "new")
    ]
    case_store.save_assignment(versions[0])
    is_done = threading.Event()

    def replace_many_times() -> None:
        try:
            for turn in range(40):
                case_store.save_assignment(versions[turn % 2])
        finally:
            is_done.set()

    writer = threading.Thread(target=replace_many_times)
    writer.start()
    while not is_done.is_set():
        assert case_store.load_assignment(REF) in versions
    writer.join()


def test_summaries_are_sorted_by_name_and_count(case_store: CaseStore) -> None:
    names = ["b", "B", "a-b", "a b", "ä", "a"]
    for name in names:
        case_store.save_assignment(replace(SQUARES, ref=replace(REF, assignment=name)))

    summaries = case_store.list_assignments()

    assert [summary.ref.assignment for summary in summaries] == sorted(names)
    first = summaries[0]
    assert (first.language, first.input_mode) == ("python", InputMode.ARGUMENT)
    assert (first.test_cases, first.grade_cases, first.points) == (2, 1, 4.0)
    assert first.updated_at.tzinfo is not None


def test_there_are_no_summaries_without_assignments(case_store: CaseStore) -> None:
    assert list(case_store.list_assignments()) == []


# -- registrations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tokens", "unknown"), [((ADA, GRACE), 1), ((ADA,), 0), ((), 0), ((GRACE, "c" * 32), 2)])
def test_a_turn_knows_how_many_tokens_nobody_registered(
    case_store: CaseStore, witness: Witness, tokens: tuple[str, ...], unknown: int
) -> None:
    witness.register(ADA, "ada@example.edu")
    witness.register(ADA, "lovelace@example.edu")  # again: the same token
    with case_store.publish_turn(case_store.begin_attempt(make_start(tokens=tokens))) as turn:
        assert turn.unknown_tokens == unknown


# -- attempts and turns -------------------------------------------------------------------------------------------


def test_attempts_have_different_ids_and_stay_in_the_history(case_store: CaseStore, witness: Witness) -> None:
    ids = [case_store.begin_attempt(make_start(upload)) for upload in ("v1", "v2", None)]
    case_store.end_attempt(ids[0], None)
    ids.append(case_store.begin_attempt(make_start("v1")))
    assert len(set(ids)) == 4
    assert witness.history() == [(upload, "unfinished", False) for upload in ("v1", "v2", None, "v1")]


def test_a_published_outcome_is_in_the_history(case_store: CaseStore, witness: Witness) -> None:
    publish(case_store, case_store.begin_attempt(make_start("v1")), GRADED)
    publish(case_store, case_store.begin_attempt(make_start("v2")), REJECTED)
    assert witness.history() == [("v1", "graded", True), ("v2", "rejected", True)]


def test_an_unpublished_outcome_is_history_too(case_store: CaseStore, witness: Witness) -> None:
    """An older upload that was overtaken: its account is kept for the admin."""
    older, newer = case_store.begin_attempt(make_start("v1")), case_store.begin_attempt(make_start("v2"))
    publish(case_store, newer, GRADED)
    publish(case_store, older, REJECTED, published=False)
    assert witness.history() == [("v1", "rejected", False), ("v2", "graded", True)]


def test_submissions_are_listed_by_name_with_the_state_that_their_student_sees(case_store: CaseStore) -> None:
    other = AssignmentRef("m.soltys", "aws_labs", "lab6")
    keys = [SubmissionKey(ref, digit * 32) for ref, digit in ((other, "a"), (REF, "b"), (REF, "a"), (REF, "c"))]
    for key, outcome in zip(keys, (GRADED, GRADED, REJECTED, None), strict=True):
        attempt = case_store.begin_attempt(make_start(key=key))
        if outcome is not None:
            publish(case_store, attempt, outcome)
    publish(case_store, case_store.begin_attempt(make_start("v0", key=keys[1])), REJECTED, published=False)
    case_store.begin_attempt(make_start("v2", key=keys[2]))

    def listed(ref: AssignmentRef | None = None, state: SubmissionState | None = None) -> list[tuple[str, str, str]]:
        return [(one.ref.assignment, one.subid[0], str(one.state)) for one in case_store.list_submissions(ref, state)]

    mine = [(REF.assignment, "a", "rejected"), (REF.assignment, "b", "graded"), (REF.assignment, "c", "grading")]
    assert listed() == [*mine, ("lab6", "a", "graded")]
    assert listed(REF) == mine
    assert listed(state=SubmissionState.GRADED) == [mine[1], ("lab6", "a", "graded")]
    assert listed(REF, SubmissionState.GRADING) == [mine[2]]
    assert listed(replace(REF, event="aws")) == []


def test_published_cases_are_those_of_the_result_that_each_student_sees(case_store: CaseStore) -> None:
    """Neither of a result before it, nor of one that was overtaken, rejected or is somebody else's."""
    worse = Outcome(report=make_report(Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT_EXCEEDED))
    other = SubmissionKey(replace(REF, assignment="lab6"), "ab" * 16)
    second, rejected = replace(KEY, subid="cd" * 16), replace(KEY, subid="ef" * 16)
    for key, outcome in ((second, worse), (KEY, worse), (rejected, GRADED), (other, GRADED)):
        publish(case_store, case_store.begin_attempt(make_start("v1", key=key)), outcome)
    publish(case_store, case_store.begin_attempt(make_start("v2")), GRADED)
    publish(case_store, case_store.begin_attempt(make_start("v0")), worse, published=False)
    publish(case_store, case_store.begin_attempt(make_start("v2", key=rejected)), REJECTED)
    case_store.begin_attempt(make_start("v3"))  # and while a new upload is graded, the result before it stands

    found = [
        [(case.kind, case.ordinal, case.verdict, case.points) for case in one]
        for one in case_store.published_cases(REF)
    ]
    test = CaseKind.TEST
    assert found == [
        [(test, 1, Verdict.ACCEPTED, 1.0), (test, 2, Verdict.WRONG_ANSWER, 0.0)],
        [(test, 1, Verdict.WRONG_ANSWER, 0.0), (test, 2, Verdict.TIME_LIMIT_EXCEEDED, 0.0)],
    ]
    assert case_store.published_cases(replace(REF, event="aws")) == []


def test_addresses_are_those_of_registered_tokens(case_store: CaseStore, witness: Witness) -> None:
    assert case_store.addresses([ADA, GRACE]) == {}
    witness.register(ADA, "ada@example.edu")
    witness.register(GRACE, "grace@example.edu")
    assert case_store.addresses({ADA, "c" * 32}) == {ADA: "ada@example.edu"}
    assert case_store.addresses([]) == {}


def test_a_turn_knows_the_version_that_the_last_one_published(case_store: CaseStore) -> None:
    """Neither one that was not published, nor one that was undone, nor another submission's."""
    elsewhere = case_store.begin_attempt(make_start(key=replace(KEY, subid="cd" * 16)))
    with case_store.publish_turn(elsewhere) as turn:
        turn.record(GRADED, published=True, results_version="theirs")
    said = []
    for number, (published, fails) in enumerate([(True, False), (False, False), (True, True), (True, False)]):
        attempt = case_store.begin_attempt(make_start(f"v{number}"))
        with contextlib.suppress(StoreUnavailable), case_store.publish_turn(attempt) as turn:
            said.append(turn.results_version)
            turn.record(GRADED, published=published, results_version=f"r{number}")
            if fails:
                raise StoreUnavailable("the bucket is full")
    with case_store.publish_turn(case_store.begin_attempt(make_start("last"))) as turn:
        said.append(turn.results_version)
    assert said == [None, "r0", "r0", "r0", "r3"]


def test_a_turn_without_a_record_changes_nothing(case_store: CaseStore, witness: Witness) -> None:
    with case_store.publish_turn(case_store.begin_attempt(make_start())):
        pass
    assert witness.history() == [("v1", "unfinished", False)]


def test_an_exception_in_a_turn_undoes_the_record_and_passes_unchanged(case_store: CaseStore, witness: Witness) -> None:
    """The bucket failed: Postgres must not say that something was published."""
    attempt = case_store.begin_attempt(make_start())
    error = StoreUnavailable("the bucket is full")

    with pytest.raises(StoreUnavailable) as caught, case_store.publish_turn(attempt) as turn:  # noqa: PT012
        turn.record(GRADED, published=True)
        raise error

    assert caught.value is error
    assert witness.history() == [("v1", "unfinished", False)]
    publish(case_store, attempt, GRADED)  # and the turn is free
    assert witness.history() == [("v1", "graded", True)]


def test_a_turn_records_only_once(case_store: CaseStore, witness: Witness) -> None:
    attempt = case_store.begin_attempt(make_start())
    with pytest.raises(RuntimeError), case_store.publish_turn(attempt) as turn:  # noqa: PT012  (the second one raises)
        turn.record(GRADED, published=True)
        turn.record(GRADED, published=True)
    assert witness.history() == [("v1", "unfinished", False)]


def test_a_turn_excludes_another_turn_of_the_same_submission(case_store: CaseStore) -> None:
    """A key with a leading slash means the same submission."""
    first = case_store.begin_attempt(make_start())
    second = case_store.begin_attempt(make_start("v2", key=replace(KEY, leading_slash=True)))
    is_in = threading.Event()

    def take_the_second_turn() -> None:
        with case_store.publish_turn(second):
            is_in.set()

    other = threading.Thread(target=take_the_second_turn)
    with case_store.publish_turn(first):
        other.start()
        assert not is_in.wait(SOON_S)
    assert is_in.wait(AT_LAST_S)
    other.join()


def test_turns_of_different_submissions_do_not_wait_for_each_other(case_store: CaseStore) -> None:
    first = case_store.begin_attempt(make_start())
    second = case_store.begin_attempt(make_start(key=replace(KEY, subid="cd" * 16)))
    is_in = threading.Event()

    def take_the_second_turn() -> None:
        with case_store.publish_turn(second):
            is_in.set()

    other = threading.Thread(target=take_the_second_turn)
    with case_store.publish_turn(first):
        other.start()
        assert is_in.wait(AT_LAST_S)
    other.join()


def test_a_turn_of_an_attempt_that_is_not_there_is_unavailable(case_store: CaseStore) -> None:
    with pytest.raises(CasesUnavailable), case_store.publish_turn(4711):
        pass


# -- leases --------------------------------------------------------------------------------------------------------


def test_an_upload_is_one_attempt_s_at_a_time(case_store: CaseStore, witness: Witness) -> None:
    """On whatever host, and whether its key has a leading slash or not."""
    case_store.begin_attempt(make_start())
    with pytest.raises(SubmissionBusy, match="host-1:42 is grading this upload") as caught:
        case_store.begin_attempt(replace(make_start(key=replace(KEY, leading_slash=True)), worker="host-2:1"))
    assert 100 < caught.value.free_in_s <= 120
    assert len(witness.history()) == 1, "who is refused leaves no trace"
    case_store.begin_attempt(make_start("v2"))
    case_store.begin_attempt(make_start(key=replace(KEY, subid="cd" * 16)))


def test_an_attempt_that_ends_frees_the_upload(case_store: CaseStore) -> None:
    publish(case_store, case_store.begin_attempt(make_start()), GRADED)
    case_store.end_attempt(case_store.begin_attempt(make_start()), None)
    case_store.end_attempt(case_store.begin_attempt(make_start()), "it broke")
    case_store.begin_attempt(make_start())


def test_a_lease_that_ran_out_is_lost_to_who_comes_next_and_to_nobody_else(
    case_store: CaseStore, witness: Witness
) -> None:
    """So a crash costs a submission no more than its lease; and a host that was only slow cannot publish any more."""
    slow = case_store.begin_attempt(replace(make_start(), lease_s=0.05))
    time.sleep(0.1)
    assert case_store.renew_lease(slow, 0.05), "nobody wanted it"
    time.sleep(0.1)
    quick = case_store.begin_attempt(make_start())
    assert not case_store.renew_lease(slow, 60)
    with pytest.raises(LeaseLost), case_store.publish_turn(slow):
        pytest.fail("an attempt without a lease may publish")
    case_store.end_attempt(slow, "too late")
    with pytest.raises(SubmissionBusy):
        case_store.begin_attempt(make_start())
    publish(case_store, quick, GRADED)
    assert witness.history() == [("v1", "unfinished", False), ("v1", "graded", True)]


def test_nobody_takes_the_lease_over_from_whoever_is_publishing(case_store: CaseStore) -> None:
    """Its lease runs out in its turn, while the bucket is slow: the other waits, and finds an upload that is done."""
    slow = case_store.begin_attempt(replace(make_start(), message_id="message-1", lease_s=0.05))
    met: list[type[Exception]] = []

    def begin_another() -> None:
        try:
            case_store.begin_attempt(replace(make_start(), message_id="message-1"))
        except AlreadyGraded as exc:
            met.append(type(exc))

    other = threading.Thread(target=begin_another)
    with case_store.publish_turn(slow) as turn:
        time.sleep(0.1)
        other.start()
        other.join(SOON_S)
        assert other.is_alive(), "it waits"
        turn.record(GRADED, published=True)
    other.join(AT_LAST_S)
    assert met == [AlreadyGraded]


def test_a_lease_is_renewed_from_now(case_store: CaseStore) -> None:
    attempt = case_store.begin_attempt(replace(make_start(), lease_s=0.3))
    assert case_store.renew_lease(attempt, 60)
    time.sleep(0.4)
    with pytest.raises(SubmissionBusy):
        case_store.begin_attempt(make_start())


def test_an_attempt_that_has_ended_has_no_lease_to_renew(case_store: CaseStore) -> None:
    attempt = case_store.begin_attempt(make_start())
    publish(case_store, attempt, GRADED)
    assert not case_store.renew_lease(attempt, 60)
    case_store.begin_attempt(make_start())


def test_a_message_whose_result_was_published_is_done_with(case_store: CaseStore) -> None:
    """It comes again when its deletion failed; another message for the same upload asks for another attempt."""
    first = replace(make_start(), message_id="message-1")
    publish(case_store, case_store.begin_attempt(first), GRADED)
    with pytest.raises(AlreadyGraded):
        case_store.begin_attempt(first)
    with pytest.raises(AlreadyGraded):
        case_store.begin_attempt(replace(first, worker="host-2:1"))
    for other in (replace(first, message_id="message-2"), replace(first, message_id=None), replace(first, upload="v2")):
        publish(case_store, case_store.begin_attempt(other), GRADED)


def test_a_message_whose_result_was_not_published_is_not_done_with(case_store: CaseStore) -> None:
    message = replace(make_start(), message_id="message-1")
    publish(case_store, case_store.begin_attempt(message), GRADED, published=False)
    case_store.begin_attempt(message)


def test_a_message_that_has_failed_too_often_is_refused_with_the_last_reason(case_store: CaseStore) -> None:
    message = replace(make_start(), message_id="message-1")
    for number in range(MOST_FAILURES):
        case_store.end_attempt(case_store.begin_attempt(message), None)  # ours: it does not count
        case_store.end_attempt(case_store.begin_attempt(message), f"failure {number}")
    with pytest.raises(FailedTooOften, match=f"{MOST_FAILURES} times, the last time with: failure {MOST_FAILURES - 1}"):
        case_store.begin_attempt(message)
    case_store.begin_attempt(replace(message, message_id="message-2"))


def test_of_many_who_begin_at_once_one_does(case_store: CaseStore, witness: Witness) -> None:
    start_line = threading.Barrier(8)
    outcomes: list[int | None] = []

    def begin(number: int) -> None:
        start_line.wait(AT_LAST_S)
        try:
            outcomes.append(case_store.begin_attempt(replace(make_start(), worker=f"host-{number}")))
        except SubmissionBusy:
            outcomes.append(None)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert len(witness.history()) == 1


def test_a_store_that_answers_says_so(case_store: CaseStore) -> None:
    case_store.check()


def test_what_a_stranger_wrote_never_breaks_an_attempt(case_store: CaseStore, witness: Witness) -> None:
    """Postgres refuses U+0000 in text, and half a surrogate pair, which JSON can spell, has no UTF-8."""
    for nasty in ("\0", "\ud800", "'; DROP TABLE", "%s", "\x1b[2J"):
        assert case_store.load_assignment(AssignmentRef(nasty, nasty, nasty)) is None
        start = make_start(nasty, tokens=(nasty, ADA), key=replace(KEY, ref=replace(REF, assignment=nasty)))
        publish(case_store, case_store.begin_attempt(replace(start, worker=nasty)), Outcome(reason=f"no {nasty}"))
    assert [line[1:] for line in witness.history()] == [("rejected", True)] * 5


def test_cases_that_are_too_large_are_refused_and_nothing_changes(
    case_store: CaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are in memory at once, in each of many threads."""
    for module in (memory_cases, postgres):
        monkeypatch.setattr(module, "MAX_CASES_BYTES", 1000)
    enough = replace(SQUARES, cases=(TestCase(CaseKind.TEST, 1, "é" * 300, "4" * 400),))
    case_store.save_assignment(enough)
    with pytest.raises(AssignmentRefused, match="1,001 bytes"):
        case_store.save_assignment(replace(enough, cases=(*enough.cases, TestCase(CaseKind.TEST, 2, "1", ""))))
    assert case_store.load_assignment(REF) == enough


# -- deadlines, tries, feedback -----------------------------------------------------------------------------------

POLICY = Policy(
    due_at=datetime(2026, 8, 1, 12, 0, 0, 500, tzinfo=UTC),
    late=Late.parse("0.1% per 90 min, floor 33.3%, grace 5 min, cutoff 3 days"),
    tries=Tries.parse("3 per 12 h, then test verdict, grade nothing"),
    feedback=Feedback.parse("test: diff, everything once published; grade: nothing, verdict after due"),
)


@pytest.mark.parametrize(
    "policy",
    [
        POLICY,
        Policy(),
        Policy(late=Late(percent=1 / 3)),
        Policy(feedback=Feedback(grade=Stages(Level.NOTHING, Level.POINTS, Level.DIFF))),
    ],
)
def test_a_policy_comes_back_as_it_was_saved(case_store: CaseStore, policy: Policy) -> None:
    saved = replace(SQUARES, policy=policy)
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved
    assert case_store.save_policy(REF, Policy())
    assert case_store.load_assignment(REF) == SQUARES
    assert case_store.save_policy(REF, policy)
    assert case_store.load_assignment(REF) == saved


@pytest.mark.parametrize(
    "supplies",
    [
        Supplies(),
        Supplies(main_file="main.py", preload=("numpy", "xml.dom")),
        Supplies(main_file="Main.java", archive=bytes(range(256))),
    ],
)
def test_supplies_come_back_as_they_were_saved(case_store: CaseStore, supplies: Supplies) -> None:
    """With an assignment that has cases, of which each is a row, and with one that has none."""
    for cases in (CASES, ()):
        saved = replace(SQUARES, cases=cases, supplies=supplies)
        case_store.save_assignment(saved)
        assert case_store.load_assignment(REF) == saved
        assert case_store.save_supplies(REF, Supplies())
        assert case_store.load_assignment(REF) == replace(saved, supplies=Supplies())
        assert case_store.save_supplies(REF, supplies)
        assert case_store.load_assignment(REF) == saved
    assert not case_store.save_supplies(replace(REF, assignment="unknown"), supplies)


def test_an_unknown_assignment_has_no_policy_to_change_or_publish(case_store: CaseStore) -> None:
    assert not case_store.save_policy(REF, POLICY)
    assert not case_store.publish_feedback(REF)
    assert case_store.load_assignment(REF) is None


def test_feedback_is_published_once_and_saving_does_not_undo_it(case_store: CaseStore) -> None:
    case_store.save_assignment(SQUARES)
    assert case_store.publish_feedback(REF)
    published = case_store.load_assignment(REF)
    assert published is not None
    assert published.policy.published_at is not None
    assert abs(published.policy.published_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert case_store.publish_feedback(REF)
    case_store.save_policy(REF, Policy())
    case_store.save_assignment(SQUARES)
    assert case_store.load_assignment(REF) == published


def test_a_turn_knows_when_each_upload_was_first_published(case_store: CaseStore) -> None:
    """What was rejected, not published or given up is no try, and nor is another submission's."""
    publish(case_store, case_store.begin_attempt(make_start("v1")), GRADED)
    publish(case_store, case_store.begin_attempt(make_start("v1")), GRADED)
    publish(case_store, case_store.begin_attempt(make_start("v2")), REJECTED)
    publish(case_store, case_store.begin_attempt(make_start("v3")), GRADED, published=False)
    case_store.end_attempt(case_store.begin_attempt(make_start("v4")), "ended")
    elsewhere = SubmissionKey(REF, "cd" * 16)
    publish(case_store, case_store.begin_attempt(make_start("v5", key=elsewhere)), GRADED)
    publish(case_store, case_store.begin_attempt(make_start("v6")), GRADED)
    with case_store.publish_turn(case_store.begin_attempt(make_start("v2"))) as turn:
        assert turn.tried.first_at is None  # graded now, and rejected before

    with case_store.publish_turn(case_store.begin_attempt(make_start("v1"))) as turn:
        tried = turn.tried
    assert tried.first_at is not None
    (other_at,) = tried.others_at  # v6
    assert tried.first_at < other_at < tried.now
    with case_store.publish_turn(case_store.begin_attempt(make_start("v7"))) as turn:
        assert turn.tried.first_at is None
        assert sorted(turn.tried.others_at) == [tried.first_at, other_at]


# What is kept of a long output is its beginning; of everything else, all.
_RUN = RunResult(
    ending=Ending.EXITED,
    exit_code=3,
    stdout=b"\xff\0out",
    stderr=b"err",
    cpu_time_s=0.25,
    wall_time_s=0.5,
    memory_bytes=12345,
)
_HANDED_IN_AT = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
_TERMS = Terms(
    handed_in_at=_HANDED_IN_AT, late_s=61.5, penalty=0.1, view=View(Level.VERDICT, Level.NOTHING), note="less is shown"
)


def make_shown(case_store: CaseStore, cases: tuple[TestCase, ...] = CASES) -> GradeReport:
    """An assignment with a graded result that is published."""
    report = summarize(CaseResult(case, _RUN, Verdict.RUNTIME_ERROR, case.points / 2) for case in cases)
    case_store.save_assignment(replace(SQUARES, cases=cases, policy=POLICY))
    attempt = case_store.begin_attempt(replace(make_start(), handed_in_at=_HANDED_IN_AT))
    with case_store.publish_turn(attempt) as turn:
        turn.record(Outcome(report=report, terms=_TERMS), published=True, results_version="first")
    return report


def test_a_published_result_can_be_read_back_to_be_shown_anew(case_store: CaseStore) -> None:
    report = make_shown(case_store)
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is not None
        result = turn.result
        assert result.report.case_results == report.case_results
        assert (result.report.score, result.report.max_score) == (report.score, report.max_score)
        assert result.policy == POLICY
        assert result.terms == Terms(handed_in_at=_HANDED_IN_AT, late_s=61.5, penalty=0.1)
        assert result.view == _TERMS.view
        assert result.changed == frozenset()
        assert turn.results_version == "first"
        assert turn.tried.first_at is not None
        turn.record(Outcome(report=report, terms=replace(_TERMS, view=View())), "second")
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is not None
        assert turn.result.view == View()
        assert turn.results_version == "second"
    with case_store.publish_turn(case_store.begin_attempt(make_start("v2"))) as next_turn:
        assert next_turn.results_version == "second"


def test_groups_and_what_was_skipped_can_be_read_back(case_store: CaseStore) -> None:
    cases = (replace(CASES[0], group="g"), replace(CASES[1], role=CaseRole.PENALTY), replace(CASES[2], group="h"))
    groups = (Group("g", GroupRule.MINIMUM), Group("h", depends_on=("g",)))
    case_store.save_assignment(replace(SQUARES, cases=cases, groups=groups))
    skipped = CaseResult(cases[2], RunResult(ending=Ending.EXITED), Verdict.SKIPPED, 0.0, reason="not run: g failed")
    failed = CaseResult(cases[1], _RUN, Verdict.RUNTIME_ERROR, -cases[1].points)
    report = summarize([CaseResult(cases[0], _RUN, Verdict.RUNTIME_ERROR, 0.0), failed, skipped], groups)
    publish(case_store, case_store.begin_attempt(make_start()), Outcome(report=report))
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is not None
        assert turn.result.report == report
    [account] = case_store.list_accounts(AccountFilter(), with_texts=True)
    assert account.groups == report.groups
    assert [(case.group, case.role, case.reason) for case in account.cases] == [
        ("g", CaseRole.REGULAR, None),
        (None, CaseRole.PENALTY, None),
        ("h", CaseRole.REGULAR, "not run: g failed"),
    ]


def test_a_case_that_was_replaced_or_removed_is_named_and_its_text_is_not_given(case_store: CaseStore) -> None:
    make_shown(case_store)
    case_store.save_assignment(replace(SQUARES, cases=(CASES[0], replace(CASES[1], expected="5"))))
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is not None
        assert turn.result.changed == {"test 2", "grade 1"}
        assert [(one.case.input, one.case.expected) for one in turn.result.report.case_results] == [
            ("2", "4"),
            ("", ""),
            ("", ""),
        ]


def test_only_a_graded_result_can_be_shown_anew(case_store: CaseStore) -> None:
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is None
    case_store.begin_attempt(make_start("v1"))
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is None
    publish(case_store, case_store.begin_attempt(make_start("v2")), REJECTED)
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is None


def test_nothing_is_noted_of_a_showing_that_failed(case_store: CaseStore) -> None:
    report = make_shown(case_store)
    with pytest.raises(StoreUnavailable), case_store.reshow_turn(REF, KEY.subid) as turn:  # noqa: PT012
        assert turn is not None
        turn.record(Outcome(report=report), "second")
        raise StoreUnavailable("away")
    with case_store.reshow_turn(REF, KEY.subid) as turn:
        assert turn is not None
        assert turn.results_version == "first"


def test_a_grading_and_a_showing_anew_wait_for_each_other(case_store: CaseStore) -> None:
    make_shown(case_store)
    begun, attempt = threading.Event(), case_store.begin_attempt(make_start("v2"))

    def grade() -> None:
        begun.set()
        publish(case_store, attempt, REJECTED)

    grading = threading.Thread(target=grade)
    with case_store.reshow_turn(REF, KEY.subid):
        grading.start()
        assert begun.wait(AT_LAST_S)
        grading.join(SOON_S)
        assert grading.is_alive()
    grading.join(AT_LAST_S)
    assert not grading.is_alive()
