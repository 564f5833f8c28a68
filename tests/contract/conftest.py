"""The services behind the adapters; each test gets a bucket and a queue of its own on one server."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from _pytest.mark import ParameterSet
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from submitter.adapters.postgres import PostgresCaseStore
from submitter.embedded_aws import EmbeddedAws
from submitter.executors.roles import SeparateSandboxes
from submitter.ports import CaseStore
from tests.conftest import make_sandboxes
from tests.contract.case_stores import Witness
from tests.gateway import TcpGateway, postgres_of


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


def _two_roles() -> list[ParameterSet]:
    """At `strict` the walls are those of `box`, and starting is slow: in the long form."""
    docker, long = [pytest.mark.docker], [pytest.mark.long]
    return [
        pytest.param(
            (name, level),
            id=f"{name}-{level}",
            marks=(docker if name == "docker" else []) + (long if level == "strict" else []),
        )
        for name in ("docker", "bubblewrap")
        for level in ("box", "strict")
    ]


@pytest.fixture(scope="module", params=_two_roles())
def sandboxes(request: pytest.FixtureRequest) -> Iterator[SeparateSandboxes]:
    """For students' programs and for those that judge them, each in turn."""
    made = make_sandboxes(*request.param, executors=1)
    yield made
    made.close()


@pytest.fixture(params=["memory", "postgres", "pgbouncer"])
def case_store(request: pytest.FixtureRequest) -> Iterator[CaseStore]:
    """Each store in turn; "pgbouncer" is Postgres behind a pooler, as some hosts offer it."""
    if request.param == "memory":
        from submitter.adapters.memory_cases import MemoryCaseStore

        yield MemoryCaseStore()
    elif request.param == "postgres":
        yield request.getfixturevalue("postgres_store")
    else:
        store = PostgresCaseStore(request.getfixturevalue("pooled_url"), pool_size=4)
        yield store
        store.close()


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
    from submitter.adapters.memory_cases import MemoryCaseStore

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


@pytest.fixture(scope="session")
def pooler(postgres_server: str) -> Iterator[str]:
    """The URL of a pgbouncer that lends a session for one transaction, in front of the test server."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("pgbouncer is not installed: apt-get install pgbouncer")
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
    told = conninfo_to_dict(postgres_server)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="submitter-pgbouncer-") as directory,
        TcpGateway(postgres_of(postgres_server)) as between,  # the embedded server's socket is for its owner alone
    ):
        settings = Path(directory) / "pgbouncer.ini"
        password = f" password={told['password']}" if told.get("password") else ""
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={between.port} user={told['user']}{password}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            # Fewer sessions than a store has connections, so that transactions meet what others left.
            "pool_mode = transaction\ndefault_pool_size = 3\nserver_reset_query =\n"
        )
        Path(directory).chmod(0o755)
        as_user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it refuses to run as root
        process = subprocess.Popen([program, "-q", *as_user, str(settings)], stderr=subprocess.DEVNULL)
        try:
            url = make_conninfo(host="127.0.0.1", port=str(port), user=told["user"])
            _wait_for(port, process)
            yield url
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None, "pgbouncer ended"
        time.sleep(0.05)
    raise AssertionError("pgbouncer does not listen")


@pytest.fixture
def pooled_url(pooler: str, database_url: str) -> str:
    """The test's own database, by way of pgbouncer."""
    return make_conninfo(pooler, dbname=str(conninfo_to_dict(database_url)["dbname"]))
