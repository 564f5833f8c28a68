"""One suite for the port RejudgeStore, on memory and on Postgres: what is kept comes back as it was."""

import contextlib
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import DictRow

from submitter.adapters.memory import FakeSandbox, MemoryResultStore
from submitter.comparison import Comparison
from submitter.errors import StoreUnavailable, SubmissionBusy
from submitter.grading import Grader
from submitter.lease import Lease
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase, Verdict
from submitter.outcomes import AttemptStart, CaseResult, GradeReport, Outcome
from submitter.planning import make_plan
from submitter.policy import Terms, View
from submitter.ports import CaseStore
from submitter.processing import SubmissionProcessor
from submitter.rejudging import Applied, Rejudger
from submitter.runs import Environment, Phases, RunResult
from submitter.test_sets import (
    KEPT_OUTPUT_BYTES,
    Change,
    Plan,
    PlanItem,
    Standing,
    content_of,
    digest_of,
)
from tests.contract.case_stores import ADA, GRADED, KEY, REF, REJECTED, SQUARES, make_start, publish

HERE = Environment(image="sha256:1", isolation="docker/box")
RUN = RunResult(
    ending=Ending.SIGNALED,
    signal=11,
    stdout=bytes(range(256)),
    stderr=b"\x00\xff",
    cpu_time_s=0.1,
    wall_time_s=1 / 3,
    memory_bytes=2**40,
    starved_s=0.01,
)


def graded(
    store: CaseStore,
    run: RunResult = RUN,
    *,
    key: SubmissionKey = KEY,
    run_key: str = "k" * 64,
    verdict: Verdict = Verdict.RUNTIME_ERROR,
    plan_id: int | None = None,
    assignment: Assignment | None = SQUARES,
) -> int:
    """A published attempt of one case; returns its id."""
    start = AttemptStart(
        key=key,
        tokens=(ADA,),
        language="python",
        upload="v1",
        worker="host-1:42",
        receive_count=1,
        assignment=assignment,
        program_digest="d" * 64,
        plan_id=plan_id,
    )
    result = CaseResult(TestCase(CaseKind.TEST, 1, "2", "4", 0.5), run, verdict, 0.0, run_key=run_key)
    phases = Phases(fetch_s=0.1, wait_s=0.2, run_s=0.1 + 0.2, judge_s=0.4004)
    report = GradeReport((result,), 0.0, 0.5, 1 / 3, environment=HERE, phases=phases)
    attempt_id = store.begin_attempt(start)
    publish(store, attempt_id, Outcome(report=report))
    return attempt_id


def a_plan(*items: PlanItem, number: int = 1) -> Plan:
    return Plan(ref=REF, test_set=number, digest=digest_of(SQUARES), unchanged=3, items=items)


def an_item(attempt_id: int, subid: str = KEY.subid) -> PlanItem:
    return PlanItem(
        subid=subid,
        attempt_id=attempt_id,
        change=Change.RISES,
        old_score=0.1,
        old_max=0.5,
        new_score=0.3,
        new_max=0.5,
        reasons=("test 1: wrong_answer → accepted", "grade 1: new, accepted"),
    )


# -- test sets ----------------------------------------------------------------------------------------------------


def test_a_test_set_is_numbered_by_content(case_store: CaseStore) -> None:
    changed = replace(SQUARES, comparison=Comparison.EXACT)
    note = case_store.rejudging.note_test_set
    assert [note(one) for one in (SQUARES, SQUARES, changed, SQUARES)] == [1, 1, 2, 1]
    other = replace(SQUARES, ref=replace(REF, event="x"))
    assert note(other) == 1, "each assignment counts for itself"


def test_old_test_sets_are_kept(case_store: CaseStore) -> None:
    case_store.save_assignment(SQUARES)
    case_store.save_assignment(replace(SQUARES, cases=SQUARES.cases[:1]))
    old = case_store.rejudging.load_test_set(REF, 1)
    assert old == content_of(SQUARES)
    assert case_store.rejudging.load_test_set(REF, 3) is None


def test_of_many_who_find_a_test_set_new_each_has_the_same_number(case_store: CaseStore) -> None:
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.append(case_store.rejudging.note_test_set(SQUARES))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1] * 4


def test_a_turn_tells_by_what_is_judged_and_whose_result_is_shown(case_store: CaseStore) -> None:
    first = graded(case_store)
    second = case_store.begin_attempt(
        AttemptStart(
            key=KEY,
            tokens=(ADA,),
            language="python",
            upload="v2",
            worker="w",
            receive_count=1,
            assignment=replace(SQUARES, cases=()),
        )
    )
    with case_store.publish_turn(second) as turn:
        assert (turn.test_set, turn.published_attempt, turn.published_view) == (2, first, View())


# -- a turn of its own --------------------------------------------------------------------------------------------


def anew(plan_id: int | None = None) -> AttemptStart:
    """At the upload that `graded` has graded."""
    return replace(make_start(), assignment=SQUARES, plan_id=plan_id)


def test_an_attempt_without_a_run_begins_and_ends_in_its_turn(case_store: CaseStore) -> None:
    first = graded(case_store)
    with case_store.rejudge_turn(anew()) as turn:
        assert (turn.published_attempt, turn.test_set) == (first, 1)
        turn.record(GRADED, published=True, results_version="2")
    [now] = case_store.rejudging.published(REF, 9)
    assert now.attempt_id > first
    assert (now.score, len(now.cases)) == (GRADED.score, 2)
    with case_store.rejudge_turn(anew()) as turn:
        assert (turn.published_attempt, turn.results_version) == (now.attempt_id, "2")


@pytest.mark.parametrize("is_broken_off", [False, True])
def test_a_turn_that_records_nothing_leaves_nothing(case_store: CaseStore, is_broken_off: bool) -> None:
    """Neither a lease, for which others would wait, nor another result to be seen."""
    first = graded(case_store)
    with contextlib.suppress(StoreUnavailable), case_store.rejudge_turn(anew()):
        if is_broken_off:
            raise StoreUnavailable("the bucket is away")
    [now] = case_store.rejudging.published(REF, 9)
    assert now.attempt_id == first
    again = case_store.begin_attempt(anew())
    with case_store.publish_turn(again) as turn:
        assert turn.published_attempt == first


def test_nothing_is_judged_anew_that_is_being_graded(case_store: CaseStore) -> None:
    graded(case_store)
    running = case_store.begin_attempt(anew())
    with pytest.raises(SubmissionBusy), case_store.rejudge_turn(anew()):
        pytest.fail("it has a turn")
    assert case_store.renew_lease(running, 60), "and whoever grades it goes on"
    case_store.end_attempt(running, None)
    with case_store.rejudge_turn(anew()):
        pass


def test_a_turn_tells_whether_others_may_have_written(case_store: CaseStore) -> None:
    """Whoever began before it and has no outcome may have written one; so may whoever began after what is shown."""
    first = graded(case_store)

    def is_alone() -> bool:
        with case_store.rejudge_turn(anew()) as turn:
            return turn.is_alone

    assert is_alone()
    newer = case_store.begin_attempt(replace(anew(), upload="v2"))
    assert not is_alone()
    publish(case_store, newer, GRADED, published=False)
    assert not is_alone(), "it began after what is shown"
    lost = case_store.begin_attempt(replace(anew(), upload="v3"))
    case_store.end_attempt(lost, None)
    last = case_store.begin_attempt(replace(anew(), upload="v4"))
    with case_store.publish_turn(last) as turn:
        assert (turn.published_attempt, turn.is_alone) == (first, False)
        turn.record(GRADED, published=True, results_version="2")
    assert not is_alone(), "one before it has no outcome"


def test_of_two_turns_one_waits_for_the_other(case_store: CaseStore) -> None:
    """Whoever judges anew sees what a grading published meanwhile, and leaves it alone."""
    graded(case_store)
    newer = case_store.begin_attempt(replace(anew(), upload="v2"))
    waits, seen = threading.Event(), []

    def judge() -> None:
        waits.set()
        with case_store.rejudge_turn(anew()) as turn:
            seen.append(turn.published_attempt)

    thread = threading.Thread(target=judge)
    with case_store.publish_turn(newer) as turn:
        thread.start()
        assert waits.wait(10)
        thread.join(0.3)
        assert thread.is_alive()
        assert not seen
        turn.record(GRADED, published=True, results_version="2")
    thread.join(10)
    assert seen == [newer]


def test_a_grading_waits_for_a_turn_that_judges_anew(case_store: CaseStore) -> None:
    graded(case_store)
    begun: list[int] = []
    thread = threading.Thread(target=lambda: begun.append(case_store.begin_attempt(replace(anew(), upload="v2"))))
    with case_store.rejudge_turn(anew()) as turn:
        thread.start()
        thread.join(0.3)
        assert not begun
        turn.record(GRADED, published=True, results_version="2")
    thread.join(10)
    with case_store.publish_turn(begun[0]) as turn:
        assert turn.results_version == "2"


# -- runs ---------------------------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was(case_store: CaseStore) -> None:
    attempt_id = graded(case_store)
    kept = case_store.rejudging.kept_runs({attempt_id: ["k" * 64, "l" * 64]})
    assert kept == {(attempt_id, "k" * 64): RUN}


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (replace(RUN, ending=Ending.CPU_LIMIT), Verdict.TIME_LIMIT_EXCEEDED),
        (replace(RUN, starved_s=0.3), Verdict.RUNTIME_ERROR),
        (replace(RUN, earlier=RUN), Verdict.RUNTIME_ERROR),
        (replace(RUN, stdout=b"x" * (KEPT_OUTPUT_BYTES + 1)), Verdict.RUNTIME_ERROR),
    ],
)
def test_what_time_had_a_part_in_and_what_was_cut_does_not(
    case_store: CaseStore, run: RunResult, verdict: Verdict
) -> None:
    attempt_id = graded(case_store, run, verdict=verdict)
    assert case_store.rejudging.kept_runs({attempt_id: ["k" * 64]}) == {}


def test_an_attempts_own_run_comes_before_a_later_one_of_another(case_store: CaseStore) -> None:
    """Of a program that does not print the same each time, each student's result is judged by what it printed then."""
    others = [SubmissionKey(REF, digit * 32) for digit in "cd"]
    first = graded(case_store)
    graded(case_store, replace(RUN, stdout=b"middle"), key=others[0])
    graded(case_store, replace(RUN, stdout=b"latest"), key=others[0])
    third = graded(case_store, key=others[1], run_key="m" * 64)
    kept = case_store.rejudging.kept_runs({first: ["k" * 64], third: ["k" * 64]})
    assert {pair: run.stdout for pair, run in kept.items()} == {
        (first, "k" * 64): RUN.stdout,
        (third, "k" * 64): b"latest",
    }


# -- results and plans --------------------------------------------------------------------------------------------


def test_published_results_come_in_pages(case_store: CaseStore) -> None:
    keys = [SubmissionKey(REF, digit * 32, leading_slash=digit == "b") for digit in "cab"]
    for key in keys:
        graded(case_store, key=key)
    graded(case_store, key=SubmissionKey(AssignmentRef("x", "y", "z"), "e" * 32), assignment=None)
    rejected = case_store.begin_attempt(make_start(key=SubmissionKey(REF, "f" * 32)))
    publish(case_store, rejected, REJECTED)
    first = case_store.rejudging.published(REF, 2)
    rest = case_store.rejudging.published(REF, 2, first[-1].key.subid)
    assert [one.key.subid[0] for one in (*first, *rest)] == ["a", "b", "c"]
    assert [one.key.leading_slash for one in (*first, *rest)] == [False, True, False]
    [among] = case_store.rejudging.published(REF, 9, among=["b" * 32, "0" * 32])
    assert among == first[1]
    assert (among.environment, among.program_digest, among.test_set, among.tokens) == (HERE, "d" * 64, 1, (ADA,))
    assert [(line.name, line.verdict, line.max_points) for line in among.cases] == [
        ("test 1", Verdict.RUNTIME_ERROR, 0.5)
    ]


def test_a_published_result_comes_with_its_penalty(case_store: CaseStore) -> None:
    """And with its points after that, as the gradebook has them."""
    handed_in_at = datetime(2026, 3, 1, tzinfo=UTC)
    terms = Terms(handed_in_at=handed_in_at, late_s=3600.0, penalty=0.25)
    attempt_id = case_store.begin_attempt(replace(make_start(), handed_in_at=handed_in_at))
    publish(case_store, attempt_id, replace(GRADED, terms=terms))
    [found] = case_store.rejudging.published(REF, 9)
    assert GRADED.report is not None
    assert (found.terms, found.score) == (terms, GRADED.report.score * 0.75)


def test_a_plan_comes_back_as_it_was_saved(case_store: CaseStore) -> None:
    first, second = graded(case_store), graded(case_store, key=SubmissionKey(REF, "c" * 32))
    needs_run = replace(
        an_item(second, "c" * 32), change=Change.NEEDS_RUN, new_score=None, new_max=None, to_run=2, reasons=()
    )
    plan = a_plan(an_item(first), needs_run)
    plan_id = case_store.rejudging.save_plan(plan)
    assert case_store.rejudging.load_plan(plan_id) == plan
    assert case_store.rejudging.load_plan(plan_id + 1) is None


def test_what_has_become_of_a_plan_is_told_by_whose_result_is_shown(case_store: CaseStore) -> None:
    keys = [SubmissionKey(REF, digit * 32) for digit in "abc"]
    items = [an_item(graded(case_store, key=key), key.subid) for key in keys]
    plan_id = case_store.rejudging.save_plan(a_plan(*items))
    graded(case_store, key=keys[1])
    graded(case_store, key=keys[2], plan_id=plan_id)
    assert case_store.rejudging.standing(plan_id) == {
        "a" * 32: Standing.OPEN,
        "b" * 32: Standing.NEWER,
        "c" * 32: Standing.DONE,
    }


# -- Postgres alone -----------------------------------------------------------------------------------------------


def test_the_history_names_what_a_result_came_of(postgres_store: CaseStore, sql: psycopg.Connection[DictRow]) -> None:
    graded(postgres_store)
    [line] = sql.execute("SELECT * FROM submitter.history").fetchall()
    assert (line["test_set"], line["image"], line["isolation"]) == (1, HERE.image, HERE.isolation)
    assert line["limits"]["cpu_time_s"] == SQUARES.limits.cpu_time_s
    assert [line[f"{phase}_s"] for phase in ("fetch", "wait", "run", "judge")] == [0.1, 0.2, 0.3, 0.4]
    assert line["execution_time_s"] == 0.333, "to the millisecond"
    assert 0 <= line["publish_s"] < 10
    [kept] = sql.execute("SELECT run_s, publish_s FROM submitter.results").fetchall()
    assert (kept["run_s"], kept["publish_s"] > 0) == (0.1 + 0.2, True), "as it was measured"


def test_cases_that_plain_sql_changes_are_another_version(
    postgres_store: CaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    """From the first plan or grading on that reads them, and results are judged by them."""
    postgres_store.save_assignment(SQUARES)
    graded(postgres_store)
    for change in ("expected = '5'", "points = 9", "input = '3'"):
        sql.execute(f"UPDATE submitter.test_cases SET {change} WHERE (kind, ordinal) = ('test', 1)")
        make_plan(postgres_store, REF)
    sql.execute("UPDATE submitter.assignments SET comparison = 'exact'")
    make_plan(postgres_store, REF)
    rows = sql.execute("SELECT number FROM submitter.test_sets ORDER BY number").fetchall()
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]


def test_a_plan_is_carried_out_on_postgres(
    postgres_store: CaseStore, sql: psycopg.Connection[DictRow], tmp_path: Path
) -> None:
    """All of it together once; each rule is held against the store in memory, in tests/unit/test_rejudging.py."""
    store = MemoryResultStore()
    sandbox = FakeSandbox(lambda *_: replace(RUN, ending=Ending.EXITED, exit_code=0, signal=None, stdout=b"5\n"))
    processor = SubmissionProcessor(postgres_store, store, Grader(sandbox, tmp_path), "host:1")
    postgres_store.save_assignment(SQUARES)
    keys = [SubmissionKey(REF, f"{number:032x}", leading_slash=True) for number in range(30)]
    for key in keys:
        names = {"admin": REF.admin, "event": REF.event, "assignment": REF.assignment}
        metadata = {"subid": key.subid, **names, "tokens": [ADA]}
        store.put(key.program(".py"), b"print(5)", "text/plain")
        store.put(key.metadata, json.dumps(metadata).encode(), "application/json")
        processor.process(key, Lease(None, 1000))
    sql.execute("UPDATE submitter.test_cases SET expected = '5' WHERE (kind, ordinal) = ('test', 1)")
    plan_id, plan = make_plan(postgres_store, REF)
    assert {item.change for item in plan.items} == {Change.RISES}
    rejudger = Rejudger(
        postgres_store, store, open_sandbox=lambda: sandbox, waiting=lambda: 0, worker="desk:1", threads=2
    )
    assert [one.problem for one in rejudger.apply(plan_id)] == [None] * 30
    assert len(sandbox.jobs) == 30, "each was graded once, and never run again"
    shown = sql.execute("SELECT score, test_set, plan_id FROM submitter.history WHERE is_shown").fetchall()
    assert shown == [{"score": 1, "test_set": 2, "plan_id": plan_id}] * 30
    assert {json.loads(store.objects[key.results].data)["score"] for key in keys} == {1}
    assert set(rejudger.apply(plan_id)) == {Applied(item) for item in plan.items}, "all of it was done before"
