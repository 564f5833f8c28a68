"""
Assignments, cases, registrations, submissions and results in Postgres.

Each call is one transaction on a pooled connection (postgres_connections.py).
A turn keeps a connection, and so does each attempt that waits for one:
`pool_size` is at least the number of submissions graded at once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg.rows import dict_row

from submitter.accounts import Account, AccountFilter
from submitter.adapters import postgres_accounts, postgres_attempts, postgres_policy, postgres_supplies
from submitter.adapters.postgres_checkers import CHECKER, checker_from, save_checker
from submitter.adapters.postgres_connections import (
    LOCK_TIMEOUT_S,
    Connections,
    Refused,
    is_storable,
    numeric,
    only_value,
    storable,
)
from submitter.adapters.postgres_notices import PostgresNoticeStore
from submitter.adapters.postgres_rejudging import PostgresRejudgeStore, note_test_set
from submitter.checkers import check_checker
from submitter.errors import AssignmentRefused
from submitter.model import (
    MAX_CASES_BYTES,
    Assignment,
    AssignmentRef,
    AssignmentSummary,
    CaseKind,
    Checker,
    Comparison,
    InputMode,
    Limits,
    Step,
    SubmissionState,
    SubmissionSummary,
    TestCase,
    Verdict,
)
from submitter.outcomes import AttemptStart, PublishedCase
from submitter.points import CaseRole, Group, GroupRule, LimitOverrides
from submitter.policy import Policy
from submitter.scoring import check_groups, dependencies_first
from submitter.supplies import Supplies


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
        self._connections = Connections(database_url, pool_size, lock_timeout_s=lock_timeout_s)
        self._transaction = self._connections.transaction
        self.notices = PostgresNoticeStore(self._connections)
        self.rejudging = PostgresRejudgeStore(self._connections)

    def close(self) -> None:
        """Close the connections that are not in use, and the others when they come back. A second call does nothing."""
        self._connections.close()

    def check(self) -> None:
        with self._transaction():
            pass

    # -- assignments ----------------------------------------------------------------------------------------------

    def load_assignment(self, ref: AssignmentRef) -> Assignment | None:
        if not all(map(is_storable, (ref.admin, ref.event, ref.assignment))):
            return None
        # One statement, hence one snapshot: never settings of one moment and cases of another.
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                "SELECT "
                + postgres_policy.COLUMNS
                + ", "
                + postgres_supplies.columns("row_number() OVER (ORDER BY c.kind = 'grade', c.ordinal) = 1")
                + """,
                       a.language, a.input_mode, a.comparison, a.cpu_time_s, a.wall_time_s, a.memory_bytes,
                       a.output_bytes, a.file_bytes, a.processes, a.source_bytes, a.notices,
                """
                + CHECKER
                + """
                       c.kind, c.ordinal, c.input, c.expected, c.points, c.step, c.group_name, c.role,
                       c.cpu_time_s AS case_cpu_time_s, c.wall_time_s AS case_wall_time_s,
                       c.memory_bytes AS case_memory_bytes, c.output_bytes AS case_output_bytes,
                       c.file_bytes AS case_file_bytes, c.processes AS case_processes,
                       size.bytes AS cases_bytes,
                       (SELECT jsonb_agg(jsonb_build_array(g.name, g.rule, g.stops_early, g.depends_on)
                                         ORDER BY g.position, g.name)
                        FROM submitter.case_groups AS g WHERE g.assignment_id = a.id) AS groups
                FROM submitter.assignments AS a
                CROSS JOIN LATERAL (
                    SELECT coalesce(sum(octet_length(input)::bigint + octet_length(expected)), 0) AS bytes
                    FROM submitter.test_cases WHERE assignment_id = a.id
                ) AS size
                LEFT JOIN submitter.test_cases AS c ON c.assignment_id = a.id AND size.bytes <= %s
                WHERE a.admin = %s AND a.event = %s AND a.name = %s
                ORDER BY c.kind = 'grade', c.ordinal
                """,
                (MAX_CASES_BYTES, ref.admin, ref.event, ref.assignment),
            ).fetchall()
        if not rows:
            return None
        settings = rows[0]
        if settings["cases_bytes"] > MAX_CASES_BYTES:
            raise AssignmentRefused(_too_large(ref, int(settings["cases_bytes"])))
        return Assignment(
            ref=ref,
            cases=tuple(_case_from(row) for row in rows if row["kind"] is not None),
            groups=tuple(
                Group(name, GroupRule(rule), stops_early, tuple(depends_on))
                for name, rule, stops_early, depends_on in settings["groups"] or ()
            ),
            language=settings["language"],
            input_mode=InputMode(settings["input_mode"]),
            comparison=_comparison_from(ref, settings["comparison"]),
            checker=checker_from(settings["checker"]),
            limits=Limits(
                cpu_time_s=float(settings["cpu_time_s"]),
                wall_time_s=float(settings["wall_time_s"]),
                memory_bytes=settings["memory_bytes"],
                output_bytes=settings["output_bytes"],
                file_bytes=settings["file_bytes"],
                processes=settings["processes"],
                source_bytes=settings["source_bytes"],
            ),
            notices=settings["notices"],
            policy=postgres_policy.policy_from(settings),
            supplies=postgres_supplies.supplies_from(settings),
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
                        memory_bytes, output_bytes, file_bytes, processes, source_bytes, notices)
                    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                    ON CONFLICT (admin, event, name) DO UPDATE SET
                        language = excluded.language, input_mode = excluded.input_mode,
                        comparison = excluded.comparison, cpu_time_s = excluded.cpu_time_s,
                        wall_time_s = excluded.wall_time_s, memory_bytes = excluded.memory_bytes,
                        output_bytes = excluded.output_bytes, file_bytes = excluded.file_bytes,
                        processes = excluded.processes, source_bytes = excluded.source_bytes,
                        notices = excluded.notices, updated_at = now()
                    RETURNING id
                    """,
                    (
                        ref.admin,
                        ref.event,
                        ref.assignment,
                        assignment.language,
                        assignment.input_mode.value,
                        str(assignment.comparison),
                        numeric(limits.cpu_time_s),
                        numeric(limits.wall_time_s),
                        limits.memory_bytes,
                        limits.output_bytes,
                        limits.file_bytes,
                        limits.processes,
                        limits.source_bytes,
                        assignment.notices,
                    ),
                ).fetchone()
                assignment_id = only_value(found)
                save_checker(cursor, assignment_id, assignment.checker)
                postgres_policy.save_policy(connection, ref, assignment.policy)
                postgres_supplies.save_supplies(connection, ref, assignment.supplies)
                cursor.execute("DELETE FROM submitter.test_cases WHERE assignment_id = %s", (assignment_id,))
                cursor.execute("DELETE FROM submitter.case_groups WHERE assignment_id = %s", (assignment_id,))
                cursor.executemany(
                    "INSERT INTO submitter.case_groups (assignment_id, name, position, rule, stops_early, depends_on) "
                    "VALUES (%s, %s, %s, %s, %s, %s)",
                    [
                        (
                            assignment_id,
                            group.name,
                            assignment.groups.index(group) + 1,
                            group.rule.value,
                            group.stops_early,
                            list(group.depends_on),
                        )
                        for group in dependencies_first(assignment.groups)
                    ],
                )
                cursor.executemany(
                    "INSERT INTO submitter.test_cases (assignment_id, kind, ordinal, input, expected, points, "
                    "group_name, role, cpu_time_s, wall_time_s, memory_bytes, output_bytes, file_bytes, processes, "
                    "step) "
                    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    [(assignment_id, *_values_of(case)) for case in assignment.cases],
                )
                note_test_set(connection, assignment)
        except Refused as exc:
            raise AssignmentRefused(f"{ref} cannot be stored: {exc}") from exc

    def save_policy(self, ref: AssignmentRef, policy: Policy) -> bool:
        with self._transaction() as connection:
            return postgres_policy.save_policy(connection, ref, policy)

    def save_checker(self, ref: AssignmentRef, checker: Checker | None) -> bool:
        if checker is not None:
            check_checker(checker)
        with self._transaction() as connection, connection.cursor() as cursor:
            found = cursor.execute(
                "UPDATE submitter.assignments SET updated_at = now() WHERE admin = %s AND event = %s AND name = %s "
                "RETURNING id",
                tuple(map(storable, (ref.admin, ref.event, ref.assignment))),
            ).fetchone()
            if found is None:
                return False
            save_checker(cursor, only_value(found), checker)
            return True

    def save_supplies(self, ref: AssignmentRef, supplies: Supplies) -> bool:
        with self._transaction() as connection:
            return postgres_supplies.save_supplies(connection, ref, supplies)

    def publish_feedback(self, ref: AssignmentRef) -> bool:
        with self._transaction() as connection:
            return postgres_policy.publish_feedback(connection, ref)

    def list_assignments(self) -> Sequence[AssignmentSummary]:
        with self._transaction() as connection:
            # COLLATE: by code point, as Python sorts, whatever the database's language is.
            rows = connection.execute(
                """
                SELECT a.admin, a.event, a.name, a.language, a.input_mode,
                       count(*) FILTER (WHERE c.kind = 'test'), count(*) FILTER (WHERE c.kind = 'grade'),
                       coalesce(sum(c.points) FILTER (WHERE c.role = 'regular'), 0), a.updated_at, a.notices
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
                notices=notices,
            )
            for admin, event, name, language, input_mode, test_cases, grade_cases, points, updated_at, notices in rows
        ]

    def list_submissions(
        self, ref: AssignmentRef | None = None, state: SubmissionState | None = None
    ) -> Sequence[SubmissionSummary]:
        names = (None, None, None) if ref is None else tuple(map(storable, (ref.admin, ref.event, ref.assignment)))
        with self._transaction() as connection:
            rows = connection.execute(
                """
                SELECT admin, event, assignment, subid, state
                FROM submitter.submissions
                WHERE admin = coalesce(%s, admin) AND event = coalesce(%s, event)
                  AND assignment = coalesce(%s, assignment) AND state = coalesce(%s, state)
                ORDER BY admin COLLATE "C", event COLLATE "C", assignment COLLATE "C", subid COLLATE "C"
                """,
                (*names, None if state is None else state.value),
            ).fetchall()
        return [
            SubmissionSummary(AssignmentRef(admin, event, assignment), subid, SubmissionState(found))
            for admin, event, assignment, subid, found in rows
        ]

    def published_cases(self, ref: AssignmentRef) -> Sequence[Sequence[PublishedCase]]:
        with self._transaction() as connection:
            rows = connection.execute(
                """
                SELECT s.id, c.kind, c.ordinal, c.verdict, c.points
                FROM submitter.submissions AS s
                JOIN submitter.case_results AS c ON c.attempt_id = s.published_attempt
                WHERE s.admin = %s AND s.event = %s AND s.assignment = %s
                ORDER BY s.subid COLLATE "C", c.kind = 'grade', c.ordinal
                """,
                tuple(map(storable, (ref.admin, ref.event, ref.assignment))),
            ).fetchall()
        return [
            [
                PublishedCase(CaseKind(kind), ordinal, Verdict.named(verdict), float(points))
                for _, kind, ordinal, verdict, points in of_one
            ]
            for _, of_one in groupby(rows, key=itemgetter(0))
        ]

    def addresses(self, tokens: Collection[str]) -> Mapping[str, str]:
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT token, email FROM submitter.registrations WHERE token = ANY(%s)", (list(tokens),)
            ).fetchall()
        return dict(rows)

    def list_accounts(self, which: AccountFilter, *, with_texts: bool = False) -> Iterator[Account]:
        return postgres_accounts.list_accounts(self._connections, which, with_texts=with_texts)

    # -- attempts -------------------------------------------------------------------------------------------------

    def begin_attempt(self, start: AttemptStart) -> int:
        with self._transaction() as connection:
            return postgres_attempts.begin_attempt(connection, start)

    def renew_lease(self, attempt_id: int, for_s: float) -> bool:
        with self._transaction() as connection:
            return postgres_attempts.renew_lease(connection, attempt_id, for_s)

    def end_attempt(self, attempt_id: int, failure: str | None) -> None:
        with self._transaction() as connection:
            postgres_attempts.end_attempt(connection, attempt_id, failure)

    @contextmanager
    def publish_turn(self, attempt_id: int) -> Iterator[postgres_attempts.PostgresTurn]:
        with self._transaction() as connection, postgres_attempts.take_turn(connection, attempt_id) as turn:
            yield turn

    @contextmanager
    def rejudge_turn(self, start: AttemptStart) -> Iterator[postgres_attempts.PostgresTurn]:
        with self._transaction() as connection:
            attempt_id = postgres_attempts.begin_attempt(connection, start)
            with postgres_attempts.take_turn(connection, attempt_id) as turn:
                yield turn
            if not turn.is_recorded:
                connection.rollback()

    @contextmanager
    def reshow_turn(self, ref: AssignmentRef, subid: str) -> Iterator[postgres_policy.PostgresReshowing | None]:
        with self._transaction() as connection, postgres_policy.reshow_turn(connection, ref, subid) as turn:
            yield turn


def _case_from(row: Mapping[str, Any]) -> TestCase:
    cpu_time_s, wall_time_s = row["case_cpu_time_s"], row["case_wall_time_s"]
    return TestCase(
        CaseKind(row["kind"]),
        row["ordinal"],
        row["input"],
        row["expected"],
        float(row["points"]),
        group=row["group_name"],
        role=CaseRole(row["role"]),
        limits=LimitOverrides(
            cpu_time_s=None if cpu_time_s is None else float(cpu_time_s),
            wall_time_s=None if wall_time_s is None else float(wall_time_s),
            memory_bytes=row["case_memory_bytes"],
            output_bytes=row["case_output_bytes"],
            file_bytes=row["case_file_bytes"],
            processes=row["case_processes"],
        ),
        step=Step(row["step"]),
    )


def _values_of(case: TestCase) -> tuple[object, ...]:
    """Of the row of a case, all but its assignment."""
    limits = case.limits
    return (
        case.kind.value,
        case.ordinal,
        case.input,
        case.expected,
        numeric(case.points),
        case.group,
        case.role.value,
        None if limits.cpu_time_s is None else numeric(limits.cpu_time_s),
        None if limits.wall_time_s is None else numeric(limits.wall_time_s),
        limits.memory_bytes,
        limits.output_bytes,
        limits.file_bytes,
        limits.processes,
        case.step.value,
    )


def _comparison_from(ref: AssignmentRef, text: str) -> Comparison:
    try:
        return Comparison.parse(text)
    except ValueError as exc:  # only where the table's constraint was taken away
        raise AssignmentRefused(f"{ref}: {exc}") from exc


def _too_large(ref: AssignmentRef, cases_bytes: int) -> str:
    """The refusal, for an admin."""
    return (
        f"the cases of {ref} have {cases_bytes:,} bytes; at most {MAX_CASES_BYTES:,} can be graded: "
        "replace them by smaller ones (SELECT submitter.replace_cases(…)), or make several assignments of it"
    )


def _refuse_what_postgres_cannot_hold(assignment: Assignment) -> None:
    ref = assignment.ref
    if assignment.cases_bytes > MAX_CASES_BYTES:
        raise AssignmentRefused(_too_large(ref, assignment.cases_bytes))
    check_groups(assignment.cases, assignment.groups)
    if assignment.checker is not None:
        check_checker(assignment.checker)
    texts = [("its name", name) for name in (ref.admin, ref.event, ref.assignment)]
    texts.append(("its language", assignment.language))
    texts += [("the name of a group", group.name) for group in assignment.groups]
    for case in assignment.cases:
        texts += [(f"the input of {case.name}", case.input), (f"the expected output of {case.name}", case.expected)]
    for what, text in texts:
        if not is_storable(text):
            raise AssignmentRefused(f"{what} holds a character that cannot be stored (U+0000 or half a surrogate pair)")
