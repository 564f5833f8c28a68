"""The port RejudgeStore on Postgres: test sets by content, runs that were kept, plans."""

import json
from collections.abc import Collection, Mapping, Sequence

from psycopg.rows import dict_row

from submitter.adapters.postgres_connections import Connection, Connections, numeric, storable
from submitter.errors import CasesUnavailable
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, Verdict
from submitter.policy import Terms
from submitter.runs import Environment, RunResult
from submitter.test_sets import (
    CaseLine,
    Change,
    Content,
    Plan,
    PlanItem,
    ShownResult,
    Standing,
    content_of,
    digest_of,
)


def note_test_set(connection: Connection, assignment: Assignment) -> tuple[int, int]:
    """The id and number of this version of a test set, made if it is new; part of whatever transaction this is."""
    ref = assignment.ref
    named = (storable(ref.admin), storable(ref.event), storable(ref.assignment), digest_of(assignment))
    look = "SELECT id, number FROM submitter.test_sets WHERE (admin, event, assignment, digest) = (%s, %s, %s, %s)"
    found = connection.execute(look, named).fetchone()
    if found is None:
        # Of two who find it new at once, the second waits for the first's commit, and then finds it.
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('submitter.test_sets ' || %s, 0))", (str(ref),)
        )
        found = connection.execute(look, named).fetchone()
    if found is None:
        found = connection.execute(
            "INSERT INTO submitter.test_sets (admin, event, assignment, digest, content, number) "
            "SELECT %s, %s, %s, %s, %s::jsonb, coalesce(max(number), 0) + 1 FROM submitter.test_sets "
            "WHERE (admin, event, assignment) = (%s, %s, %s) RETURNING id, number",
            (*named, json.dumps(content_of(assignment)), *named[:3]),
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


class PostgresRejudgeStore:
    """See the port; each call is one transaction."""

    def __init__(self, connections: Connections) -> None:
        self._transaction = connections.transaction

    def note_test_set(self, assignment: Assignment) -> int:
        with self._transaction() as connection:
            return note_test_set(connection, assignment)[1]

    def load_test_set(self, ref: AssignmentRef, number: int) -> Content | None:
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT content FROM submitter.test_sets WHERE (admin, event, assignment, number) = (%s, %s, %s, %s)",
                (storable(ref.admin), storable(ref.event), storable(ref.assignment), number),
            ).fetchone()
        return None if found is None else found[0]

    def published(
        self, ref: AssignmentRef, most: int, after: str = "", among: Collection[str] | None = None
    ) -> Sequence[ShownResult]:
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT s.subid, s.tokens, s.language, a.id, a.upload, a.program_sha256, a.has_leading_slash,
                       a.handed_in_at, r.late_s, r.penalty,
                       t.number AS test_set, r.image, r.isolation, r.score, r.max_score,
                       (SELECT json_agg(json_build_array(c.kind, c.ordinal, c.verdict, c.points, c.max_points,
                                                         c.run_key)
                                        ORDER BY c.kind = 'grade', c.ordinal)
                        FROM submitter.case_results AS c WHERE c.attempt_id = a.id) AS cases
                FROM submitter.submissions AS s
                JOIN submitter.attempts AS a ON a.id = s.published_attempt
                JOIN submitter.results AS r ON r.attempt_id = a.id
                LEFT JOIN submitter.test_sets AS t ON t.id = a.test_set_id
                WHERE (s.admin, s.event, s.assignment) = (%s, %s, %s) AND s.state = 'graded'
                  AND s.subid COLLATE "C" > %s AND s.subid = ANY(coalesce(%s::text[], ARRAY[s.subid]))
                ORDER BY s.subid COLLATE "C"
                LIMIT %s
                """,
                (
                    *(storable(name) for name in (ref.admin, ref.event, ref.assignment)),
                    after,
                    None if among is None else list(among),
                    most,
                ),
            ).fetchall()
        return [
            ShownResult(
                key=SubmissionKey(ref, row["subid"], leading_slash=bool(row["has_leading_slash"])),
                has_key_form=row["has_leading_slash"] is not None,
                attempt_id=row["id"],
                upload=row["upload"],
                tokens=tuple(row["tokens"]),
                language=row["language"],
                program_digest=row["program_sha256"],
                environment=_environment(row["image"], row["isolation"]),
                test_set=row["test_set"],
                terms=Terms(handed_in_at=row["handed_in_at"], late_s=row["late_s"], penalty=float(row["penalty"])),
                score=float(row["score"]),
                max_score=float(row["max_score"]),
                cases=tuple(
                    CaseLine(CaseKind(kind), ordinal, Verdict.named(verdict), float(points), float(max_points), run_key)
                    for kind, ordinal, verdict, points, max_points, run_key in row["cases"] or ()
                ),
            )
            for row in rows
        ]

    def kept_runs(self, wanted: Mapping[int, Collection[str]]) -> Mapping[tuple[int, str], RunResult]:
        pairs = [(attempt_id, key) for attempt_id, keys in wanted.items() for key in keys]
        if not pairs:
            return {}
        columns = (
            "c.run_key, c.ending, c.exit_code, c.signal, c.stdout, c.stderr, c.cpu_time_s, c.wall_time_s, "
            "c.memory_bytes, c.starved_s"
        )
        with self._transaction() as connection:
            own = connection.execute(
                f"SELECT c.attempt_id, {columns} FROM submitter.case_results AS c "
                "WHERE c.attempt_id = ANY(%s) AND c.may_be_judged_again",
                (list(wanted),),
                binary=True,  # outputs as they are, not as hexadecimal digits
            ).fetchall()
            runs = {(int(attempt_id), key): _run_from(*rest) for attempt_id, key, *rest in own}
            missing = {key for attempt_id, key in pairs if (attempt_id, key) not in runs}
            others = connection.execute(
                f"SELECT DISTINCT ON (c.run_key) {columns} FROM submitter.case_results AS c "
                "WHERE c.run_key = ANY(%s) AND c.may_be_judged_again ORDER BY c.run_key, c.attempt_id DESC",
                (sorted(missing),),
                binary=True,
            ).fetchall()
        latest = {key: _run_from(*rest) for key, *rest in others}
        found = {pair: runs.get(pair) or latest.get(pair[1]) for pair in pairs}
        return {pair: run for pair, run in found.items() if run is not None}

    def save_plan(self, plan: Plan) -> int:
        ref = plan.ref
        with self._transaction() as connection, connection.cursor() as cursor:
            made = cursor.execute(
                "INSERT INTO submitter.rejudge_plans (test_set_id, unchanged) "
                "SELECT id, %s FROM submitter.test_sets "
                "WHERE (admin, event, assignment, digest) = (%s, %s, %s, %s) RETURNING id",
                (plan.unchanged, ref.admin, ref.event, ref.assignment, plan.digest),
            ).fetchone()
            if made is None:
                raise CasesUnavailable(f"the test set {plan.test_set} of {ref} is gone: make the plan again")
            with cursor.copy(
                "COPY submitter.rejudge_items (plan_id, subid, attempt_id, change, old_score, old_max, new_score, "
                "new_max, to_run, reasons) FROM STDIN"
            ) as copy:
                for item in plan.items:
                    copy.write_row(
                        (
                            made[0],
                            item.subid,
                            item.attempt_id,
                            item.change.value,
                            numeric(item.old_score),
                            numeric(item.old_max),
                            None if item.new_score is None else numeric(item.new_score),
                            None if item.new_max is None else numeric(item.new_max),
                            item.to_run,
                            [storable(reason) for reason in item.reasons],
                        )
                    )
        return int(made[0])

    def load_plan(self, plan_id: int) -> Plan | None:
        with self._transaction() as connection:
            head = connection.execute(
                "SELECT t.admin, t.event, t.assignment, t.number, t.digest, p.unchanged "
                "FROM submitter.rejudge_plans AS p JOIN submitter.test_sets AS t ON t.id = p.test_set_id "
                "WHERE p.id = %s",
                (plan_id,),
            ).fetchone()
            rows = connection.execute(
                "SELECT subid, attempt_id, change, old_score, old_max, new_score, new_max, to_run, reasons "
                'FROM submitter.rejudge_items WHERE plan_id = %s ORDER BY subid COLLATE "C"',
                (plan_id,),
            ).fetchall()
        if head is None:
            return None
        admin, event, assignment, number, digest, unchanged = head
        return Plan(
            ref=AssignmentRef(admin, event, assignment),
            test_set=number,
            digest=digest,
            unchanged=unchanged,
            items=tuple(
                PlanItem(
                    subid=subid,
                    attempt_id=attempt_id,
                    change=Change(change),
                    old_score=float(old_score),
                    old_max=float(old_max),
                    new_score=None if new_score is None else float(new_score),
                    new_max=None if new_max is None else float(new_max),
                    to_run=to_run,
                    reasons=tuple(reasons),
                )
                for subid, attempt_id, change, old_score, old_max, new_score, new_max, to_run, reasons in rows
            ),
        )

    def standing(self, plan_id: int) -> Mapping[str, Standing]:
        with self._transaction() as connection:
            rows = connection.execute(
                """
                SELECT i.subid, CASE WHEN s.published_attempt = i.attempt_id THEN 'open'
                                     WHEN shown.plan_id = i.plan_id THEN 'done' ELSE 'newer' END
                FROM submitter.rejudge_items AS i
                JOIN submitter.rejudge_plans AS p ON p.id = i.plan_id
                JOIN submitter.test_sets AS t ON t.id = p.test_set_id
                LEFT JOIN submitter.submissions AS s
                  ON (s.admin, s.event, s.assignment, s.subid) = (t.admin, t.event, t.assignment, i.subid)
                LEFT JOIN submitter.attempts AS shown ON shown.id = s.published_attempt
                WHERE i.plan_id = %s
                """,
                (plan_id,),
            ).fetchall()
        return {subid: Standing(standing) for subid, standing in rows}


def _environment(image: str | None, isolation: str | None) -> Environment | None:
    return None if image is None or isolation is None else Environment(image=image, isolation=isolation)


def _run_from(
    ending: str,
    exit_code: int | None,
    signal: int | None,
    stdout: bytes,
    stderr: bytes,
    cpu_time_s: float,
    wall_time_s: float,
    memory_bytes: int,
    starved_s: float,
) -> RunResult:
    return RunResult(
        ending=Ending(ending),
        exit_code=exit_code,
        signal=signal,
        stdout=bytes(stdout),
        stderr=bytes(stderr),
        cpu_time_s=cpu_time_s,
        wall_time_s=wall_time_s,
        memory_bytes=memory_bytes,
        starved_s=starved_s,
    )
