"""
Accounts of submissions out of Postgres, for a course of any size.

How it works: the names are read first, then the accounts a batch at a time,
then, if they are asked for, the texts of one submission after the other, with
those of its assignment's cases, which are read once for all of its submissions.
Each is a transaction of its own, so that a reader who takes long over a page
keeps no connection. A result never changes once it is there: what belongs to
one attempt fits together whenever it is read. A case's text is known to be the
one that was graded by its digest.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from psycopg.rows import dict_row

from submitter.accounts import TEXT_CHARS, Account, AccountFilter, CaseAccount, CaseTexts, CaseUse, Student, Try
from submitter.adapters.postgres_connections import Connection, Connections, storable
from submitter.adapters.postgres_policy import case_digest, groups_from
from submitter.comparison import Comparison, Hint
from submitter.model import AssignmentRef, CaseKind, Step, SubmissionState, TestCase, Verdict
from submitter.outcomes import ShownPoints
from submitter.points import CaseRole
from submitter.policy import USUAL, Level, View

BATCH = 100  # accounts in memory at once, without their texts

_IDS = """
SELECT s.id
FROM submitter.submissions AS s
WHERE s.admin = coalesce(%(admin)s, s.admin) AND s.event = coalesce(%(event)s, s.event)
  AND s.assignment = coalesce(%(assignment)s, s.assignment) AND s.subid = coalesce(%(subid)s, s.subid)
  AND (%(student)s::text IS NULL OR EXISTS (
      SELECT FROM unnest(s.tokens) AS held (token)
      LEFT JOIN submitter.registrations AS reg ON reg.token = held.token
      WHERE held.token = lower(%(student)s) OR lower(reg.email) = lower(%(student)s)))
ORDER BY s.admin COLLATE "C", s.event COLLATE "C", s.assignment COLLATE "C", s.subid COLLATE "C"
"""

_ACCOUNTS = """
SELECT s.id, s.admin, s.event, s.assignment, s.subid, s.attempts, s.tokens, s.language,
       (SELECT a.comparison FROM submitter.assignments AS a
        WHERE (a.admin, a.event, a.name) = (s.admin, s.event, s.assignment)) AS comparison,
       ARRAY(SELECT reg.email
             FROM unnest(s.tokens) WITH ORDINALITY AS held (token, position)
             LEFT JOIN submitter.registrations AS reg ON reg.token = held.token
             ORDER BY held.position) AS emails,
       found.*
FROM submitter.submissions AS s
LEFT JOIN LATERAL (
    SELECT a.id AS attempt_id, a.number, a.worker, r.state, r.reason, r.score, r.max_score, r.execution_time_s,
           r.graded_at, r.late_s, r.penalty, r.shown_test, r.shown_grade,
           coalesce(r.shown_score, r.score) AS shown_score, coalesce(r.shown_max_score, r.max_score) AS shown_max_score,
           r.shown_whole, r.groups
    FROM submitter.attempts AS a
    JOIN submitter.results AS r ON r.attempt_id = a.id
    WHERE a.submission_id = s.id
      AND CASE WHEN %(best)s THEN NOT EXISTS (
              SELECT FROM submitter.attempts AS later
              JOIN submitter.results AS its ON its.attempt_id = later.id
              WHERE later.submission_id = s.id AND later.upload IS NOT DISTINCT FROM a.upload
                AND later.number > a.number)
          ELSE a.id = s.published_attempt END
    ORDER BY r.state = 'graded' DESC, r.score DESC, a.number DESC
    LIMIT 1
) AS found ON true
WHERE s.id = ANY(%(ids)s)
  AND coalesce(found.state, 'grading') = coalesce(%(state)s, found.state, 'grading')
  AND (%(since)s::timestamptz IS NULL OR found.graded_at >= %(since)s)
  AND (%(verdict)s::text IS NULL OR EXISTS (
      SELECT FROM submitter.case_results AS c
      WHERE c.attempt_id = found.attempt_id AND c.verdict = %(verdict)s))
"""

_CASES = """
SELECT attempt_id, kind, ordinal, verdict, points, max_points, cpu_time_s, wall_time_s, memory_bytes, exit_code, signal,
       hint, group_name, role, reason, step
FROM submitter.case_results
WHERE attempt_id = ANY(%s)
ORDER BY kind = 'grade', ordinal
"""

_TEXTS = """
SELECT kind, ordinal, case_digest, substr(stdout, 1, %(most)s) AS stdout, substr(stderr, 1, %(most)s) AS stderr,
       stdout_bytes, stderr_bytes
FROM submitter.case_results
WHERE attempt_id = %(attempt_id)s
"""

_CASE_TEXTS = """
SELECT t.kind, t.ordinal, t.input, t.expected
FROM submitter.test_cases AS t JOIN submitter.assignments AS a ON a.id = t.assignment_id
WHERE (a.admin, a.event, a.name) = (%s, %s, %s)
"""


class _CaseTexts:
    """The beginnings of an assignment's inputs and expected outputs, by the digests of the whole."""

    def __init__(self, connection: Connection, ref: AssignmentRef) -> None:
        self.ref = ref
        self._texts: dict[tuple[str, int, bytes], tuple[str, str]] = {}
        # A few at a time: all of them may be 64 MiB, and of each only the beginning is kept.
        with connection.cursor("case_texts") as cursor:
            cursor.itersize = 8
            cursor.execute(_CASE_TEXTS, (storable(ref.admin), storable(ref.event), storable(ref.assignment)))
            for kind, ordinal, given, expected in cursor:
                digest = case_digest(TestCase(CaseKind(kind), ordinal, given, expected))
                self._texts[kind, ordinal, digest] = (given[:TEXT_CHARS], expected[:TEXT_CHARS])

    def of(self, kind: str, ordinal: int, digest: bytes | None) -> tuple[str, str] | None:
        """Input and expected output; None if they are not those that were graded."""
        return None if digest is None else self._texts.get((kind, ordinal, bytes(digest)))


def list_accounts(connections: Connections, which: AccountFilter, *, with_texts: bool) -> Iterator[Account]:
    """See the port."""
    ref = which.ref
    names = {
        "admin": None if ref is None else storable(ref.admin),
        "event": None if ref is None else storable(ref.event),
        "assignment": None if ref is None else storable(ref.assignment),
        "subid": None if which.subid is None else storable(which.subid),
        "student": None if which.student is None else storable(which.student),
    }
    with connections.transaction() as connection:
        ids = [row[0] for row in connection.execute(_IDS, names)]
    of_cases = None
    for start in range(0, len(ids), BATCH):
        with connections.transaction() as connection:
            batch = _read_batch(connection, ids[start : start + BATCH], which)
        for attempt_id, account in batch:
            if with_texts and account.cases:
                with connections.transaction() as connection:
                    if of_cases is None or of_cases.ref != account.ref:
                        of_cases = _CaseTexts(connection, account.ref)
                    account = _with_texts(connection, attempt_id, account, of_cases)
            yield account  # outside of any transaction


def _read_batch(connection: Connection, ids: list[int], which: AccountFilter) -> list[tuple[int, Account]]:
    """Those of the submissions that are wanted, in their order, with their attempts' ids and without texts."""
    asked = {
        "ids": ids,
        "best": which.which is Try.BEST,
        "state": None if which.state is None else which.state.value,
        "since": which.since,
        "verdict": None if which.verdict is None else which.verdict.long_name,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = {row["id"]: row for row in cursor.execute(_ACCOUNTS, asked)}
        cases = defaultdict[int, list[CaseAccount]](list)
        for row in cursor.execute(_CASES, ([row["attempt_id"] for row in rows.values()],)):
            cases[row["attempt_id"]].append(_case_from(row))
    found = [rows[id_] for id_ in ids if id_ in rows]
    return [(row["attempt_id"], _account_from(row, tuple(cases[row["attempt_id"]]))) for row in found]


def _account_from(row: Mapping[str, Any], cases: tuple[CaseAccount, ...]) -> Account:
    state = SubmissionState(row["state"] or SubmissionState.GRADING)
    return Account(
        ref=AssignmentRef(row["admin"], row["event"], row["assignment"]),
        name=row["subid"],
        state=state,
        students=tuple(Student(token, email) for token, email in zip(row["tokens"], row["emails"], strict=True)),
        attempts=row["attempts"],
        number=row["number"],
        worker=row["worker"],
        graded_at=row["graded_at"],
        language=row["language"],
        comparison=None if row["comparison"] is None else Comparison.parse(row["comparison"]),
        late_s=row["late_s"],
        penalty=float(row["penalty"] or 0),
        score=float(row["score"] or 0),
        max_score=float(row["max_score"] or 0),
        view=View(Level(row["shown_test"] or USUAL.test), Level(row["shown_grade"] or USUAL.grade)),
        shown=ShownPoints(
            float(row["shown_score"] or 0), float(row["shown_max_score"] or 0), whole=row["shown_whole"] is not False
        ),
        execution_time_s=row["execution_time_s"] or 0.0,
        reason=row["reason"],
        cases=cases,
        groups=groups_from(row["groups"] or []),
    )


def _case_from(row: Mapping[str, Any]) -> CaseAccount:
    return CaseAccount(
        kind=CaseKind(row["kind"]),
        ordinal=row["ordinal"],
        verdict=Verdict.named(row["verdict"]),
        points=float(row["points"]),
        max_points=float(row["max_points"]),
        use=CaseUse(
            cpu_time_s=row["cpu_time_s"],
            wall_time_s=row["wall_time_s"],
            memory_bytes=row["memory_bytes"],
            exit_code=row["exit_code"],
            signal=row["signal"],
        ),
        group=row["group_name"],
        role=CaseRole(row["role"]),
        hint=row["hint"] and Hint(row["hint"]),
        reason=row["reason"],
        step=Step(row["step"]),
    )


def _with_texts(connection: Connection, attempt_id: int, account: Account, of_cases: _CaseTexts) -> Account:
    texts = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_TEXTS, {"attempt_id": attempt_id, "most": TEXT_CHARS}):
            kind, ordinal = row.pop("kind"), row.pop("ordinal")
            found = of_cases.of(kind, ordinal, row.pop("case_digest"))
            given, expected = found or (None, None)
            texts[kind, ordinal] = CaseTexts(input=given, expected=expected, is_changed=found is None, **row)
    cases = tuple(replace(case, texts=texts[case.kind.value, case.ordinal]) for case in account.cases)
    return replace(account, cases=cases)
