"""
Attempts, their leases and their turns: what is said to Postgres within a transaction that somebody else opened.

A turn is the row lock of its submission. Whoever holds it publishes to the
bucket while the transaction stays open, so that two attempts can never publish
in one order and be recorded in the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from submitter.adapters.postgres_checkers import note_remarks
from submitter.adapters.postgres_connections import Connection, numeric, only_value, our_errors, storable
from submitter.adapters.postgres_notices import note_result
from submitter.adapters.postgres_policy import TRIED, case_digest, groups_as_kept, tried_from
from submitter.errors import AlreadyGraded, CasesUnavailable, FailedTooOften, LeaseLost, SubmissionBusy
from submitter.model import MOST_FAILURES, AttemptStart, Outcome, RunResult
from submitter.policy import Tried

KEPT_OUTPUT_BYTES = 64 * 1024  # of each case's stdout and stderr; the CHECKs of submitter.case_results say the same


def begin_attempt(connection: Connection, start: AttemptStart) -> int:
    """See the port."""
    ref = start.key.ref
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
            storable(ref.admin),
            storable(ref.event),
            storable(ref.assignment),
            start.key.subid,
            storable(start.language),
            [storable(token) for token in start.tokens],
        ),
    ).fetchone()
    assert found is not None
    submission_id, number = found  # and its row is locked, until the transaction ends
    upload = None if start.upload is None else storable(start.upload)
    if number > 1:  # else there is none before it: nothing was graded, nobody has a lease
        _refuse_if_needless(connection, submission_id, upload, start.message_id)
        connection.execute(
            "UPDATE submitter.attempts SET lease_expires_at = NULL "
            "WHERE submission_id = %s AND upload IS NOT DISTINCT FROM %s AND finished_at IS NULL",
            (submission_id, upload),
        )
    attempt = connection.execute(
        "INSERT INTO submitter.attempts "
        "(submission_id, number, upload, worker, receive_count, message_id, lease_expires_at, handed_in_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp() + %s * interval '1 second', %s) RETURNING id",
        (
            submission_id,
            number,
            upload,
            storable(start.worker),
            start.receive_count,
            start.message_id,
            start.lease_s,
            start.handed_in_at,
        ),
    ).fetchone()
    return int(only_value(attempt))


def renew_lease(connection: Connection, attempt_id: int, for_s: float) -> bool:
    """See the port."""
    renewed = connection.execute(
        "UPDATE submitter.attempts SET lease_expires_at = clock_timestamp() + %s * interval '1 second' "
        "WHERE id = %s AND lease_expires_at IS NOT NULL",
        (for_s, attempt_id),
    )
    return renewed.rowcount == 1


def end_attempt(connection: Connection, attempt_id: int, failure: str | None) -> None:
    """See the port."""
    connection.execute(
        "UPDATE submitter.attempts SET lease_expires_at = NULL, failure = %s "
        "WHERE id = %s AND lease_expires_at IS NOT NULL",
        (None if failure is None else storable(failure), attempt_id),
    )


@contextmanager
def take_turn(connection: Connection, attempt_id: int) -> Iterator["PostgresTurn"]:
    """See the port's `publish_turn`; the turn ends with the transaction."""
    # Two statements, since the second must see what was committed while the first waited; but sent at once.
    with our_errors(), connection.pipeline():
        held = connection.execute(
            "SELECT FROM submitter.submissions "
            "WHERE id = (SELECT submission_id FROM submitter.attempts WHERE id = %s) FOR UPDATE",
            (attempt_id,),
        )
        # Whoever would take the lease over, or publish, must wait for the row that is held now.
        found = connection.execute(
            """
            SELECT t.lease_expires_at, s.id, s.results_version,
                   (SELECT a.notices FROM submitter.assignments AS a
                    WHERE (a.admin, a.event, a.name) = (s.admin, s.event, s.assignment)),
                   (SELECT count(*) FROM unnest(s.tokens) AS handed_in
                    WHERE NOT EXISTS (SELECT FROM submitter.registrations AS r WHERE r.token = handed_in)),
            """
            + TRIED
            + """
            FROM submitter.attempts AS t
            JOIN submitter.submissions AS s ON s.id = t.submission_id
            WHERE t.id = %s
            """,
            (attempt_id,),
        ).fetchone()
    if held.rowcount == 0 or found is None:
        raise CasesUnavailable(f"the attempt {attempt_id} is no longer in Postgres; it will be made again")
    lease_expires_at, submission_id, results_version, wants_notices, unknown_tokens, *tried = found
    if lease_expires_at is None:
        raise LeaseLost(f"the attempt {attempt_id} may not publish any more")
    yield PostgresTurn(
        connection,
        submission_id,
        attempt_id,
        results_version=results_version,
        unknown_tokens=unknown_tokens,
        wants_notices=bool(wants_notices),
        tried=tried_from(tuple(tried)),
    )
    if connection.info.transaction_status is TransactionStatus.INERROR:
        # Somebody swallowed the error of `record`; Postgres would answer COMMIT with a silent rollback.
        raise CasesUnavailable(f"the result of the attempt {attempt_id} could not be recorded")


class PostgresTurn:
    """A turn: the transaction that holds the submission's row."""

    def __init__(
        self,
        connection: Connection,
        submission_id: int,
        attempt_id: int,
        *,
        results_version: str | None,
        unknown_tokens: int,
        wants_notices: bool,
        tried: Tried,
    ) -> None:
        self.tried = tried
        self.results_version = results_version
        self.unknown_tokens = unknown_tokens
        self._wants_notices = wants_notices
        self._connection = connection
        self._submission_id = submission_id
        self._attempt_id = attempt_id
        self._is_recorded = False

    def record(self, outcome: Outcome, *, published: bool, results_version: str | None = None) -> None:
        """
        See the port.

        Raises:
            RuntimeError: called twice in a turn (a fault of ours).
            CasesUnavailable: Postgres did not take it, or the attempt has an outcome from an earlier turn.
        """
        if self._is_recorded:
            raise RuntimeError("a turn records one outcome")
        self._is_recorded = True
        report, terms, shown = outcome.report, outcome.terms, outcome.shown
        # In a pipeline: all of it is sent at once, and answered at its end.
        with our_errors(), self._connection.pipeline():
            self._connection.execute(
                "INSERT INTO submitter.results "
                "(attempt_id, state, reason, score, max_score, execution_time_s, published, late_s, penalty, "
                "score_before_penalty, shown_test, shown_grade, shown_score, shown_max_score, shown_whole, groups, "
                "detail) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    self._attempt_id,
                    outcome.state,
                    None if outcome.reason is None else storable(outcome.reason),
                    numeric(outcome.score),
                    numeric(report.max_score if report else 0.0),
                    report.execution_time_s if report else 0.0,
                    published,
                    terms.late_s,
                    numeric(terms.penalty),
                    numeric(report.score if report else 0.0),
                    terms.view.test.value if report else None,
                    terms.view.grade.value if report else None,
                    numeric(shown.score),
                    numeric(shown.max_score),
                    shown.whole,
                    Jsonb(groups_as_kept(report) if report else []),
                    None if outcome.detail is None else storable(outcome.detail),
                ),
            )
            with self._connection.cursor() as cursor:
                cursor.executemany(
                    """
                    INSERT INTO submitter.case_results (
                        attempt_id, kind, ordinal, verdict, points, max_points, cpu_time_s, wall_time_s,
                        memory_bytes, exit_code, signal, stdout, stderr, stdout_bytes, stderr_bytes, starved_s, earlier,
                        case_digest, hint, reason, group_name, role)
                    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                    """,
                    [
                        (
                            self._attempt_id,
                            result.case.kind.value,
                            result.case.ordinal,
                            result.verdict.long_name,
                            numeric(result.points),
                            numeric(result.case.points),
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
                            case_digest(result.case),
                            result.hint,
                            result.reason,
                            result.case.group,
                            str(result.case.role),
                        )
                        for result in (report.case_results if report else ())
                    ],
                )
            note_remarks(self._connection, self._attempt_id, report)
            # clock_timestamp(): now() is when the transaction began, and it stayed open while the bucket was written.
            self._connection.execute(
                "UPDATE submitter.attempts SET finished_at = clock_timestamp(), lease_expires_at = NULL WHERE id = %s",
                (self._attempt_id,),
            )
            if published:
                if self._wants_notices:
                    note_result(self._connection, self._attempt_id, self._submission_id)
                self._connection.execute(
                    "UPDATE submitter.submissions "
                    "SET state = %s, published_attempt = %s, results_version = %s, updated_at = clock_timestamp() "
                    "WHERE id = %s",
                    (outcome.state, self._attempt_id, results_version or "", self._submission_id),
                )


def _refuse_if_needless(connection: Connection, submission_id: int, upload: str | None, message_id: str | None) -> None:
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
