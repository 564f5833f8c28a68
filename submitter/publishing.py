"""
Published results shown anew, from the result that Postgres keeps: nothing is run, and no grade changes.

Each is written in its submission's turn, and only over the results.json that
Postgres says is there, as by a grading: of the two whoever comes second sees
what the first has done. Doing it again writes the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from submitter.errors import AssignmentRefused
from submitter.model import AssignmentRef, SubmissionKey, SubmissionState
from submitter.outcomes import Outcome
from submitter.policy import Level, View
from submitter.ports import CaseStore, Reshowing, ResultStore
from submitter.results import encode_graded, encode_out

MOST_RESULTS_BYTES = 256 << 20  # of a results.json that we wrote, with room to spare


@dataclass(frozen=True, slots=True)
class Reshown:
    """What became of one: what its student is shown now, or why it stays as it is (`problem` says what to do)."""

    subid: str
    view: View | None = None
    changed: int = 0  # cases that were replaced since, and whose text is shown no more
    problem: str | None = None


def publish(cases: CaseStore, results: ResultStore, ref: AssignmentRef, *, refresh: bool = False) -> Iterator[Reshown]:
    """
    Publish the fullest feedback of an assignment, then show each of its graded results anew, by name.

    `refresh`: do not publish, only show what may be seen by now, for instance after the due date.

    Raises:
        AssignmentRefused: there is no such assignment.
        CasesUnavailable, StoreUnavailable: with the one that comes next; call it again for the rest.
    """
    found = cases.load_assignment(ref) is not None if refresh else cases.publish_feedback(ref)
    if not found:
        raise AssignmentRefused(f"no assignment {ref}: `submitter cases list` shows those that are there")
    for one in cases.list_submissions(ref, SubmissionState.GRADED):
        with cases.reshow_turn(ref, one.subid) as turn:
            if turn is not None:  # else it was rejected meanwhile
                yield _reshow(results, SubmissionKey(ref, one.subid), turn)


def _reshow(results: ResultStore, key: SubmissionKey, turn: Reshowing) -> Reshown:
    # Whether its keys begin with a slash is known to the bucket alone.
    forms = [form for form in (key, replace(key, leading_slash=True)) if results.version(form.results) is not None]
    if len(forms) != 1:
        there = "two lie" if forms else "none lies"
        return Reshown(key.subid, problem=f"{there} in the bucket: `submitter process` its key to grade it again")
    [key] = forms
    result = turn.result
    terms = result.policy.on_view(result.terms, turn.tried)
    document = encode_graded(key, result.report, terms, result.changed, result.test_set)
    was, now = (view.test.shows(Level.DIFF) for view in (result.view, terms.view))
    if was != now:  # else it stays: what Postgres keeps of a long output is its beginning
        results.put(key.out, encode_out(result.report, terms.view), "text/plain; charset=utf-8")
    seen = turn.results_version or results.version(key.results)
    written = results.replace(key.results, document, "application/json", seen)
    if written is None:
        # Another than was recorded: ours, if we died before we could, or a grading's, which will be made again.
        lies = results.get(key.results, max_bytes=MOST_RESULTS_BYTES)
        if lies is not None and lies.data == document:
            written = results.replace(key.results, document, "application/json", lies.version)
    if written is None:
        return Reshown(key.subid, problem="another result is being written: try again when it is graded")
    turn.record(Outcome(report=result.report, terms=terms), written)
    return Reshown(key.subid, terms.view, len(result.changed))
