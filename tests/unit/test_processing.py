"""One submission from its key to its published result, whatever fails on the way and whoever comes in between."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from submitter.adapters.memory import FakeSandbox, MemoryResultStore
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.errors import (
    AssignmentRefused,
    CasesUnavailable,
    NewerUpload,
    NotThereYet,
    SandboxUnavailable,
    StoreUnavailable,
    SubmissionBusy,
    Unavailable,
)
from submitter.grading import Grader
from submitter.lease import Lease
from submitter.model import (
    Assignment,
    AssignmentRef,
    CaseKind,
    Checker,
    Ending,
    InputMode,
    Limits,
    SubmissionKey,
    TestCase,
)
from submitter.outcomes import Outcome
from submitter.ports import Delivery
from submitter.processing import SubmissionProcessor
from submitter.runs import CaseInput, Job, Role, RunResult
from submitter.supplies import Supplies
from submitter.workdir import work_directory

SUBID = "0123456789abcdef" * 2
TOKEN = "a" * 32
REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
KEY = SubmissionKey(REF, SUBID, leading_slash=True)
CASES = (TestCase(CaseKind.TEST, 1, "3", "9", 2.0), TestCase(CaseKind.GRADE, 1, "4", "16", 3.0))
ASSIGNMENT = Assignment(ref=REF, cases=CASES, limits=Limits(source_bytes=100))
METADATA = {"subid": SUBID, "admin": "m.soltys", "event": "aws_labs", "assignment": "lab5", "tokens": [TOKEN]}


class Journal:
    """Every call of every port, in order; a test may have something happen before the nth or before a named one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.fail_at: int | None = None
        self._lock = threading.Lock()

    def note(self, called: str, error: Exception) -> None:
        with self._lock:
            self.calls.append(called)
            number = len(self.calls)
            happening = self.before.pop(called, None)
        if happening is not None:
            happening()
        if number == self.fail_at:
            raise error


class NotedStore(MemoryResultStore):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def _fail_if_told(self, called: str) -> None:
        self._journal.note(called, StoreUnavailable("told to"))


class NotedCases(MemoryCaseStore):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def _fail_if_told(self, called: str) -> None:
        self._journal.note(called, CasesUnavailable("told to"))


class NotedSandbox(FakeSandbox):
    def __init__(self, journal: Journal, answer: Callable[[Job, CaseInput], RunResult]) -> None:
        super().__init__(answer)
        self._journal = journal

    def _fail_if_told(self, called: str) -> None:
        self._journal.note(called, SandboxUnavailable("told to"))


class World:
    """A bucket, a database, and hosts that grade; a program here is what it prints for every case."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal()
        self.store = NotedStore(self.journal)
        self.cases = NotedCases(self.journal)
        self.sandbox = NotedSandbox(self.journal, self._run)
        self.hosts = [
            SubmissionProcessor(self.cases, self.store, Grader(self.sandbox, directory / name), name) for name in "AB"
        ]
        self.directory = directory
        self.started: dict[bytes, threading.Event] = {}
        self.may_end: dict[bytes, threading.Event] = {}
        self.cases.save_assignment(ASSIGNMENT)
        self.cases.register(TOKEN, "ada@example.org")
        self.journal.calls.clear()

    def _run(self, job: Job, _: CaseInput) -> RunResult:
        program = job.program
        if program in self.started:
            self.started[program].set()
            assert self.may_end[program].wait(20)
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=program)

    def upload(self, program: bytes | None = b"9", metadata: dict[str, Any] | bytes | None = None) -> None:
        """As the front end does: the program first. No call of ours, so it is not in the journal."""
        document = METADATA if metadata is None else metadata
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        if program is not None:
            self.store._write(KEY.program(".py"), program, "text/plain")
        self.store._write(KEY.metadata, data, "application/json")

    def process(
        self, host: int = 0, key: SubmissionKey = KEY, delivery: Delivery | None = None, **options: Any
    ) -> Outcome:
        return self.hosts[host].process(key, Lease(delivery, 1000), **options)

    def hold(self, program: bytes) -> None:
        """From now on runs of this program wait for `may_end`."""
        self.started[program], self.may_end[program] = threading.Event(), threading.Event()

    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.store.objects[KEY.results].data))

    def out(self) -> bytes:
        return self.store.objects[KEY.out].data

    def published(self) -> list[bool]:
        return [attempt.is_published for attempt in self.cases.history]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


class InThread:
    """A call in a thread of its own, and what became of it."""

    def __init__(self, call: Callable[[], Outcome]) -> None:
        self.outcome: Outcome | None = None
        self.error: Exception | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._call()
        except Exception as exc:
            self.error = exc

    def join(self) -> "InThread":
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self


# -- graded -------------------------------------------------------------------------------------------------------


def test_graded_submission_is_published_beside_the_program_and_recorded(world: World) -> None:
    world.upload(b"9")
    outcome = world.process(delivery=Delivery("", "message-1", "handle", receive_count=3))
    assert outcome.report is not None
    assert (outcome.report.score, outcome.report.max_score) == (2.0, 5.0)
    assert world.out() == b"9\n"
    document = world.document()
    assert (document["state"], document["score"], len(document["tests"])) == ("graded", 2.0, 2)
    assert world.store.content_types[KEY.results] == "application/json"
    [attempt] = world.cases.history
    assert (attempt.outcome, attempt.is_published) == (outcome, True)
    assert attempt.start.upload == world.store.objects[KEY.program(".py")].version
    assert (attempt.start.tokens, attempt.start.worker, attempt.start.receive_count) == ((TOKEN,), "A", 3)
    assert not any((world.directory / "A").iterdir())


def test_out_is_written_before_results_and_both_before_the_record(world: World) -> None:
    """A reader who sees results.json has .out too, and Postgres never tells of a result that is not there."""
    world.upload()
    world.process()
    writes = [called for called in world.journal.calls if called in {"put", "replace", "record"}]
    assert writes == ["put", "replace", "record"]
    assert world.journal.calls.index("begin_attempt") < world.journal.calls.index("run")
    assert world.journal.calls.index("publish_turn") < world.journal.calls.index("put")


def test_nobody_else_waits_longer_in_the_turn_than_for_one_look_and_the_writing(world: World) -> None:
    """Which result lies there is known from Postgres."""
    world.upload()
    world.process()
    calls = world.journal.calls
    assert calls[calls.index("publish_turn") :] == ["publish_turn", "version", "put", "replace", "record"]


def test_metadata_program_and_cases_do_not_wait_for_each_other(world: World) -> None:
    """Each is asked for before another has come: a round trip to a bucket far away is waited for once."""
    world.upload()
    both = threading.Barrier(2, timeout=20)

    def second_of_two() -> None:
        both.wait()

    def first_of_two() -> None:
        world.journal.before["get"] = second_of_two
        both.wait()

    world.journal.before["get"] = first_of_two
    assert world.process().state == "graded"


def test_machine_that_has_no_more_threads_grades_one_call_after_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    world.upload()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert world.process().state == "graded"


@pytest.mark.parametrize("leading_slash", [False, True])
def test_results_lie_under_the_form_of_key_that_the_message_used(world: World, leading_slash: bool) -> None:
    key = SubmissionKey(REF, SUBID, leading_slash)
    world.store.put(key.program(".py"), b"9", "text/plain")
    world.store.put(key.metadata, json.dumps(METADATA).encode(), "application/json")
    world.process(key=key)
    assert sorted(world.store.objects) == sorted([key.program(".py"), key.metadata, key.out, key.results])


def test_token_that_nobody_registered_does_not_cost_the_grade(world: World) -> None:
    world.upload(metadata=METADATA | {"tokens": ["b" * 32]})
    assert world.process().state == "graded"


def test_dry_run_grades_and_publishes_and_records_nothing(world: World) -> None:
    world.upload()
    before = dict(world.store.objects)
    outcome = world.process(dry_run=True)
    assert outcome.report is not None
    assert outcome.report.score == 2.0
    assert world.store.objects == before
    assert world.cases.history == []


def test_dry_run_of_a_submission_that_is_rejected_publishes_nothing_either(world: World) -> None:
    world.upload(b"")
    before = dict(world.store.objects)
    assert world.process(dry_run=True).reason == "Your program is empty. Check the file and submit again."
    assert world.store.objects == before
    assert world.cases.history == []


# -- rejected -----------------------------------------------------------------------------------------------------


def without_cases(world: World) -> None:
    world.cases.save_assignment(Assignment(ref=REF, cases=()))
    world.upload()


def in_another_language(world: World) -> None:
    world.cases.save_assignment(Assignment(ref=REF, cases=CASES, language="c"))
    world.upload(metadata=METADATA | {"language": "python"})


def in_a_language_of_a_later_version(world: World) -> None:
    world.cases.save_assignment(Assignment(ref=REF, cases=CASES, language="cobol"))
    world.upload()


def with_faulty_cases(world: World) -> None:
    cases = (TestCase(CaseKind.TEST, 1, "'", ""),)
    world.cases.save_assignment(Assignment(ref=REF, cases=cases, input_mode=InputMode.ARGUMENTS))
    world.upload()


def with_cases_that_are_too_large(world: World) -> None:
    def refuse(ref: AssignmentRef) -> Assignment:
        raise AssignmentRefused(f"the cases of {ref} have 100,000,000 bytes")

    world.cases.load_assignment = refuse  # type: ignore[method-assign]
    world.upload()


def without_assignment(world: World) -> None:
    world.cases._assignments.clear()
    world.upload()


REJECTIONS: list[tuple[Callable[[World], None], str]] = [
    (without_assignment, "There is no assignment lab5 in aws_labs."),
    (without_cases, "The assignment has no test cases yet."),
    (in_another_language, "This assignment takes programs in c only."),
    (in_a_language_of_a_later_version, "The assignment asks for programs in cobol, which cannot be graded here."),
    (with_faulty_cases, "The assignment's test cases are faulty"),
    (with_cases_that_are_too_large, "The assignment's test cases are faulty"),
    (lambda world: world.upload(metadata=METADATA | {"language": "cobol"}), "The language in the metadata is not"),
    (lambda world: world.upload(program=None), "Your program never arrived"),
    (lambda world: None, "The submission's metadata never arrived."),
    (lambda world: world.upload(b""), "Your program is empty."),
    (lambda world: world.upload(b"x\0"), "Your program holds a NUL byte"),
    (lambda world: world.upload(b"x" * 101), "The file is larger than"),
    (lambda world: world.upload(metadata=b"hello"), "The submission's metadata is not valid JSON"),
    (lambda world: world.upload(metadata=b"\xff"), "The submission's metadata is not UTF-8"),
    (lambda world: world.upload(metadata=b"[" * 10_000), "The submission's metadata is not valid JSON: it is nested"),
    (lambda world: world.upload(metadata=b" " * 100_000), "The file is larger than"),
    (lambda world: world.upload(metadata=METADATA | {"tokens": []}), '"tokens" in the submission'),
    *(
        (
            lambda world, name=name: world.upload(metadata=METADATA | {name: "0" * 32}),
            f"The submission's metadata names another {name}",
        )
        for name in ("subid", "admin", "event", "assignment")
    ),
]


@pytest.mark.parametrize(("prepare", "why"), REJECTIONS)
def test_submission_that_nobody_can_grade_is_rejected_in_words_for_its_student(
    world: World, prepare: Callable[[World], None], why: str
) -> None:
    """Published and recorded like a grade, over the result of an earlier upload, so that nobody waits in vain."""
    world.store.put(KEY.out, b"an older upload's", "text/plain")
    world.store.put(KEY.results, b"an older upload's", "application/json")
    prepare(world)
    outcome = world.process(still_wait=False)
    assert outcome.reason is not None
    assert outcome.reason.startswith(why)
    assert world.sandbox.jobs == []
    document = world.document()
    assert (document["state"], document["reason"], document["tests"]) == ("rejected", outcome.reason, [])
    assert world.out() == b""
    [attempt] = world.cases.history
    assert (attempt.outcome, attempt.is_published) == (outcome, True)


@pytest.mark.parametrize("program", [None, b"9"])
def test_missing_file_is_waited_for_and_nothing_is_written_meanwhile(world: World, program: bytes | None) -> None:
    """The two uploads may land in any order."""
    if program is None:
        world.upload(None)
    else:
        world.store.put(KEY.program(".py"), program, "text/plain")
    before = dict(world.store.objects)
    with pytest.raises(NotThereYet):
        world.process()
    assert world.store.objects == before
    assert world.cases.history == []
    world.upload()
    assert world.process().state == "graded"


@pytest.mark.parametrize("moment", ["version", "begin_attempt", "publish_turn"])
@pytest.mark.parametrize("missing", ["program", "metadata"])
def test_file_that_arrives_at_the_last_moment_is_not_answered_with_never_arrived(
    world: World, moment: str, missing: str
) -> None:
    """No message tells of a program: were the rejection published over it, nobody would ever grade it."""
    world.upload()
    missing_key = KEY.program(".py") if missing == "program" else KEY.metadata
    late = world.store.objects.pop(missing_key)
    world.journal.before[moment] = lambda: world.store._write(missing_key, late.data, "")
    with pytest.raises(NewerUpload):
        world.process(still_wait=False)
    assert KEY.results not in world.store.objects
    assert world.published() == [False]
    assert world.process(still_wait=False).state == "graded"


def test_rejection_gives_way_to_a_newer_upload_that_is_sound(world: World) -> None:
    world.upload(metadata=b"hello")
    world.journal.before["begin_attempt"] = world.upload
    with pytest.raises(NewerUpload):
        world.process()
    assert KEY.results not in world.store.objects
    assert world.process().state == "graded"


# -- newer uploads ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_to_end", [b"9", b"16"], ids=["the older", "the newer"])
def test_newest_upload_s_result_stays_whatever_order_the_attempts_end_in(world: World, first_to_end: bytes) -> None:
    """The older program (9) is being graded on one host when the newer (16) is uploaded and graded on another."""
    world.hold(b"9")
    world.hold(b"16")
    world.upload(b"9")
    older = InThread(lambda: world.process(0))
    assert world.started[b"9"].wait(20)
    world.upload(b"16")
    newer = InThread(lambda: world.process(1))
    assert world.started[b"16"].wait(20)

    attempts = {b"9": older, b"16": newer}
    last_to_end = b"16" if first_to_end == b"9" else b"9"
    for program in (first_to_end, last_to_end):
        world.may_end[program].set()
        attempts[program].join()

    assert isinstance(older.error, NewerUpload)
    assert newer.error is None
    assert world.out() == b"16\n"
    assert world.document()["score"] == 3.0
    first, second = world.cases.history
    assert first.outcome is not None
    assert first.outcome.report is not None
    assert (first.outcome.report.score, first.is_published) == (2.0, False)  # kept, not shown
    assert (second.outcome, second.is_published) == (newer.outcome, True)


def test_older_attempt_that_is_publishing_is_overwritten_by_the_newer_one_that_waits(world: World) -> None:
    """The older has looked, found nothing newer and begins to write; just then the newer comes, and waits to begin."""
    newer: list[InThread] = []
    asked = threading.Event()

    def newer_comes() -> None:
        world.upload(b"16")
        world.journal.before["begin_attempt"] = asked.set
        newer.append(InThread(lambda: world.process(1)))
        assert asked.wait(20)

    world.upload(b"9")
    world.journal.before["put"] = newer_comes
    assert world.process(0).state == "graded"
    assert newer[0].join().error is None
    assert world.out() == b"16\n"
    assert world.document()["score"] == 3.0
    assert world.published() == [True, True]
    assert world.cases.history[1].outcome == newer[0].outcome


@pytest.mark.parametrize("moment", ["put", "replace"])
def test_newer_result_is_not_overwritten_even_if_the_turn_was_lost_on_the_way(world: World, moment: str) -> None:
    """Postgres restarts, the lock is gone, and another host publishes: the condition on the write still holds."""

    def another_host() -> None:
        world.upload(b"16")
        world.store._write(KEY.results, b"newer", "application/json")

    world.upload(b"9")
    world.journal.before[moment] = another_host
    with pytest.raises(NewerUpload):
        world.process()
    assert world.store.objects[KEY.results].data == b"newer"
    assert world.published() == [False]


def test_result_of_an_attempt_that_died_before_it_was_recorded_is_replaced(world: World) -> None:
    """Postgres knows nothing of it: the write is refused once, and done in a second turn, with one run only."""
    world.upload(b"9")
    world.store._write(KEY.results, b"of an attempt that died", "application/json")
    world.journal.calls.clear()
    assert world.process().state == "graded"
    assert world.document()["state"] == "graded"
    assert world.published() == [True]
    assert [call for call in world.journal.calls if call in {"run", "publish_turn", "replace", "record"}] == [
        "run", "publish_turn", "replace", "publish_turn", "replace", "record"
    ]  # fmt: skip


def test_result_that_changes_while_two_turns_are_taken_is_left_alone(world: World) -> None:
    def somebody_writes() -> None:
        world.store._write(KEY.results, b"somebody's", "application/json")
        world.journal.before["replace"] = somebody_writes

    world.upload(b"9")
    world.journal.before["replace"] = somebody_writes
    with pytest.raises(NewerUpload):
        world.process()
    assert world.store.objects[KEY.results].data == b"somebody's"
    assert world.published() == [False]


def test_same_program_handed_in_again_is_graded_again(world: World) -> None:
    world.upload()
    world.process()
    first = world.store.objects[KEY.results].version
    world.upload()
    world.process()
    assert world.store.objects[KEY.results].version != first
    assert world.published() == [True, True]
    assert len({attempt.start.upload for attempt in world.cases.history}) == 2


def test_same_bytes_handed_in_while_they_are_graded_count_as_a_newer_upload(world: World) -> None:
    world.upload()
    world.journal.before["run"] = world.upload
    with pytest.raises(NewerUpload):
        world.process()
    assert world.process().state == "graded"
    assert world.published() == [False, True]


def test_metadata_uploaded_again_alone_does_not_make_the_program_a_newer_one(world: World) -> None:
    """The front end writes the program first: of a second upload the metadata may lag behind."""
    world.upload()
    world.journal.before["run"] = lambda: world.upload(None)
    assert world.process().state == "graded"


# -- failures -----------------------------------------------------------------------------------------------------


def numbers_of_calls(directory: Path, program: bytes) -> int:
    world = World(directory)
    world.upload(program)
    world.process()
    return len(world.journal.calls)


@pytest.mark.parametrize("program", [b"9", b"\0"], ids=["graded", "rejected"])
@pytest.mark.parametrize("before", [False, True], ids=["first upload", "handed in again"])
def test_port_that_fails_at_any_step_leaves_nothing_wrong_and_the_next_attempt_mends_it(
    tmp_path: Path, program: bytes, before: bool
) -> None:
    steps = numbers_of_calls(tmp_path / "count", program)
    assert steps >= 9
    for step in range(1, steps + 1):
        world = World(tmp_path / str(step))
        if before:
            world.upload(b"16")
            world.process()
        old = world.document() if before else None
        world.upload(program)
        world.journal.calls.clear()
        world.journal.fail_at = step
        with pytest.raises(Unavailable, match="told to"):
            world.process()
        failed = world.journal.calls[step - 1]
        shown = world.document() if KEY.results in world.store.objects else None
        assert world.cases.history[before:] == [] or world.cases.history[-1].outcome is None
        assert not (tmp_path / str(step) / "A").exists() or not any((tmp_path / str(step) / "A").iterdir())

        world.journal.fail_at = None
        outcome = world.process()
        mended = world.document()
        # Before the record nothing is shown but what was; a failing record leaves the right result, which is redone.
        assert shown == (mended if failed == "record" else old), failed
        assert mended["state"] == outcome.state
        assert world.out() == (b"9\n" if outcome.report else b"")
        assert world.published()[-1]


def test_submission_that_is_being_graded_on_this_host_is_not_graded_twice_at_once(world: World) -> None:
    world.upload()
    with work_directory(world.directory / "A", SUBID), pytest.raises(SubmissionBusy):
        world.process()
    assert KEY.results not in world.store.objects
    assert world.process().state == "graded"


def test_what_is_wrong_with_an_assignment_is_kept_for_its_staff_and_logged_without_quotes(world: World) -> None:
    """What a checker says when it breaks may quote a hidden case, which the log must not."""

    def run(job: Job, _: CaseInput) -> RunResult:
        if job.role is Role.JUDGE:
            return RunResult(ending=Ending.EXITED, exit_code=1, stderr=b"the answer was SECRET")
        return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"9")

    world.sandbox._answer = run
    world.cases.save_checker(ASSIGNMENT.ref, Checker(program="x", language="python"))
    world.upload()
    with capture_logs() as logged:
        world.process()
    [refused] = [line for line in logged if line["event"] == "assignment_refused"]
    assert refused["reason"].startswith("the checker failed on ")
    assert "SECRET" not in str(logged)
    outcome = world.cases.history[-1].outcome
    assert outcome is not None
    assert outcome.detail is not None
    assert outcome.detail.endswith("\nthe answer was SECRET")
    assert b"SECRET" not in world.store.objects[KEY.results].data


def to_be_called_what_python_cannot(world: World) -> None:
    world.cases.save_assignment(Assignment(ref=REF, cases=CASES, supplies=Supplies(main_file="main.txt")))
    world.upload()


def with_a_checker_in_no_language(world: World) -> None:
    made = Assignment(ref=REF, cases=CASES, checker=Checker(program="x", language="pyton"))
    world.cases.load_assignment = lambda ref: made  # type: ignore[method-assign]  # as SQL stored it
    world.upload()


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (in_a_language_of_a_later_version, "no language cobol; there is python, "),
        (to_be_called_what_python_cannot, "ends with .py, which main.txt does not; set another with "),
        (with_a_checker_in_no_language, "no language pyton for a checker; there is python, "),
        (with_faulty_cases, "a case is faulty: `submitter check` says which"),  # not how: that quotes the case
    ],
)
def test_what_sql_let_an_assignment_say_is_named_to_its_staff(
    world: World, prepare: Callable[[World], None], why: str
) -> None:
    prepare(world)
    with capture_logs() as logged:
        assert world.process().state == "rejected"
    [refused] = [line for line in logged if line["event"] == "assignment_refused"]
    assert why in refused["reason"]
