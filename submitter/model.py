"""
The nouns of Submitter, as frozen values.

No I/O, no clock, no randomness. Names end with their unit; times are seconds,
sizes are bytes. Bytes that a program printed stay bytes until a document is
written from them.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum

from submitter.comparison import Comparison as Comparison
from submitter.comparison import Hint
from submitter.points import NO_OVERRIDES, CaseRole, Group, GroupResult, LimitOverrides
from submitter.policy import Level, Policy, Terms, View
from submitter.supplies import Supplies

MIB = 1024 * 1024
WALL_STRETCH = 4  # times its wall time limit, at the most, is what a case may take on a machine short of processors


class CaseKind(StrEnum):
    """
    Who may see a case: everything of a `test` case, only verdict and points of a `grade` case.

    That is what an assignment does unless its policy says otherwise.
    """

    TEST = "test"
    GRADE = "grade"


class InputMode(StrEnum):
    """How a case's input reaches the program."""

    ARGUMENT = "argument"  # the whole text is argv[1]
    ARGUMENTS = "arguments"  # split as a POSIX shell would, nothing expanded
    STDIN = "stdin"  # the text and a final newline, on standard input


class Step(StrEnum):
    """What a case does with the program."""

    RUN = "run"  # runs it, and compares what it prints
    PROVE = "prove"  # has it checked, without running it, by the tool that its language names


class SubmissionState(StrEnum):
    """Of the result that the student sees; `grading` as long as there has been none."""

    GRADING = "grading"
    GRADED = "graded"
    REJECTED = "rejected"


class Verdict(Enum):
    """Why a case ended: the long name for documents, the short code for tables (docs/verdicts.md)."""

    ACCEPTED = ("accepted", "AC")
    WRONG_ANSWER = ("wrong_answer", "WA")
    RUNTIME_ERROR = ("runtime_error", "RE")
    TIME_LIMIT_EXCEEDED = ("time_limit_exceeded", "TLE")
    WALL_TIME_LIMIT_EXCEEDED = ("wall_time_limit_exceeded", "WTL")
    MEMORY_LIMIT_EXCEEDED = ("memory_limit_exceeded", "MLE")
    OUTPUT_LIMIT_EXCEEDED = ("output_limit_exceeded", "OLE")
    COMPILE_ERROR = ("compile_error", "CE")
    SKIPPED = ("skipped", "SK")
    INTERNAL_ERROR = ("internal_error", "IE")

    def __init__(self, long_name: str, code: str) -> None:
        self.long_name = long_name
        self.code = code

    @classmethod
    def named(cls, long_name: str) -> "Verdict":
        """The verdict with that name in documents; KeyError if there is none."""
        return {verdict.long_name: verdict for verdict in cls}[long_name]


class Ending(StrEnum):
    """How the executor saw a run end. A verdict says why; this says only what happened."""

    EXITED = "exited"
    SIGNALED = "signaled"
    CPU_LIMIT = "cpu_limit"
    WALL_LIMIT = "wall_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    COMPILE_ERROR = "compile_error"  # the program was never started
    SETUP_FAILED = "setup_failed"  # ours: the case could not be prepared or started
    STOPPED = "stopped"  # by us: whom it spoke to had made up its mind
    NOT_RUN = "not_run"  # nobody wanted it any more; never said by an executor
    # What a tool has said of the program, in a prove step. An executor only knows that the tool ended.
    PROVED = "proved"  # it found nothing to object to
    REFUTED = "refuted"  # it did
    TOOL_FAILED = "tool_failed"  # it could not deal with the program


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What one case of a submission may use; every number > 0.

    `processes` counts threads too. `source_bytes` is checked at the door, the
    others by the executor for each case.
    """

    cpu_time_s: float = 2.0  # summed over the case's processes
    wall_time_s: float = 10.0
    memory_bytes: int = 256 * MIB
    output_bytes: int = 1 * MIB  # of standard output; standard error is cut, never punished
    file_bytes: int = 16 * MIB  # of one file, and of all files together
    processes: int = 32
    source_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"the limit {name} must be greater than 0, not {getattr(self, name)!r}")

    def overridden(self, overrides: LimitOverrides) -> "Limits":
        """These, with a case's own in their place."""
        return replace(self, **overrides.given()) if overrides != NO_OVERRIDES else self  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, order=True)
class AssignmentRef:
    """An assignment's name: admin, event and assignment, written `admin/event/assignment` on command lines."""

    admin: str
    event: str
    assignment: str

    def __str__(self) -> str:
        return f"{self.admin}/{self.event}/{self.assignment}"


@dataclass(frozen=True, slots=True)
class SubmissionKey:
    """
    Where a submission lives in the bucket.

    Keys come with and without a leading slash; results go back in the form that
    the message used, so that the front end finds them.
    """

    ref: AssignmentRef
    subid: str  # 32 lower-case hexadecimal digits; the only part of a key that may name a directory
    leading_slash: bool = False

    def _beside(self, ending: str) -> str:
        slash = "/" if self.leading_slash else ""
        return f"{slash}{self.ref}/{self.subid}/{self.subid}{ending}"

    @property
    def metadata(self) -> str:
        return self._beside(".json")

    @property
    def out(self) -> str:
        return self._beside(".out")

    @property
    def results(self) -> str:
        return self._beside(".results.json")

    def program(self, extension: str) -> str:
        """The program's key; `extension` as in `.py`."""
        return self._beside(extension)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a submission's `.json` says of it, checked against its key."""

    key: SubmissionKey
    tokens: tuple[str, ...]
    language: str | None = None
    unknown_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestCase:
    """
    One input and its expected output; `ordinal` counts from 1 within its kind.

    `group` is the name of the group it belongs to; bonus and penalty cases are in none.
    A case of the step PROVE has neither: both are empty.
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    kind: CaseKind
    ordinal: int
    input: str
    expected: str
    points: float = 1.0
    group: str | None = None
    role: CaseRole = CaseRole.REGULAR
    limits: LimitOverrides = NO_OVERRIDES
    step: Step = Step.RUN

    @property
    def name(self) -> str:
        return f"{self.kind} {self.ordinal}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """
    A program of the admin's that judges outputs in the place of a comparison (docs/admins.md).

    `program` is its source, UTF-8; `arguments` follow on those that every checker gets.
    One that is `interactive` speaks to the student's program while that runs.
    """

    program: str = field(repr=False)
    language: str
    arguments: tuple[str, ...] = ()
    interactive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    An assignment with its cases in order: `test` by ordinal, then `grade` by ordinal.

    So they run, too, but for those in groups that depend on others: they run after those.
    """

    ref: AssignmentRef
    cases: tuple[TestCase, ...]
    groups: tuple[Group, ...] = ()
    language: str = "python"
    input_mode: InputMode = InputMode.ARGUMENT
    comparison: Comparison = Comparison.TRAILING_BLANKS
    checker: Checker | None = None  # judges in the place of the comparison
    limits: Limits = field(default_factory=Limits)
    notices: bool = False  # whether students are told of their results by e-mail
    policy: Policy = field(default_factory=Policy)  # deadline, tries, feedback
    supplies: Supplies = field(default_factory=Supplies)  # files, and what archives are to have in them

    @property
    def is_interactive(self) -> bool:
        """Whether a program is judged by one that speaks to it."""
        return self.checker is not None and self.checker.interactive

    @property
    def cases_bytes(self) -> int:
        """Of all inputs and expected outputs, in UTF-8; at most MAX_CASES_BYTES can be graded."""
        return sum(
            len(text.encode(errors="surrogatepass")) for case in self.cases for text in (case.input, case.expected)
        )


@dataclass(frozen=True, slots=True)
class CaseInput:
    """
    What of a case enters an executor: its arguments and standard input, never its expected output.

    `files` are names and data of files that lie in the case's own directory
    when it begins, and count against its limit of files.

    Raises:
        ValueError: a name is none that a file there can have.
    """

    arguments: tuple[str, ...]
    stdin: bytes = field(default=b"", repr=False)
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    step: Step = Step.RUN

    def __post_init__(self) -> None:
        for name, _ in self.files:
            check_file_name(name)

    @property
    def files_bytes(self) -> int:
        return sum(len(data) for _, data in self.files)


_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


def check_file_name(name: str) -> None:
    """
    See that a file in a case's directory can be called so: one part of plain characters, not hidden.

    Raises:
        ValueError: it cannot.
    """
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a file's name: write letters, digits and _.- alone, and no . at its start"
        )


class Role(StrEnum):
    """
    Whose program it is. Who judges gets to see expected outputs, and so never runs where a student's program does.
    """

    STUDENT = "student"
    JUDGE = "judge"


FEEDBACK_DIRECTORY = "/tmp/feedback"  # in a box, whose /tmp is the case's own


def always(_: int) -> bool:
    """Every input is wanted, whatever the results of others."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One program to run against inputs, as a sandbox gets it.

    `file_name` is what the program is called where it runs: /usr/src/submitter/<file_name>. `is_archive`: `program` is
    a zip or tar with that file in it. `files` is an archive of the assignment's, for the program to find. `preload` are
    modules that it may find ready; what it prints does not depend on that.
    `is_wanted` says of an input, by its index, whether it is to be run: None as
    long as that depends on results that were not given yet, which none does
    whose predecessors' results were all given.
    `collect` are names of files that are wanted back from each case, which for
    that finds an empty directory FEEDBACK_DIRECTORY.
    """

    program: bytes = field(repr=False)
    file_name: str
    language: str
    limits: Limits
    inputs: tuple[CaseInput, ...]
    is_archive: bool = False
    files: bytes | None = field(default=None, repr=False)
    preload: tuple[str, ...] = ()
    is_wanted: Callable[[int], bool | None] = field(default=always, compare=False, repr=False)
    role: Role = Role.STUDENT
    collect: tuple[str, ...] = ()
    streamed: bool = False  # whether another program speaks to it while it runs; only in `Sandbox.converse`

    @property
    def is_unpacked(self) -> bool:
        """Whether there is anything to unpack before it can run."""
        return self.is_archive or self.files is not None

    @property
    def step(self) -> Step:
        """Of its inputs, where all have the same: executors get no other jobs (steps.run_in_steps)."""
        return self.inputs[0].step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """
    One finished run, as the executor saw it.

    `stdout` is cut at the output limit, `stderr` at the executor's own bound.
    `exit_code` is set when it exited, `signal` when a signal ended it.
    `memory_bytes` is the peak that could be seen, 0 where nothing ran.
    `starved_s` is for how long the program could have run and no processor was
    free. `earlier` is the run that this one takes the place of, since it
    was too slow on a machine that was short of processors. `lost_bytes` is how
    much followed on `stdout` that was not kept: of runs read back from the history.
    `collected` has what was left of the files that the job wanted back, cut at a
    bound of the executor's.
    """

    ending: Ending
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    memory_bytes: int = 0
    starved_s: float = 0.0
    earlier: "RunResult | None" = None
    lost_bytes: int = 0
    collected: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    How a program and one that judges it spoke to each other.

    `judge_ended_first`: it closed its side before the program had ended.
    `both_waited`: when the program's wall time was over, each waited for the
    other to say something, and nothing was under way.
    """

    run: RunResult
    judge: RunResult
    judge_ended_first: bool = False
    both_waited: bool = False


@dataclass(frozen=True, slots=True)
class Remarks:
    """What a checker says of a case, in words: to its student (of `test` cases alone) and to the staff."""

    team: str = ""
    judge: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """
    A case, how its run went and what it is worth.

    `points` are less than 0 for a penalty case that failed. What a group is worth
    is not in them. `reason` says, in words for its student, why it was not run or
    what a checker made of it. `run_key` names all that the run came of
    (test_sets.Recipe), None where that is not known.
    """

    case: TestCase
    run: RunResult
    verdict: Verdict
    points: float
    hint: Hint | None = None  # of a wrong answer, of `test` cases alone
    partial: float | None = None  # the fraction it earned, 0 to 1; None: all if it was accepted, else nothing
    reason: str | None = None
    run_key: str | None = None
    remarks: Remarks | None = None  # of a checker, if one has judged it

    @property
    def fraction(self) -> float:
        """How much of it passed, 0 to 1."""
        if self.partial is not None:
            return self.partial
        return 1.0 if self.verdict is Verdict.ACCEPTED else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What programs run in: `image` is a digest of the interpreter and the executor, `isolation` as in `docker/box`."""

    image: str
    isolation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """
    Where an attempt's time went, in seconds; None where that is not known.

    `fetch_s`: metadata, program and cases; `wait_s`: until an executor began with
    the first case; `run_s`: from there to the last answer; `judge_s`: the judgement.
    """

    fetch_s: float | None = None
    wait_s: float | None = None
    run_s: float | None = None
    judge_s: float | None = None


@dataclass(frozen=True, slots=True)
class GradeReport:
    """All case results of one attempt, in the order of the assignment's cases."""

    case_results: tuple[CaseResult, ...]
    score: float
    max_score: float
    execution_time_s: float  # wall time of all runs together
    groups: tuple[GroupResult, ...] = ()
    environment: Environment | None = None
    phases: Phases = field(default_factory=Phases)

    @property
    def passed_everything(self) -> bool:
        return all(result.verdict is Verdict.ACCEPTED and result.fraction == 1 for result in self.case_results)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """
    One object of the bucket; `version` tells two uploads of a key apart, even of the same bytes.

    `modified_at` is when it was uploaded, by the bucket's clock, in whole seconds.
    """

    data: bytes = field(repr=False)
    version: str
    modified_at: datetime


MAX_CASES_BYTES = 64 << 20  # of all inputs and expected outputs of one assignment, which are held in memory at once
MOST_FAILURES = 5  # of attempts for one message that may be the submission's own doing


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStart:
    """
    What is known of an attempt at its start.

    `upload` is the program's version, None if there is no program; `message_id`
    the message that asked for the attempt, None if a command did; `lease_s` for
    how many seconds nobody else may grade the same upload; `handed_in_at` when
    the program was uploaded, by the bucket's clock. `assignment` is what it is
    judged by, as it was loaded, and `program_digest` the sha256 of the program;
    None where it did not come so far. `test_set_digest` is the assignment's, if
    somebody knows it already. `plan_id` is of the plan that it carries out.
    """

    key: SubmissionKey
    tokens: tuple[str, ...]
    language: str
    upload: str | None
    worker: str
    receive_count: int
    message_id: str | None = None
    lease_s: float = 120.0
    handed_in_at: datetime | None = None
    assignment: Assignment | None = field(default=None, repr=False)
    test_set_digest: str | None = None
    program_digest: str | None = None
    plan_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    How an attempt ended for good: graded (`report`) or rejected (`reason`).

    Exactly one of the two is set. `detail` is what exactly is wrong with the
    assignment, where that is the reason: for its staff. `terms` say what the assignment's policy
    makes of a report: points after a penalty, and how much of it is shown.
    """

    report: GradeReport | None = None
    reason: str | None = None
    detail: str | None = None
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        if (self.report is None) == (self.reason is None):
            raise ValueError("an outcome has either a report or a reason")

    @property
    def state(self) -> str:
        return "graded" if self.report is not None else "rejected"

    @property
    def score(self) -> float:
        """For the gradebook: all points, after the penalty."""
        return 0.0 if self.report is None else self.terms.after_penalty(self.report.score)

    @property
    def shown(self) -> "ShownPoints":
        return ShownPoints() if self.report is None else shown_points(self.report, self.terms)


@dataclass(frozen=True, slots=True)
class ShownPoints:
    """The points that a student is shown, after the penalty; not `whole` where those of some cases are not."""

    score: float = 0.0
    max_score: float = 0.0
    whole: bool = True


def shown_points(report: GradeReport, terms: Terms) -> ShownPoints:
    """A sum over all cases would tell of those that are hidden, so that it is over the others alone."""
    if all(terms.view.of(kind).shows(Level.POINTS) for kind in CaseKind):  # whether there are such cases or not
        return ShownPoints(terms.after_penalty(report.score), report.max_score)
    groups = shown_groups(report, terms.view)
    alone = [
        one
        for one in report.case_results
        if one.case.group is None and terms.view.of(one.case.kind).shows(Level.POINTS)
    ]
    score = round(math.fsum([*(one.points for one in alone), *(group.score for group in groups)]), 6)
    regular = (one.case.points for one in alone if one.case.role is CaseRole.REGULAR)
    max_score = round(math.fsum([*regular, *(group.max_score for group in groups)]), 6)
    return ShownPoints(terms.after_penalty(max(0.0, score)), max_score, whole=False)


def shown_groups(report: GradeReport, view: View) -> tuple[GroupResult, ...]:
    """The groups of which the points of all cases are shown, and those of all groups that they depend on."""
    hidden = {one.case.group for one in report.case_results if not view.of(one.case.kind).shows(Level.POINTS)}
    return without_hidden_groups(report.groups, hidden)


def without_hidden_groups(groups: tuple[GroupResult, ...], hidden: set[str | None]) -> tuple[GroupResult, ...]:
    """Those of the groups that are not `hidden`, by name, and depend on none that is."""
    depends_on = {one.group.name: one.group.depends_on for one in groups}

    def is_hidden(name: str) -> bool:
        return name in hidden or any(map(is_hidden, depends_on[name]))

    return tuple(one for one in groups if not is_hidden(one.group.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """
    A graded result that was published, read back from the history to be shown anew.

    `report` has the cases as they are now. One that was changed since, or is
    gone, is named in `changed`, and its input and expected output are empty.
    `test_set` is the number of the version that it was judged by, where that is known.
    """

    report: GradeReport
    policy: Policy
    terms: Terms  # only the side of the points, as it was recorded
    view: View  # what was shown last
    changed: frozenset[str] = frozenset()  # names of cases
    test_set: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentSummary:
    """One line of `cases list`."""

    ref: AssignmentRef
    language: str
    input_mode: InputMode
    test_cases: int
    grade_cases: int
    points: float
    updated_at: datetime
    notices: bool = False


# -- notices ------------------------------------------------------------------------------------------------------

TOLD_WITHIN_S = 24 * 3600.0  # of its result, or a notice is given up: nobody wants last week's news


# One plain address, whatever a mail server would make of commas, brackets or quotes.
_ADDRESS = re.compile(
    r"{atom}(?:\.{atom})*@{label}(?:\.{label})*".format(
        atom=r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", label=r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    )
)


def is_address(text: str) -> bool:
    """Whether it is one e-mail address of plain ASCII, without a name or anything else."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


class NoticeState(StrEnum):
    """What has become of a mail to one student about one result."""

    WAITING = "waiting"  # will be tried
    SENDING = "sending"  # somebody has it in hand
    SENT = "sent"  # the mail service has taken it
    FAILED = "failed"  # it never will
    UNCLEAR = "unclear"  # it may have: not sent again unasked


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    A notice in hand: whom to tell of which result.

    `tries` counts from 1, and tells this claim from others; `email` is None if
    nobody is registered with the token any more; `reason` is set when the
    submission was rejected.
    """

    attempt_id: int
    token: str = field(repr=False)
    tries: int
    email: str | None = field(repr=False)
    ref: AssignmentRef
    subid: str
    state: str  # of the submission: graded or rejected
    score: float
    max_score: float
    reason: str | None
    graded_at: datetime
    whole: bool = True  # the points are those of all cases; else those of the cases whose points are shown


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One line of `notices list`."""

    ref: AssignmentRef
    subid: str
    email: str | None
    state: NoticeState
    tries: int
    problem: str | None
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class SubmissionSummary:
    """
    A submission as the CaseStore lists it.

    Whether its keys in the bucket begin with a slash is known to the bucket alone.
    """

    ref: AssignmentRef
    subid: str
    state: SubmissionState


@dataclass(frozen=True, slots=True)
class PublishedCase:
    """How a case went in the result that a student sees; the case is named as it was when that was graded."""

    kind: CaseKind
    ordinal: int
    verdict: Verdict
    points: float
