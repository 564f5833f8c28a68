"""One suite for the port CaseStore, on memory and on Postgres; then what only Postgres has: functions and views."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from submitter.adapters import postgres
from submitter.adapters.postgres import KEPT_OUTPUT_BYTES, PostgresCaseStore
from submitter.errors import (
    AlreadyGraded,
    AssignmentRefused,
    CasesUnavailable,
    ConfigError,
    FailedTooOften,
    LeaseLost,
    StoreUnavailable,
    SubmissionBusy,
)
from submitter.model import (
    MOST_FAILURES,
    Assignment,
    AssignmentRef,
    AttemptStart,
    CaseKind,
    CaseResult,
    Comparison,
    Ending,
    GradeReport,
    InputMode,
    Limits,
    Outcome,
    RunResult,
    SubmissionKey,
    TestCase,
    Verdict,
)
from submitter.ports import CaseStore
from submitter.resources import resource

SOON_S = 0.2  # long enough for a thread to do what it must not do
AT_LAST_S = 20  # far longer than anything here takes

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
KEY = SubmissionKey(REF, "ab" * 16)
ADA, GRACE = "a" * 32, "b" * 32
CASES = (
    TestCase(CaseKind.TEST, 1, "2", "4"),
    TestCase(CaseKind.TEST, 2, "two\nlines", "", points=0.5),
    TestCase(CaseKind.GRADE, 1, "-12", "144", points=2.5),
)
SQUARES = Assignment(ref=REF, cases=CASES)


@dataclass(frozen=True)
class Witness:
    """What a test must do or see that the port does not offer."""

    register: Callable[[str, str], object]
    history: Callable[[], list[tuple[str | None, str, bool]]]  # upload, state, published; in the order of beginning


@pytest.fixture(params=["memory", "postgres"])
def case_store(request: pytest.FixtureRequest) -> Iterator[CaseStore]:
    if request.param == "memory":
        from submitter.adapters.memory import MemoryCaseStore

        yield MemoryCaseStore()
    else:
        yield request.getfixturevalue("postgres_store")


@pytest.fixture
def postgres_store(database_url: str) -> Iterator[PostgresCaseStore]:
    store = PostgresCaseStore(database_url, pool_size=4)
    yield store
    store.close()


@pytest.fixture
def sql(database_url: str) -> Iterator[psycopg.Connection[DictRow]]:
    """What an admin has: a connection of one's own."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def witness(case_store: CaseStore, request: pytest.FixtureRequest) -> Witness:
    from submitter.adapters.memory import MemoryCaseStore

    if isinstance(case_store, MemoryCaseStore):
        store = case_store
        return Witness(
            store.register,
            lambda: [
                (line.start.upload, line.outcome.state if line.outcome else "unfinished", line.is_published)
                for line in store.history
            ],
        )
    connection: psycopg.Connection[DictRow] = request.getfixturevalue("sql")
    return Witness(
        lambda token, email: connection.execute("SELECT submitter.register(%s, %s)", (token, email)),
        lambda: [
            (row["upload"], row["state"], bool(row["published"]))
            for row in connection.execute("SELECT * FROM submitter.history ORDER BY attempt_id")
        ],
    )


def _start(upload: str | None = "v1", *, key: SubmissionKey = KEY, tokens: tuple[str, ...] = (ADA,)) -> AttemptStart:
    return AttemptStart(key=key, tokens=tokens, language="python", upload=upload, worker="host-1:42", receive_count=1)


def _report(*verdicts: Verdict, run: RunResult | None = None) -> GradeReport:
    """A report with one `test` case per verdict, each worth a point."""
    run = run or RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"4\n", cpu_time_s=0.01, wall_time_s=0.02)
    results = tuple(
        CaseResult(
            TestCase(CaseKind.TEST, ordinal, "2", "4"), run, verdict, 1.0 if verdict is Verdict.ACCEPTED else 0.0
        )
        for ordinal, verdict in enumerate(verdicts, start=1)
    )
    return GradeReport(results, sum(result.points for result in results), float(len(results)), 0.25)


GRADED = Outcome(report=_report(Verdict.ACCEPTED, Verdict.WRONG_ANSWER))
REJECTED = Outcome(reason="There is no such assignment.")


def _publish(store: CaseStore, attempt_id: int, outcome: Outcome, *, published: bool = True) -> None:
    with store.publish_turn(attempt_id) as turn:
        turn.record(outcome, published=published)


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


@pytest.mark.parametrize("input_mode", InputMode)
@pytest.mark.parametrize("comparison", Comparison)
def test_every_mode_and_comparison_can_be_saved(
    case_store: CaseStore, input_mode: InputMode, comparison: Comparison
) -> None:
    saved = replace(SQUARES, input_mode=input_mode, comparison=comparison)
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved


def test_an_assignment_without_cases_is_known(case_store: CaseStore) -> None:
    """Rejecting its submissions, with words of its own, is the grader's decision."""
    case_store.save_assignment(replace(SQUARES, cases=()))
    assert case_store.load_assignment(REF) == replace(SQUARES, cases=())


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


def test_emails_of_registered_tokens_are_found_and_others_are_missing(case_store: CaseStore, witness: Witness) -> None:
    witness.register(ADA, "ada@example.edu")
    assert case_store.find_emails([ADA, GRACE, ADA]) == {ADA: "ada@example.edu"}
    assert case_store.find_emails([]) == {}


def test_registering_again_changes_the_email(case_store: CaseStore, witness: Witness) -> None:
    witness.register(ADA, "ada@example.edu")
    witness.register(ADA, "lovelace@example.edu")
    assert case_store.find_emails([ADA]) == {ADA: "lovelace@example.edu"}


# -- attempts and turns -------------------------------------------------------------------------------------------


def test_attempts_have_different_ids_and_stay_in_the_history(case_store: CaseStore, witness: Witness) -> None:
    ids = [case_store.begin_attempt(_start(upload)) for upload in ("v1", "v2", None)]
    case_store.end_attempt(ids[0], None)
    ids.append(case_store.begin_attempt(_start("v1")))
    assert len(set(ids)) == 4
    assert witness.history() == [(upload, "unfinished", False) for upload in ("v1", "v2", None, "v1")]


def test_a_published_outcome_is_in_the_history(case_store: CaseStore, witness: Witness) -> None:
    _publish(case_store, case_store.begin_attempt(_start("v1")), GRADED)
    _publish(case_store, case_store.begin_attempt(_start("v2")), REJECTED)
    assert witness.history() == [("v1", "graded", True), ("v2", "rejected", True)]


def test_an_unpublished_outcome_is_history_too(case_store: CaseStore, witness: Witness) -> None:
    """An older upload that was overtaken: its account is kept for the admin."""
    older, newer = case_store.begin_attempt(_start("v1")), case_store.begin_attempt(_start("v2"))
    _publish(case_store, newer, GRADED)
    _publish(case_store, older, REJECTED, published=False)
    assert witness.history() == [("v1", "rejected", False), ("v2", "graded", True)]


def test_a_turn_without_a_record_changes_nothing(case_store: CaseStore, witness: Witness) -> None:
    with case_store.publish_turn(case_store.begin_attempt(_start())):
        pass
    assert witness.history() == [("v1", "unfinished", False)]


def test_an_exception_in_a_turn_undoes_the_record_and_passes_unchanged(case_store: CaseStore, witness: Witness) -> None:
    """The bucket failed: Postgres must not say that something was published."""
    attempt = case_store.begin_attempt(_start())
    error = StoreUnavailable("the bucket is full")

    with pytest.raises(StoreUnavailable) as caught, case_store.publish_turn(attempt) as turn:  # noqa: PT012
        turn.record(GRADED, published=True)
        raise error

    assert caught.value is error
    assert witness.history() == [("v1", "unfinished", False)]
    _publish(case_store, attempt, GRADED)  # and the turn is free
    assert witness.history() == [("v1", "graded", True)]


def test_a_turn_records_only_once(case_store: CaseStore, witness: Witness) -> None:
    attempt = case_store.begin_attempt(_start())
    with pytest.raises(RuntimeError), case_store.publish_turn(attempt) as turn:  # noqa: PT012  (the second one raises)
        turn.record(GRADED, published=True)
        turn.record(GRADED, published=True)
    assert witness.history() == [("v1", "unfinished", False)]


def test_a_turn_excludes_another_turn_of_the_same_submission(case_store: CaseStore) -> None:
    """A key with a leading slash means the same submission."""
    first = case_store.begin_attempt(_start())
    second = case_store.begin_attempt(_start("v2", key=replace(KEY, leading_slash=True)))
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
    first = case_store.begin_attempt(_start())
    second = case_store.begin_attempt(_start(key=replace(KEY, subid="cd" * 16)))
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
    case_store.begin_attempt(_start())
    with pytest.raises(SubmissionBusy, match="host-1:42 is grading this upload") as caught:
        case_store.begin_attempt(replace(_start(key=replace(KEY, leading_slash=True)), worker="host-2:1"))
    assert 100 < caught.value.free_in_s <= 120
    assert len(witness.history()) == 1, "who is refused leaves no trace"
    case_store.begin_attempt(_start("v2"))
    case_store.begin_attempt(_start(key=replace(KEY, subid="cd" * 16)))


def test_an_attempt_that_ends_frees_the_upload(case_store: CaseStore) -> None:
    _publish(case_store, case_store.begin_attempt(_start()), GRADED)
    case_store.end_attempt(case_store.begin_attempt(_start()), None)
    case_store.end_attempt(case_store.begin_attempt(_start()), "it broke")
    case_store.begin_attempt(_start())


def test_a_lease_that_ran_out_is_lost_to_who_comes_next_and_to_nobody_else(
    case_store: CaseStore, witness: Witness
) -> None:
    """So a crash costs a submission no more than its lease; and a host that was only slow cannot publish any more."""
    slow = case_store.begin_attempt(replace(_start(), lease_s=0.05))
    time.sleep(0.1)
    assert case_store.renew_lease(slow, 0.05), "nobody wanted it"
    time.sleep(0.1)
    quick = case_store.begin_attempt(_start())
    assert not case_store.renew_lease(slow, 60)
    with pytest.raises(LeaseLost), case_store.publish_turn(slow):
        pytest.fail("an attempt without a lease may publish")
    case_store.end_attempt(slow, "too late")
    with pytest.raises(SubmissionBusy):
        case_store.begin_attempt(_start())
    _publish(case_store, quick, GRADED)
    assert witness.history() == [("v1", "unfinished", False), ("v1", "graded", True)]


def test_a_lease_is_renewed_from_now(case_store: CaseStore) -> None:
    attempt = case_store.begin_attempt(replace(_start(), lease_s=0.3))
    assert case_store.renew_lease(attempt, 60)
    time.sleep(0.4)
    with pytest.raises(SubmissionBusy):
        case_store.begin_attempt(_start())


def test_an_attempt_that_has_ended_has_no_lease_to_renew(case_store: CaseStore) -> None:
    attempt = case_store.begin_attempt(_start())
    _publish(case_store, attempt, GRADED)
    assert not case_store.renew_lease(attempt, 60)
    case_store.begin_attempt(_start())


def test_a_message_whose_result_was_published_is_done_with(case_store: CaseStore) -> None:
    """It comes again when its deletion failed; another message for the same upload asks for another attempt."""
    first = replace(_start(), message_id="message-1")
    _publish(case_store, case_store.begin_attempt(first), GRADED)
    with pytest.raises(AlreadyGraded):
        case_store.begin_attempt(first)
    with pytest.raises(AlreadyGraded):
        case_store.begin_attempt(replace(first, worker="host-2:1"))
    for other in (replace(first, message_id="message-2"), replace(first, message_id=None), replace(first, upload="v2")):
        _publish(case_store, case_store.begin_attempt(other), GRADED)


def test_a_message_whose_result_was_not_published_is_not_done_with(case_store: CaseStore) -> None:
    message = replace(_start(), message_id="message-1")
    _publish(case_store, case_store.begin_attempt(message), GRADED, published=False)
    case_store.begin_attempt(message)


def test_a_message_that_has_failed_too_often_is_refused_with_the_last_reason(case_store: CaseStore) -> None:
    message = replace(_start(), message_id="message-1")
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
            outcomes.append(case_store.begin_attempt(replace(_start(), worker=f"host-{number}")))
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
        assert case_store.find_emails([nasty]) == {}
        assert case_store.load_assignment(AssignmentRef(nasty, nasty, nasty)) is None
        start = _start(nasty, tokens=(nasty, ADA), key=replace(KEY, ref=replace(REF, assignment=nasty)))
        _publish(case_store, case_store.begin_attempt(replace(start, worker=nasty)), Outcome(reason=f"no {nasty}"))
    assert [line[1:] for line in witness.history()] == [("rejected", True)] * 5


# -- only Postgres: the store -------------------------------------------------------------------------------------


def _gradebook(sql: psycopg.Connection[DictRow]) -> dict[str, object]:
    """The only submission's line."""
    (line,) = sql.execute("SELECT * FROM submitter.gradebook").fetchall()
    return line


def test_the_gradebook_shows_what_was_published_last(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    sql.execute("SELECT submitter.register(%s, 'ada@example.edu')", (ADA,))
    sql.execute("SELECT submitter.register(%s, 'grace@example.edu')", (GRACE,))
    older = postgres_store.begin_attempt(_start("v1", tokens=(GRACE, "c" * 32, ADA)))
    line = _gradebook(sql)
    assert (line["state"], line["score"], line["emails"]) == ("grading", None, "grace@example.edu, ada@example.edu")

    newer = postgres_store.begin_attempt(_start("v2", tokens=(GRACE, ADA)))
    _publish(postgres_store, newer, GRADED)
    _publish(postgres_store, older, REJECTED, published=False)

    line = _gradebook(sql)
    assert (line["assignment"], line["subid"]) == (REF.assignment, KEY.subid)
    assert (line["state"], line["score"], line["max_score"], line["attempts"]) == ("graded", 1, 2, 2)
    assert line["graded_at"] is not None
    shown = sql.execute("SELECT number, is_shown FROM submitter.history").fetchall()
    assert shown == [{"number": 1, "is_shown": False}, {"number": 2, "is_shown": True}]


def test_an_upload_being_graded_leaves_the_result_before_it_standing(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    """And one whose metadata is broken, which names nobody, does not take the names away."""
    sql.execute("SELECT submitter.register(%s, 'ada@example.edu')", (ADA,))
    _publish(postgres_store, postgres_store.begin_attempt(_start("v1")), GRADED)
    postgres_store.begin_attempt(_start("v2", tokens=()))
    line = _gradebook(sql)
    assert (line["state"], line["score"], line["emails"]) == ("graded", 1, "ada@example.edu")


def test_every_verdict_and_measure_is_kept(postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]) -> None:
    run = RunResult(
        ending=Ending.SIGNALED,
        signal=9,
        stdout=b"\0\xff" * KEPT_OUTPUT_BYTES,
        stderr=b"short",
        cpu_time_s=0.125,
        wall_time_s=0.5,
        memory_bytes=2**40,
        starved_s=0.25,
        earlier=RunResult(ending=Ending.CPU_LIMIT, cpu_time_s=2.0, wall_time_s=9.0, starved_s=7.0),
    )
    attempt = postgres_store.begin_attempt(_start())
    _publish(postgres_store, attempt, Outcome(report=_report(*Verdict, run=run)))

    rows = sql.execute("SELECT * FROM submitter.case_results WHERE attempt_id = %s ORDER BY ordinal", (attempt,))
    kept = rows.fetchall()
    assert [row["verdict"] for row in kept] == [verdict.long_name for verdict in Verdict]
    first = kept[0]
    assert (first["kind"], first["ordinal"], first["points"], first["max_points"]) == ("test", 1, 1, 1)
    assert (first["cpu_time_s"], first["wall_time_s"], first["memory_bytes"]) == (0.125, 0.5, 2**40)
    assert (first["exit_code"], first["signal"]) == (None, 9)
    assert (first["stdout"], first["stdout_bytes"]) == (run.stdout[:KEPT_OUTPUT_BYTES], 2 * KEPT_OUTPUT_BYTES)
    assert (first["stderr"], first["stderr_bytes"]) == (b"short", 5)
    earlier = {"ending": "cpu_limit", "cpu_time_s": 2.0, "wall_time_s": 9.0, "starved_s": 7.0}
    assert (first["starved_s"], first["earlier"]) == (0.25, earlier)


def test_a_case_that_was_run_once_has_no_earlier_run(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    attempt = postgres_store.begin_attempt(_start())
    _publish(postgres_store, attempt, GRADED)
    rows = sql.execute("SELECT earlier FROM submitter.case_results WHERE attempt_id = %s", (attempt,))
    assert [row["earlier"] for row in rows] == [None, None]


@pytest.mark.parametrize(
    "refused",
    [
        replace(SQUARES, cases=(TestCase(CaseKind.TEST, 1, "nul \0", "4"),)),
        replace(SQUARES, cases=(TestCase(CaseKind.TEST, 1, "2", "half a pair \ud800"),)),
        replace(SQUARES, ref=replace(REF, assignment="a\0b")),
        replace(SQUARES, ref=replace(REF, assignment="")),
        replace(SQUARES, ref=replace(REF, admin="a/b")),
        replace(SQUARES, language=""),
        replace(SQUARES, cases=(CASES[0], CASES[0])),
        replace(SQUARES, cases=(TestCase(CaseKind.TEST, 0, "2", "4"),)),
        replace(SQUARES, cases=(TestCase(CaseKind.TEST, 1, "2", "4", points=-1),)),
        replace(SQUARES, cases=(TestCase(CaseKind.TEST, 1, "2", "4", points=float("nan")),)),
        replace(SQUARES, cases=(TestCase(CaseKind.TEST, 1, "2", "4", points=float("inf")),)),
        replace(SQUARES, limits=Limits(memory_bytes=2**70)),
        replace(SQUARES, limits=Limits(cpu_time_s=float("inf"))),
    ],
)
def test_an_assignment_that_cannot_be_stored_is_refused_and_nothing_changes(
    postgres_store: PostgresCaseStore, refused: Assignment
) -> None:
    postgres_store.save_assignment(SQUARES)
    with pytest.raises(AssignmentRefused):
        postgres_store.save_assignment(refused)
    assert postgres_store.load_assignment(REF) == SQUARES
    assert len(postgres_store.list_assignments()) == 1


def test_a_turn_is_not_waited_for_without_end(database_url: str) -> None:
    impatient = PostgresCaseStore(database_url, pool_size=2, lock_timeout_s=0.1)
    attempts = [impatient.begin_attempt(_start(upload)) for upload in ("v1", "v2")]
    with (
        impatient.publish_turn(attempts[0]),
        pytest.raises(CasesUnavailable, match="holds its turn"),
        impatient.publish_turn(attempts[1]),
    ):
        pass
    impatient.close()


def _end_other_connections(sql: psycopg.Connection[DictRow]) -> None:
    sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_connection_lost_in_a_turn_frees_the_turn_and_records_nothing(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    attempt = postgres_store.begin_attempt(_start())
    with pytest.raises(CasesUnavailable), postgres_store.publish_turn(attempt) as turn:  # noqa: PT012
        _end_other_connections(sql)
        turn.record(GRADED, published=True)
    assert _gradebook(sql)["state"] == "grading"
    _publish(postgres_store, attempt, GRADED)
    assert _gradebook(sql)["state"] == "graded"


def test_a_restarted_postgres_costs_no_call(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    _end_other_connections(sql)
    assert postgres_store.load_assignment(REF) == SQUARES


def test_an_error_of_record_that_is_swallowed_is_not_taken_for_success(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    """Postgres answers COMMIT of a failed transaction with a rollback and no error."""
    attempt = postgres_store.begin_attempt(_start())
    sql.execute(
        "INSERT INTO submitter.results (attempt_id, state, reason, score, max_score, execution_time_s, published) "
        "VALUES (%s, 'rejected', 'another', 0, 0, 0, false)",
        (attempt,),
    )
    with (
        pytest.raises(CasesUnavailable),
        postgres_store.publish_turn(attempt) as turn,
        contextlib.suppress(CasesUnavailable),
    ):
        turn.record(REJECTED, published=True)  # refused: the attempt has its outcome already
    assert _gradebook(sql)["state"] == "grading"


def test_nothing_stays_on_a_connection_after_its_transaction(postgres_store: PostgresCaseStore) -> None:
    """Behind a transaction pooler, the next transaction may be somebody else's."""
    postgres_store.save_assignment(SQUARES)
    with postgres_store._pool.connection() as connection:
        left = [
            connection.execute(question.encode()).fetchone()
            for question in (
                "SELECT current_setting('lock_timeout')",
                "SELECT current_setting('idle_in_transaction_session_timeout')",
                "SELECT count(*) FROM pg_prepared_statements",
            )
        ]
    assert left == [("0",), ("0",), (0,)]


def test_making_a_store_needs_no_server_and_using_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CONNECTION_TIMEOUT_S", 0.3)
    store = PostgresCaseStore("postgresql://postgres@/nowhere?host=/nonexistent", pool_size=1)
    with pytest.raises(CasesUnavailable, match="SUBMITTER_DATABASE_URL"):
        store.list_assignments()
    store.close()


def test_a_closed_store_is_unavailable_and_closes_twice(database_url: str) -> None:
    store = PostgresCaseStore(database_url, pool_size=1)
    store.close()
    store.close()
    with pytest.raises(CasesUnavailable):
        store.list_assignments()


def test_a_database_without_our_schema_says_what_to_run(empty_database_url: str) -> None:
    store = PostgresCaseStore(empty_database_url, pool_size=1)
    with pytest.raises(CasesUnavailable, match="submitter db migrate"):
        store.list_assignments()
    store.close()


def test_a_malformed_url_is_a_setting_to_mend_and_its_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        PostgresCaseStore("postgres//user:hunter2@host/name", pool_size=1)
    assert "hunter2" not in str(caught.value)


# -- only Postgres: what an admin types ---------------------------------------------------------------------------


def _call(sql: psycopg.Connection[DictRow], call: str) -> object:
    """The answer of `SELECT submitter.<call>`."""
    row = sql.execute(f"SELECT submitter.{call} AS answer".encode()).fetchone()
    assert row is not None
    return row["answer"]


def _refusal(sql: psycopg.Connection[DictRow], call: str) -> str:
    """What an admin reads after a call that fails: the message and the hint."""
    with pytest.raises(psycopg.Error) as caught:
        _call(sql, call)
    return f"{caught.value.diag.message_primary} HINT: {caught.value.diag.message_hint}"


NAMES = "'m.soltys', 'aws_labs', 'lab5_containers'"


def test_a_new_assignment_has_the_defaults_of_the_model(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=())


def test_adding_an_assignment_again_changes_what_is_named_and_keeps_the_rest(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES}, input_mode => 'stdin', cpu_time_s => 0.5)")
    _call(sql, f"add_case({NAMES}, 'test', '2', '4')")
    answer = _call(sql, f"add_assignment({NAMES}, 'arguments', memory_bytes => 1000, processes => 3)")

    assert answer == "m.soltys/aws_labs/lab5_containers changed; its cases are kept"
    assert postgres_store.load_assignment(REF) == Assignment(
        ref=REF,
        cases=(TestCase(CaseKind.TEST, 1, "2", "4"),),
        input_mode=InputMode.ARGUMENTS,
        limits=Limits(cpu_time_s=0.5, memory_bytes=1000, processes=3),
    )


def test_a_setting_that_makes_no_sense_is_refused(sql: psycopg.Connection[DictRow]) -> None:
    assert "input_mode_is_argument_arguments_or_stdin" in _refusal(sql, f"add_assignment({NAMES}, 'keyboard')")
    assert "cpu_time_s_is_greater_than_0" in _refusal(sql, f"add_assignment({NAMES}, cpu_time_s => 0)")
    assert "cpu_time_s_is_greater_than_0" in _refusal(sql, f"add_assignment({NAMES}, cpu_time_s => 'NaN')")
    assert "without_slash" in _refusal(sql, "add_assignment('m.soltys', 'aws/labs', 'lab5')")
    assert sql.execute("SELECT * FROM submitter.assignments").fetchall() == []


def test_cases_are_added_at_the_end_of_their_kind(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    calls = [
        f"add_case({NAMES}, 'test', '2', '4')",
        f"add_case({NAMES}, 'grade', '-12', '144', 2.5)",
        f"add_case({NAMES}, 'test', E'two\\nlines', '', points => 0.5)",
    ]
    assert [_call(sql, call) for call in calls] == [1, 1, 2]
    assert postgres_store.load_assignment(REF) == SQUARES


def test_cases_of_one_kind_are_replaced_and_the_others_stay(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    assert _call(sql, f"replace_cases({NAMES}, 'test', ARRAY['5', '6', '7'], ARRAY['25', '36', '49'], 2)") == 3

    listed = sql.execute("SELECT kind, ordinal, input, expected, points FROM submitter.case_list").fetchall()
    assert [tuple(line.values()) for line in listed] == [
        ("test", 1, "5", "25", 2),
        ("test", 2, "6", "36", 2),
        ("test", 3, "7", "49", 2),
        ("grade", 1, "-12", "144", 2.5),
    ]
    assert _call(sql, f"replace_cases({NAMES}, 'grade', '{{}}', '{{}}')") == 0


def test_wrong_cases_are_refused_with_what_to_do_and_change_nothing(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)

    text = _refusal(sql, f"replace_cases({NAMES}, 'test', ARRAY['1', '2', '3'], ARRAY['1', '4'])")
    assert "3 inputs but 2 expected outputs" in text
    text = _refusal(sql, f"replace_cases({NAMES}, 'test', ARRAY['1', '2'], ARRAY['1', NULL])")
    assert "case 2 is NULL" in text
    for call in ("add_case({}, 'exam', '1', '1')", "replace_cases({}, 'exam', ARRAY['1'], ARRAY['1'])"):
        assert "the kind of a case is test or grade, not 'exam'" in _refusal(sql, call.format(NAMES))
    assert "points_are_0_or_more" in _refusal(sql, f"add_case({NAMES}, 'test', '1', '1', -1)")

    assert postgres_store.load_assignment(REF) == SQUARES


@pytest.mark.parametrize(
    "call",
    [
        "add_case({}, 'test', '1', '1')",
        "replace_cases({}, 'test', ARRAY['1'], ARRAY['1'])",
        "remove_assignment({})",
    ],
)
def test_an_unknown_assignment_is_refused_with_the_call_that_makes_it(
    sql: psycopg.Connection[DictRow], call: str
) -> None:
    text = _refusal(sql, call.format(NAMES))
    assert "there is no assignment m.soltys/aws_labs/lab5_containers" in text
    assert f"SELECT submitter.add_assignment({NAMES});" in text


def test_a_wrong_token_or_address_is_refused(sql: psycopg.Connection[DictRow]) -> None:
    assert "32 hexadecimal digits in lower case, not 'AB'" in _refusal(sql, "register('AB', 'ada@example.edu')")
    assert "'ada' is not an e-mail address" in _refusal(sql, f"register('{ADA}', 'ada')")


def test_removing_an_assignment_keeps_submissions_and_results(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    _publish(postgres_store, postgres_store.begin_attempt(_start()), GRADED)

    assert "removed" in str(_call(sql, f"remove_assignment({NAMES})"))

    assert postgres_store.load_assignment(REF) is None
    assert sql.execute("SELECT * FROM submitter.case_list").fetchall() == []
    assert _gradebook(sql)["score"] == 1


def test_a_submission_can_be_deleted_with_all_that_belongs_to_it(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    """A student's right to be forgotten; the pointer to the published result must not stand in the way."""
    _publish(postgres_store, postgres_store.begin_attempt(_start()), GRADED)
    sql.execute("DELETE FROM submitter.submissions WHERE subid = %s", (KEY.subid,))
    for table in ("submissions", "attempts", "results", "case_results"):
        assert sql.execute(f"SELECT * FROM submitter.{table}".encode()).fetchall() == []


def test_the_seeds_run_twice_and_make_what_they_say(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    seeds = (resource("sql") / "seeds" / "lab5_containers.sql").read_bytes()
    sql.execute(seeds)
    once = postgres_store.load_assignment(REF)
    sql.execute(seeds)

    assert once is not None
    assert postgres_store.load_assignment(REF) == once
    assert (once.input_mode, once.limits) == (InputMode.ARGUMENT, Limits())
    assert [case.kind for case in once.cases] == [CaseKind.TEST] * 10 + [CaseKind.GRADE] * 4
    assert all(int(case.input) ** 2 == int(case.expected) for case in once.cases)
    assert sum(case.points for case in once.cases) == 20
    (registered,) = sql.execute("SELECT count(*) AS n FROM submitter.registrations").fetchall()
    assert registered["n"] == 2


def test_every_table_view_and_function_explains_itself(sql: psycopg.Connection[DictRow]) -> None:
    silent = sql.execute(
        """
        SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'submitter'::regnamespace AND relkind IN ('r', 'v')
          AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL
        SELECT proname FROM pg_proc
        WHERE pronamespace = 'submitter'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
        """
    ).fetchall()
    assert silent == []
