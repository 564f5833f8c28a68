"""
Connections to Postgres, the transactions on them, and what Postgres can hold.

How it works: each transaction borrows a connection from a pool. Nothing outlives
it, neither locks nor settings nor prepared statements, so that a transaction
pooler may stand between. Every wait is bounded: for a connection, for a lock,
for a statement, and on the server for a client that went silent in the middle
of its turn.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from submitter.errors import CasesUnavailable, ConfigError

CONNECTION_TIMEOUT_S = 10.0  # for a connection from the pool
LOCK_TIMEOUT_S = 20.0  # for another attempt's turn
STATEMENT_TIMEOUT_S = 30.0  # above the lock's, whose waiting it includes
IDLE_IN_TURN_TIMEOUT_S = 300.0  # after that the server ends a silent client's transaction, and with it the turn

# For the network between: a host that vanished is noticed within about half a minute. What the URL says wins.
_NETWORK_SETTINGS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
    "application_name": "submitter",
}

_NOT_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InvalidSchemaName,
)

_REFUSED = re.compile("[\0\ud800-\udfff]")

Connection = psycopg.Connection[TupleRow]


class Connections:
    """
    A pool of connections, lent for one transaction at a time.

    Making one neither connects nor blocks: the first transaction does.

    Args and errors: as for PostgresCaseStore.
    """

    def __init__(self, database_url: str, pool_size: int, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        try:
            told = conninfo_to_dict(database_url)
        except psycopg.ProgrammingError:
            # Without psycopg's text, which quotes the URL and with it the password.
            raise ConfigError("the database URL is not one; write postgresql://user:password@host:5432/name") from None
        timeouts = {
            "lock_timeout": lock_timeout_s,
            "statement_timeout": STATEMENT_TIMEOUT_S,
            "idle_in_transaction_session_timeout": IDLE_IN_TURN_TIMEOUT_S,
        }
        settings = [f"SET LOCAL {name} = {round(seconds * 1000)}" for name, seconds in timeouts.items()]
        self._begin = "; ".join(["BEGIN", *settings]).encode()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            database_url,
            min_size=0,
            max_size=pool_size,
            open=False,
            # Beginning a transaction tells whether a connection is still there, too: another is taken if it is not.
            check=self._begin_on,
            timeout=CONNECTION_TIMEOUT_S,
            # The pool's pauses between tries double; starting afresh with the next caller, it finds a Postgres that is
            # back within seconds.
            reconnect_timeout=CONNECTION_TIMEOUT_S,
            kwargs={
                "autocommit": True,  # transactions are opened by name below
                "prepare_threshold": None,
                **{name: value for name, value in _NETWORK_SETTINGS.items() if name not in told},
            },
        )
        self._opening = threading.Lock()
        self._is_opened = False

    def close(self) -> None:
        """Close the connections that are not in use, and the others when they come back. A second call does nothing."""
        with self._opening:
            self._is_opened = True  # never to be opened again
        self._pool.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction on a pooled connection. psycopg's errors become ours, all others pass unchanged."""
        with our_errors():
            self._open_once()
            with self._pool.connection() as connection:  # which `_begin_on` has checked
                try:
                    yield connection
                except BaseException:
                    with suppress(psycopg.Error):  # the connection may be what broke; the pool looks at it
                        connection.rollback()
                    raise
                connection.commit()

    def _begin_on(self, connection: Connection) -> None:
        connection.execute(self._begin)  # in one message, where `transaction()` would take two

    def _open_once(self) -> None:
        # Not in the constructor: opening starts the pool's threads. Not by `open()` each time: it would raise after
        # `close()` with a text about re-opening, where `connection()` says that the pool is closed.
        with self._opening:
            if not self._is_opened:
                self._is_opened = True
                self._pool.open(wait=False)


# -- values -------------------------------------------------------------------------------------------------------


def only_value(row: TupleRow | None) -> Any:
    assert row is not None
    return row[0]


def numeric(value: float) -> Decimal:
    """Exactly the digits that Python prints; a float parameter would be cut to 15 of them on its way to numeric."""
    return Decimal(repr(float(value)))


def storable(text: str) -> str:
    """The text without what Postgres refuses: U+0000 and lone surrogates (which JSON can spell) become U+FFFD."""
    return _REFUSED.sub("\ufffd", text)


def is_storable(text: str) -> bool:
    return _REFUSED.search(text) is None


# -- errors -------------------------------------------------------------------------------------------------------


class Refused(CasesUnavailable):
    """Postgres refused a value: it breaks a CHECK or a key, or is out of range."""


@contextmanager
def our_errors() -> Iterator[None]:
    """psycopg's errors as CasesUnavailable; only a wrong statement of ours (a ProgrammingError) passes as it is."""
    try:
        yield
    except PoolTimeout as exc:
        # The pool tries to connect in the background and logs why it cannot (logger `psycopg.pool`).
        raise CasesUnavailable(
            f"no connection to Postgres within {CONNECTION_TIMEOUT_S:g} s; "
            "is it up, and does SUBMITTER_DATABASE_URL name it? The log says more"
        ) from exc
    except psycopg.errors.LockNotAvailable as exc:
        raise CasesUnavailable("another attempt at the same submission holds its turn") from exc
    except _NOT_MIGRATED as exc:
        raise CasesUnavailable(f"the database lacks our schema ({_text_of(exc)}): run `submitter db migrate`") from exc
    except psycopg.errors.InsufficientPrivilege as exc:
        raise CasesUnavailable(f"the database's user may not do this: {_text_of(exc)}") from exc
    except psycopg.ProgrammingError:
        raise
    except (psycopg.IntegrityError, psycopg.DataError) as exc:
        raise Refused(_text_of(exc)) from exc
    except psycopg.Error as exc:
        raise CasesUnavailable(f"Postgres did not answer as it should: {_text_of(exc)}") from exc


def _text_of(exc: psycopg.Error) -> str:
    """An error of psycopg in one line, without the values that Postgres quotes in its detail."""
    return exc.diag.message_primary or " ".join(str(exc).split())
