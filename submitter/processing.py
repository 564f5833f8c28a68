"""
One submission, from its key to its published result.

How it works: metadata and program are fetched from the bucket, assignment and
cases from Postgres; the grader runs and judges; the result goes beside the
program. Publishing is done in the submission's *turn*: a lock in Postgres, so
that of two attempts, on whatever hosts, one looks and writes while the other
waits. In its turn an attempt looks whether what it graded is still the newest
upload, and publishes only then. Calls that need not wait for each other are
made beside each other, in threads of their own (`_beside`).
"""

import contextlib
import contextvars
import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Literal, TypeVar

import structlog

from submitter import crash
from submitter.errors import (
    AssignmentRefused,
    NewerUpload,
    NotBegun,
    NotThereYet,
    SubmissionRejected,
    SubmitterError,
    Unavailable,
)
from submitter.grading import Grader, check_language
from submitter.languages import languages
from submitter.lease import Lease
from submitter.model import Assignment, Metadata, SubmissionKey
from submitter.outcomes import AttemptStart, Outcome, StoredObject
from submitter.policy import Level, Policy, View
from submitter.ports import CaseStore, ResultStore, Turn
from submitter.protocol import MAX_METADATA_BYTES, parse_metadata
from submitter.results import encode_graded, encode_out, encode_rejected
from submitter.test_sets import program_digest

log = structlog.get_logger()

T = TypeVar("T")


@dataclasses.dataclass(slots=True)
class _Attempt:
    """What one attempt has found so far; filled as it goes, so that a rejection tells what was known by then."""

    metadata: Metadata
    metadata_version: str | None = None
    language: str = "python"
    upload: str | None = None  # the program's version
    handed_in_at: datetime | None = None  # the program, by the bucket's clock
    assignment: Assignment | None = None
    program_digest: str | None = None
    missing: str | None = None  # the key at which a file was looked for in vain

    @property
    def program_key(self) -> str:
        return self.metadata.key.program(languages()[self.language].extension)


class SubmissionProcessor:
    """Takes submissions through; safe to use from several threads. The daemon's threads and `process` share it."""

    def __init__(self, cases: CaseStore, results: ResultStore, grader: Grader, worker: str) -> None:
        """`worker` is who does it, for the history."""
        self._cases = cases
        self._results = results
        self._grader = grader
        self._worker = worker
        self._publisher = Publisher(cases, results)

    def process(self, key: SubmissionKey, lease: Lease, *, still_wait: bool = True, dry_run: bool = False) -> Outcome:
        """
        Grade a submission and publish the result, or the rejection.

        Args:
            lease: on the message that asks for it; it is made to cover the attempt, too.
            still_wait: a missing file may still come (NotThereYet); else the submission is rejected for it.
            dry_run: publish and record nothing.

        Raises:
            NewerUpload: what was graded is not the newest upload any more; kept in the history, not published.
            AlreadyGraded, FailedTooOften: nothing is to be done, or nothing more.
            LeaseLost: somebody else may be at it; nothing was published.
            Unavailable: worth another attempt; nothing was published.
        """
        attempt = _Attempt(Metadata(key, ()))
        outcome = None
        began_s = time.monotonic()
        try:
            assignment, program = self._fetch(key, attempt, still_wait)
            # Of a graded submission the program alone matters: its metadata may be the same in every upload.
            watched = {attempt.program_key: attempt.upload}
        except SubmissionRejected as exc:
            outcome = Outcome(reason=str(exc), detail=exc.detail)
            # A file that was missing stays None: if it is there by now, it came after us and deserves a grading.
            if attempt.missing != attempt.program_key:
                attempt.upload = attempt.upload or self._results.version(attempt.program_key)
            if attempt.missing != key.metadata:
                attempt.metadata_version = attempt.metadata_version or self._results.version(key.metadata)
            watched = {attempt.program_key: attempt.upload, key.metadata: attempt.metadata_version}
        fetch_s = time.monotonic() - began_s

        with contextlib.nullcontext() if dry_run else self._attempt(key, attempt, lease) as attempt_id:
            if outcome is None:
                try:
                    report = self._grader.grade(assignment, program.data, key.subid, lease.refuse_if_lost)
                    phases = dataclasses.replace(report.phases, fetch_s=fetch_s)
                    report = dataclasses.replace(report, phases=phases)
                    outcome = Outcome(report=report, terms=assignment.policy.on_points(attempt.handed_in_at))
                except SubmissionRejected as exc:
                    outcome = Outcome(reason=str(exc), detail=exc.detail)
            if attempt_id is not None:
                crash.reached("P9")
                lease.refuse_if_lost()
                lease.uncover()
                outcome = self._publisher.publish(
                    Publication(
                        key=key,
                        turn=functools.partial(self._cases.publish_turn, attempt_id),
                        policy=attempt.assignment.policy if attempt.assignment else Policy(),
                        watched=watched,
                        outcome=outcome,
                    )
                )
        _tell(outcome)
        return outcome

    # -- what comes in --------------------------------------------------------------------------------------------

    def _fetch(self, key: SubmissionKey, attempt: _Attempt, still_wait: bool) -> tuple[Assignment, StoredObject]:
        document = _beside(lambda: self._results.get(key.metadata, MAX_METADATA_BYTES))
        assignment, refusal, program_sought = None, None, None
        try:
            assignment = self._cases.load_assignment(key.ref)
        except AssignmentRefused as exc:
            refusal = exc  # told when it is known that there is a submission
        crash.reached("P5")
        if assignment is not None and assignment.language in languages():  # where the metadata must say the same
            extension, most_bytes = languages()[assignment.language].extension, assignment.limits.source_bytes
            program_key = key.program(extension)
            program_sought = _beside(lambda: self._results.get(program_key, most_bytes))
        stored = document.result()
        if stored is None:
            if still_wait:
                raise NotThereYet(f"no metadata at {key.metadata}")
            attempt.missing = key.metadata
            raise SubmissionRejected("The submission's metadata never arrived. Submit again.")
        attempt.metadata_version = stored.version
        crash.reached("P3")
        attempt.assignment = assignment
        metadata = attempt.metadata = parse_metadata(stored.data, key, languages())
        if metadata.unknown_fields:
            log.info("metadata_fields_unknown", fields=metadata.unknown_fields)

        if refusal is not None:
            raise SubmissionRejected(
                "The assignment's test cases are faulty, so nothing can be graded. Tell your instructor, "
                "then submit again.",
                detail=str(refusal),
            ) from refusal
        if assignment is None:
            raise SubmissionRejected(
                f"There is no assignment {key.ref.assignment} in {key.ref.event}. "
                "Check where you submitted, or tell your instructor."
            )
        try:
            check_language(assignment)
        except AssignmentRefused as exc:
            raise SubmissionRejected(
                f"The assignment asks for programs in {assignment.language}, which cannot be graded here. "
                "Tell your instructor, then submit again.",
                detail=str(exc),
            ) from exc
        attempt.language = metadata.language or assignment.language
        if attempt.language != assignment.language:
            raise SubmissionRejected(f"This assignment takes programs in {assignment.language} only.")
        assert program_sought is not None
        program = program_sought.result()
        if program is None:
            if still_wait:
                raise NotThereYet(f"no program at {attempt.program_key}")
            attempt.missing = attempt.program_key
            raise SubmissionRejected("Your program never arrived, only its description did. Submit again.")
        attempt.upload, attempt.handed_in_at = program.version, program.modified_at
        attempt.program_digest = program_digest(program.data)
        crash.reached("P4")
        return assignment, program

    @contextlib.contextmanager
    def _attempt(self, key: SubmissionKey, attempt: _Attempt, lease: Lease) -> Iterator[int]:
        """The attempt's id; if it ends without a result, that is noted, and others need not wait for its lease."""
        attempt_id = self._cases.begin_attempt(
            AttemptStart(
                key=key,
                tokens=attempt.metadata.tokens,
                language=attempt.language,
                upload=attempt.upload,
                worker=self._worker,
                receive_count=lease.receive_count,
                message_id=lease.message_id,
                lease_s=lease.timeout_s,
                handed_in_at=attempt.handed_in_at,
                assignment=attempt.assignment,
                program_digest=attempt.program_digest,
            )
        )
        lease.cover(attempt_id)
        try:
            crash.reached("P2")
            yield attempt_id
        except BaseException as exc:
            lease.uncover()
            with contextlib.suppress(Unavailable):
                self._cases.end_attempt(attempt_id, _own_failure(exc))
            raise


# -- what goes out ------------------------------------------------------------------------------------------------


class Publisher:
    """Publishes outcomes, each in its submission's turn. Safe to use from several threads."""

    def __init__(self, cases: CaseStore, results: ResultStore) -> None:
        self._cases = cases
        self._results = results

    def publish(self, sought: "Publication") -> Outcome:
        """
        Write over the result that Postgres says is there, if nothing newer was uploaded.

        If another lies there, its attempt was never recorded: it died, or its
        turn was lost, or ours was. So the turn is taken again, with the version
        seen before it; should that have changed once more, all is done again.

        Returns the outcome with what the policy let be shown of it.

        Raises:
            NewerUpload: something newer lies there; the outcome is in the history, not published.
        """
        published = self._take_turn(sought, lambda turn: turn.results_version)
        if published is None:
            seen = self._results.version(sought.key.results)
            published = self._take_turn(sought, lambda _: seen, is_last=True)
        crash.reached("P12")
        if not published:
            raise NewerUpload("a newer upload arrived meanwhile")
        return published

    def _take_turn(
        self, sought: "Publication", seen: Callable[[Turn], str | None], *, is_last: bool = False
    ) -> Outcome | Literal[False] | None:
        """
        What was published; False if there is a newer upload.

        None, and nothing recorded, if another result than the one `seen` lies there.
        """
        with sought.turn() as turn:
            if turn.unknown_tokens and sought.replaces is None:  # it was said when the program was graded
                log.warning("tokens_unknown", count=turn.unknown_tokens)
            outcome = sought.outcome
            if outcome.report is not None:
                outcome = dataclasses.replace(outcome, terms=sought.policy.on_view(outcome.terms, turn.tried))
            writes_out = not (sought.has_same_outputs and _shows_as_much(turn.published_view, outcome.terms.view))
            written = None
            if sought.replaces in {None, turn.published_attempt} and (
                # To take the place of one very result, it is enough that no newer one can lie there: a newer upload
                # of which nobody began an attempt yet has its result still to come, and writes it over ours.
                (sought.replaces is not None and turn.is_alone and not is_last)
                or all(self._results.version(name) == version for name, version in sought.watched.items())
            ):
                written = self._write(sought.key, outcome, seen(turn), turn.test_set, writes_out=writes_out)
                if written is None and not is_last:
                    return None
            turn.record(outcome, published=written is not None, results_version=written)
            return outcome if written is not None else False

    def _write(
        self, key: SubmissionKey, outcome: Outcome, seen: str | None, test_set: int | None, *, writes_out: bool
    ) -> str | None:
        """
        `.out` first, results.json last: a reader who sees the second has both.

        The second is written only over the version seen; returns the new one, or None. Should
        the turn's lock be lost on the way (Postgres restarts), a newer result stays.
        """
        if outcome.report is not None:
            out = encode_out(outcome.report, outcome.terms.view) if writes_out else b""
            results = encode_graded(key, outcome.report, outcome.terms, test_set=test_set)
        else:
            assert outcome.reason is not None
            out, results = b"", encode_rejected(key, outcome.reason)  # an empty .out, so that no older one remains
        if writes_out:
            self._results.put(key.out, out, "text/plain; charset=utf-8")
        crash.reached("P10")
        written = self._results.replace(key.results, results, "application/json", seen)
        crash.reached("P11")
        return written


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """
    What is to be published, and under which conditions.

    `turn` takes the submission's turn; `watched` are versions by key, which must
    still be those in the bucket, where another attempt may have written; `replaces`
    is the attempt whose result alone may be written over, None: any. `has_same_outputs`:
    what that one's `test` cases printed is the outcome's, too, so that `.out` is written
    only if it shows more or less.
    """

    key: SubmissionKey
    turn: Callable[[], contextlib.AbstractContextManager[Turn]]
    policy: Policy
    watched: Mapping[str, str | None]
    outcome: Outcome
    replaces: int | None = None
    has_same_outputs: bool = False


def _shows_as_much(before: View | None, now: View) -> bool:
    """Whether what `.out` holds is the same at both: outputs of `test` cases, or nothing."""
    return before is not None and before.test.shows(Level.DIFF) == now.test.shows(Level.DIFF)


def _beside(call: Callable[[], T]) -> "Future[T]":
    """
    Make a call in a thread of its own; `result()` waits for it, and raises what it raised.

    Not in a pool of concurrent.futures: the end of the process would wait for its threads, and so for a bucket that
    does not answer.
    """
    future: Future[T] = Future()

    def make() -> None:
        try:
            future.set_result(call())
        except Exception as exc:  # noqa: BLE001  (raised again, for whoever asks)
            future.set_exception(exc)

    context = contextvars.copy_context()  # what the log says of the submission
    try:
        threading.Thread(target=context.run, args=(make,), name="beside", daemon=True).start()
    except RuntimeError:  # no more threads on this machine
        make()
    return future


def _own_failure(exc: BaseException) -> str | None:
    """What may be the submission's own doing: not that something we need is away, nor that we stop."""
    if isinstance(exc, NotBegun) or not isinstance(exc, SubmitterError | KeyboardInterrupt | SystemExit):
        return f"{type(exc).__name__}: {exc}"
    return None


def _tell(outcome: Outcome) -> None:
    if outcome.report is None:
        if outcome.detail is not None:
            log.error("assignment_refused", reason=outcome.detail.partition("\n")[0])  # the rest may quote cases
        log.info("submission_rejected", reason=outcome.reason)
        return
    report = outcome.report
    log.info(
        "submission_graded",
        score=outcome.score,
        max_score=report.max_score,
        cases=len(report.case_results),
        execution_time_s=round(report.execution_time_s, 3),
    )
