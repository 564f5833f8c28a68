"""What became of submissions, as the CaseStore tells it: one suite, on memory and on Postgres."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import DictRow

from submitter.accounts import TEXT_CHARS, Account, AccountFilter, Student, Try
from submitter.adapters import postgres_accounts
from submitter.adapters.postgres import PostgresCaseStore
from submitter.comparison import Comparison, Hint
from submitter.model import AssignmentRef, CaseKind, Ending, Step, SubmissionKey, SubmissionState, TestCase, Verdict
from submitter.outcomes import CaseResult, GradeReport, Outcome, ShownPoints
from submitter.policy import Level, Policy, Terms, View
from submitter.ports import CaseStore
from submitter.results import reason_of
from submitter.runs import RunResult
from tests.contract.case_stores import ADA, CASES, GRACE, KEY, REF, REJECTED, SQUARES, Witness, make_start, publish

RUN = RunResult(
    ending=Ending.EXITED,
    exit_code=3,
    stdout=b"5\n\xff\0",
    stderr=b"oops",
    cpu_time_s=0.25,
    wall_time_s=0.5,
    memory_bytes=7 << 20,
)
OTHER = replace(REF, assignment="lab6")


def outcome(*verdicts: Verdict, run: RunResult = RUN) -> Outcome:
    """The assignment's cases with these verdicts."""
    results = tuple(
        CaseResult(case, run, verdict, case.points if verdict is Verdict.ACCEPTED else 0.0)
        for case, verdict in zip(CASES, verdicts, strict=False)
    )
    points = sum(result.points for result in results)
    return Outcome(report=GradeReport(results, points, sum(r.case.points for r in results), 1.5))


ALL_RIGHT = outcome(*[Verdict.ACCEPTED] * 3)
ONE_RIGHT = outcome(Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR)


def hand_in(
    store: CaseStore,
    result: Outcome | None,
    number: int = 0,
    *,
    ref: AssignmentRef = REF,
    upload: str = "v1",
    tokens: tuple[str, ...] = (ADA,),
    published: bool = True,
) -> str:
    """One attempt at the submission of that number; its subid."""
    subid = f"{number:032x}"
    attempt_id = store.begin_attempt(make_start(upload, key=SubmissionKey(ref, subid), tokens=tokens))
    if result is None:
        store.end_attempt(attempt_id, None)
    else:
        publish(store, attempt_id, result, published=published)
    return subid


def the_only(store: CaseStore, which: AccountFilter | None = None, *, with_texts: bool = False) -> Account:
    [account] = store.list_accounts(which or AccountFilter(), with_texts=with_texts)
    return account


def names(store: CaseStore, **which: object) -> list[str]:
    return [account.name for account in store.list_accounts(AccountFilter(**which))]  # type: ignore[arg-type]


def test_an_account_has_all_that_was_recorded(case_store: CaseStore, witness: Witness) -> None:
    case_store.save_assignment(SQUARES)
    witness.register(ADA, "ada@example.edu")
    before = datetime.now(UTC) - timedelta(seconds=5)
    hand_in(case_store, None)
    hand_in(case_store, ONE_RIGHT, tokens=(GRACE, ADA))
    account = the_only(case_store, with_texts=True)
    assert (account.ref, account.name, account.state) == (REF, "0" * 32, SubmissionState.GRADED)
    assert account.students == (Student(GRACE, None), Student(ADA, "ada@example.edu")), "in their own order"
    assert (account.number, account.attempts, account.worker) == (2, 2, "host-1:42")
    assert (account.score, account.max_score, account.execution_time_s) == (1.0, 4.0, 1.5)
    assert account.graded_at is not None
    assert before < account.graded_at < before + timedelta(minutes=5)
    assert [(case.name, case.verdict, case.points, case.max_points) for case in account.cases] == [
        ("test 1", Verdict.ACCEPTED, 1.0, 1.0),
        ("test 2", Verdict.WRONG_ANSWER, 0.0, 0.5),
        ("grade 1", Verdict.RUNTIME_ERROR, 0.0, 2.5),
    ]
    use, texts = account.cases[2].use, account.cases[2].texts
    assert use is not None
    assert (use.cpu_time_s, use.wall_time_s, use.memory_bytes, use.exit_code, use.signal) == (
        0.25,
        0.5,
        7 << 20,
        3,
        None,
    )
    assert texts is not None
    assert (texts.input, texts.expected, texts.stdout, texts.stderr) == ("-12", "144", b"5\n\xff\0", b"oops")
    assert (texts.stdout_bytes, texts.stderr_bytes) == (4, 4)


def test_an_account_knows_which_cases_proved_the_program(case_store: CaseStore) -> None:
    proof = TestCase(CaseKind.TEST, 1, "", "", step=Step.PROVE)
    case_store.save_assignment(replace(SQUARES, cases=(proof, CASES[2])))
    results = tuple(CaseResult(one, RUN, Verdict.WRONG_ANSWER, 0.0) for one in (proof, CASES[2]))
    hand_in(case_store, Outcome(report=GradeReport(results, 0.0, 3.5, 1.5)))
    cases = the_only(case_store, with_texts=True).cases
    assert [(one.name, one.title, one.step) for one in cases] == [
        ("test 1", "test 1 (prove)", Step.PROVE),
        ("grade 1", "grade 1", Step.RUN),
    ]
    assert reason_of(cases[0]) == "not proved\n5\n\\xff\\x00oops"


def test_texts_are_read_only_if_asked_for(case_store: CaseStore) -> None:
    case_store.save_assignment(SQUARES)
    hand_in(case_store, ONE_RIGHT)
    assert [case.texts for case in the_only(case_store).cases] == [None, None, None]


def test_without_a_result_there_is_only_who_and_how_often(case_store: CaseStore) -> None:
    hand_in(case_store, None)
    account = the_only(case_store, with_texts=True)
    assert account == Account(
        ref=REF,
        name="0" * 32,
        state=SubmissionState.GRADING,
        students=(Student(ADA, None),),
        attempts=1,
        language="python",
    )


def test_a_rejected_submission_says_why(case_store: CaseStore) -> None:
    hand_in(case_store, REJECTED)
    account = the_only(case_store)
    assert (account.state, account.reason, account.cases) == (SubmissionState.REJECTED, REJECTED.reason, ())


def test_long_texts_are_cut_and_their_lengths_are_told(case_store: CaseStore) -> None:
    long = TestCase(CaseKind.TEST, 1, "é" * (TEXT_CHARS + 1), "ž" * (TEXT_CHARS + 1))
    case_store.save_assignment(replace(SQUARES, cases=(long,)))
    run = replace(RUN, stdout=b"x" * (TEXT_CHARS + 7), stderr=b"y" * (TEXT_CHARS + 8))
    hand_in(case_store, Outcome(report=GradeReport((CaseResult(long, run, Verdict.WRONG_ANSWER, 0.0),), 0.0, 1.0, 0.1)))
    texts = the_only(case_store, with_texts=True).cases[0].texts
    assert texts is not None
    assert (texts.input, texts.expected) == ("é" * TEXT_CHARS, "ž" * TEXT_CHARS)
    assert (len(texts.stdout), len(texts.stderr)) == (TEXT_CHARS, TEXT_CHARS)
    assert (texts.stdout_bytes, texts.stderr_bytes) == (TEXT_CHARS + 7, TEXT_CHARS + 8)


def test_a_case_that_was_changed_since_is_not_shown_as_what_was_graded(case_store: CaseStore) -> None:
    """A diff against another expected output would accuse a program of what it did not do."""
    case_store.save_assignment(SQUARES)
    hand_in(case_store, ONE_RIGHT)
    case_store.save_policy(REF, Policy())
    case_store.save_assignment(replace(SQUARES, cases=(CASES[0], replace(CASES[1], expected="tok-replaced"))))
    texts = [case.texts for case in the_only(case_store, with_texts=True).cases]
    assert [(text.is_changed, text.input, text.expected, text.stdout) for text in texts if text] == [
        (False, CASES[0].input, CASES[0].expected, RUN.stdout),
        (True, None, None, RUN.stdout),
        (True, None, None, RUN.stdout),
    ]


def test_an_account_tells_how_it_was_judged_and_what_its_student_is_shown(case_store: CaseStore) -> None:
    case_store.save_assignment(replace(SQUARES, comparison=Comparison.parse("numbers absolute=1e-6 ignore_case")))
    [report] = [ONE_RIGHT.report]
    assert report is not None
    hinted = replace(report, case_results=tuple(replace(one, hint=Hint.ROUNDING) for one in report.case_results[1:2]))
    terms = Terms(late_s=61.5, penalty=0.25, view=View(Level.DIFF, Level.NOTHING))
    hand_in(case_store, Outcome(report=hinted, terms=terms))
    account = the_only(case_store)
    assert (account.language, str(account.comparison)) == ("python", "numbers absolute=1e-6 ignore_case")
    assert (account.late_s, account.penalty, account.score) == (61.5, 0.25, 0.75)
    assert [case.hint for case in account.cases] == [Hint.ROUNDING]
    assert account.view == View(Level.DIFF, Level.NOTHING)
    assert account.shown == ShownPoints(0.0, 0.5, whole=False)
    with case_store.reshow_turn(REF, "0" * 32) as turn:
        assert turn is not None
        turn.record(Outcome(report=hinted, terms=replace(terms, view=View(Level.DIFF, Level.POINTS))), "v")
    account = the_only(case_store)
    assert account.view == View(Level.DIFF, Level.POINTS)
    assert account.shown == ShownPoints(0.75, 4.0)


# -- which ones ---------------------------------------------------------------------------------------------------


def test_they_come_by_name(case_store: CaseStore) -> None:
    """By code point, whatever the database's language is."""
    refs = [AssignmentRef(*name.split("/")) for name in ("b/a/a", "B/a/a", "a/b/a", "a/a/b", "ä/a/a")]
    for ref in refs:
        for number in (2, 1):
            hand_in(case_store, ALL_RIGHT, number, ref=ref)
    told = [(account.ref, account.name) for account in case_store.list_accounts(AccountFilter())]
    assert told == sorted(told)
    assert len(told) == 10


def test_every_filter_takes_those_that_it_names(case_store: CaseStore, witness: Witness) -> None:
    witness.register(GRACE, "Grace@Example.edu")
    right = hand_in(case_store, ALL_RIGHT, 1)
    wrong = hand_in(case_store, ONE_RIGHT, 2, tokens=(ADA, GRACE))
    rejected = hand_in(case_store, REJECTED, 3, tokens=())
    open_ = hand_in(case_store, None, 4)
    other = hand_in(case_store, ALL_RIGHT, 5, ref=OTHER)
    assert names(case_store) == [right, wrong, rejected, open_, other]
    assert names(case_store, ref=REF) == [right, wrong, rejected, open_]
    assert names(case_store, ref=replace(REF, admin="x\0")) == []
    assert names(case_store, subid=wrong) == [wrong]
    assert names(case_store, state=SubmissionState.GRADED) == [right, wrong, other]
    assert names(case_store, state=SubmissionState.REJECTED) == [rejected]
    assert names(case_store, state=SubmissionState.GRADING) == [open_]
    assert names(case_store, verdict=Verdict.RUNTIME_ERROR) == [wrong]
    assert names(case_store, student=GRACE) == names(case_store, student="grace@EXAMPLE.edu") == [wrong]
    assert names(case_store, student=GRACE.upper()) == [wrong]
    assert names(case_store, student="nobody@example.edu") == []
    now = datetime.now(UTC)
    assert names(case_store, since=now - timedelta(hours=1)) == [right, wrong, rejected, other]
    assert names(case_store, since=now + timedelta(hours=1)) == []
    assert names(case_store, ref=REF, state=SubmissionState.GRADED, student=ADA, verdict=Verdict.ACCEPTED) == [
        right,
        wrong,
    ]


def test_the_last_try_is_what_the_student_sees(case_store: CaseStore) -> None:
    hand_in(case_store, ALL_RIGHT, upload="v1")
    hand_in(case_store, ONE_RIGHT, upload="v2")
    hand_in(case_store, ALL_RIGHT, upload="v3", published=False)
    hand_in(case_store, None, upload="v4")
    account = the_only(case_store)
    assert (account.number, account.score, account.attempts) == (2, 1.0, 4)


@pytest.mark.parametrize(
    ("tries", "best"),
    [
        ([("v1", ALL_RIGHT), ("v2", ONE_RIGHT)], 1),
        ([("v1", ONE_RIGHT), ("v2", ALL_RIGHT), ("v3", ALL_RIGHT)], 3),
        ([("v1", outcome(Verdict.WRONG_ANSWER)), ("v2", REJECTED)], 1),
        ([("v1", REJECTED), ("v2", REJECTED)], 2),
        ([("v1", ALL_RIGHT), ("v2", ONE_RIGHT), ("v1", ONE_RIGHT)], 3),
        ([("v1", ONE_RIGHT), ("v2", None)], 1),
    ],
    ids=[
        "most points",
        "the newest of equals",
        "graded over rejected",
        "rejected",
        "graded again counts",
        "unfinished",
    ],
)
def test_the_best_try(case_store: CaseStore, tries: list[tuple[str, Outcome | None]], best: int) -> None:
    """An upload that was graded again, say after a case was mended, has its newer result only."""
    for upload, result in tries:
        hand_in(case_store, result, upload=upload)
    assert the_only(case_store, AccountFilter(which=Try.BEST)).number == best


# -- many ---------------------------------------------------------------------------------------------------------


def test_more_than_a_batch_is_told_whole_and_in_order(case_store: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_accounts, "BATCH", 2)
    subids = [hand_in(case_store, ONE_RIGHT, number) for number in range(5)]
    told = list(case_store.list_accounts(AccountFilter(), with_texts=True))
    assert [account.name for account in told] == subids
    assert all(case.texts for account in told for case in account.cases)


def test_a_reader_that_takes_long_keeps_no_connection(
    postgres_store: PostgresCaseStore, database_url: str, sql: psycopg.Connection[DictRow]
) -> None:
    """Else an export of a course would hold up the daemons, and Postgres would end it after a while."""
    hand_in(postgres_store, ONE_RIGHT, 1)
    hand_in(postgres_store, ONE_RIGHT, 2)
    store = PostgresCaseStore(database_url, pool_size=1)
    accounts = store.list_accounts(AccountFilter(), with_texts=True)
    next(accounts)
    checked = threading.Event()

    def check() -> None:
        store.check()  # with the only connection there is
        checked.set()

    thread = threading.Thread(target=check)
    thread.start()
    thread.join(20)
    assert checked.is_set()
    assert sql.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'").fetchall() == [{"count": 0}]
    assert len(list(accounts)) == 1
    store.close()


def test_keys_that_look_alike_are_one_submission(case_store: CaseStore) -> None:
    for key in (KEY, replace(KEY, leading_slash=True)):
        publish(case_store, case_store.begin_attempt(make_start("v1", key=key)), ONE_RIGHT)
    assert the_only(case_store).attempts == 2
