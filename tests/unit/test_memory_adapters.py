"""The fakes on which other tests lean; the queue and the bucket are held to their ports in tests/contract."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from submitter.adapters.memory import FakeSandbox
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.errors import CasesUnavailable, SandboxUnavailable
from submitter.model import (
    Assignment,
    AssignmentRef,
    AssignmentSummary,
    CaseKind,
    Ending,
    InputMode,
    Limits,
    SubmissionKey,
    TestCase,
)
from submitter.outcomes import AttemptStart, Outcome
from submitter.ports import CaseStore, Sandbox
from submitter.runs import CaseInput, Job, RunResult

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
SUBID = "0123456789abcdef" * 2
NOW = datetime(2026, 8, 1, tzinfo=UTC)
REJECTED = Outcome(reason="There is no program.")


@pytest.fixture
def store() -> MemoryCaseStore:
    return MemoryCaseStore(turn_wait_s=0.05, now=lambda: NOW)


def start(*, leading_slash: bool = False, upload: str = "v1") -> AttemptStart:
    key = SubmissionKey(REF, SUBID, leading_slash)
    return AttemptStart(key=key, tokens=(), language="python", upload=upload, worker="w", receive_count=1)


def case(kind: CaseKind, ordinal: int) -> TestCase:
    return TestCase(kind, ordinal, input="3", expected="9", points=0.5)


def test_assignment_is_loaded_with_its_cases_in_the_order_in_which_they_run(store: CaseStore) -> None:
    test, grade = CaseKind.TEST, CaseKind.GRADE
    store.save_assignment(Assignment(ref=REF, cases=(case(grade, 1), case(test, 2), case(test, 1))))
    loaded = store.load_assignment(REF)
    assert loaded is not None
    assert loaded.cases == (case(test, 1), case(test, 2), case(grade, 1))
    assert store.list_assignments() == [
        AssignmentSummary(
            ref=REF,
            language="python",
            input_mode=InputMode.ARGUMENT,
            test_cases=2,
            grade_cases=1,
            points=1.5,
            updated_at=NOW,
        )
    ]


def test_unknown_assignment_is_no_error(store: MemoryCaseStore) -> None:
    assert store.load_assignment(REF) is None


def test_outcome_is_in_the_history_once_the_turn_has_ended(store: MemoryCaseStore) -> None:
    attempt_id = store.begin_attempt(start())
    with store.publish_turn(attempt_id) as turn:
        turn.record(REJECTED, published=True)
        with pytest.raises(RuntimeError):
            turn.record(REJECTED, published=True)
        assert [attempt.outcome for attempt in store.history] == [None]
    [attempt] = store.history
    assert (attempt.attempt_id, attempt.outcome, attempt.is_published) == (attempt_id, REJECTED, True)


def test_turn_that_ends_with_an_exception_records_nothing_and_is_free_again(store: MemoryCaseStore) -> None:
    attempt_id = store.begin_attempt(start())

    def publish() -> None:
        with store.publish_turn(attempt_id) as turn:
            turn.record(REJECTED, published=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish()
    assert store.history[0].outcome is None
    with store.publish_turn(attempt_id):
        pass


def test_second_attempt_waits_for_its_turn_in_vain_while_the_first_has_it(store: MemoryCaseStore) -> None:
    """With and without a leading slash it is one submission, whose results must not be published in a tangle."""
    first, second = store.begin_attempt(start()), store.begin_attempt(start(leading_slash=True, upload="v2"))
    with store.publish_turn(first), pytest.raises(CasesUnavailable), store.publish_turn(second):
        pytest.fail("two attempts have the same turn")


def test_case_store_fails_on_request_in_a_turn_too(store: MemoryCaseStore) -> None:
    attempt_id = store.begin_attempt(start())
    store.fail_next(CasesUnavailable("away"), method="record")
    with pytest.raises(CasesUnavailable, match="away"), store.publish_turn(attempt_id) as turn:
        turn.record(REJECTED, published=True)
    assert store.history[0].outcome is None


def test_turn_of_an_attempt_that_never_began_is_refused(store: MemoryCaseStore) -> None:
    with pytest.raises(CasesUnavailable), store.publish_turn(1):
        pytest.fail("there is no such attempt")


# -- the sandbox --------------------------------------------------------------------------------------------------


def echo(_: Job, case_input: CaseInput) -> RunResult:
    return RunResult(ending=Ending.EXITED, exit_code=0, stdout=case_input.arguments[0].encode())


@pytest.fixture
def job(tmp_path: Path) -> Job:
    inputs = (CaseInput(("a",)), CaseInput(("b",)))
    return Job(program=b"", file_name="p.py", language="python", limits=Limits(), inputs=inputs)


def test_sandbox_answers_for_each_input_in_order(job: Job) -> None:
    fake = FakeSandbox(echo)
    sandbox: Sandbox = fake
    assert [result.stdout for result in sandbox.run(job)] == [b"a", b"b"]
    assert fake.jobs == [job]


def test_sandbox_that_is_told_to_fail_does_so_once(job: Job) -> None:
    sandbox = FakeSandbox(echo)
    sandbox.fail_next(SandboxUnavailable("no room"))
    with pytest.raises(SandboxUnavailable, match="no room"):
        sandbox.run(job)
    assert len(list(sandbox.run(job))) == 2


def test_closing_ends_a_run_under_way_and_refuses_new_ones(job: Job) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def slow(_: Job, __: CaseInput) -> RunResult:
        is_asked.set()
        assert may_answer.wait(10)
        return RunResult(ending=Ending.EXITED)

    sandbox = FakeSandbox(slow)
    errors: list[Exception] = []

    def run() -> None:
        try:
            list(sandbox.run(job))
        except SandboxUnavailable as exc:
            errors.append(exc)

    runner = threading.Thread(target=run)
    runner.start()
    assert is_asked.wait(10)
    sandbox.close()
    sandbox.close()
    may_answer.set()
    runner.join(10)
    assert len(errors) == 1
    with pytest.raises(SandboxUnavailable):
        sandbox.run(job)
