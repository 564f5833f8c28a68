"""
The ports: what Submitter needs of the world, in its own words.

Adapters turn a client library's exceptions into ours and decide nothing.
Every call is bounded in time by its adapter.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from submitter.accounts import Account, AccountFilter
from submitter.model import (
    Assignment,
    AssignmentRef,
    AssignmentSummary,
    Checker,
    Notice,
    NoticeLine,
    NoticeState,
    SubmissionState,
    SubmissionSummary,
)
from submitter.outcomes import AttemptStart, Outcome, PublishedCase, PublishedResult, StoredObject
from submitter.policy import Policy, Tried, View
from submitter.runs import Environment, Exchange, Job, RunResult
from submitter.supplies import Supplies
from submitter.test_sets import Content, Plan, ShownResult, Standing


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message. The body is still raw: whoever takes it parses it, and answers for bad ones."""

    body: str = field(repr=False)
    message_id: str
    receipt_handle: str = field(repr=False)
    receive_count: int = 1


class SubmissionQueue(Protocol):
    """
    Messages that name submissions. All methods raise QueueUnavailable.

    A receipt handle that is no longer valid is not an error of `delete` or
    `give_back`: the message is somebody else's by then.
    """

    def receive(self, wait_s: int) -> Delivery | None:
        """Wait up to `wait_s` seconds (0 to 20) for one message; None if none came."""
        ...

    def delete(self, delivery: Delivery) -> None:
        """Done with: it never comes back. A second call does nothing."""
        ...

    def give_back(self, delivery: Delivery, delay_s: int) -> None:
        """Let it be delivered again, to anyone, after `delay_s` seconds (0: at once)."""
        ...

    def keep(self, delivery: Delivery, for_s: int) -> bool:
        """Hide it from others for `for_s` seconds from now. False: the receipt handle is no longer valid."""
        ...

    def move_aside(self, delivery: Delivery, reason: str) -> None:
        """To the dead-letter queue with `reason` as its attribute, then delete. A second call may leave a copy."""
        ...

    def send(self, body: str, group: str | None = None) -> None:
        """Put a message on the queue; `group` is whose it is (protocol.message_group), for a fair order."""
        ...

    def waiting(self) -> int:
        """About how many messages could be received now."""
        ...

    def check(self) -> None:
        """Nothing, if the queue is there and answers."""
        ...


class ResultStore(Protocol):
    """The bucket: programs and metadata in, results out. All methods raise StoreUnavailable."""

    def get(self, key: str, max_bytes: int) -> StoredObject | None:
        """
        The whole object, or None if there is none.

        Raises:
            SubmissionRejected: it is larger than `max_bytes`; nothing was read.
        """
        ...

    def version(self, key: str) -> str | None:
        """The version `get` would give now, without the data; None if there is no object."""
        ...

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write the object whole, over any that was there."""
        ...

    def replace(self, key: str, data: bytes, content_type: str, seen: str | None) -> str | None:
        """
        Write the object whole, only if it is still the version `seen` (None: only if there is none).

        Args:
            seen: from `version`, or from the `replace` that wrote it.

        Returns:
            What to name it by in the next `replace`; None if it was not written.
        """
        ...

    def check(self) -> None:
        """Nothing, if the bucket is there and answers."""
        ...


class Turn(Protocol):
    """The right to publish one submission's result; held by at most one attempt, on any host."""

    results_version: str | None
    """Of the results.json that lies there, as the last turn that published told; None if nothing was published yet."""

    test_set: int | None
    """The number of the test set that the attempt is judged by, where that is known."""

    published_attempt: int | None
    """Whose result the student sees now."""

    published_view: View | None
    """How much of that one the student was last shown; None if that is not known."""

    is_alone: bool
    """
    Whether no other attempt can have written to the bucket what is not known here.

    None began after the one whose result the student sees, and every one before that has its outcome.
    """

    unknown_tokens: int
    """How many of the submission's tokens nobody registered."""

    tried: Tried
    """When its uploads were published; what a try is must not change until the turn ends."""

    def record(self, outcome: Outcome, *, published: bool, results_version: str | None = None) -> None:
        """
        Note the attempt's outcome; kept when the turn ends without an exception. To be called once.

        Args:
            results_version: for the next turn, of what was published.

        With a published outcome goes a notice for each student to be told of it,
        if the assignment asks for notices and the same was not said of the same
        upload before. Should that fail, the outcome is kept without.
        """
        ...


class Reshowing(Protocol):
    """The right to show a published result anew, as `Turn` is the right to publish one."""

    result: PublishedResult
    results_version: str | None
    tried: Tried

    def record(self, outcome: Outcome, results_version: str) -> None:
        """Note what is shown now; the result itself stays. Kept when the turn ends without an exception."""
        ...


class NoticeStore(Protocol):
    """What students are yet to be told of; written by Turn.record. All methods raise CasesUnavailable."""

    def claim(self, lease_s: float) -> Notice | None:
        """
        The next that is due, the longest due first; None if none is. Nobody else gets it for `lease_s` seconds.

        A claim that was not settled by then leaves the notice `unclear`; one that
        has waited for longer than TOLD_WITHIN_S is `failed`, and not given.
        """
        ...

    def settle(self, notice: Notice, state: NoticeState, problem: str | None = None, again_in_s: float = 0.0) -> None:
        """
        What became of a claim; `again_in_s` is for how long it waits before it is given again, if it is to.

        A second call changes nothing, unless the first said `unclear`.
        """
        ...

    def unsent(self) -> Sequence[NoticeLine]:
        """All that are not `sent`, in the order of their results."""
        ...

    def retry(self) -> int:
        """Let those that are `failed` or `unclear` wait again, from now; how many they were."""
        ...


class Mailer(Protocol):
    """Sends mail. Calls of several threads at once are served independently."""

    def send(self, to: str, message: bytes) -> None:
        """
        Hand one mail to the mail service. It is never handed over twice in a call.

        Args:
            to: the one address it goes to, whatever the message says.
            message: the whole of it with its headers, in ASCII, with lines ended by CRLF.

        Raises:
            MailUnavailable: it was not taken, for certain, and may be another time.
            MailRefused: it was not, and never will be.
            MailUnclear: it may have been taken.
        """
        ...


class RejudgeStore(Protocol):
    """Test sets, runs and plans as they are kept, to judge anew without running. All methods raise CasesUnavailable."""

    def note_test_set(self, assignment: Assignment) -> int:
        """The number of this version of the assignment's test set, which is kept from now on; from 1, by content."""
        ...

    def load_test_set(self, ref: AssignmentRef, number: int) -> Content | None:
        """A version as it was noted; None if there is none."""
        ...

    def published(
        self, ref: AssignmentRef, most: int, after: str = "", among: Collection[str] | None = None
    ) -> Sequence[ShownResult]:
        """
        Graded submissions of an assignment as their students see them, at most `most`, by subid.

        Only those after the subid `after`, and `among` these, if that is given.
        """
        ...

    def kept_runs(self, wanted: Mapping[int, Collection[str]]) -> Mapping[tuple[int, str], RunResult]:
        """
        Runs that may be judged again, by attempt and run key, as far as there are such.

        Args:
            wanted: run keys by attempt: the attempt's own run is given, or else the latest of any attempt.
        """
        ...

    def save_plan(self, plan: Plan) -> int:
        """Keep a plan; returns its id."""
        ...

    def load_plan(self, plan_id: int) -> Plan | None:
        """As it was saved."""
        ...

    def standing(self, plan_id: int) -> Mapping[str, Standing]:
        """By subid, what has become of each of a plan's submissions since it was made."""
        ...


class CaseStore(Protocol):
    """Assignments, cases, registrations, submissions and results. All methods raise CasesUnavailable."""

    @property
    def notices(self) -> NoticeStore: ...

    @property
    def rejudging(self) -> RejudgeStore: ...

    def load_assignment(self, ref: AssignmentRef) -> Assignment | None:
        """
        The assignment and all its cases, as of one moment; None if it is unknown.

        Raises:
            AssignmentRefused: its cases have more than MAX_CASES_BYTES; they were not read.
        """
        ...

    def save_assignment(self, assignment: Assignment) -> None:
        """
        Make or change the assignment and replace all of its cases, wholly or not at all.

        Raises:
            AssignmentRefused: something in it cannot be stored, such as a NUL character or more than MAX_CASES_BYTES,
                or its groups make no sense.
        """
        ...

    def save_policy(self, ref: AssignmentRef, policy: Policy) -> bool:
        """Change the assignment's deadline, tries and feedback, and nothing else; False if it is unknown."""
        ...

    def save_checker(self, ref: AssignmentRef, checker: Checker | None) -> bool:
        """
        Change the assignment's checker, and nothing else; False if it is unknown.

        Raises:
            AssignmentRefused: it cannot be stored.
        """
        ...

    def save_supplies(self, ref: AssignmentRef, supplies: Supplies) -> bool:
        """Change the assignment's files and what programs are called, and nothing else; False if it is unknown."""
        ...

    def publish_feedback(self, ref: AssignmentRef) -> bool:
        """From now on, by the store's clock, the fullest feedback is given; was it before, nothing changes."""
        ...

    def list_assignments(self) -> Sequence[AssignmentSummary]:
        """All assignments by name."""
        ...

    def list_submissions(
        self, ref: AssignmentRef | None = None, state: SubmissionState | None = None
    ) -> Sequence[SubmissionSummary]:
        """Submissions for which an attempt was begun, by name: all, or of one assignment, or in one state."""
        ...

    def published_cases(self, ref: AssignmentRef) -> Sequence[Sequence[PublishedCase]]:
        """For each submission with a graded result, by name: its cases in that result, `test` before `grade`."""
        ...

    def addresses(self, tokens: Collection[str]) -> Mapping[str, str]:
        """The e-mail address of each of these tokens that somebody registered."""
        ...

    def list_accounts(self, which: AccountFilter, *, with_texts: bool = False) -> Iterator[Account]:
        """
        What became of the submissions that `which` names, by name; read as they are taken, and never all held.

        Whoever stops half way owes nothing. What is graded meanwhile may be told or not.

        Args:
            with_texts: with the cases' inputs, expected outputs and outputs, else `CaseAccount.texts` is None.
        """
        ...

    def begin_attempt(self, start: AttemptStart) -> int:
        """
        Record that an attempt begins, and the submission if it is new; returns the attempt's id.

        From then on the upload is leased to it, for `start.lease_s` seconds by the
        store's own clock. An older attempt's lease that has run out is lost to this one.

        Raises (and records nothing):
            AlreadyGraded: an attempt at the same upload for the same message was published.
            SubmissionBusy: another attempt at the same upload has a lease.
            FailedTooOften: attempts for the same message have failed MOST_FAILURES times.
        """
        ...

    def renew_lease(self, attempt_id: int, for_s: float) -> bool:
        """From now on for `for_s` seconds more; False if it is lost, or the attempt has ended."""
        ...

    def end_attempt(self, attempt_id: int, failure: str | None) -> None:
        """
        It ends without an outcome, and its lease with it. Nothing changes if it had ended or lost its lease.

        `failure`: what may be the submission's own doing; None if it cannot be.
        """
        ...

    def publish_turn(self, attempt_id: int) -> AbstractContextManager[Turn]:
        """
        Wait for the submission's turn (bounded) and hold it; released, and undone, by an exception too.

        Raises:
            LeaseLost: the attempt has lost its lease, so that it may publish nothing.
        """
        ...

    def rejudge_turn(self, start: AttemptStart) -> AbstractContextManager[Turn]:
        """
        Begin an attempt that needs no run and wait for its turn, all at once; the attempt ends with the turn.

        A turn in which nothing is recorded leaves no trace of the attempt; nor does an exception.

        Raises: as `begin_attempt`, what that does.
        """
        ...

    def reshow_turn(self, ref: AssignmentRef, subid: str) -> AbstractContextManager[Reshowing | None]:
        """
        Wait for the submission's turn (bounded) and hold it; None if no graded result of it is published.

        Released, and undone, by an exception too.
        """
        ...

    def check(self) -> None:
        """Nothing, if the store answers."""
        ...


class Sandbox(Protocol):
    """Where students' programs run. Calls from several threads at once are served independently."""

    @property
    def name(self) -> str:
        """What it is, for people: `docker`, `bubblewrap`."""
        ...

    @property
    def environment(self) -> Environment | None:
        """What programs run in now; None if that cannot be told, and then no run is kept to be judged again."""
        ...

    def run(self, job: Job) -> Generator[RunResult, None, None]:
        """
        Run the job's program against its inputs, in order: one result each, as they finish.

        An input that `job.is_wanted` refuses is not run, and its result says so
        (`Ending.NOT_RUN`); nor is one run ahead as long as that is not certain.

        Closing the generator early ends the run. When it is exhausted or closed,
        nothing that the program started is left.

        Raises:
            SandboxUnavailable: ours, never the program's fault; results already given stand.
        """
        ...

    def converse(self, job: Job, judge: Job) -> Generator[Exchange, None, None]:
        """
        Run the two jobs' programs, input by input, each reading what the other prints: one exchange each.

        Both are `streamed` and have as many inputs; `judge` has the role of that
        name. Inputs that `job.is_wanted` refuses are not run by either. Neither
        program gets more of the other's output than it reads, and no more is kept.

        Raises:
            SandboxUnavailable: ours, never a program's fault; exchanges already given stand.
        """
        ...

    def close(self) -> None:
        """End every run now (each raises SandboxUnavailable) and refuse new ones. A second call does nothing."""
        ...
