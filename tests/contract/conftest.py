"""The services behind the adapters; each test gets a bucket and a queue of its own on one server."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from submitter.adapters.postgres import PostgresCaseStore
from submitter.embedded_aws import EmbeddedAws
from submitter.ports import CaseStore
from tests.contract.case_stores import Witness


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture
def queue_url(aws: EmbeddedAws) -> str:
    """A fresh queue with a dead-letter queue."""
    return aws.make_queue(f"queue-{uuid4().hex}")


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    """The name of a fresh bucket, which tells nobody of what is put into it."""
    name = f"bucket-{uuid4().hex}"
    aws.s3.create_bucket(Bucket=name)
    return name


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
