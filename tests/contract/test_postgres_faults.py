"""What Postgres may say to anybody at any time: no room, a deadlock, too much data. Nothing is half done."""

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow

from submitter import migrations
from submitter.adapters import postgres_connections
from submitter.adapters.postgres import PostgresCaseStore
from submitter.errors import AssignmentRefused, CasesUnavailable
from submitter.model import CaseKind, TestCase
from submitter.resources import resource
from tests.contract.case_stores import CASES, GRADED, REF, SQUARES, make_start, publish

AT_LAST_S = 20


# -- too many connections -----------------------------------------------------------------------------------------


@pytest.fixture
def one_session_url(database_url: str) -> Iterator[str]:
    """For a user who may have one session at a time: the next is refused as when the server is full."""
    name = f"submitter_{conninfo_to_dict(database_url)['dbname']}"[:60]
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT 1'.encode())
        admin.execute(f'GRANT "{admin.info.user}" TO "{name}"'.encode())
        try:
            yield make_conninfo(database_url, user=name)
        finally:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,))
            admin.execute(f'DROP ROLE "{name}"'.encode())


def test_a_server_without_room_is_waited_for_and_not_without_end(
    one_session_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "CONNECTION_TIMEOUT_S", 1.0)
    impatient = PostgresCaseStore(one_session_url, 2)
    monkeypatch.setattr(postgres_connections, "CONNECTION_TIMEOUT_S", 15.0)
    patient = PostgresCaseStore(one_session_url, 2)
    with psycopg.connect(one_session_url) as taken:
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            psycopg.connect(one_session_url)
        begun = time.monotonic()
        with pytest.raises(CasesUnavailable, match="no connection to Postgres"):
            impatient.check()
        assert time.monotonic() - begun < 10
        impatient.close()
        threading.Timer(0.5, taken.close).start()
        patient.check()
    patient.close()


# -- what other sessions do ---------------------------------------------------------------------------------------


def _in_a_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Its answer or its exception will be in the list."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as exc:
            outcome.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def _wait_until_somebody_waits(sql: psycopg.Connection[DictRow]) -> None:
    for _ in range(400):
        waiting = sql.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if waiting.fetchone():
            return
        time.sleep(0.02)
    pytest.fail("nobody waits for a lock")


def test_a_deadlock_undoes_the_attempt_and_the_next_succeeds(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], database_url: str
) -> None:
    """An admin's session takes the same rows in the other order."""
    message = replace(make_start(), message_id="message-1")
    postgres_store.end_attempt(postgres_store.begin_attempt(message), None)
    with psycopg.connect(database_url) as admin:
        admin.execute("UPDATE submitter.attempts SET worker = 'an admin'")
        thread, outcome = _in_a_thread(lambda: postgres_store.begin_attempt(message))
        _wait_until_somebody_waits(sql)
        admin.execute("UPDATE submitter.submissions SET language = 'an admin''s'")  # returns when the other is undone
        admin.rollback()
    thread.join(AT_LAST_S)
    [error] = outcome
    assert isinstance(error, CasesUnavailable)
    assert "deadlock detected" in str(error)
    assert sql.execute("SELECT * FROM submitter.submissions").fetchall()[0]["attempts"] == 1
    publish(postgres_store, postgres_store.begin_attempt(message), GRADED)


def test_a_serialization_failure_undoes_the_attempt_and_the_next_succeeds(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], database_url: str
) -> None:
    """Where an operator's default is a stricter isolation than ours needs."""
    name = str(conninfo_to_dict(database_url)["dbname"])
    sql.execute(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'".encode())
    postgres_store.end_attempt(postgres_store.begin_attempt(make_start()), None)
    with psycopg.connect(database_url) as admin:
        admin.execute("UPDATE submitter.submissions SET language = 'an admin''s'")
        thread, outcome = _in_a_thread(lambda: postgres_store.begin_attempt(make_start()))
        _wait_until_somebody_waits(sql)
        admin.commit()
    thread.join(AT_LAST_S)
    [error] = outcome
    assert isinstance(error, CasesUnavailable)
    assert "could not serialize" in str(error)
    publish(postgres_store, postgres_store.begin_attempt(make_start()), GRADED)


def test_cases_that_an_admin_edits_are_seen_before_or_after_and_never_between(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], database_url: str
) -> None:
    postgres_store.save_assignment(SQUARES)
    with psycopg.connect(database_url) as admin:
        admin.execute("SELECT submitter.add_assignment('m.soltys', 'aws_labs', 'lab5_containers', 'stdin')")
        admin.execute("DELETE FROM submitter.test_cases")
        assert postgres_store.load_assignment(REF) == SQUARES
        admin.execute("SELECT submitter.add_case('m.soltys', 'aws_labs', 'lab5_containers', 'test', '3', '9')")
        assert postgres_store.load_assignment(REF) == SQUARES
        admin.commit()
    edited = postgres_store.load_assignment(REF)
    assert edited is not None
    assert (edited.input_mode, edited.cases) == ("stdin", (TestCase(CaseKind.TEST, 1, "3", "9"),))


# -- a pooler -----------------------------------------------------------------------------------------------------


def test_the_schema_is_made_through_a_pooler(pooler: str, empty_database_url: str) -> None:
    url = make_conninfo(pooler, dbname=str(conninfo_to_dict(empty_database_url)["dbname"]))
    migrations.apply(url, resource("sql"))
    assert all(line.applied_at and not line.problem for line in migrations.status(url, resource("sql")))
    store = PostgresCaseStore(url, 2)
    store.save_assignment(SQUARES)
    store.close()


# -- much data ----------------------------------------------------------------------------------------------------


def test_ten_thousand_cases_are_stored_and_read(postgres_store: PostgresCaseStore) -> None:
    cases = tuple(TestCase(CaseKind.GRADE, n, str(n), str(n * n), points=CASES[0].points) for n in range(1, 10_001))
    many = replace(SQUARES, cases=cases)
    postgres_store.save_assignment(many)
    assert postgres_store.load_assignment(REF) == many


def test_cases_of_a_hundred_megabytes_are_refused_and_not_read(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    """An admin's SQL can make them; they would be in memory several times over, in each of many threads."""
    postgres_store.save_assignment(SQUARES)
    sql.execute("UPDATE submitter.test_cases SET input = repeat('x', 100000000) WHERE kind = 'grade'")
    tracemalloc.start()
    try:
        with pytest.raises(AssignmentRefused, match=r"100,000,0\d\d bytes.*replace_cases"):
            postgres_store.load_assignment(REF)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
