"""
The schema: numbered .sql files, each applied once and in order.

How it works: everything happens in one transaction that first takes an
advisory lock, so of two hosts that migrate at once the second waits and then
finds nothing to do, and a file that fails leaves nothing behind. The database
remembers each file by its number and sha256 in `submitter.migrations`. The
lock belongs to the transaction, because a transaction pooler may stand between.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from submitter.errors import CasesUnavailable, ConfigError

CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_S = 60  # another host's migration is waited for this long
LOCK_KEY = 0x5375626D69747465  # "Submitte" in ASCII: any number that nobody else uses

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql", re.ASCII)

_MAKE_TABLE = """
    CREATE SCHEMA IF NOT EXISTS submitter;
    CREATE TABLE IF NOT EXISTS submitter.migrations (
        number     integer PRIMARY KEY,
        name       text NOT NULL,
        sha256     text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE submitter.migrations IS 'Which files of sql/ were applied; kept by `submitter db migrate`.';
"""


class MigrationStatus(NamedTuple):
    """One line of `submitter db status`. `problem` says why `apply` would refuse; None if it would not."""

    number: int
    name: str
    applied_at: datetime | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _File:
    number: int
    name: str
    sha256: str
    script: str


@dataclass(frozen=True, slots=True)
class _Applied:
    number: int
    name: str
    sha256: str
    applied_at: datetime


def apply(database_url: str, directory: Path) -> list[str]:
    """
    Apply what the database lacks, all of it or nothing; a second call does nothing.

    Returns the names of the files just applied, in order, such as `0001_schema.sql`.

    Raises:
        ConfigError: the files and the database do not belong together (a file was changed after it was applied, the
            database knows one that is not here, a number is there twice), or a file fails.
        CasesUnavailable: Postgres is away or refuses the connection, or another migration takes too long.
    """
    files = _read_files(directory)
    with _connection(database_url) as connection, connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        connection.execute(_MAKE_TABLE)
        applied = _read_applied(connection)
        if problems := [line for line in _compare(files, applied) if line.problem]:
            raise ConfigError("; ".join(f"{line.name} {line.problem}" for line in problems))

        pending = [file for file in files if file.number not in {row.number for row in applied}]
        for file in pending:
            try:
                connection.execute(file.script.encode())  # bytes: the whole file as it is, no parameters in it
            except psycopg.OperationalError:
                raise
            except psycopg.Error as exc:
                raise ConfigError(f"{directory / file.name} failed, so nothing was applied: {_text_of(exc)}") from exc
            connection.execute(
                "INSERT INTO submitter.migrations (number, name, sha256) VALUES (%s, %s, %s)",
                (file.number, file.name, file.sha256),
            )
    return [file.name for file in pending]


def status(database_url: str, directory: Path) -> list[MigrationStatus]:
    """
    Compare the files with the database, by number; changes nothing.

    Raises:
        ConfigError: the files cannot be numbered migrations.
        CasesUnavailable: Postgres is away or refuses the connection.
    """
    files = _read_files(directory)
    with _connection(database_url) as connection, connection.transaction():
        table = connection.execute("SELECT to_regclass('submitter.migrations')").fetchone()
        applied = _read_applied(connection) if table is not None and table[0] is not None else []
    return _compare(files, applied)


def _read_files(directory: Path) -> list[_File]:
    """The migrations of a directory by number; sub-directories (seeds) are none."""
    files: dict[int, _File] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ConfigError(f"{path} is not named like a migration: four digits, an underscore, a name, .sql")
        data = path.read_bytes()
        file = _File(int(match[1]), path.name, hashlib.sha256(data).hexdigest(), data.decode())
        if file.number in files:
            raise ConfigError(f"{files[file.number].name} and {file.name} in {directory} have the same number")
        files[file.number] = file
    if not files:
        raise ConfigError(f"there are no migrations in {directory}")
    return list(files.values())


def _read_applied(connection: psycopg.Connection) -> list[_Applied]:
    rows = connection.execute("SELECT number, name, sha256, applied_at FROM submitter.migrations ORDER BY number")
    return [_Applied(*row) for row in rows]


def _compare(files: Sequence[_File], applied: Sequence[_Applied]) -> list[MigrationStatus]:
    by_number = {file.number: file for file in files}
    lines = {file.number: MigrationStatus(file.number, file.name, None) for file in files}
    for row in applied:
        file = by_number.get(row.number)
        problem = None
        if file is None:
            problem = "is in the database but not here: this Submitter is older than the database, upgrade it"
        elif file.sha256 != row.sha256:
            problem = "was changed after it was applied: restore it, and put the change into a new file"
        lines[row.number] = MigrationStatus(row.number, file.name if file else row.name, row.applied_at, problem)
    return [lines[number] for number in sorted(lines)]


@contextmanager
def _connection(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection; psycopg's errors inside become ours."""
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        # Without psycopg's text, which quotes the URL and with it the password.
        raise ConfigError("the database URL is not one; write postgresql://user:password@host:5432/name") from None
    try:
        with psycopg.connect(
            database_url, autocommit=True, prepare_threshold=None, connect_timeout=CONNECT_TIMEOUT_S
        ) as connection:
            yield connection
    except psycopg.errors.LockNotAvailable as exc:
        raise CasesUnavailable(f"another migration did not end within {LOCK_TIMEOUT_S} s; try again later") from exc
    except psycopg.OperationalError as exc:
        raise CasesUnavailable(
            f"Postgres is away ({_text_of(exc)}); is it up, and does SUBMITTER_DATABASE_URL name it?"
        ) from exc
    except psycopg.errors.InsufficientPrivilege as exc:
        raise ConfigError(f"the database's user may not do this ({_text_of(exc)}); migrate as its owner") from exc


def _text_of(exc: psycopg.Error) -> str:
    """An error of psycopg in one line."""
    return exc.diag.message_primary or " ".join(str(exc).split())
