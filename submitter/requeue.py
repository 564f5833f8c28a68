"""
Submissions back on the queue, each as a message of its own.

A message whose result was published is done with, however often it is
delivered; a new one is graded again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from submitter.errors import AssignmentRefused
from submitter.model import AssignmentRef, SubmissionKey, SubmissionState
from submitter.ports import CaseStore, ResultStore, SubmissionQueue
from submitter.protocol import encode_body, message_group


@dataclass(frozen=True, slots=True)
class Wanted:
    """A submission to put back. `as_written`: its key's form is what somebody wrote, not a guess."""

    key: SubmissionKey
    as_written: bool


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of one: put back under `key`, or not, and why (`problem` says what to do)."""

    key: SubmissionKey
    problem: str | None = None


def find_wanted(cases: CaseStore, ref: AssignmentRef | None, state: SubmissionState | None) -> list[Wanted]:
    """
    Those that Postgres knows: of one assignment, or in one state, or both.

    Raises:
        AssignmentRefused: there are none, nor is there such an assignment.
        CasesUnavailable: Postgres did not answer.
    """
    found = cases.list_submissions(ref, state)
    if ref is not None and not (found or cases.load_assignment(ref) or cases.list_submissions(ref)):
        raise AssignmentRefused(f"no assignment {ref}: `submitter cases list` shows those that are there")
    return [Wanted(SubmissionKey(one.ref, one.subid), as_written=False) for one in found]


def requeue(
    store: ResultStore, queue: SubmissionQueue, wanted: Iterable[Wanted], *, dry_run: bool = False
) -> Iterator[Requeued]:
    """
    Put each back, in order, and tell what became of it; `dry_run` only tells.

    One whose metadata is not in the bucket stays off the queue: the daemon would wait
    for it in vain, then publish a rejection over the result that is there.

    Raises:
        StoreUnavailable, QueueUnavailable: with the one that comes next; those told of before are on the queue.
    """
    for one in wanted:
        forms = _forms_in_bucket(store, one)
        if len(forms) == 1:
            [key] = forms
            if not dry_run:
                queue.send(encode_body(key), message_group(key))
            yield Requeued(key)
        elif forms:
            both = " and ".join(form.metadata for form in forms)
            yield Requeued(one.key, f"the bucket has {both}: give the key that you mean")
        else:
            yield Requeued(one.key, f"{one.key.metadata} is not in the bucket: hand in again, or check the key")


def _forms_in_bucket(store: ResultStore, one: Wanted) -> list[SubmissionKey]:
    """The key with and without a leading slash, as far as there is metadata; only as written if that is there."""
    forms = []
    for form in (one.key, replace(one.key, leading_slash=not one.key.leading_slash)):
        if store.version(form.metadata) is not None:
            forms.append(form)
            if one.as_written:
                break
    return forms
