"""The port CaseStore on Postgres: what its connections meet, and what it keeps."""

import contextlib
from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import DictRow

from submitter.adapters import postgres_connections
from submitter.adapters.postgres import PostgresCaseStore
from submitter.adapters.postgres_policy import TRIED
from submitter.errors import (
    AssignmentRefused,
    CasesUnavailable,
    ConfigError,
)
from submitter.model import Assignment, CaseKind, Ending, Limits, TestCase, Verdict
from submitter.outcomes import Outcome
from submitter.runs import RunResult
from submitter.test_sets import KEPT_OUTPUT_BYTES
from tests.contract.case_stores import (
    ADA,
    CASES,
    GRACE,
    GRADED,
    KEY,
    REF,
    REJECTED,
    SQUARES,
    gradebook,
    make_report,
    make_start,
    publish,
)


def test_the_gradebook_shows_what_was_published_last(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    sql.execute("SELECT submitter.register(%s, 'ada@example.edu')", (ADA,))
    sql.execute("SELECT submitter.register(%s, 'grace@example.edu')", (GRACE,))
    older = postgres_store.begin_attempt(make_start("v1", tokens=(GRACE, "c" * 32, ADA)))
    line = gradebook(sql)
    assert (line["state"], line["score"], line["emails"]) == ("grading", None, "grace@example.edu, ada@example.edu")

    newer = postgres_store.begin_attempt(make_start("v2", tokens=(GRACE, ADA)))
    publish(postgres_store, newer, GRADED)
    publish(postgres_store, older, REJECTED, published=False)

    line = gradebook(sql)
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
    publish(postgres_store, postgres_store.begin_attempt(make_start("v1")), GRADED)
    postgres_store.begin_attempt(make_start("v2", tokens=()))
    line = gradebook(sql)
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
    attempt = postgres_store.begin_attempt(make_start())
    publish(postgres_store, attempt, Outcome(report=make_report(*Verdict, run=run)))

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
    attempt = postgres_store.begin_attempt(make_start())
    publish(postgres_store, attempt, GRADED)
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
    attempts = [impatient.begin_attempt(make_start(upload)) for upload in ("v1", "v2")]
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
    attempt = postgres_store.begin_attempt(make_start())
    with pytest.raises(CasesUnavailable), postgres_store.publish_turn(attempt) as turn:  # noqa: PT012
        _end_other_connections(sql)
        turn.record(GRADED, published=True)
    assert gradebook(sql)["state"] == "grading"
    publish(postgres_store, attempt, GRADED)
    assert gradebook(sql)["state"] == "graded"


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
    attempt = postgres_store.begin_attempt(make_start())
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
    assert gradebook(sql)["state"] == "grading"


def test_nothing_stays_on_a_connection_after_its_transaction(postgres_store: PostgresCaseStore) -> None:
    """Behind a transaction pooler, the next transaction may be somebody else's."""
    postgres_store.save_assignment(SQUARES)
    with postgres_store._connections._pool.connection() as connection:
        connection.rollback()  # of the transaction that was begun as it was borrowed
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
    monkeypatch.setattr(postgres_connections, "CONNECTION_TIMEOUT_S", 0.3)
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


def test_what_a_turn_must_know_is_read_by_keys(sql: psycopg.Connection[DictRow]) -> None:
    """Also where Postgres has no statistics yet: else each publishing reads every result that there is."""
    tables = "submitter.attempts AS t JOIN submitter.submissions AS s ON s.id = t.submission_id"
    rows = sql.execute(f"EXPLAIN SELECT {TRIED} FROM {tables} WHERE t.id = 1").fetchall()
    plan = "\n".join(str(row["QUERY PLAN"]) for row in rows)
    assert "on results" in plan
    assert "Seq Scan on results" not in plan
