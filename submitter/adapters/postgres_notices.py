"""
Notices in Postgres: noted with the result, claimed by whoever sends them.

A claim is committed before the mail leaves, and lasts by the database's clock.
`tries` is its number: whoever settles a claim that has run out, and was taken
up anew, changes nothing.
"""

from collections.abc import Sequence

import psycopg
import structlog
from psycopg.rows import dict_row

from submitter.adapters.postgres_connections import Connection, Connections, storable
from submitter.model import TOLD_WITHIN_S, AssignmentRef, Notice, NoticeLine, NoticeState

log = structlog.get_logger()


def note_result(connection: Connection, attempt_id: int, submission_id: int) -> None:
    """
    Note who is to be told of a result: for the turn that publishes it, before it becomes the one that is shown.

    Nobody is, if the same was said of the same upload before. An address that is
    behind two of the tokens is written to once.

    All of it is behind a savepoint: a notice that cannot be noted, for want of a
    right for instance, is logged and costs nobody a grade.
    """
    try:
        with connection.transaction():
            _note(connection, attempt_id, submission_id)
    except psycopg.Error as exc:
        if connection.broken:
            raise  # and with it the whole turn
        log.error("notice_not_noted", reason=exc.diag.message_primary or type(exc).__name__)


def _note(connection: Connection, attempt_id: int, submission_id: int) -> None:
    connection.execute(
        """
        INSERT INTO submitter.notices (attempt_id, token)
        SELECT DISTINCT ON (lower(reg.email)) a.id, reg.token
        FROM submitter.submissions AS s
        JOIN submitter.attempts AS a ON a.id = %s
        JOIN submitter.results AS r ON r.attempt_id = a.id
        JOIN submitter.registrations AS reg ON reg.token = ANY(s.tokens)
        WHERE s.id = %s AND NOT EXISTS (
            SELECT FROM submitter.attempts AS shown JOIN submitter.results AS told ON told.attempt_id = shown.id
            WHERE shown.id = s.published_attempt AND shown.upload IS NOT DISTINCT FROM a.upload
              AND (told.state, coalesce(told.shown_score, told.score), coalesce(told.shown_max_score, told.max_score))
                = (r.state, coalesce(r.shown_score, r.score), coalesce(r.shown_max_score, r.max_score))
              AND told.reason IS NOT DISTINCT FROM r.reason)
        ORDER BY lower(reg.email), reg.token
        """,
        (attempt_id, submission_id),
    )


class PostgresNoticeStore:
    """The port NoticeStore; each call is one transaction."""

    def __init__(self, connections: Connections) -> None:
        self._transaction = connections.transaction

    def claim(self, lease_s: float) -> Notice | None:
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(
                "UPDATE submitter.notices SET state = 'unclear', problem = 'whoever was sending it ended meanwhile' "
                "WHERE state = 'sending' AND next_try_at <= clock_timestamp()"
            )
            cursor.execute(
                "UPDATE submitter.notices SET state = 'failed', problem = concat_ws(': ', 'not sent in time', problem) "
                "WHERE state = 'waiting' AND noted_at <= clock_timestamp() - %s * interval '1 second'",
                (TOLD_WITHIN_S,),
            )
            row = cursor.execute(
                """
                UPDATE submitter.notices AS n
                SET state = 'sending', tries = n.tries + 1,
                    next_try_at = clock_timestamp() + %s * interval '1 second'
                FROM submitter.attempts AS a
                JOIN submitter.submissions AS s ON s.id = a.submission_id
                JOIN submitter.results AS r ON r.attempt_id = a.id
                WHERE a.id = n.attempt_id AND (n.attempt_id, n.token) = (
                    SELECT attempt_id, token FROM submitter.notices
                    WHERE state = 'waiting' AND next_try_at <= clock_timestamp()
                    ORDER BY next_try_at, attempt_id, token
                    LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING n.attempt_id, n.token, n.tries, s.admin, s.event, s.assignment, s.subid,
                          r.state, coalesce(r.shown_score, r.score)::float AS score,
                          coalesce(r.shown_max_score, r.max_score)::float AS max_score, r.shown_whole AS whole,
                          r.reason, r.graded_at,
                          (SELECT email FROM submitter.registrations AS reg WHERE reg.token = n.token) AS email
                """,
                (lease_s,),
            ).fetchone()
        if row is None:
            return None
        return Notice(
            ref=AssignmentRef(row.pop("admin"), row.pop("event"), row.pop("assignment")),
            **row,
        )

    def settle(self, notice: Notice, state: NoticeState, problem: str | None = None, again_in_s: float = 0.0) -> None:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE submitter.notices SET state = %s, problem = %s, "
                "next_try_at = clock_timestamp() + %s * interval '1 second' "
                "WHERE attempt_id = %s AND token = %s AND tries = %s AND state IN ('sending', 'unclear')",
                (
                    state.value,
                    None if problem is None else storable(problem),
                    again_in_s,
                    notice.attempt_id,
                    notice.token,
                    notice.tries,
                ),
            )

    def unsent(self) -> Sequence[NoticeLine]:
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT admin, event, assignment, subid, email, state, tries, problem, noted_at "
                "FROM submitter.notice_list WHERE state <> 'sent'"
            ).fetchall()
        return [
            NoticeLine(AssignmentRef(admin, event, assignment), subid, email, NoticeState(state), *rest)
            for admin, event, assignment, subid, email, state, *rest in rows
        ]

    def retry(self) -> int:
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE submitter.notices "
                "SET state = 'waiting', noted_at = clock_timestamp(), next_try_at = clock_timestamp() "
                "WHERE state IN ('failed', 'unclear')"
            ).rowcount
