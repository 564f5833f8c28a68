"""One suite for the port NoticeStore, on memory and on Postgres: who is told of what, once, whoever sends it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest
from structlog.testing import capture_logs

from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.adapters.postgres import PostgresCaseStore
from submitter.errors import StoreUnavailable
from submitter.model import (
    TOLD_WITHIN_S,
    Assignment,
    AssignmentRef,
    CaseKind,
    Ending,
    Notice,
    NoticeState,
    SubmissionKey,
    TestCase,
    Verdict,
)
from submitter.outcomes import AttemptStart, CaseResult, GradeReport, Outcome
from submitter.policy import Level, Terms, View
from submitter.ports import CaseStore, NoticeStore
from submitter.runs import RunResult
from submitter.verdict import summarize
from tests.conftest import new_database

REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
KEY = SubmissionKey(REF, "ab" * 16)
ADA, GRACE, NOBODY = "a" * 32, "b" * 32, "c" * 32
ASSIGNMENT = Assignment(ref=REF, cases=(TestCase(CaseKind.TEST, 1, "2", "4"),), notices=True)
CLAIM_S = 60.0
RUN = RunResult(ending=Ending.EXITED, exit_code=0)
REJECTED = Outcome(reason="Your program is empty. Check the file and submit again.")


def graded(score: float) -> Outcome:
    return Outcome(report=GradeReport((), score, 20.0, 0.1))


@dataclass(frozen=True)
class Case:
    """A store with the assignment and two students, and what a test does that no port offers."""

    store: CaseStore
    let_pass: Callable[[float], object]  # seconds
    register: Callable[[str, str], object]

    @property
    def notices(self) -> NoticeStore:
        return self.store.notices

    def result(
        self,
        outcome: Outcome,
        upload: str | None = "v1",
        *,
        tokens: tuple[str, ...] = (ADA,),
        published: bool = True,
        key: SubmissionKey = KEY,
    ) -> None:
        start = AttemptStart(
            key=key, tokens=tokens, language="python", upload=upload, worker="host-1:42", receive_count=1
        )
        with self.store.publish_turn(self.store.begin_attempt(start)) as turn:
            turn.record(outcome, published=published)

    def claim(self) -> Notice:
        notice = self.notices.claim(CLAIM_S)
        assert notice is not None
        return notice

    def told(self) -> list[tuple[str | None, float]]:
        """Send all that there is: to whom, and how many points."""
        sent = []
        while notice := self.notices.claim(CLAIM_S):
            self.notices.settle(notice, NoticeState.SENT)
            sent.append((notice.email, notice.score))
        return sent

    def unsent(self) -> list[tuple[NoticeState, int, str | None]]:
        return [(line.state, line.tries, line.problem) for line in self.notices.unsent()]


@pytest.fixture(scope="module")
def shared_database_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """One database for all tests here, emptied for each: a new one takes half a second."""
    with new_database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    with psycopg.connect(shared_database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM submitter.submissions")
        connection.execute("DELETE FROM submitter.assignments")
        connection.execute("DELETE FROM submitter.registrations")
    return shared_database_url


@pytest.fixture(params=["memory", "postgres"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "memory":
        past_s = [0.0]

        def pass_by(seconds: float) -> None:
            past_s[0] += seconds

        memory = MemoryCaseStore(clock=lambda: past_s[0])
        made = Case(memory, pass_by, memory.register)
        yield _prepared(made)
        return
    database_url: str = request.getfixturevalue("database_url")
    store = PostgresCaseStore(database_url, pool_size=4)
    with psycopg.connect(database_url, autocommit=True) as connection:

        def shift(seconds: float) -> None:
            connection.execute(
                "UPDATE submitter.notices SET noted_at = noted_at - %s * interval '1 second', "
                "next_try_at = next_try_at - %s * interval '1 second'",
                (seconds, seconds),
            )

        def register(token: str, email: str) -> None:
            connection.execute("SELECT submitter.register(%s, %s)", (token, email))

        yield _prepared(Case(store, shift, register))
    store.close()


def _prepared(case: Case) -> Case:
    case.store.save_assignment(ASSIGNMENT)
    case.register(ADA, "ada@example.edu")
    case.register(GRACE, "grace@example.edu")
    return case


# -- who is told of what ------------------------------------------------------------------------------------------


def test_the_students_behind_the_tokens_are_told_of_a_published_result(case: Case) -> None:
    case.result(graded(17.5), tokens=(ADA, GRACE, NOBODY))
    first, second = case.claim(), case.claim()
    assert case.notices.claim(CLAIM_S) is None
    assert {first.email, second.email} == {"ada@example.edu", "grace@example.edu"}
    assert (first.ref, first.subid, first.tries) == (REF, KEY.subid, 1)
    assert (first.state, first.score, first.max_score, first.reason) == ("graded", 17.5, 20.0, None)
    assert first.graded_at.tzinfo is not None


def test_a_rejection_is_told_with_its_reason(case: Case) -> None:
    case.result(REJECTED)
    notice = case.claim()
    assert (notice.state, notice.score, notice.max_score, notice.reason) == ("rejected", 0.0, 0.0, REJECTED.reason)


def test_nobody_is_told_unless_the_assignment_asks_for_it(case: Case) -> None:
    case.store.save_assignment(replace(ASSIGNMENT, notices=False))
    case.result(graded(1))
    case.result(REJECTED, key=SubmissionKey(AssignmentRef("m.soltys", "aws_labs", "unheard_of"), "cd" * 16))
    assert case.told() == []
    assert case.unsent() == []


def test_an_assignment_asks_for_none_unless_it_says_so(case: Case) -> None:
    other = AssignmentRef("m.soltys", "aws_labs", "lab6")
    case.store.save_assignment(Assignment(ref=other, cases=ASSIGNMENT.cases))
    loaded = {ref: case.store.load_assignment(ref) for ref in (REF, other)}
    assert {ref: assignment and assignment.notices for ref, assignment in loaded.items()} == {REF: True, other: False}
    assert {line.ref: line.notices for line in case.store.list_assignments()} == {REF: True, other: False}


def test_a_result_that_was_not_published_is_told_to_nobody(case: Case) -> None:
    """A newer upload had arrived: its own result is the one to tell of."""
    case.result(graded(1), published=False)
    assert case.told() == []
    case.result(graded(2), "v2")
    assert case.told() == [("ada@example.edu", 2.0)]


def test_a_turn_that_fails_leaves_no_notice(case: Case) -> None:
    attempt_id = case.store.begin_attempt(
        AttemptStart(key=KEY, tokens=(ADA,), language="python", upload="v1", worker="w", receive_count=1)
    )
    with contextlib.suppress(StoreUnavailable), case.store.publish_turn(attempt_id) as turn:
        turn.record(graded(1), published=True)
        raise StoreUnavailable("in the middle of it")
    assert case.told() == []


def test_the_same_result_of_the_same_upload_is_told_once(case: Case) -> None:
    """A message may come twice, and an operator may grade again: nobody wants to read the same twice."""
    case.result(graded(5))
    case.result(graded(5))
    assert case.told() == [("ada@example.edu", 5.0)]
    case.result(graded(5))
    assert case.told() == []


@pytest.mark.parametrize("outcome", [graded(6), Outcome(report=GradeReport((), 5, 10, 0.1)), REJECTED])
def test_another_result_of_the_same_upload_is_told(case: Case, outcome: Outcome) -> None:
    """An admin mended a case and had it graded again."""
    case.result(graded(5))
    case.told()
    case.result(outcome)
    assert len(case.told()) == 1


@pytest.mark.parametrize("outcome", [graded(5), REJECTED])
def test_the_same_result_of_another_upload_is_told(case: Case, outcome: Outcome) -> None:
    """Who hands in again wants to know that it was seen."""
    case.result(outcome)
    case.result(outcome, "v2")
    assert len(case.told()) == 2


def test_an_address_behind_two_tokens_is_written_to_once(case: Case) -> None:
    case.register(NOBODY, "Ada@example.edu")
    case.result(graded(5), tokens=(ADA, NOBODY))
    assert len(case.told()) == 1


def test_who_handed_in_before_is_told_of_an_upload_with_broken_metadata(case: Case) -> None:
    case.result(graded(5), tokens=(ADA,))
    case.told()
    case.result(REJECTED, "v2", tokens=())
    assert case.told() == [("ada@example.edu", 0.0)]


def test_the_address_is_looked_up_when_it_is_written_to(case: Case) -> None:
    case.result(graded(5))
    case.register(ADA, "ada@new.example.edu")
    assert case.told() == [("ada@new.example.edu", 5.0)]


# -- whoever sends it ---------------------------------------------------------------------------------------------


def test_a_claim_is_one_senders_alone(case: Case) -> None:
    for number in range(12):
        case.result(graded(number), f"v{number}")
    taken: list[float] = []
    together = threading.Barrier(3)

    def send() -> None:
        together.wait()
        while notice := case.notices.claim(CLAIM_S):
            taken.append(notice.score)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(taken) == list(range(12))


def test_a_claim_that_was_never_settled_is_not_sent_again(case: Case) -> None:
    """Its sender died: the mail may have left, or not."""
    case.result(graded(5))
    case.claim()
    case.let_pass(CLAIM_S - 5)
    assert case.notices.claim(CLAIM_S) is None
    assert [state for state, *_ in case.unsent()] == [NoticeState.SENDING]
    case.let_pass(6)
    assert case.notices.claim(CLAIM_S) is None
    assert case.unsent() == [(NoticeState.UNCLEAR, 1, "whoever was sending it ended meanwhile")]


def test_a_sender_that_was_late_may_still_say_that_it_was_sent(case: Case) -> None:
    case.result(graded(5))
    notice = case.claim()
    case.let_pass(CLAIM_S + 1)
    assert case.notices.claim(CLAIM_S) is None
    case.notices.settle(notice, NoticeState.SENT)
    assert case.unsent() == []


def test_what_was_not_taken_waits_for_as_long_as_it_was_told(case: Case) -> None:
    case.result(graded(5))
    case.notices.settle(case.claim(), NoticeState.WAITING, "the mail server is away", again_in_s=30)
    assert case.notices.claim(CLAIM_S) is None
    assert case.unsent() == [(NoticeState.WAITING, 1, "the mail server is away")]
    case.let_pass(31)
    assert case.claim().tries == 2


def test_what_waited_for_a_day_is_given_up(case: Case) -> None:
    """Nobody wants last week's news; nor all of a term's, should notices be turned on then."""
    case.result(graded(5))
    case.result(graded(6), "v2")
    case.notices.settle(case.claim(), NoticeState.WAITING, "the mail server is away", again_in_s=30)
    case.let_pass(TOLD_WITHIN_S + 1)
    assert case.notices.claim(CLAIM_S) is None
    assert case.unsent() == [
        (NoticeState.FAILED, 1, "not sent in time: the mail server is away"),
        (NoticeState.FAILED, 0, "not sent in time"),
    ]


@pytest.mark.parametrize("state", [NoticeState.FAILED, NoticeState.UNCLEAR])
def test_what_failed_is_not_sent_again_unless_somebody_asks(case: Case, state: NoticeState) -> None:
    case.result(graded(5))
    old = case.claim()
    case.notices.settle(old, state, "550 no such user")
    case.let_pass(TOLD_WITHIN_S + 1)
    assert case.notices.claim(CLAIM_S) is None
    assert case.unsent() == [(state, 1, "550 no such user")]
    assert case.notices.retry() == 1
    again = case.claim()
    case.notices.settle(old, NoticeState.SENT)
    assert [state for state, *_ in case.unsent()] == [NoticeState.SENDING], "an older claim says nothing any more"
    case.notices.settle(again, NoticeState.SENT)
    assert case.unsent() == []
    assert case.notices.retry() == 0, "what was sent stays so"


def test_a_settled_claim_stays_settled(case: Case) -> None:
    case.result(graded(5))
    notice = case.claim()
    case.notices.settle(notice, NoticeState.SENT)
    case.notices.settle(notice, NoticeState.WAITING, "a late word")
    assert case.told() == []


def test_a_problem_may_hold_what_a_hostile_server_says(case: Case) -> None:
    case.result(graded(5))
    case.notices.settle(case.claim(), NoticeState.FAILED, "550 \0 \ud800 ' no")
    assert case.unsent()[0][:2] == (NoticeState.FAILED, 1)


# -- Postgres only ------------------------------------------------------------------------------------------------


def test_a_notice_that_cannot_be_noted_costs_nobody_a_grade(database_url: str) -> None:
    """The role of a daemon from before the upgrade has no right to the new table."""
    store = PostgresCaseStore(database_url, pool_size=2)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT submitter.register(%s, 'ada@example.edu')", (ADA,))
        connection.execute("ALTER TABLE submitter.notices ADD CONSTRAINT not_now CHECK (false) NOT VALID")
        case = Case(store, lambda _: None, lambda *_: None)
        store.save_assignment(ASSIGNMENT)
        with capture_logs() as logs:
            case.result(graded(5))
        assert [line["event"] for line in logs] == ["notice_not_noted"]
        connection.execute("ALTER TABLE submitter.notices DROP CONSTRAINT not_now")
        assert connection.execute("SELECT state, score FROM submitter.gradebook").fetchall() == [("graded", 5)]
    store.close()


def test_notices_are_a_setting_of_the_assignment_in_sql(database_url: str) -> None:
    def notices() -> list[tuple[object, ...]]:
        return connection.execute("SELECT notices FROM submitter.assignments").fetchall()

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT submitter.add_assignment('a', 'e', 'p')")
        assert notices() == [(False,)]
        connection.execute("SELECT submitter.add_assignment('a', 'e', 'p', notices => true)")
        assert notices() == [(True,)]
        connection.execute("SELECT submitter.add_assignment('a', 'e', 'p', cpu_time_s => 3)")
        assert notices() == [(True,)]


def test_a_notice_tells_what_is_shown_and_nothing_of_a_change_that_is_not(case: Case) -> None:
    """A mail about hidden points, or a mail because of them, would tell of hidden cases."""
    passed = CaseResult(TestCase(CaseKind.TEST, 1, "2", "4", 2.0), RUN, Verdict.ACCEPTED, 2.0)
    terms = Terms(view=View(Level.EVERYTHING, Level.NOTHING), penalty=0.5)
    for hidden in (1.0, 7.0):
        case_of = TestCase(CaseKind.GRADE, 1, "3", "9", hidden)
        report = summarize([passed, CaseResult(case_of, RUN, Verdict.ACCEPTED, hidden)])
        case.result(Outcome(report=report, terms=terms))
    notice = case.claim()
    assert (notice.score, notice.max_score, notice.whole) == (1.0, 2.0, False)
    assert case.notices.claim(CLAIM_S) is None
    case.result(graded(7), "v2")
    assert case.claim().whole
