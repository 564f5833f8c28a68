"""A daemon that cannot work because of how it was set up says so at once, and which setting or right it is."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from submitter.resources import resource
from tests.acceptance.conftest import World
from tests.gateway import HttpGateway

AT_ONCE_S = 5.0


@pytest.fixture
def sandbox_name() -> str:
    return "bubblewrap"


def start(world: World, **changed: str) -> tuple[int, str]:
    """Exit code and all that it said, without its JSON log lines."""
    script = str(resource("sql").parent / "processStudentTestCases.py")
    environment = {**world.environment, **changed}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, script],
        env={name: value for name, value in environment.items() if value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert time.monotonic() - begun < AT_ONCE_S, done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_queue_that_is_not_there(world: World) -> None:
    code, said = start(world, SUBMITTER_QUEUE_URL=world.config.queue_url + "-misspelt")
    assert code == 2
    assert "there is no queue" in said
    assert "check SUBMITTER_QUEUE_URL and AWS_DEFAULT_REGION" in said


def test_a_region_that_nobody_named(world: World) -> None:
    code, said = start(world, AWS_DEFAULT_REGION="", AWS_REGION="", AWS_CONFIG_FILE=os.devnull)
    assert code == 2
    assert "AWS_DEFAULT_REGION" in said


def test_a_bucket_that_is_not_there(world: World) -> None:
    code, said = start(world, SUBMITTER_BUCKET="misspelt")
    assert code == 1
    assert "there is no bucket 'misspelt'" in said
    assert "check SUBMITTER_BUCKET" in said


@pytest.mark.parametrize(
    ("operation", "status", "error", "hint"),
    [
        ("GetQueueAttributes", 403, "AccessDenied", "cannot find the dead-letter queue: AccessDenied"),
        ("HeadBucket", 403, "AccessDenied", "we need s3:ListBucket on the bucket"),
        ("HeadBucket", 301, "PermanentRedirect", "another region: check AWS_DEFAULT_REGION"),
        pytest.param(
            "GetQueueAttributes", 403, "InvalidClientTokenId", "AWS refuses our credentials", marks=pytest.mark.long
        ),
        pytest.param("GetQueueAttributes", 403, "RequestTimeTooSkewed", "clock is wrong", marks=pytest.mark.long),
    ],
)
def test_a_refusal_of_aws(world: World, operation: str, status: int, error: str, hint: str) -> None:
    with HttpGateway(world.environment["AWS_ENDPOINT_URL"]) as gateway:
        gateway.add(operation, "error", times=99, status=status, code=error)
        code, said = start(world, AWS_ENDPOINT_URL=gateway.endpoint_url)
    assert code == 1
    assert hint in said


def test_credentials_that_are_nowhere(world: World) -> None:
    """Whatever gives them may be back in a moment, so it is no matter of the settings, and is tried again."""
    nowhere = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    nowhere |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    code, said = start(world, **nowhere, AWS_CONFIG_FILE=os.devnull)
    assert code == 1
    assert "no credentials for sqs" in said


def test_a_postgres_that_is_not_there(world: World) -> None:
    code, said = start(world, SUBMITTER_DATABASE_URL="postgresql://submitter:secret@127.0.0.1:9/submitter")
    assert code == 1
    assert "Connection refused" in said
    assert "SUBMITTER_DATABASE_URL" in said
    assert "secret" not in said


def test_a_database_that_is_not_there(world: World) -> None:
    code, said = start(world, SUBMITTER_DATABASE_URL=make_conninfo(world.config.database_url, dbname="misspelt"))
    assert code == 1
    assert 'database "misspelt" does not exist' in said


@contextmanager
def made(world: World, kind: str) -> Iterator[str]:
    """A database, or a role with the password `right`, for the time of a test."""
    name = f"submitter_{secrets.token_hex(8)}"
    with psycopg.connect(world.config.database_url, autocommit=True) as admin:
        more = sql.SQL("" if kind == "DATABASE" else " LOGIN PASSWORD 'right'")
        admin.execute(sql.SQL("CREATE {} {}{}").format(sql.SQL(kind), sql.Identifier(name), more))
        try:
            yield name
        finally:
            admin.execute(sql.SQL("DROP {} {}").format(sql.SQL(kind), sql.Identifier(name)))


@contextmanager
def asking_for_the_password_of(world: World, user: str) -> Iterator[None]:
    """The embedded server trusts everybody who gets to it."""
    with psycopg.connect(world.config.database_url, autocommit=True) as admin:
        row = admin.execute("SHOW hba_file").fetchone()
        assert row is not None
        hba = Path(row[0])
        before = hba.read_text()
        try:
            hba.write_text(f"local all {user} scram-sha-256\nhost all {user} all scram-sha-256\n{before}")
            admin.execute("SELECT pg_reload_conf()")
            time.sleep(0.2)
            yield
        finally:
            hba.write_text(before)
            admin.execute("SELECT pg_reload_conf()")


def test_a_database_without_the_schema(world: World) -> None:
    with made(world, "DATABASE") as name:
        code, said = start(world, SUBMITTER_DATABASE_URL=make_conninfo(world.config.database_url, dbname=name))
    assert code == 2
    assert "run `submitter db migrate`" in said


def test_a_database_user_without_rights(world: World) -> None:
    with made(world, "ROLE") as name:
        url = make_conninfo(world.config.database_url, user=name, password="right")
        code, said = start(world, SUBMITTER_DATABASE_URL=url)
    assert code == 2
    assert "permission denied" in said


def test_a_wrong_password(world: World) -> None:
    with made(world, "ROLE") as name, asking_for_the_password_of(world, name):
        url = make_conninfo(world.config.database_url, user=name, password="wrong")
        code, said = start(world, SUBMITTER_DATABASE_URL=url)
    assert code == 1
    assert "password authentication failed" in said
    assert "=wrong" not in said


def test_a_work_directory_that_cannot_be(world: World) -> None:
    code, said = start(world, SUBMITTER_WORK_DIR="/dev/null/work")
    assert code == 2
    assert "SUBMITTER_WORK_DIR" in said
