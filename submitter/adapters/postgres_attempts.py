"""
Attempts, their leases and their turns: what is said to Postgres within a transaction that somebody else opened.

A turn is the row lock of its submission. Whoever holds it publishes to the
bucket while the transaction stays open, so that two attempts can never publish
in one order and be recorded in the other.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import LiteralString

from psycopg import Cursor as PsycopgCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from submitter.adapters.postgres_checkers import note_remarks
from submitter.adapters.postgres_connections import Connection, numeric, our_errors, storable
from submitter.adapters.postgres_notices import note_result
from submitter.adapters.postgres_policy import TRIED, case_digest, groups_as_kept, tried_from
from submitter.adapters.postgres_rejudging import note_test_set
from submitter.errors import AlreadyGraded, CasesUnavailable, FailedTooOften, LeaseLost, SubmissionBusy
from submitter.outcomes import MOST_FAILURES, AttemptStart, CaseResult, Outcome
from submitter.policy import Level, Tried, View
from submitter.runs import Phases, RunResult
from submitter.test_sets import KEPT_OUTPUT_BYTES, digest_of, may_be_judged_again

Cursor = PsycopgCursor[TupleRow]


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
    # Sent at once; if it is to be refused, the transaction ends with that, and none of it was done.
    with our_errors(), connection.pipeline():
        earlier = None
        if number > 1:  # else there is none before it: nothing was graded, nobody has a lease
            earlier = _look_at_earlier(connection, submission_id, upload, start.message_id)
        inserted = connection.execute(
            "INSERT INTO submitter.attempts "
            "(submission_id, number, upload, worker, receive_count, message_id, lease_expires_at, handed_in_at, "
            "program_sha256, has_leading_slash, plan_id, test_set_id) "
            "VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp() + %s * interval '1 second', %s, %s, %s, %s, "
            "(SELECT id FROM submitter.test_sets WHERE (admin, event, assignment, digest) = (%s, %s, %s, %s))) "
            "RETURNING id, test_set_id",
            (
                submission_id,
                number,
                upload,
                storable(start.worker),
                start.receive_count,
                start.message_id,
                start.lease_s,
                start.handed_in_at,
                start.program_digest,
                start.key.leading_slash,
                start.plan_id,
                storable(ref.admin),
                storable(ref.event),
                storable(ref.assignment),
                start.test_set_digest or (digest_of(start.assignment) if start.assignment else None),
            ),
        )
        if earlier is not None:
            _refuse_if_needless(*earlier)
        attempt = inserted.fetchone()
    assert attempt is not None
    attempt_id, test_set_id = attempt
    if start.assignment is not None and test_set_id is None:
        noted, _ = note_test_set(connection, start.assignment)
        connection.execute("UPDATE submitter.attempts SET test_set_id = %s WHERE id = %s", (noted, attempt_id))
    return int(attempt_id)


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
    began_s = time.monotonic()
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
            SELECT t.lease_expires_at, s.id, s.results_version, s.published_attempt, p.shown_test, p.shown_grade,
                   NOT EXISTS (SELECT FROM submitter.attempts AS o WHERE o.submission_id = s.id AND o.id <> t.id
                               AND (o.finished_at IS NULL OR o.id > s.published_attempt)),
                   (SELECT number FROM submitter.test_sets WHERE id = t.test_set_id),
                   (SELECT a.notices FROM submitter.assignments AS a
                    WHERE (a.admin, a.event, a.name) = (s.admin, s.event, s.assignment)),
                   (SELECT count(*) FROM unnest(s.tokens) AS handed_in
                    WHERE NOT EXISTS (SELECT FROM submitter.registrations AS r WHERE r.token = handed_in)),
            """
            + TRIED
            + """
            FROM submitter.attempts AS t
            JOIN submitter.submissions AS s ON s.id = t.submission_id
            LEFT JOIN submitter.results AS p ON p.attempt_id = s.published_attempt
            WHERE t.id = %s
            """,
            (attempt_id,),
        ).fetchone()
    if held.rowcount == 0 or found is None:
        raise CasesUnavailable(f"the attempt {attempt_id} is no longer in Postgres; it will be made again")
    lease_expires_at, submission_id, results_version, published, test, grade, is_alone, *others = found
    test_set, wants_notices, unknown_tokens, *tried = others
    if lease_expires_at is None:
        raise LeaseLost(f"the attempt {attempt_id} may not publish any more")
    yield PostgresTurn(
        connection,
        submission_id,
        attempt_id,
        results_version=results_version,
        published_attempt=published,
        published_view=None if test is None else View(Level(test), Level(grade)),
        is_alone=is_alone,
        test_set=test_set,
        unknown_tokens=unknown_tokens,
        wants_notices=bool(wants_notices),
        tried=tried_from(tuple(tried)),
        began_s=began_s,
    )
    if connection.info.transaction_status is TransactionStatus.INERROR:
        # Somebody swallowed the error of `record`; Postgres would answer COMMIT with a silent rollback.
        raise CasesUnavailable(f"the result of the attempt {attempt_id} could not be recorded")


# One array for each column, so that all cases are one statement, to be sent, parsed and planned once.
_CASE_COLUMNS: Mapping[LiteralString, tuple[LiteralString, Callable[[CaseResult], object]]] = {
    "kind": ("text", lambda one: one.case.kind.value),
    "ordinal": ("integer", lambda one: one.case.ordinal),
    "verdict": ("text", lambda one: one.verdict.long_name),
    "points": ("numeric", lambda one: numeric(one.points)),
    "max_points": ("numeric", lambda one: numeric(one.case.points)),
    "cpu_time_s": ("float8", lambda one: one.run.cpu_time_s),
    "wall_time_s": ("float8", lambda one: one.run.wall_time_s),
    "memory_bytes": ("bigint", lambda one: one.run.memory_bytes),
    "exit_code": ("integer", lambda one: one.run.exit_code),
    "signal": ("integer", lambda one: one.run.signal),
    "stdout": ("bytea", lambda one: one.run.stdout[:KEPT_OUTPUT_BYTES]),
    "stderr": ("bytea", lambda one: one.run.stderr[:KEPT_OUTPUT_BYTES]),
    "stdout_bytes": ("bigint", lambda one: len(one.run.stdout)),
    "stderr_bytes": ("bigint", lambda one: len(one.run.stderr)),
    "starved_s": ("float8", lambda one: one.run.starved_s),
    "earlier": ("jsonb", lambda one: _earlier_run(one.run.earlier)),
    "case_digest": ("bytea", lambda one: case_digest(one.case)),
    "hint": ("text", lambda one: one.hint and one.hint.value),
    "reason": ("text", lambda one: one.reason),
    "group_name": ("text", lambda one: one.case.group),
    "role": ("text", lambda one: one.case.role.value),
    "step": ("text", lambda one: one.case.step.value),
    "ending": ("text", lambda one: one.run.ending.value),
    "run_key": ("text", lambda one: one.run_key),
    "may_be_judged_again": ("boolean", may_be_judged_again),
    "stdout_sha256": ("text", lambda one: _digest_if_cut(one.run.stdout)),
}
_INSERT_CASES: LiteralString = (
    "INSERT INTO submitter.case_results (attempt_id, "
    + ", ".join(_CASE_COLUMNS)
    + ") SELECT %s, * FROM unnest("
    + ", ".join([f"%s::{type_name}[]" for type_name, _ in _CASE_COLUMNS.values()])
    + ")"
)


class PostgresTurn:
    """A turn: the transaction that holds the submission's row."""

    def __init__(
        self,
        connection: Connection,
        submission_id: int,
        attempt_id: int,
        *,
        results_version: str | None,
        published_attempt: int | None,
        published_view: View | None,
        is_alone: bool,
        test_set: int | None,
        unknown_tokens: int,
        wants_notices: bool,
        tried: Tried,
        began_s: float,
    ) -> None:
        self.tried = tried
        self.results_version = results_version
        self.published_attempt = published_attempt
        self.published_view = published_view
        self.is_alone = is_alone
        self.test_set = test_set
        self._began_s = began_s  # on the monotonic clock
        self.unknown_tokens = unknown_tokens
        self._wants_notices = wants_notices
        self._connection = connection
        self._submission_id = submission_id
        self._attempt_id = attempt_id
        self.is_recorded = False

    def record(self, outcome: Outcome, *, published: bool, results_version: str | None = None) -> None:
        """
        See the port.

        Raises:
            RuntimeError: called twice in a turn (a fault of ours).
            CasesUnavailable: Postgres did not take it, or the attempt has an outcome from an earlier turn.
        """
        if self.is_recorded:
            raise RuntimeError("a turn records one outcome")
        self.is_recorded = True
        report, terms, shown = outcome.report, outcome.terms, outcome.shown
        environment, phases = (report.environment, report.phases) if report else (None, Phases())
        # In a pipeline: all of it is sent at once, and answered at its end.
        with our_errors(), self._connection.pipeline():
            self._connection.execute(
                "INSERT INTO submitter.results "
                "(attempt_id, state, reason, score, max_score, execution_time_s, published, late_s, penalty, "
                "score_before_penalty, shown_test, shown_grade, shown_score, shown_max_score, shown_whole, groups, "
                "image, isolation, fetch_s, wait_s, run_s, judge_s, publish_s, detail) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
                "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
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
                    environment.image if environment else None,
                    environment.isolation if environment else None,
                    phases.fetch_s,
                    phases.wait_s,
                    phases.run_s,
                    phases.judge_s,
                    time.monotonic() - self._began_s,
                    None if outcome.detail is None else storable(outcome.detail),
                ),
            )
            if report is not None:
                self._connection.execute(_INSERT_CASES, (self._attempt_id, *_columns_of(report.case_results)))
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


def _look_at_earlier(
    connection: Connection, submission_id: int, upload: str | None, message_id: str | None
) -> tuple[Cursor, Cursor]:
    """
    For the message, what came of attempts at the same upload; and who has it in hand.

    Leases that have run out are lost to the attempt that begins. Nobody else begins one at the submission meanwhile.
    """
    of_message = connection.execute(
        """
        SELECT count(*) FILTER (WHERE (SELECT r.published FROM submitter.results AS r WHERE r.attempt_id = a.id)),
               count(a.failure),
               (array_agg(a.failure ORDER BY a.number DESC) FILTER (WHERE a.failure IS NOT NULL))[1]
        FROM submitter.attempts AS a
        WHERE a.submission_id = %s AND a.upload IS NOT DISTINCT FROM %s AND a.message_id = %s
        """,
        (submission_id, upload, message_id),
    )
    # The leases as they were before this statement, which ends them all: should there be one that counts, it is undone.
    taken = connection.execute(
        """
        WITH ended AS (
            UPDATE submitter.attempts SET lease_expires_at = NULL
            WHERE submission_id = %s AND upload IS NOT DISTINCT FROM %s AND finished_at IS NULL
        )
        SELECT worker, extract(epoch FROM lease_expires_at - clock_timestamp())::float
        FROM submitter.attempts
        WHERE submission_id = %s AND upload IS NOT DISTINCT FROM %s
          AND finished_at IS NULL AND lease_expires_at > clock_timestamp()
        LIMIT 1
        """,
        (submission_id, upload, submission_id, upload),
    )
    return of_message, taken


def _refuse_if_needless(of_message: Cursor, taken: Cursor) -> None:
    """See the port's `begin_attempt`."""
    published, failures, last_failure = of_message.fetchone() or (0, 0, None)
    if published:
        raise AlreadyGraded("this message's submission was graded before")
    holder = taken.fetchone()
    if holder is not None:
        raise SubmissionBusy(f"{holder[0]} is grading this upload", free_in_s=max(0.0, holder[1]))
    if failures >= MOST_FAILURES:
        raise FailedTooOften(f"failed {failures} times, the last time with: {last_failure}")


def _columns_of(results: Sequence[CaseResult]) -> list[list[object]]:
    return [[value(one) for one in results] for _, value in _CASE_COLUMNS.values()]


def _digest_if_cut(output: bytes) -> str | None:
    return hashlib.sha256(output).hexdigest() if len(output) > KEPT_OUTPUT_BYTES else None


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
