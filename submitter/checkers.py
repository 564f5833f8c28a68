"""
Checkers: programs of an admin's that judge outputs, by the convention of the ICPC's output validators.

A checker is called with the path of the case's input, of its answer and of a
directory for feedback, which ends with a slash, and then its own arguments.
The output to be judged is its standard input. It ends with 42 for accepted and
43 for wrong; any other ending is a fault of its own. In the directory it may
leave teammessage.txt for the student, judgemessage.txt for the staff, and
score_multiplier.txt or score.txt with a number from 0 to 1: the part of the
points that an accepted output earns.

Source: https://icpc.io/problem-package-format/spec/2023-07-draft.html#output-validator

One that is interactive gets no output to judge: it speaks to the program while
that runs, its standard output being the program's input and the other way round.

Pure: from an assignment and outputs to a job, and from its results to
judgements. The job has the role `judge`, so that it never runs where a
student's program does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from submitter.errors import AssignmentRefused, SubmissionRejected
from submitter.languages import languages
from submitter.model import MIB, WALL_STRETCH, Checker, Ending, Limits, TestCase
from submitter.outcomes import Remarks
from submitter.results import showable
from submitter.runs import FEEDBACK_DIRECTORY, CaseInput, Job, Role, RunResult

ACCEPTED, WRONG = 42, 43  # exit codes
TEAM_MESSAGE, JUDGE_MESSAGE = "teammessage.txt", "judgemessage.txt"
SCORES = ("score_multiplier.txt", "score.txt")  # the first that is there counts
COLLECT = (TEAM_MESSAGE, JUDGE_MESSAGE, *SCORES)
MAX_PROGRAM_BYTES = MIB
INTERACTION_BYTES = 8 * MIB  # that an interactor may say to a program
MESSAGE_CHARS = 2000  # of each message, and of what a broken checker said
# A checker is an honest program that may have much to do; and whatever it reads is hostile.
LIMITS = Limits(
    cpu_time_s=30.0, wall_time_s=60.0, memory_bytes=1024 * MIB, output_bytes=MIB, file_bytes=32 * MIB, processes=32
)
_ROOM_BYTES = 16 * MIB  # of LIMITS.file_bytes, for input and answer
_STEP_BYTES = 64 * MIB  # of more room for them, so that most jobs are alike
_INPUT, _ANSWER = "case.in", "case.ans"


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    What a checker made of an output.

    `partial` is the fraction that it earned, where the checker said so; an output
    that earned nothing is not accepted.
    """

    is_accepted: bool
    partial: float | None
    remarks: Remarks

    @property
    def fraction(self) -> float:
        return float(self.is_accepted) if self.partial is None else self.partial


class CheckerBroken(Exception):
    """
    The checker did not judge an output: its own fault, or its assignment's. The text is for the staff.

    `said` is what it had to say of that, and may quote the case.
    """

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.said = said


def check_checker(checker: Checker) -> None:
    """
    What no compiler need look at.

    Raises:
        AssignmentRefused: it cannot be a checker; the text says why.
    """
    if checker.language not in languages():
        raise AssignmentRefused(
            f"no language {checker.language} for a checker; there is {', '.join(languages())}: "
            "name one of these: `submitter assignment checker --language`, submitter.set_checker(…) or grading.toml"
        )
    size = len(checker.program.encode(errors="surrogatepass"))
    if not checker.program.strip():
        raise AssignmentRefused("the checker is empty: give a file that holds a program")
    if size > MAX_PROGRAM_BYTES:
        raise AssignmentRefused(f"the checker has {size:,} bytes; at most {MAX_PROGRAM_BYTES:,} can be stored")
    for what, text in (
        ("the checker", checker.program),
        *(("an argument of the checker", one) for one in checker.arguments),
    ):
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise AssignmentRefused(f"{what} holds a character that cannot be stored (U+0000 or half a surrogate pair)")


def checking_job(checker: Checker, cases: Sequence[TestCase], outputs: Sequence[bytes]) -> Job:
    """The job that has a checker judge these outputs, of these cases."""
    language = languages()[checker.language]
    home = FEEDBACK_DIRECTORY.rpartition("/")[0]
    words = (f"{home}/{_INPUT}", f"{home}/{_ANSWER}", f"{FEEDBACK_DIRECTORY}/", *checker.arguments)
    inputs = tuple(
        CaseInput(words, output, ((_INPUT, _file(case.input)), (_ANSWER, _file(case.expected))))
        for case, output in zip(cases, outputs, strict=True)
    )
    largest = max(one.files_bytes for one in inputs)
    extra_bytes = 0 if largest <= _ROOM_BYTES else math.ceil(largest / _STEP_BYTES) * _STEP_BYTES
    limits = language.limits(LIMITS)
    return Job(
        program=checker.program.encode(),
        file_name=language.file_name or f"checker{language.extension}",
        language=checker.language,
        limits=replace(
            limits,
            # Files are memory, and count as such where no cgroup tells the one from the other.
            memory_bytes=limits.memory_bytes + extra_bytes,
            file_bytes=limits.file_bytes + extra_bytes,
        ),
        inputs=inputs,
        role=Role.JUDGE,
        collect=COLLECT,
    )


def interacting_job(checker: Checker, cases: Sequence[TestCase], limits: Limits) -> Job:
    """
    The job that has an interactor speak to a program about these cases.

    Args:
        limits: the program's; the interactor has as much more time as that may take.
    """
    job = checking_job(checker, cases, [b""] * len(cases))
    wall_time_s = job.limits.wall_time_s + WALL_STRETCH * limits.wall_time_s
    limits = replace(job.limits, wall_time_s=wall_time_s, output_bytes=INTERACTION_BYTES)
    return replace(job, limits=limits, streamed=True)


def _file(text: str) -> bytes:
    """A case's text as a file: its last line ends as every line of a file does."""
    return (text if text.endswith("\n") or not text else text + "\n").encode()


def judgement_of(run: RunResult) -> Judgement:
    """
    What a checker said of an output.

    Raises:
        CheckerBroken: nothing that counts.
    """
    files = dict(run.collected)
    remarks = Remarks(_message(files.get(TEAM_MESSAGE)), _message(files.get(JUDGE_MESSAGE)))
    if run.ending is not Ending.EXITED or run.exit_code not in (ACCEPTED, WRONG):
        said = "\n".join(one for one in (_message(run.stderr), remarks.judge) if one)
        raise CheckerBroken(_what_went_wrong(run), said)
    if run.exit_code == WRONG:
        return Judgement(False, None, remarks)
    partial = next((_fraction(name, files[name]) for name in SCORES if name in files), None)
    return Judgement(partial != 0, partial, remarks)


def broken(case: TestCase, problem: CheckerBroken) -> SubmissionRejected:
    """The rejection of a submission that could not be judged."""
    return SubmissionRejected(
        "The program that judges this assignment has failed, so your submission could not be judged. That is not your "
        "program's fault. Tell your instructor, then submit again.",
        detail="\n".join(filter(None, (f"the checker failed on {case.name}: {problem}", problem.said))),
    )


def _fraction(name: str, text: bytes) -> float:
    try:
        number = float(text.decode("ascii").strip())
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise CheckerBroken(f"{name} holds no number from 0 to 1", showable(text.strip(), 50))
    return number


def _what_went_wrong(run: RunResult) -> str:
    known = {
        Ending.CPU_LIMIT: f"it used more than {LIMITS.cpu_time_s:g} s of processor time",
        Ending.WALL_LIMIT: f"it took longer than {LIMITS.wall_time_s:g} s",
        Ending.MEMORY_LIMIT: f"it used more than {LIMITS.memory_bytes // MIB} MiB of memory",
        Ending.OUTPUT_LIMIT: "it printed too much; what it has to say belongs into the directory of feedback",
        Ending.COMPILE_ERROR: "it does not compile",
        Ending.SIGNALED: f"it was ended by signal {run.signal}",
    }
    otherwise = f"its exit code is {run.exit_code}, neither {ACCEPTED} (accepted) nor {WRONG} (wrong)"
    return known.get(run.ending, otherwise)


def _message(text: bytes | None) -> str:
    return showable((text or b"").strip(), MESSAGE_CHARS)
