"""The CaseStore port in plain dicts, with the rules of Postgres: its row locks, its fences, its constraints."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import itemgetter

from submitter.accounts import Account, AccountFilter, CaseAccount, Student, Try, cases_of
from submitter.adapters.memory import FailsOnRequest
from submitter.adapters.memory_notices import MemoryNoticeStore
from submitter.adapters.memory_rejudging import MemoryRejudgeStore, Seen
from submitter.checkers import check_checker
from submitter.errors import (
    AlreadyGraded,
    AssignmentRefused,
    CasesUnavailable,
    FailedTooOften,
    LeaseLost,
    SubmissionBusy,
)
from submitter.model import (
    MAX_CASES_BYTES,
    Assignment,
    AssignmentRef,
    AssignmentSummary,
    CaseKind,
    Checker,
    SubmissionKey,
    SubmissionState,
    SubmissionSummary,
)
from submitter.outcomes import MOST_FAILURES, AttemptStart, GradeReport, Outcome, PublishedCase, PublishedResult
from submitter.policy import USUAL, Policy, Tried, View
from submitter.ports import Reshowing, Turn
from submitter.scoring import check_groups, max_score
from submitter.supplies import Supplies


@dataclass(slots=True)
class Attempt:
    """One attempt in a MemoryCaseStore's history; without an outcome it runs, was interrupted or failed."""

    attempt_id: int
    start: AttemptStart
    lease_expires_s: float | None  # by the store's clock; None: ended, or lost
    outcome: Outcome | None = None
    is_published: bool = False
    failure: str | None = None
    graded_at: datetime | None = None


@dataclass(slots=True)
class _MemoryTurn:
    store: FailsOnRequest
    results_version: str | None
    test_set: int | None
    published_attempt: int | None
    published_view: View | None
    is_alone: bool
    unknown_tokens: int
    tried: Tried
    noted: list[tuple[Outcome, bool, str | None]] = field(default_factory=list)

    def record(self, outcome: Outcome, *, published: bool, results_version: str | None = None) -> None:
        self.store._fail_if_told("record")
        if self.noted:
            raise RuntimeError("an attempt has one outcome, and it was recorded already")
        self.noted.append((outcome, published, results_version))


@dataclass(slots=True)
class _MemoryReshowing:
    result: PublishedResult
    results_version: str | None
    tried: Tried
    noted: list[tuple[Outcome, str]] = field(default_factory=list)

    def record(self, outcome: Outcome, results_version: str) -> None:
        self.noted.append((outcome, results_version))


class MemoryCaseStore(FailsOnRequest):
    """
    ports.CaseStore; tests look at `history`, where every attempt stays, in the order of beginning.

    `fail_next(..., method="record")` makes the recording of a turn fail; `claim`
    and `settle` are the calls of `notices`.

    Args:
        turn_wait_s: how long `publish_turn` waits for another attempt's turn to end.
        now: the present as an aware datetime, for an assignment's time of change.
        clock: monotonic seconds, by which leases end.
    """

    _calls_elsewhere = frozenset(
        {"record", "claim", "settle", "published", "kept_runs", "save_plan", "load_plan", "standing"}
    )

    def __init__(
        self,
        turn_wait_s: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._clock = clock
        self.history: list[Attempt] = []
        self.notices = MemoryNoticeStore(self._fail_if_told, clock, now, self.email_of)
        self.rejudging = MemoryRejudgeStore(self._fail_if_told, self._finished)
        self._shown: dict[tuple[AssignmentRef, str], Attempt] = {}
        self._turn_wait_s = turn_wait_s
        self._now = now
        self._assignments: dict[AssignmentRef, tuple[Assignment, datetime]] = {}
        self._emails: dict[str, str] = {}
        self._states: dict[tuple[AssignmentRef, str], SubmissionState] = {}
        self._results_versions: dict[tuple[AssignmentRef, str], str] = {}
        self._turns: dict[tuple[AssignmentRef, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def register(self, token: str, email: str) -> None:
        """Make a token known, as the front end does."""
        with self._lock:
            self._emails[token] = email

    def email_of(self, token: str) -> str | None:
        with self._lock:
            return self._emails.get(token)

    def load_assignment(self, ref: AssignmentRef) -> Assignment | None:
        self._fail_if_told("load_assignment")
        with self._lock:
            assignment, _ = self._assignments.get(ref, (None, None))
            return assignment

    def save_assignment(self, assignment: Assignment) -> None:
        self._fail_if_told("save_assignment")
        if assignment.cases_bytes > MAX_CASES_BYTES:
            raise AssignmentRefused(f"the cases of {assignment.ref} have {assignment.cases_bytes:,} bytes")
        check_groups(assignment.cases, assignment.groups)
        if assignment.checker is not None:
            check_checker(assignment.checker)
        kinds = list(CaseKind)  # `test` before `grade`, the order in which they run
        cases = sorted(assignment.cases, key=lambda case: (kinds.index(case.kind), case.ordinal))
        kept = replace(assignment, cases=tuple(cases))
        self.rejudging.number_of(kept)
        with self._lock:
            known, _ = self._assignments.get(assignment.ref, (None, None))
            published_at = known.policy.published_at if known else None  # which only `publish_feedback` changes
            policy = replace(assignment.policy, published_at=published_at)
            self._assignments[assignment.ref] = (replace(kept, policy=policy), self._now())

    def save_policy(self, ref: AssignmentRef, policy: Policy) -> bool:
        self._fail_if_told("save_policy")
        with self._lock:
            if ref not in self._assignments:
                return False
            known, _ = self._assignments[ref]
            policy = replace(policy, published_at=known.policy.published_at)
            self._assignments[ref] = (replace(known, policy=policy), self._now())
            return True

    def save_checker(self, ref: AssignmentRef, checker: Checker | None) -> bool:
        self._fail_if_told("save_checker")
        if checker is not None:
            check_checker(checker)
        with self._lock:
            if ref not in self._assignments:
                return False
            known, _ = self._assignments[ref]
            self._assignments[ref] = (replace(known, checker=checker), self._now())
            return True

    def save_supplies(self, ref: AssignmentRef, supplies: Supplies) -> bool:
        self._fail_if_told("save_supplies")
        with self._lock:
            if ref not in self._assignments:
                return False
            known, _ = self._assignments[ref]
            self._assignments[ref] = (replace(known, supplies=supplies), self._now())
            return True

    def publish_feedback(self, ref: AssignmentRef) -> bool:
        self._fail_if_told("publish_feedback")
        with self._lock:
            if ref not in self._assignments:
                return False
            known, updated_at = self._assignments[ref]
            policy = replace(known.policy, published_at=known.policy.published_at or self._now())
            self._assignments[ref] = (replace(known, policy=policy), updated_at)
            return True

    def list_assignments(self) -> Sequence[AssignmentSummary]:
        self._fail_if_told("list_assignments")
        with self._lock:
            saved = [self._assignments[ref] for ref in sorted(self._assignments)]
        return [_summary(assignment, updated_at) for assignment, updated_at in saved]

    def list_submissions(
        self, ref: AssignmentRef | None = None, state: SubmissionState | None = None
    ) -> Sequence[SubmissionSummary]:
        self._fail_if_told("list_submissions")
        with self._lock:
            return [
                SubmissionSummary(of, subid, found)
                for (of, subid), found in sorted(self._states.items())
                if ref in {None, of} and state in {None, found}
            ]

    def published_cases(self, ref: AssignmentRef) -> Sequence[Sequence[PublishedCase]]:
        self._fail_if_told("published_cases")
        with self._lock:
            shown = [
                attempt.outcome for (of, _), attempt in sorted(self._shown.items(), key=itemgetter(0)) if of == ref
            ]
        return [
            [
                PublishedCase(result.case.kind, result.case.ordinal, result.verdict, result.points)
                for result in outcome.report.case_results
            ]
            for outcome in shown
            if outcome and outcome.report and outcome.report.case_results
        ]

    def addresses(self, tokens: Collection[str]) -> Mapping[str, str]:
        self._fail_if_told("addresses")
        with self._lock:
            return {token: self._emails[token] for token in tokens if token in self._emails}

    def list_accounts(self, which: AccountFilter, *, with_texts: bool = False) -> Iterator[Account]:
        self._fail_if_told("list_accounts")
        with self._lock:
            submissions = sorted(key for key in self._states if which.ref in {None, key[0]})
        for ref, subid in submissions:
            account = self._account(ref, subid, which.which, with_texts)
            if _is_wanted(account, which):
                yield account

    def _account(self, ref: AssignmentRef, subid: str, which: Try, with_texts: bool) -> Account:
        with self._lock:
            attempts = [a for a in self.history if (a.start.key.ref, a.start.key.subid) == (ref, subid)]
            tokens = next((a.start.tokens for a in reversed(attempts) if a.start.tokens), ())
            students = tuple(Student(token, self._emails.get(token)) for token in tokens)
            shown = self._shown.get((ref, subid)) if which is Try.LAST else _best(attempts)
            assignment, _ = self._assignments.get(ref, (None, None))
        account = Account(
            ref=ref,
            name=subid,
            state=SubmissionState.GRADING,
            students=students,
            attempts=len(attempts),
            language=attempts[-1].start.language,
            comparison=assignment.comparison if assignment else None,
        )
        if shown is None or shown.outcome is None:
            return account
        report, terms = shown.outcome.report, shown.outcome.terms
        changed = _changed(report, assignment) if report else set()
        return replace(
            account,
            state=SubmissionState(shown.outcome.state),
            number=attempts.index(shown) + 1,
            worker=shown.start.worker,
            graded_at=shown.graded_at,
            late_s=terms.late_s,
            penalty=terms.penalty,
            score=shown.outcome.score,
            max_score=report.max_score if report else 0.0,
            execution_time_s=report.execution_time_s if report else 0.0,
            view=terms.view if report else USUAL,
            shown=shown.outcome.shown,
            reason=shown.outcome.reason,
            cases=tuple(_case(case, with_texts, case.name in changed) for case in cases_of(report)) if report else (),
            groups=report.groups if report else (),
        )

    def begin_attempt(self, start: AttemptStart) -> int:
        self._fail_if_told("begin_attempt")
        with self._turn_of(start.key), self._lock:
            self._refuse_if_needless(start)
            return self._note_begun(start).attempt_id

    def _refuse_if_needless(self, start: AttemptStart) -> None:
        of_upload = self._attempts_at(start)
        of_message = [a for a in of_upload if start.message_id is not None and a.start.message_id == start.message_id]
        if any(attempt.is_published for attempt in of_message):
            raise AlreadyGraded("this message's submission was graded before")
        now_s = self._clock()
        for attempt in of_upload:
            if attempt.lease_expires_s is not None and attempt.lease_expires_s > now_s:
                free_in_s = attempt.lease_expires_s - now_s
                raise SubmissionBusy(f"{attempt.start.worker} is grading this upload", free_in_s=free_in_s)
        failures = [attempt.failure for attempt in of_message if attempt.failure is not None]
        if len(failures) >= MOST_FAILURES:
            raise FailedTooOften(f"failed {len(failures)} times, the last time with: {failures[-1]}")

    def _note_begun(self, start: AttemptStart) -> Attempt:
        for attempt in self._attempts_at(start):
            attempt.lease_expires_s = None
        attempt = Attempt(len(self.history) + 1, start, self._clock() + start.lease_s)
        self.history.append(attempt)
        self._states.setdefault((start.key.ref, start.key.subid), SubmissionState.GRADING)
        return attempt

    def _attempts_at(self, start: AttemptStart) -> list[Attempt]:
        """At the same upload."""
        return [
            attempt
            for attempt in self.history
            if (attempt.start.key.ref, attempt.start.key.subid) == (start.key.ref, start.key.subid)
            and attempt.start.upload == start.upload
        ]

    def renew_lease(self, attempt_id: int, for_s: float) -> bool:
        self._fail_if_told("renew_lease")
        with self._lock:
            attempt = self.history[attempt_id - 1]
            if attempt.lease_expires_s is None:
                return False
            attempt.lease_expires_s = self._clock() + for_s
            return True

    def end_attempt(self, attempt_id: int, failure: str | None) -> None:
        self._fail_if_told("end_attempt")
        with self._lock:
            attempt = self.history[attempt_id - 1]
            if attempt.lease_expires_s is not None:
                attempt.lease_expires_s, attempt.failure = None, failure

    def check(self) -> None:
        self._fail_if_told("check")

    @contextmanager
    def publish_turn(self, attempt_id: int) -> Iterator[Turn]:
        self._fail_if_told("publish_turn")
        with self._lock:
            if not 1 <= attempt_id <= len(self.history):
                raise CasesUnavailable(f"there is no attempt {attempt_id}")
            attempt = self.history[attempt_id - 1]
        with self._turn_of(attempt.start.key):
            if attempt.lease_expires_s is None:
                raise LeaseLost(f"the attempt {attempt_id} may not publish any more")
            turn = self._turn(attempt.start, attempt)
            yield turn
            self._keep(attempt, turn)

    @contextmanager
    def rejudge_turn(self, start: AttemptStart) -> Iterator[Turn]:
        self._fail_if_told("rejudge_turn")
        with self._turn_of(start.key):
            with self._lock:
                self._refuse_if_needless(start)
            turn = self._turn(start)
            yield turn
            if turn.noted:
                with self._lock:
                    attempt = self._note_begun(start)
                self._keep(attempt, turn)

    def _turn(self, start: AttemptStart, own: Attempt | None = None) -> _MemoryTurn:
        key = start.key
        with self._lock:
            unknown_tokens = sum(token not in self._emails for token in start.tokens)
            tried = self._tried(start)
            shown_id = shown.attempt_id if (shown := self._shown.get((key.ref, key.subid))) else 0
            others = [one for one in self.history if _same(one.start.key, key) and one is not own]
            is_alone = all(one.outcome is not None and one.attempt_id <= shown_id for one in others)
        judged_by = start.assignment
        return _MemoryTurn(
            self,
            self._results_versions.get((key.ref, key.subid)),
            None if judged_by is None else self.rejudging.number_of(judged_by),
            None if shown is None else shown.attempt_id,
            None if shown is None or shown.outcome is None else shown.outcome.terms.view,
            is_alone,
            unknown_tokens,
            tried,
        )

    def _keep(self, attempt: Attempt, turn: _MemoryTurn) -> None:
        """Of a turn that ended without an exception."""
        key = attempt.start.key
        for outcome, published, version in turn.noted:
            attempt.outcome, attempt.is_published, attempt.lease_expires_s = outcome, published, None
            attempt.graded_at = self._now()
            if published:
                self._states[key.ref, key.subid] = SubmissionState(outcome.state)
                self._results_versions[key.ref, key.subid] = version or ""
                self._show(attempt, outcome)

    def _finished(self) -> list[Seen]:
        """For `rejudging`."""
        with self._lock:
            shown = {attempt.attempt_id for attempt in self._shown.values()}
            return [
                Seen(one.attempt_id, one.start, one.outcome, one.attempt_id in shown)
                for one in self.history
                if one.outcome is not None
            ]

    @contextmanager
    def reshow_turn(self, ref: AssignmentRef, subid: str) -> Iterator[Reshowing | None]:
        self._fail_if_told("reshow_turn")
        key = SubmissionKey(ref, subid)
        with self._turn_of(key):
            with self._lock:
                attempt = self._shown.get((ref, subid))
                outcome = attempt.outcome if attempt is not None else None
                turn = None
                if attempt is not None and outcome is not None and outcome.report is not None:
                    assignment, _ = self._assignments.get(ref, (None, None))
                    judged_by = attempt.start.assignment
                    number = None if judged_by is None else self.rejudging.number_of(judged_by)
                    result = replace(_published_result(outcome, assignment), test_set=number)
                    version, tried = self._results_versions.get((ref, subid)), self._tried(attempt.start)
                    turn = _MemoryReshowing(result, version, tried)
            yield turn
            for shown, version in turn.noted if turn is not None else ():
                assert attempt is not None
                assert outcome is not None
                attempt.outcome = replace(outcome, terms=shown.terms)
                self._results_versions[ref, subid] = version

    def _tried(self, start: AttemptStart) -> Tried:
        """To be called with the lock held."""
        first_at: dict[str | None, datetime] = {}
        for one in self.history:
            same = (one.start.key.ref, one.start.key.subid) == (start.key.ref, start.key.subid)
            if same and one.is_published and one.graded_at and one.outcome and one.outcome.report is not None:
                first_at[one.start.upload] = min(one.graded_at, first_at.get(one.start.upload, one.graded_at))
        own = first_at.pop(start.upload, None)
        return Tried(now=self._now(), first_at=own, others_at=tuple(first_at.values()))

    @contextmanager
    def _turn_of(self, key: SubmissionKey) -> Iterator[None]:
        """Nobody takes a lease over from whoever is publishing, however long that takes."""
        submission = (key.ref, key.subid)  # a key with a leading slash and one without mean the same
        with self._lock:
            lock = self._turns.setdefault(submission, threading.Lock())
        if not lock.acquire(timeout=self._turn_wait_s):
            raise CasesUnavailable(f"another attempt at {submission[1]} has held its turn for {self._turn_wait_s} s")
        try:
            yield
        finally:
            lock.release()

    def _show(self, attempt: Attempt, outcome: Outcome) -> None:
        """From now on it is the result that the student sees; tell them, unless they know."""
        key = attempt.start.key
        before = self._shown.get((key.ref, key.subid))
        self._shown[key.ref, key.subid] = attempt
        if key.ref not in self._assignments or not self._assignments[key.ref][0].notices:
            return
        if (
            before is not None
            and before.outcome is not None
            and before.start.upload == attempt.start.upload
            and _told(before.outcome) == _told(outcome)
        ):
            return
        with self._lock:
            # An upload whose metadata was broken names nobody; who handed it in before is still known.
            tokens = next(
                (
                    earlier.start.tokens
                    for earlier in reversed(self.history)
                    if (earlier.start.key.ref, earlier.start.key.subid) == (key.ref, key.subid) and earlier.start.tokens
                ),
                (),
            )
            by_address = {self._emails[token].lower(): token for token in tokens if token in self._emails}
        self.notices.note(attempt.attempt_id, key, outcome, sorted(by_address.values()))


def _same(one: SubmissionKey, other: SubmissionKey) -> bool:
    """With a leading slash or without."""
    return (one.ref, one.subid) == (other.ref, other.subid)


def _told(outcome: Outcome) -> tuple[object, ...]:
    """What a notice says of it."""
    return (outcome.reason, outcome.shown.score, outcome.shown.max_score)


def _published_result(outcome: Outcome, assignment: Assignment | None) -> PublishedResult:
    """What Postgres keeps of it: the cases as they are now."""
    assert outcome.report is not None
    changed = _changed(outcome.report, assignment)
    results = [
        replace(one, case=replace(one.case, input="", expected="")) if one.case.name in changed else one
        for one in outcome.report.case_results
    ]
    return PublishedResult(
        report=replace(outcome.report, case_results=tuple(results)),
        policy=assignment.policy if assignment else Policy(),
        terms=outcome.terms.of_points,
        view=outcome.terms.view,
        changed=frozenset(changed),
    )


def _changed(report: GradeReport, assignment: Assignment | None) -> set[str]:
    """The names of the cases that are gone since, or have another text."""
    texts = {case.name: (case.input, case.expected) for case in (assignment.cases if assignment else ())}
    graded = [one.case for one in report.case_results]
    return {case.name for case in graded if texts.get(case.name) != (case.input, case.expected)}


def _best(attempts: Sequence[Attempt]) -> Attempt | None:
    """Of each upload the newest result counts; of these the most points, and of equals the newest."""
    newest = {attempt.start.upload: attempt for attempt in attempts if attempt.outcome is not None}

    def rank(attempt: Attempt) -> tuple[bool, float, int]:
        outcome = attempt.outcome
        is_graded = outcome is not None and outcome.report is not None
        return (is_graded, outcome.score if outcome else 0.0, attempt.attempt_id)

    return max(newest.values(), key=rank, default=None)


def _case(case: CaseAccount, with_texts: bool, is_changed: bool) -> CaseAccount:
    if case.texts is None or not with_texts:
        return replace(case, texts=None)
    if not is_changed:
        return case
    return replace(case, texts=replace(case.texts, input=None, expected=None, is_changed=True))


def _is_wanted(account: Account, which: AccountFilter) -> bool:
    student = None if which.student is None else which.student.lower()
    names = {name for one in account.students for name in (one.token, (one.email or "").lower())}
    return (
        which.subid in {None, account.name}
        and which.state in {None, account.state}
        and (which.verdict is None or any(case.verdict is which.verdict for case in account.cases))
        and (student is None or student in names)
        and (which.since is None or (account.graded_at is not None and account.graded_at >= which.since))
    )


def _summary(assignment: Assignment, updated_at: datetime) -> AssignmentSummary:
    kinds = [case.kind for case in assignment.cases]
    return AssignmentSummary(
        ref=assignment.ref,
        language=assignment.language,
        input_mode=assignment.input_mode,
        test_cases=kinds.count(CaseKind.TEST),
        grade_cases=kinds.count(CaseKind.GRADE),
        points=max_score(assignment.cases),
        updated_at=updated_at,
        notices=assignment.notices,
    )


# -- the sandbox --------------------------------------------------------------------------------------------------
