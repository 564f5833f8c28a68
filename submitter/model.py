"""
The nouns of Submitter, as frozen values; those of runs are in runs.py, those of results in outcomes.py.

No I/O, no clock, no randomness. Names end with their unit; times are seconds,
sizes are bytes. Bytes that a program printed stay bytes until a document is
written from them.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum

from submitter.comparison import Comparison as Comparison
from submitter.points import NO_OVERRIDES, CaseRole, Group, LimitOverrides
from submitter.policy import Policy
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


MAX_CASES_BYTES = 64 << 20  # of all inputs and expected outputs of one assignment, which are held in memory at once


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
