"""
Test sets by content, runs by what they came of, and plans for judging anew. All pure.

A test set is all of an assignment that decides on verdicts and points. Its
digest tells two apart; expected outputs can be guessed from it, so it is shown
to no student. A run key names all that a run came of, so that whoever has the
same key has the same run. EFFECTS and CASE_EFFECTS say which fields belong to
which; a test fails for a field of which they say nothing, and until somebody
decides, it belongs to both.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from submitter.comparison import Comparison
from submitter.languages import Language
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase, Verdict
from submitter.outcomes import CaseResult
from submitter.policy import Terms
from submitter.runs import Environment, RunResult

KEPT_OUTPUT_BYTES = 64 * 1024  # of each case's stdout and stderr; the CHECKs of submitter.case_results say the same
# A limit of time that was passed while the program waited for a processor for more than this share of the time says
# little of it: caches and cores that are shared make the same work take more processor time, too.
STARVED_SHARE = 0.25


class Effect(StrEnum):
    """What has to be done again when a field of an assignment or a case is changed."""

    RUN = "run"  # runs that were kept say nothing any more
    JUDGEMENT = "judgement"  # they do, and are judged anew
    NOTHING = "nothing"  # neither verdicts nor points depend on it


EFFECTS: Mapping[str, Effect] = {
    "ref": Effect.NOTHING,
    "cases": Effect.JUDGEMENT,  # each has effects of its own
    "groups": Effect.JUDGEMENT,
    "language": Effect.RUN,
    "input_mode": Effect.RUN,
    "comparison": Effect.JUDGEMENT,
    "checker": Effect.RUN,  # what one says is not kept, so that whatever it judges is run again
    "limits": Effect.RUN,
    "notices": Effect.NOTHING,
    "supplies": Effect.RUN,
    "policy": Effect.NOTHING,  # the penalty of a result stays, and what is shown of it is asked for in each turn
}
CASE_EFFECTS: Mapping[str, Effect] = {
    "kind": Effect.JUDGEMENT,
    "ordinal": Effect.JUDGEMENT,
    "input": Effect.RUN,
    "expected": Effect.JUDGEMENT,
    "points": Effect.JUDGEMENT,
    "group": Effect.JUDGEMENT,
    "role": Effect.JUDGEMENT,
    "limits": Effect.RUN,
    "step": Effect.RUN,
}
# How a run ended, apart from those in which time had a part, and from faults of ours.
_ENDINGS_TO_KEEP = {
    Ending.EXITED,
    Ending.SIGNALED,
    Ending.MEMORY_LIMIT,
    Ending.OUTPUT_LIMIT,
    Ending.COMPILE_ERROR,
    Ending.PROVED,
    Ending.REFUTED,
}
_VERDICTS_OF_TIME = {Verdict.TIME_LIMIT_EXCEEDED, Verdict.WALL_TIME_LIMIT_EXCEEDED}

Content = Mapping[str, Any]
"""A test set as JSON has it: the settings by name, and `cases`, each by name."""


def content_of(assignment: Assignment) -> Content:
    """The test set, as it is kept."""
    content: Content = json.loads(_encoded(assignment))
    return content


def digest_of(assignment: Assignment) -> str:
    """The test set's digest: 64 hexadecimal digits."""
    return hashlib.sha256(_encoded(assignment)).hexdigest()


def _encoded(assignment: Assignment) -> bytes:
    return _json(_plain(assignment, _fields_with(EFFECTS, Effect.NOTHING)))


def _fields_with(effects: Mapping[str, Effect], *which: Effect) -> set[str]:
    return {name for name, effect in effects.items() if effect in which}


_NO_RUN = _fields_with(EFFECTS, Effect.NOTHING, Effect.JUDGEMENT)
_NO_RUN_OF_CASE = _fields_with(CASE_EFFECTS, Effect.NOTHING, Effect.JUDGEMENT)


class Ingredients:
    """What of an assignment, in its `language`, runs come of: for any number of programs."""

    def __init__(self, assignment: Assignment, language: Language) -> None:
        self.whole = _json([_plain(language), _plain(assignment, _NO_RUN)])
        self._cases: dict[str, bytes] = {}

    def of(self, case: TestCase) -> bytes:
        if case.name not in self._cases:
            self._cases[case.name] = _json(_plain(case, _NO_RUN_OF_CASE))
        return self._cases[case.name]


class Recipe:
    """All that the runs of one program for an assignment came of, but for the cases."""

    def __init__(self, program_digest: str, environment: Environment, ingredients: Ingredients) -> None:
        self._ingredients = ingredients
        self._digest = hashlib.sha256(_json([program_digest, _plain(environment)]))
        self._digest.update(ingredients.whole)

    def key(self, case: TestCase) -> str:
        """Of the run for a case: 64 hexadecimal digits."""
        digest = self._digest.copy()
        digest.update(self._ingredients.of(case))
        return digest.hexdigest()


def program_digest(program: bytes) -> str:
    """Its sha256, as everywhere here."""
    return hashlib.sha256(program).hexdigest()


def was_starved(run: RunResult) -> bool:
    """Whether it waited for a processor for so long that its times say little of the program."""
    return run.starved_s > STARVED_SHARE * run.wall_time_s


def may_be_judged_again(result: CaseResult) -> bool:
    """
    Whether a run stands for what the program does, whenever it is run, and all that it printed is kept.

    Not if time had a part in its end, if it was starved or run twice for that, or if the fault is ours.
    """
    run = result.run
    return (
        result.run_key is not None
        and run.ending in _ENDINGS_TO_KEEP
        and result.verdict not in _VERDICTS_OF_TIME
        and run.earlier is None
        and not was_starved(run)
        and max(len(run.stdout), len(run.stderr)) <= KEPT_OUTPUT_BYTES
    )


def _plain(value: Any, left_out: Collection[str] = ()) -> dict[str, Any]:
    """A dataclass's fields by name, and theirs."""
    return {
        one.name: _plain_value(getattr(value, one.name))
        for one in dataclasses.fields(value)
        if one.name not in left_out
    }


def _plain_value(value: Any) -> Any:
    if isinstance(value, Comparison):
        return str(value)  # as people write it
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()  # an archive of files
    if dataclasses.is_dataclass(value):
        return _plain(value)
    if isinstance(value, tuple | list):
        return [_plain_value(one) for one in value]
    return value


def _json(value: Any) -> bytes:
    # Escaped: half a surrogate pair, which only a store in memory can hold, is then no reason to fail.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


# -- what changed -------------------------------------------------------------------------------------------------


def changed_settings(old: Content, new: Content) -> list[str]:
    """Those that differ between two test sets, in words, the cases apart."""
    names = sorted({*old, *new} - {"cases"})
    changed = []
    for name in names:
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            changed += [f"{name}: {text}" for text in changed_settings(before, after)]
        elif name == "groups":
            changed += _changed_groups(before or (), after or ())
        elif before != after:
            changed.append(f"{name} was {_short(before)}, is {_short(after)}")
    return changed


def _changed_groups(old: Sequence[Content], new: Sequence[Content]) -> list[str]:
    """What differs between the groups of two test sets, by their names; their order changes no score."""
    before, after = ({group["name"]: group for group in groups} for groups in (old, new))
    changed = []
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before or name not in after:
            changed.append(f"group {name}: {'new' if name in after else 'gone'}")
        else:
            changed += [f"group {name}: {text}" for text in changed_settings(before[name], after[name])]
    return changed


def changed_cases(old: Content, new: Content) -> dict[str, str]:
    """By a case's name, what of it differs between two test sets, in words."""
    before, after = ({_name(case): case for case in content["cases"]} for content in (old, new))
    changed = {}
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before:
            changed[name] = "new"
        elif name not in after:
            changed[name] = "gone"
        elif before[name] != after[name]:
            keys = sorted({*before[name], *after[name]})
            fields = [key for key in keys if before[name].get(key) != after[name].get(key)]
            changed[name] = " and ".join("expected output" if key == "expected" else key for key in fields) + " changed"
    return changed


def _name(case: Mapping[str, Any]) -> str:
    return f"{case['kind']} {case['ordinal']}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "…"


# -- results and plans --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaseLine:
    """How a case of a published result went."""

    kind: CaseKind
    ordinal: int
    verdict: Verdict
    points: float
    max_points: float
    run_key: str | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.ordinal}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult:
    """
    A graded submission as its student sees it.

    What was not noted when it was graded, by an older Submitter, is None; then all of its cases have to be run.
    `key` has the form that the message used, if `has_key_form`. `score` is after the penalty that `terms`, the side
    of the points, say; it stays whatever the assignment's policy says by now.
    """

    key: SubmissionKey
    has_key_form: bool
    attempt_id: int
    upload: str | None
    tokens: tuple[str, ...] = field(repr=False)
    language: str
    program_digest: str | None
    environment: Environment | None
    test_set: int | None
    terms: Terms
    score: float
    max_score: float
    cases: tuple[CaseLine, ...]


class Change(StrEnum):
    """What judging anew does to a result."""

    RISES = "rises"
    FALLS = "falls"  # fewer points, or a smaller share of them
    SAME = "same"  # the points; verdicts, or what the student sees of a case, do change
    NEEDS_RUN = "needs_run"  # it is known when some of its cases have been run


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """
    What a plan does to one submission.

    `attempt_id` is whose result it takes the place of; `new_score` and `new_max` are None if cases have to be run
    first, of which there are `to_run`; `reasons` says which cases change, and why.
    """

    subid: str
    attempt_id: int
    change: Change
    old_score: float
    old_max: float
    new_score: float | None = None
    new_max: float | None = None
    to_run: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What judging an assignment's submissions anew would do, and by which test set it was found.

    `unchanged` is how many submissions nothing would happen to; they are not among the items.
    """

    ref: AssignmentRef
    test_set: int
    digest: str
    unchanged: int
    items: tuple[PlanItem, ...]


class Standing(StrEnum):
    """What has become of one submission of a plan."""

    OPEN = "open"  # its student sees the result that the plan is about
    DONE = "done"  # the one that the plan made
    NEWER = "newer"  # another one
