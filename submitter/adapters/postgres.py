"""
Assignments, cases, registrations, submissions and results in Postgres.

How it works: each call borrows a connection from a pool and is one
transaction. Nothing outlives its transaction, neither locks nor settings nor
prepared statements, so that a transaction pooler may stand between. Every wait
is bounded: for a connection, for a lock, for a statement, and on the server
for a client that went silent in the middle of its turn.

A turn is the row lock of its submission. Whoever holds it publishes to the
bucket while the transaction stays open, so that two attempts can never publish
in one order and be recorded in the other. A turn keeps a connection, and so
does each attempt that waits for one: `pool_size` is at least the number of
submissions graded at once.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from submitter.errors import (
    AlreadyGraded,
    AssignmentRefused,
    CasesUnavailable,
    ConfigError,
    FailedTooOften,
    LeaseLost,
    SubmissionBusy,
)
from submitter.model import (
    MOST_FAILURES,
    Assignment,
    AssignmentRef,
    AssignmentSummary,
    AttemptStart,
    CaseKind,
    Comparison,
    InputMode,
    Limits,
    Outcome,
    RunResult,
    TestCase,
)

KEPT_OUTPUT_BYTES = 64 * 1024  # of each case's stdout and stderr; the CHECKs of submitter.case_results say the same

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

_Connection = psycopg.Connection[TupleRow]


class PostgresCaseStore:
    """
    The port CaseStore on Postgres; what its docstrings promise holds.

    Making one neither connects nor blocks: the first call does.

    Args:
        database_url: a `postgresql://` URL or a libpq connection string; may hold a password.
        pool_size: connections at most, at least 1.
        lock_timeout_s: how long a turn is waited for, less than STATEMENT_TIMEOUT_S.

    Raises:
        ConfigError: the URL is not one.
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
        self._pool: ConnectionPool[_Connection] = ConnectionPool(
            database_url,
            min_size=0,
            max_size=pool_size,
            open=False,
            check=ConnectionPool.check_connection,
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

    # -- assignments ----------------------------------------------------------------------------------------------

    def load_assignment(self, ref: AssignmentRef) -> Assignment | None:
        if not all(map(_is_storable, (ref.admin, ref.event, ref.assignment))):
            return None
        # One statement, hence one snapshot: never settings of one moment and cases of another.
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT a.language, a.input_mode, a.comparison, a.cpu_time_s, a.wall_time_s, a.memory_bytes,
                       a.output_bytes, a.file_bytes, a.processes, a.source_bytes,
                       c.kind, c.ordinal, c.input, c.expected, c.points
                FROM submitter.assignments AS a
                LEFT JOIN submitter.test_cases AS c ON c.assignment_id = a.id
                WHERE a.admin = %s AND a.event = %s AND a.name = %s
                ORDER BY c.kind = 'grade', c.ordinal
                """,
                (ref.admin, ref.event, ref.assignment),
            ).fetchall()
        if not rows:
            return None
        settings = rows[0]
        return Assignment(
            ref=ref,
            cases=tuple(_case_from(row) for row in rows if row["kind"] is not None),
            language=settings["language"],
            input_mode=InputMode(settings["input_mode"]),
            comparison=Comparison(settings["comparison"]),
            limits=Limits(
                cpu_time_s=float(settings["cpu_time_s"]),
                wall_time_s=float(settings["wall_time_s"]),
                memory_bytes=settings["memory_bytes"],
                output_bytes=settings["output_bytes"],
                file_bytes=settings["file_bytes"],
                processes=settings["processes"],
                source_bytes=settings["source_bytes"],
            ),
        )

    def save_assignment(self, assignment: Assignment) -> None:
        """
        See the port.

        Raises:
            AssignmentRefused: something in it cannot be stored (the admin's fault); nothing was changed.
        """
        _refuse_what_postgres_cannot_hold(assignment)
        ref, limits = assignment.ref, assignment.limits
        try:
            with self._transaction() as connection, connection.cursor() as cursor:
                # The upsert also holds the row, so that of two imports at once one is done before the other begins.
                found = cursor.execute(
                    """
                    INSERT INTO submitter.assignments (
                        admin, event, name, language, input_mode, comparison, cpu_time_s, wall_time_s,
                        memory_bytes, output_bytes, file_bytes, processes, source_bytes)
                    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                    ON CONFLICT (admin, event, name) DO UPDATE SET
                        language = excluded.language, input_mode = excluded.input_mode,
                        comparison = excluded.comparison, cpu_time_s = excluded.cpu_time_s,
                        wall_time_s = excluded.wall_time_s, memory_bytes = excluded.memory_bytes,
                        output_bytes = excluded.output_bytes, file_bytes = excluded.file_bytes,
                        processes = excluded.processes, source_bytes = excluded.source_bytes,
                        updated_at = now()
                    RETURNING id
                    """,
                    (
                        ref.admin,
                        ref.event,
                        ref.assignment,
                        assignment.language,
                        assignment.input_mode.value,
                        assignment.comparison.value,
                        _numeric(limits.cpu_time_s),
                        _numeric(limits.wall_time_s),
                        limits.memory_bytes,
                        limits.output_bytes,
                        limits.file_bytes,
                        limits.processes,
                        limits.source_bytes,
                    ),
                ).fetchone()
                assignment_id = _only_value(found)
                cursor.execute("DELETE FROM submitter.test_cases WHERE assignment_id = %s", (assignment_id,))
                cursor.executemany(
                    "INSERT INTO submitter.test_cases (assignment_id, kind, ordinal, input, expected, points) "
                    "VALUES (%s, %s, %s, %s, %s, %s)",
                    [
                        (assignment_id, case.kind.value, case.ordinal, case.input, case.expected, _numeric(case.points))
                        for case in assignment.cases
                    ],
                )
        except _Refused as exc:
            raise AssignmentRefused(f"{ref} cannot be stored: {exc}") from exc

    def list_assignments(self) -> Sequence[AssignmentSummary]:
        with self._transaction() as connection:
            # COLLATE: by code point, as Python sorts, whatever the database's language is.
            rows = connection.execute(
                """
                SELECT a.admin, a.event, a.name, a.language, a.input_mode,
                       count(*) FILTER (WHERE c.kind = 'test'), count(*) FILTER (WHERE c.kind = 'grade'),
                       coalesce(sum(c.points), 0), a.updated_at
                FROM submitter.assignments AS a
                LEFT JOIN submitter.test_cases AS c ON c.assignment_id = a.id
                GROUP BY a.id
                ORDER BY a.admin COLLATE "C", a.event COLLATE "C", a.name COLLATE "C"
                """
            ).fetchall()
        return [
            AssignmentSummary(
                ref=AssignmentRef(admin, event, name),
                language=language,
                input_mode=InputMode(input_mode),
                test_cases=test_cases,
                grade_cases=grade_cases,
                points=float(points),
                updated_at=updated_at,
            )
            for admin, event, name, language, input_mode, test_cases, grade_cases, points, updated_at in rows
        ]

    # -- students -------------------------------------------------------------------------------------------------

    def find_emails(self, tokens: Sequence[str]) -> Mapping[str, str]:
        wanted = [token for token in tokens if _is_storable(token)]
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT token, email FROM submitter.registrations WHERE token = ANY(%s)", (wanted,)
            ).fetchall()
        return dict(rows)

    # -- attempts -------------------------------------------------------------------------------------------------

    def begin_attempt(self, start: AttemptStart) -> int:
        ref = start.key.ref
        with self._transaction() as connection:
            # A submission's visible state stays what it is: only a published result changes it. An upload whose
            # metadata was broken names nobody; who handed it in before is still known.
            found = connection.execute(
                """
                INSERT INTO submitter.submissions AS s (admin, event, assignment, subid, language, tokens)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (admin, event, assignment, subid) DO UPDATE SET
                    attempts = s.attempts + 1,
                    language = excluded.language,
                    tokens = CASE WHEN excluded.tokens = '{}' THEN s.tokens ELSE excluded.tokens END,
                    updated_at = now()
                RETURNING id, attempts
                """,
                (
                    _storable(ref.admin),
                    _storable(ref.event),
                    _storable(ref.assignment),
                    start.key.subid,
                    _storable(start.language),
                    [_storable(token) for token in start.tokens],
                ),
            ).fetchone()
            assert found is not None
            submission_id, number = found  # and its row is locked, until the transaction ends
            upload = None if start.upload is None else _storable(start.upload)
            _refuse_if_needless(connection, submission_id, upload, start.message_id)
            connection.execute(
                "UPDATE submitter.attempts SET lease_expires_at = NULL "
                "WHERE submission_id = %s AND upload IS NOT DISTINCT FROM %s AND finished_at IS NULL",
                (submission_id, upload),
            )
            attempt = connection.execute(
                "INSERT INTO submitter.attempts "
                "(submission_id, number, upload, worker, receive_count, message_id, lease_expires_at) "
                "VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp() + %s * interval '1 second') RETURNING id",
                (
                    submission_id,
                    number,
                    upload,
                    _storable(start.worker),
                    start.receive_count,
                    start.message_id,
                    start.lease_s,
                ),
            ).fetchone()
        return int(_only_value(attempt))

    def renew_lease(self, attempt_id: int, for_s: float) -> bool:
        with self._transaction() as connection:
            renewed = connection.execute(
                "UPDATE submitter.attempts SET lease_expires_at = clock_timestamp() + %s * interval '1 second' "
                "WHERE id = %s AND lease_expires_at IS NOT NULL",
                (for_s, attempt_id),
            )
            return renewed.rowcount == 1

    def end_attempt(self, attempt_id: int, failure: str | None) -> None:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE submitter.attempts SET lease_expires_at = NULL, failure = %s "
                "WHERE id = %s AND lease_expires_at IS NOT NULL",
                (None if failure is None else _storable(failure), attempt_id),
            )

    def check(self) -> None:
        with self._transaction():
            pass

    @contextmanager
    def publish_turn(self, attempt_id: int) -> Iterator["_PostgresTurn"]:
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT id FROM submitter.submissions "
                "WHERE id = (SELECT submission_id FROM submitter.attempts WHERE id = %s) FOR UPDATE",
                (attempt_id,),
            ).fetchone()
            if found is None:
                raise CasesUnavailable(f"the attempt {attempt_id} is no longer in Postgres; it will be made again")
            # Whoever would take the lease over must wait for the row that is held now.
            lease = connection.execute(
                "SELECT lease_expires_at FROM submitter.attempts WHERE id = %s", (attempt_id,)
            ).fetchone()
            if _only_value(lease) is None:
                raise LeaseLost(f"the attempt {attempt_id} may not publish any more")
            yield _PostgresTurn(connection, _only_value(found), attempt_id)
            if connection.info.transaction_status is TransactionStatus.INERROR:
                # Somebody swallowed the error of `record`; Postgres would answer COMMIT with a silent rollback.
                raise CasesUnavailable(f"the result of the attempt {attempt_id} could not be recorded")

    # -- connections ----------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[_Connection]:
        """One transaction on a pooled connection. psycopg's errors become ours, all others pass unchanged."""
        with _our_errors():
            self._open_once()
            with self._pool.connection() as connection:
                connection.execute(self._begin)  # in one message, where `transaction()` would take two
                try:
                    yield connection
                except BaseException:
                    with suppress(psycopg.Error):  # the connection may be what broke; the pool looks at it
                        connection.rollback()
                    raise
                connection.commit()

    def _open_once(self) -> None:
        # Not in the constructor: opening starts the pool's threads. Not by `open()` each time: it would raise after
        # `close()` with a text about re-opening, where `connection()` says that the pool is closed.
        with self._opening:
            if not self._is_opened:
                self._is_opened = True
                self._pool.open(wait=False)


class _PostgresTurn:
    """A turn: the transaction that holds the submission's row."""

    def __init__(self, connection: _Connection, submission_id: int, attempt_id: int) -> None:
        self._connection = connection
        self._submission_id = submission_id
        self._attempt_id = attempt_id
        self._is_recorded = False

    def record(self, outcome: Outcome, *, published: bool) -> None:
        """
        See the port.

        Raises:
            RuntimeError: called twice in a turn (a fault of ours).
            CasesUnavailable: Postgres did not take it, or the attempt has an outcome from an earlier turn.
        """
        if self._is_recorded:
            raise RuntimeError("a turn records one outcome")
        self._is_recorded = True
        report = outcome.report
        with _our_errors():
            self._connection.execute(
                "INSERT INTO submitter.results "
                "(attempt_id, state, reason, score, max_score, execution_time_s, published) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    self._attempt_id,
                    outcome.state,
                    None if outcome.reason is None else _storable(outcome.reason),
                    _numeric(report.score if report else 0.0),
                    _numeric(report.max_score if report else 0.0),
                    report.execution_time_s if report else 0.0,
                    published,
                ),
            )
            with self._connection.cursor() as cursor:
                cursor.executemany(
                    """
                    INSERT INTO submitter.case_results (
                        attempt_id, kind, ordinal, verdict, points, max_points, cpu_time_s, wall_time_s,
                        memory_bytes, exit_code, signal, stdout, stderr, stdout_bytes, stderr_bytes, starved_s, earlier)
                    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                    """,
                    [
                        (
                            self._attempt_id,
                            result.case.kind.value,
                            result.case.ordinal,
                            result.verdict.long_name,
                            _numeric(result.points),
                            _numeric(result.case.points),
                            result.run.cpu_time_s,
                            result.run.wall_time_s,
                            result.run.memory_bytes,
                            result.run.exit_code,
                            result.run.signal,
                            result.run.stdout[:KEPT_OUTPUT_BYTES],
                            result.run.stderr[:KEPT_OUTPUT_BYTES],
                            len(result.run.stdout),
                            len(result.run.stderr),
                            result.run.starved_s,
                            _earlier_run(result.run.earlier),
                        )
                        for result in (report.case_results if report else ())
                    ],
                )
            # clock_timestamp(): now() is when the transaction began, and it stayed open while the bucket was written.
            self._connection.execute(
                "UPDATE submitter.attempts SET finished_at = clock_timestamp(), lease_expires_at = NULL WHERE id = %s",
                (self._attempt_id,),
            )
            if published:
                self._connection.execute(
                    "UPDATE submitter.submissions "
                    "SET state = %s, published_attempt = %s, updated_at = clock_timestamp() WHERE id = %s",
                    (outcome.state, self._attempt_id, self._submission_id),
                )


def _refuse_if_needless(
    connection: _Connection, submission_id: int, upload: str | None, message_id: str | None
) -> None:
    """See the port's `begin_attempt`; nobody else begins one at the same submission meanwhile."""
    published, failures, last_failure = connection.execute(
        """
        SELECT count(*) FILTER (WHERE r.published), count(a.failure),
               (array_agg(a.failure ORDER BY a.number DESC) FILTER (WHERE a.failure IS NOT NULL))[1]
        FROM submitter.attempts AS a
        LEFT JOIN submitter.results AS r ON r.attempt_id = a.id
        WHERE a.submission_id = %s AND a.upload IS NOT DISTINCT FROM %s AND a.message_id = %s
        """,
        (submission_id, upload, message_id),
    ).fetchone() or (0, 0, None)
    if published:
        raise AlreadyGraded("this message's submission was graded before")
    taken = connection.execute(
        """
        SELECT worker, extract(epoch FROM lease_expires_at - clock_timestamp())::float
        FROM submitter.attempts
        WHERE submission_id = %s AND upload IS NOT DISTINCT FROM %s
          AND finished_at IS NULL AND lease_expires_at > clock_timestamp()
        LIMIT 1
        """,
        (submission_id, upload),
    ).fetchone()
    if taken is not None:
        raise SubmissionBusy(f"{taken[0]} is grading this upload", free_in_s=max(0.0, taken[1]))
    if failures >= MOST_FAILURES:
        raise FailedTooOften(f"failed {failures} times, the last time with: {last_failure}")


# -- values -------------------------------------------------------------------------------------------------------


def _case_from(row: Mapping[str, Any]) -> TestCase:
    return TestCase(CaseKind(row["kind"]), row["ordinal"], row["input"], row["expected"], float(row["points"]))


def _only_value(row: TupleRow | None) -> Any:
    assert row is not None
    return row[0]


def _earlier_run(run: RunResult | None) -> Jsonb | None:
    """What is kept of a run that was done again, and does not count."""
    if run is None:
        return None
    return Jsonb(
        {
            "ending": str(run.ending),
            "cpu_time_s": run.cpu_time_s,
            "wall_time_s": run.wall_time_s,
            "starved_s": run.starved_s,
        }
    )


def _numeric(value: float) -> Decimal:
    """Exactly the digits that Python prints; a float parameter would be cut to 15 of them on its way to numeric."""
    return Decimal(repr(float(value)))


def _storable(text: str) -> str:
    """The text without what Postgres refuses: U+0000 and lone surrogates (which JSON can spell) become U+FFFD."""
    return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text)


def _is_storable(text: str) -> bool:
    return text == _storable(text)


def _refuse_what_postgres_cannot_hold(assignment: Assignment) -> None:
    ref = assignment.ref
    texts = [("its name", name) for name in (ref.admin, ref.event, ref.assignment)]
    texts.append(("its language", assignment.language))
    for case in assignment.cases:
        texts += [(f"the input of {case.name}", case.input), (f"the expected output of {case.name}", case.expected)]
    for what, text in texts:
        if not _is_storable(text):
            raise AssignmentRefused(f"{what} holds a character that cannot be stored (U+0000 or half a surrogate pair)")


# -- errors -------------------------------------------------------------------------------------------------------


class _Refused(CasesUnavailable):
    """Postgres refused a value: it breaks a CHECK or a key, or is out of range."""


@contextmanager
def _our_errors() -> Iterator[None]:
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
        raise _Refused(_text_of(exc)) from exc
    except psycopg.Error as exc:
        raise CasesUnavailable(f"Postgres did not answer as it should: {_text_of(exc)}") from exc


def _text_of(exc: psycopg.Error) -> str:
    """An error of psycopg in one line, without the values that Postgres quotes in its detail."""
    return exc.diag.message_primary or " ".join(str(exc).split())
