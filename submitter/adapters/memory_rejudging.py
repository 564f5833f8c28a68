"""The port RejudgeStore in plain dicts; what it knows of attempts, the MemoryCaseStore tells it."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from submitter.model import Assignment, AssignmentRef
from submitter.outcomes import AttemptStart, CaseResult, Outcome
from submitter.runs import RunResult
from submitter.test_sets import (
    CaseLine,
    Content,
    Plan,
    ShownResult,
    Standing,
    content_of,
    digest_of,
    may_be_judged_again,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt with its outcome, as the MemoryCaseStore tells of it; `is_shown`: its student sees the result."""

    attempt_id: int
    start: AttemptStart
    outcome: Outcome
    is_shown: bool


class MemoryRejudgeStore:
    """
    See the port.

    Args:
        fail_if_told: called with each call's name first.
        finished: gives all attempts that have an outcome, in the order of their beginning.
    """

    def __init__(self, fail_if_told: Callable[[str], None], finished: Callable[[], Sequence[Seen]]) -> None:
        self._fail_if_told = fail_if_told
        self._finished = finished
        self._test_sets: dict[AssignmentRef, dict[str, tuple[int, Content]]] = {}
        self._plans: list[Plan] = []
        self._lock = threading.Lock()

    def note_test_set(self, assignment: Assignment) -> int:
        self._fail_if_told("note_test_set")
        return self.number_of(assignment)

    def number_of(self, assignment: Assignment) -> int:
        """As `note_test_set`, as a part of another call."""
        with self._lock:
            known = self._test_sets.setdefault(assignment.ref, {})
            return known.setdefault(digest_of(assignment), (len(known) + 1, content_of(assignment)))[0]

    def load_test_set(self, ref: AssignmentRef, number: int) -> Content | None:
        self._fail_if_told("load_test_set")
        with self._lock:
            return dict(self._test_sets.get(ref, {}).values()).get(number)

    def published(
        self, ref: AssignmentRef, most: int, after: str = "", among: Collection[str] | None = None
    ) -> Sequence[ShownResult]:
        self._fail_if_told("published")
        shown = [one for one in self._finished() if one.is_shown and one.start.key.ref == ref and one.outcome.report]
        shown.sort(key=lambda one: one.start.key.subid)
        wanted = [one for one in shown if among is None or one.start.key.subid in among]
        return [self._published(one) for one in wanted if one.start.key.subid > after][:most]

    def _published(self, one: Seen) -> ShownResult:
        report, start = one.outcome.report, one.start
        assert report is not None
        return ShownResult(
            key=start.key,
            has_key_form=True,
            attempt_id=one.attempt_id,
            upload=start.upload,
            tokens=start.tokens,
            language=start.language,
            program_digest=start.program_digest,
            environment=report.environment,
            test_set=None if start.assignment is None else self.number_of(start.assignment),
            terms=one.outcome.terms.of_points,
            score=one.outcome.score,
            max_score=report.max_score,
            cases=tuple(
                CaseLine(r.case.kind, r.case.ordinal, r.verdict, r.points, r.case.points, r.run_key)
                for r in report.case_results
            ),
        )

    def kept_runs(self, wanted: Mapping[int, Collection[str]]) -> Mapping[tuple[int, str], RunResult]:
        self._fail_if_told("kept_runs")
        own: dict[tuple[int, str], RunResult] = {}
        latest: dict[str, RunResult] = {}
        for one in self._finished():
            for result in one.outcome.report.case_results if one.outcome.report else ():
                if may_be_judged_again(result):
                    own[one.attempt_id, _key_of(result)] = latest[_key_of(result)] = result.run
        pairs = [(attempt_id, key) for attempt_id, keys in wanted.items() for key in keys]
        found = {pair: own.get(pair) or latest.get(pair[1]) for pair in pairs}
        return {pair: run for pair, run in found.items() if run is not None}

    def save_plan(self, plan: Plan) -> int:
        self._fail_if_told("save_plan")
        with self._lock:
            self._plans.append(plan)
            return len(self._plans)

    def load_plan(self, plan_id: int) -> Plan | None:
        self._fail_if_told("load_plan")
        with self._lock:
            return self._plans[plan_id - 1] if 1 <= plan_id <= len(self._plans) else None

    def standing(self, plan_id: int) -> Mapping[str, Standing]:
        self._fail_if_told("standing")
        with self._lock:
            plan = self._plans[plan_id - 1]
        shown = {one.start.key.subid: one for one in self._finished() if one.is_shown and one.start.key.ref == plan.ref}
        found = {}
        for item in plan.items:
            now = shown[item.subid]
            if now.attempt_id == item.attempt_id:
                found[item.subid] = Standing.OPEN
            else:
                found[item.subid] = Standing.DONE if now.start.plan_id == plan_id else Standing.NEWER
        return found


def _key_of(result: CaseResult) -> str:
    assert result.run_key is not None
    return result.run_key
