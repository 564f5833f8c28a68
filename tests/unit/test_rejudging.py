"""Judging anew: who rises and falls is known before, nothing is run that need not be, and what is newer wins."""

import contextlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from submitter import app, planning
from submitter.adapters.memory import FakeSandbox, MemoryResultStore, MemorySubmissionQueue
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.cli import main
from submitter.comparison import Comparison, ComparisonKind
from submitter.errors import AssignmentRefused, CasesUnavailable, StoreUnavailable
from submitter.grading import Grader
from submitter.languages import languages
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
    Verdict,
)
from submitter.outcomes import AttemptStart, CaseResult
from submitter.planning import change_of, make_plan
from submitter.points import Group, GroupRule
from submitter.policy import Feedback, Late, Level, Policy, Stages, Tries, View
from submitter.ports import Turn
from submitter.processing import SubmissionProcessor
from submitter.publishing import publish
from submitter.rejudging import Applied, Rejudger
from submitter.runs import CaseInput, Environment, Job, Role, RunResult
from submitter.supplies import Supplies
from submitter.test_sets import (
    CASE_EFFECTS,
    EFFECTS,
    KEPT_OUTPUT_BYTES,
    Change,
    Ingredients,
    Plan,
    PlanItem,
    Recipe,
    digest_of,
    may_be_judged_again,
)

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
CASES = (TestCase(CaseKind.TEST, 1, "3", "9", 2.0), TestCase(CaseKind.GRADE, 1, "4", "16", 3.0))
SQUARES = Assignment(ref=REF, cases=CASES)
PYTHON = languages()["python"]
ADA, BOB, EVE = ("a" * 32, "b" * 32, "e" * 32)


QUICK = RunResult(ending=Ending.EXITED, exit_code=0, cpu_time_s=0.01, wall_time_s=0.02)


def answer(job: Job, case: CaseInput) -> RunResult:
    """How programs fare here: `square` and `double` print a number, `fails` ends with 1, `slow` passes its limit."""
    [text] = case.arguments
    match job.program.decode().split()[0]:
        case "square":
            return replace(QUICK, stdout=b"%d\n" % int(text) ** 2)
        case "double":
            return replace(QUICK, stdout=b"%d\n" % (2 * int(text)))
        case "slow":
            return RunResult(ending=Ending.CPU_LIMIT, signal=9, stdout=b"9\n", cpu_time_s=2.0, wall_time_s=2.0)
        case "starved":
            return RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"9\n", wall_time_s=1.0, starved_s=0.9)
        case "verbose":
            return replace(QUICK, stdout=b"9" * (KEPT_OUTPUT_BYTES + 1))
    return replace(QUICK, exit_code=1, stderr=b"oh")


class World:
    """A course: a bucket, a queue, a database, a host that grades, and one that judges anew."""

    def __init__(self, directory: Path, run: Callable[[Job, CaseInput], RunResult] = answer) -> None:
        self.store, self.queue, self.cases = MemoryResultStore(), MemorySubmissionQueue(), MemoryCaseStore()
        self.ran: list[CaseInput] = []

        def note(job: Job, case: CaseInput) -> RunResult:
            self.ran.append(case)
            return run(job, case)

        self.sandbox = FakeSandbox(note)
        self.pauses: list[float] = []
        self.host = SubmissionProcessor(self.cases, self.store, Grader(self.sandbox, directory), "host:1")
        self.rejudger = Rejudger(
            self.cases,
            self.store,
            open_sandbox=lambda: self.sandbox,
            waiting=self.queue.waiting,
            worker="desk:1",
            pause=self._pause,
        )
        self.cases.save_assignment(SQUARES)
        self.cases.register("c" * 32, "ada@example.org")

    def hand_in(self, subid: str, program: str | bytes, extension: str = ".py") -> None:
        key = SubmissionKey(REF, subid, leading_slash=True)
        names = {"admin": REF.admin, "event": REF.event, "assignment": REF.assignment}
        metadata = {"subid": subid, **names, "tokens": ["c" * 32]}
        data = program.encode() if isinstance(program, str) else program
        self.store.put(key.program(extension), data, "text/plain")
        self.store.put(key.metadata, json.dumps(metadata).encode(), "application/json")

    def grade(self, subid: str, program: str | None = None) -> None:
        if program is not None:
            self.hand_in(subid, program)
        self.host.process(SubmissionKey(REF, subid, leading_slash=True), Lease(None, 1000))

    def change(self, *cases: TestCase, **changed: Any) -> None:
        assignment = self.cases.load_assignment(REF)
        assert assignment is not None
        self.cases.save_assignment(replace(assignment, cases=cases or assignment.cases, **changed))

    def plan(self) -> tuple[int, Plan]:
        """A plan; that nothing is run for it is looked at each time."""
        before = len(self.ran)
        plan = make_plan(self.cases, REF)
        assert len(self.ran) == before
        return plan

    def apply(self, plan_id: int, **options: Any) -> dict[str, Applied]:
        return {one.item.subid: one for one in self.rejudger.apply(plan_id, **options)}

    def document(self, subid: str) -> dict[str, Any]:
        return dict(json.loads(self.store.objects[SubmissionKey(REF, subid, leading_slash=True).results].data))

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        delivery = self.queue.receive(0)
        assert delivery is not None
        self.queue.delete(delivery)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def wrong(case: TestCase, expected: str) -> TestCase:
    return replace(case, expected=expected)


# -- the plan -----------------------------------------------------------------------------------------------------


def test_a_plan_tells_who_rises_and_who_falls_and_why(world: World) -> None:
    world.grade(ADA, "square")
    world.grade(BOB, "double")
    world.grade(EVE, "fails")
    world.change(wrong(CASES[0], "6"), CASES[1])
    _, plan = world.plan()
    assert {item.subid: (item.change, item.old_score, item.new_score, item.reasons) for item in plan.items} == {
        ADA: (Change.FALLS, 5, 3, ("test 1: accepted → wrong_answer (expected output changed)",)),
        BOB: (Change.RISES, 0, 2, ("test 1: wrong_answer → accepted (expected output changed)",)),
        EVE: (Change.SAME, 0, 0, ("test 1: still runtime_error (expected output changed)",)),
    }
    assert plan.test_set == 2


def test_whom_a_change_does_not_touch_is_not_in_the_plan(world: World) -> None:
    """Of a hidden case a student sees the verdict only; that it now expects something else changes nothing for them."""
    world.grade(EVE, "fails")
    world.change(CASES[0], wrong(CASES[1], "17"))
    _, plan = world.plan()
    assert (plan.items, plan.unchanged) == ((), 1)


def test_a_comparison_is_judged_by_the_kept_output(world: World) -> None:
    world.change(wrong(CASES[0], " 9"), CASES[1])
    world.grade(ADA, "square")
    assert world.document(ADA)["score"] == 3
    world.change(comparison=Comparison.WHITESPACE)
    _, plan = world.plan()
    assert [(item.change, item.new_score) for item in plan.items] == [(Change.RISES, 5)]


def test_whatever_a_checker_judges_is_run_again(tmp_path: Path) -> None:
    """What one would say of an output that was kept, nobody knows without asking; nothing is compared in its place."""

    def run(job: Job, case: CaseInput) -> RunResult:
        if job.role is Role.JUDGE:
            return replace(QUICK, exit_code=42 if int(case.stdin) % 2 else 43)
        return answer(job, case)

    world = World(tmp_path, run)
    world.grade(ADA, "square")
    assert world.document(ADA)["score"] == 5
    for number, score in ((1, 2), (2, 2)):
        world.change(checker=Checker(program=f"version {number}", language="python"))
        plan_id, plan = world.plan()
        assert [(item.change, item.to_run) for item in plan.items] == [(Change.NEEDS_RUN, 2)]
        world.apply(plan_id, allow_drops=True)
        assert world.document(ADA)["score"] == score
    world.change(checker=None)
    plan_id, _ = world.plan()
    world.apply(plan_id, allow_drops=True)
    assert world.document(ADA)["score"] == 5


def test_points_and_cases_that_are_gone_are_told(world: World) -> None:
    world.grade(ADA, "square")
    world.change(replace(CASES[0], points=4.0))
    [item] = world.plan()[1].items
    assert item.reasons == ("test 1: 2/2 → 4/4 points (points changed)", "grade 1: gone, was accepted")
    assert (item.change, item.new_score, item.new_max) == (Change.FALLS, 4, 4)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ((3, 5), (4, 5), Change.RISES),
        ((4, 5), (3, 5), Change.FALLS),
        ((4, 5), (4, 5), Change.SAME),
        ((5, 5), (5, 6), Change.FALLS),  # a case more, which it does not pass
        ((5, 5), (4, 4), Change.FALLS),  # a grade book adds points
        ((4, 5), (4, 4), Change.RISES),
        ((0, 0), (0, 0), Change.SAME),
    ],
)
def test_neither_points_nor_their_share_may_fall(
    old: tuple[float, float], new: tuple[float, float], change: Change
) -> None:
    assert change_of(*old, *new) is change


@pytest.mark.parametrize("program", ["slow", "starved", "verbose"])
def test_what_time_had_a_part_in_or_was_not_kept_whole_is_run_again(world: World, program: str) -> None:
    world.grade(ADA, program)
    world.change(wrong(CASES[0], "6"), CASES[1])
    [item] = world.plan()[1].items
    assert (item.change, item.to_run) == (Change.NEEDS_RUN, 2)


def test_rejected_submissions_are_not_judged_anew(world: World) -> None:
    world.grade(ADA, " ")
    world.change(wrong(CASES[0], "6"), CASES[1])
    assert world.plan()[1].items == ()


def test_a_test_set_has_a_number_by_content(world: World) -> None:
    """Also if the cases are changed and changed back."""
    first = world.plan()[1].test_set
    world.change(wrong(CASES[0], "6"), CASES[1])
    second = world.plan()[1].test_set
    world.change(*CASES)
    assert (first, second, world.plan()[1].test_set) == (1, 2, 1)


# -- carrying it out ----------------------------------------------------------------------------------------------


def test_a_plan_is_made_so_without_running_anything(world: World) -> None:
    world.grade(BOB, "double")
    out = world.store.objects[SubmissionKey(REF, BOB, leading_slash=True).out].data
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    assert world.apply(plan_id)[BOB].problem is None
    assert len(world.sandbox.jobs) == 1, "it was graded once, and never run again"
    document = world.document(BOB)
    assert (document["score"], document["test_set"], document["tests"][0]["expected"]) == (2, 2, "6")
    assert world.store.objects[SubmissionKey(REF, BOB, leading_slash=True).out].data == out


def test_the_outputs_are_written_when_a_test_case_comes_or_goes(world: World) -> None:
    """Line N of `.out` belongs to test case N of results.json."""
    world.grade(ADA, "square")
    out = SubmissionKey(REF, ADA, leading_slash=True).out
    assert world.store.objects[out].data == b"9\n"
    world.change(*CASES, TestCase(CaseKind.TEST, 2, "5", "25", 1.0))
    world.apply(world.plan()[0])
    assert world.store.objects[out].data == b"9\n25\n"
    world.change(TestCase(CaseKind.TEST, 1, "5", "25", 1.0))
    world.apply(world.plan()[0], allow_drops=True)
    assert world.store.objects[out].data == b"25\n"


def test_the_old_result_stays_in_the_history(world: World) -> None:
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    world.apply(plan_id)
    old, new = world.cases.history
    assert old.outcome is not None
    assert old.outcome.report is not None
    assert (old.outcome.report.score, old.start.plan_id) == (0, None)
    assert (new.start.worker, new.start.plan_id, new.is_published) == ("desk:1", plan_id, True)


def test_a_result_falls_only_where_that_is_allowed(world: World) -> None:
    world.grade(ADA, "square")
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    done = world.apply(plan_id)
    assert "--allow-drops" in (done[ADA].problem or "")
    assert (world.document(ADA)["score"], world.document(BOB)["score"]) == (5, 2)
    done = world.apply(plan_id, allow_drops=True)
    assert done[BOB] == Applied(done[BOB].item), "it was done before"
    assert world.document(ADA)["score"] == 3


def test_a_plan_is_void_when_the_cases_have_changed_since(world: World) -> None:
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    world.change(*CASES)
    with pytest.raises(AssignmentRefused, match="have changed since the plan was made"):
        world.apply(plan_id)
    assert world.document(BOB)["score"] == 0


def test_an_unknown_plan_is_refused(world: World) -> None:
    with pytest.raises(AssignmentRefused, match="no plan 7"):
        world.apply(7)


def test_a_result_that_came_since_the_plan_stays(world: World) -> None:
    world.grade(ADA, "double x")
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    world.grade(ADA, "fails")
    done = world.apply(plan_id)
    assert "newer result" in (done[ADA].problem or "")
    assert (world.document(ADA)["score"], world.document(BOB)["score"]) == (0, 2)


def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens after the plan's results were read, and before the turn."""
    original = world.cases.rejudge_turn

    def turn(start: AttemptStart) -> AbstractContextManager[Turn]:
        monkeypatch.undo()
        happens()
        return original(start)

    monkeypatch.setattr(world.cases, "rejudge_turn", turn)


def test_an_upload_that_comes_meanwhile_is_graded_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has begun to grade it: until then its student sees the older one's result, as it is judged now."""
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    meanwhile(world, monkeypatch, lambda: world.hand_in(BOB, "square"))
    assert world.apply(plan_id)[BOB].problem is None
    assert world.document(BOB)["score"] == 2
    world.grade(BOB)
    assert world.document(BOB)["score"] == 3
    assert world.apply(plan_id)[BOB].problem == "has a newer result, which stays"


def test_an_upload_that_is_being_graded_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result may lie in the bucket already, though Postgres does not know of it: then nothing is written."""
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    before = world.document(BOB)

    def hand_in_and_begin() -> None:
        world.hand_in(BOB, "square")
        world.cases.begin_attempt(replace(world.cases.history[0].start, upload="newer"))

    meanwhile(world, monkeypatch, hand_in_and_begin)
    assert "newer upload" in (world.apply(plan_id)[BOB].problem or "")
    assert world.document(BOB) == before


def test_a_newer_result_stays_that_nobody_could_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it reads as the one that the plan is about, to the byte."""
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    world.change(*CASES)
    before = world.store.objects[SubmissionKey(REF, BOB, leading_slash=True).results]

    def grade_in_vain() -> None:
        world.cases.fail_next(CasesUnavailable("Postgres went away"), method="record")
        with pytest.raises(CasesUnavailable):
            world.grade(BOB, "double # again")
        world.change(wrong(CASES[0], "6"), CASES[1])
        monkeypatch.setattr(world.store, "replace", lambda *_: pytest.fail("it writes over a newer result"))

    world.change(wrong(CASES[0], "6"), CASES[1])
    meanwhile(world, monkeypatch, grade_in_vain)
    assert "newer upload" in (world.apply(plan_id)[BOB].problem or "")
    assert before.version != world.store.objects[SubmissionKey(REF, BOB, leading_slash=True).results].version


def test_a_result_that_comes_meanwhile_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same upload, even: somebody had it graded again after the plan's results were read."""
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    meanwhile(world, monkeypatch, lambda: world.grade(BOB))
    assert "newer" in (world.apply(plan_id)[BOB].problem or "")
    assert [attempt.is_published for attempt in world.cases.history] == [True, True, False]


def test_one_that_is_being_graded_is_left_for_later(world: World) -> None:
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    graded = world.cases.begin_attempt(replace(world.cases.history[0].start, lease_s=100))
    assert "being graded" in (world.apply(plan_id)[BOB].problem or "")
    world.cases.end_attempt(graded, None)
    assert world.apply(plan_id)[BOB].problem is None


@pytest.mark.parametrize("call", ["rejudge_turn", "replace"])
def test_a_plan_that_broke_off_goes_on_where_it_ended(world: World, call: str) -> None:
    subids = [digit * 32 for digit in "0123"]
    for subid in subids:
        world.grade(subid, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    applying = world.rejudger.apply(plan_id)
    world.rejudger._wait_for_quiet = lambda: None  # type: ignore[method-assign]
    port: Any = world.store if call == "replace" else world.cases
    original = getattr(port, call)
    calls: list[object] = []

    def break_off_at_the_third(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise StoreUnavailable("the host died")
        return original(*arguments)

    setattr(port, call, break_off_at_the_third)
    with pytest.raises(StoreUnavailable):
        list(applying)
    setattr(port, call, original)
    published = sum(attempt.is_published for attempt in world.cases.history)
    assert len(subids) < published < 2 * len(subids)
    done = world.apply(plan_id)
    assert [one.problem for one in done.values()] == [None] * 4
    assert [world.document(subid)["score"] for subid in subids] == [2] * 4
    by_plan = [a for a in world.cases.history if a.start.plan_id == plan_id and a.is_published]
    assert len(by_plan) == 4, "none was published twice"


def test_one_added_case_runs_one_case(world: World) -> None:
    world.grade(ADA, "square")
    world.change(*CASES, TestCase(CaseKind.GRADE, 2, "5", "25", 1.0))
    plan_id, plan = world.plan()
    [item] = plan.items
    assert (item.change, item.to_run, item.reasons) == (Change.NEEDS_RUN, 1, ("no run is kept for grade 2",))
    assert world.apply(plan_id)[ADA].problem is None
    assert world.ran[len(CASES) :] == [CaseInput(("5",))]
    assert (world.document(ADA)["score"], world.document(ADA)["max_score"]) == (6, 6)
    world.change(*CASES)
    assert world.plan()[1].items[0].change is Change.FALLS, "and now that run is kept, too"


def test_an_archive_is_run_as_one(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("main.py", "print(1)\n" * 9)
    world = World(tmp_path, lambda job, _: replace(QUICK, stdout=b"9" if job.is_archive else b"no archive"))
    world.change(CASES[0], supplies=Supplies(main_file="main.py"))
    world.hand_in(ADA, made.getvalue())
    world.grade(ADA)
    world.change(CASES[0], wrong(CASES[1], "9"))
    assert world.apply(world.plan()[0])[ADA].problem is None
    assert (world.document(ADA)["score"], len(world.ran)) == (5, 2)
    world.change(supplies=Supplies(main_file="main.py", preload=("numpy",)))
    assert world.plan()[1].items[0].to_run == 2, "it may behave otherwise with other files or modules"


def test_what_falls_after_a_run_needs_its_flag_too(world: World) -> None:
    world.grade(ADA, "square")
    world.change(*CASES, TestCase(CaseKind.GRADE, 2, "5", "26", 1.0))
    plan_id, _ = world.plan()
    assert "would be a smaller share of all points: 5/6; --allow-drops" in (world.apply(plan_id)[ADA].problem or "")
    assert world.document(ADA)["max_score"] == 5
    assert world.apply(plan_id, allow_drops=True)[ADA].problem is None
    assert world.document(ADA)["max_score"] == 6


def test_runs_of_another_image_are_not_mixed(world: World) -> None:
    """A report names one image; so all cases are run where programs run now."""
    world.grade(ADA, "square")
    world.sandbox.environment = Environment(image="newer", isolation="fake")
    world.change(*CASES, TestCase(CaseKind.GRADE, 2, "5", "25", 1.0))
    plan_id, _ = world.plan()
    world.apply(plan_id)
    assert len(world.ran) == 2 + 3
    assert world.document(ADA)["image"] == "newer"


def test_a_result_of_an_older_submitter_is_run_whole(world: World) -> None:
    """It names no image and no program, so that nothing is known of its runs."""
    world.sandbox.environment = None
    world.grade(ADA, "square")
    world.sandbox.environment = Environment(image="known", isolation="fake")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, plan = world.plan()
    assert plan.items[0].to_run == 2
    world.apply(plan_id, allow_drops=True)
    assert world.document(ADA)["score"] == 3


def test_a_program_that_was_replaced_is_not_run(world: World) -> None:
    world.grade(ADA, "slow")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    world.hand_in(ADA, "square")
    assert "newer upload" in (world.apply(plan_id)[ADA].problem or "")
    assert len(world.sandbox.jobs) == 1


# -- groups, deadlines, feedback -----------------------------------------------------------------------------------

GROUP = (
    TestCase(CaseKind.TEST, 1, "3", "9", 2.0, group="all"),
    TestCase(CaseKind.TEST, 2, "4", "16", 2.0, group="all"),
    TestCase(CaseKind.TEST, 3, "5", "25", 2.0, group="all"),
)
STOPS = (Group("all", stops_early=True),)


def verdicts(document: dict[str, Any]) -> list[str]:
    return [test["verdict"] for test in document["tests"]]


def test_a_case_that_was_skipped_is_run_when_it_is_needed(world: World) -> None:
    world.change(*GROUP, groups=STOPS)
    world.grade(BOB, "double")
    assert (verdicts(world.document(BOB)), len(world.ran)) == (["wrong_answer", "skipped", "skipped"], 1)
    world.change(wrong(GROUP[0], "6"), wrong(GROUP[1], "8"), GROUP[2])
    plan_id, plan = world.plan()
    assert (plan.items[0].change, plan.items[0].to_run) == (Change.NEEDS_RUN, 2)
    assert world.apply(plan_id)[BOB].problem is None
    assert world.ran[1:] == [CaseInput(("4",)), CaseInput(("5",))], "and not the first one"
    assert verdicts(world.document(BOB)) == ["accepted", "accepted", "wrong_answer"]
    assert world.document(BOB)["score"] == 4


def test_a_case_that_a_group_skips_now_needs_no_run(world: World) -> None:
    world.change(*GROUP, groups=STOPS)
    world.grade(ADA, "square")
    world.change(wrong(GROUP[0], "6"), *GROUP[1:])
    plan_id, plan = world.plan()
    assert plan.items[0].reasons[1] == "test 2: accepted → skipped"
    world.apply(plan_id, allow_drops=True)
    assert (verdicts(world.document(ADA)), len(world.ran)) == (["wrong_answer", "skipped", "skipped"], 3)
    world.change(*GROUP)
    world.apply(world.plan()[0])
    assert (world.document(ADA)["score"], len(world.ran)) == (6, 3), "runs from before are still kept"


def test_a_plan_says_which_rule_changes_a_score(world: World) -> None:
    world.change(*GROUP[:2], wrong(GROUP[2], "26"), groups=(Group("all"),))
    world.grade(ADA, "square")
    world.change(groups=(Group("all", GroupRule.ALL_OR_NOTHING),))
    plan_id, plan = world.plan()
    [item] = plan.items
    assert (item.old_score, item.new_score) == (4, 0)
    assert item.reasons == ("group all: rule was sum, is all_or_nothing",)
    world.apply(plan_id, allow_drops=True)
    assert (world.document(ADA)["groups"][0]["status"], len(world.ran)) == ("failed", 3)


def test_a_program_that_does_not_compile_is_judged_anew_without_a_run(tmp_path: Path) -> None:
    """For a new case, too: that it does not compile is known."""
    world = World(tmp_path, lambda *_: replace(QUICK, ending=Ending.COMPILE_ERROR, stderr=b"no"))
    world.change(*GROUP, groups=STOPS)
    world.grade(ADA, "broken")
    ran = len(world.ran)
    world.change(*GROUP, TestCase(CaseKind.GRADE, 1, "6", "36", 1.0))
    plan_id, plan = world.plan()
    assert plan.items[0].reasons == ("grade 1: new, compile_error",)
    world.apply(plan_id, allow_drops=True)
    assert (verdicts(world.document(ADA)), len(world.ran)) == (["compile_error"] * 4, ran)


@pytest.mark.parametrize(
    "slow",
    [
        replace(QUICK, ending=Ending.COMPILE_ERROR, cpu_time_s=10.0),
        replace(QUICK, ending=Ending.COMPILE_ERROR, wall_time_s=30.0),
        replace(QUICK, ending=Ending.COMPILE_ERROR, wall_time_s=9.0, starved_s=8.0),
    ],
)
def test_a_build_that_was_too_slow_is_made_again(tmp_path: Path, slow: RunResult) -> None:
    """On a machine with more room the same program may compile. Only the first case has the build's time."""
    told = iter([slow, RunResult(ending=Ending.COMPILE_ERROR)])
    world = World(tmp_path, lambda *_: next(told))
    world.change(*CASES, language="c")
    world.hand_in(ADA, "slow", ".c")
    world.grade(ADA)
    world.change(wrong(CASES[0], "6"), CASES[1])
    assert world.plan()[1].items[0].to_run == 2


def test_the_penalty_stays_what_it_was(world: World) -> None:
    due = datetime.now(UTC) - timedelta(hours=30)
    world.change(policy=Policy(due_at=due, late=Late(percent=10, every_s=86400)))
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1], policy=Policy(due_at=due, late=Late(percent=50, every_s=86400)))
    plan_id, plan = world.plan()
    assert (plan.items[0].new_score, plan.items[0].new_max) == (1.6, 5), "two days at 10%"
    outcome = world.apply(plan_id)[BOB].outcome
    assert outcome is not None
    document = world.document(BOB)
    assert (outcome.score, document["score"], document["penalty"]) == (1.6, 1.6, 0.2)
    assert world.cases.history[1].start.handed_in_at == world.cases.history[0].start.handed_in_at
    assert world.plan()[1].items == (), "and then there is nothing more to do"


def test_no_more_is_shown_than_the_feedback_says(world: World) -> None:
    """What is published while results were hidden is shown by the levels of now; `.out` follows."""
    hidden = Policy(feedback=Feedback(test=Stages(Level.VERDICT), grade=Stages(Level.NOTHING)))
    out = SubmissionKey(REF, BOB, leading_slash=True).out
    world.grade(BOB, "double")
    assert world.store.objects[out].data == b"6\n"
    world.change(wrong(CASES[0], "6"), CASES[1], policy=hidden)
    world.apply(world.plan()[0])
    [test] = world.document(BOB)["tests"]
    assert test.keys() & {"score", "input", "expected", "actual"} == set()
    assert world.store.objects[out].data == b"", "although the program printed the very same"
    version = world.store.objects[out].version
    world.change(wrong(CASES[0], "6"), wrong(CASES[1], "8"))
    world.apply(world.plan()[0])
    assert world.store.objects[out].version == version, "it is not written for nothing"
    world.change(wrong(CASES[0], "9"), wrong(CASES[1], "8"), policy=Policy())
    world.apply(world.plan()[0], allow_drops=True)
    assert world.store.objects[out].data == b"6\n"


def test_judging_anew_is_not_a_try(world: World) -> None:
    world.change(policy=Policy(tries=Tries(count=2, every_s=86400, then=View(Level.NOTHING, Level.NOTHING))))
    world.grade(BOB, "double")
    for expected in ("6", "7", "6"):
        world.change(wrong(CASES[0], expected), CASES[1])
        world.apply(world.plan()[0], allow_drops=True)
    feedback = world.document(BOB)["feedback"]
    assert (feedback["tries_used"], feedback["test"]) == (1, "everything")


def test_publishing_shows_what_was_judged_anew(world: World) -> None:
    hidden = Policy(feedback=Feedback(grade=Stages(Level.NOTHING, published=Level.EVERYTHING)))
    world.change(policy=hidden)
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    world.apply(world.plan()[0])
    before = world.document(BOB)
    assert [one.problem for one in publish(world.cases, world.store, REF)] == [None]
    after = world.document(BOB)
    assert (len(before["tests"]), len(after["tests"])) == (1, 2)
    assert (after["test_set"], after["image"]) == (before["test_set"], before["image"])


def test_live_work_comes_first(world: World) -> None:
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    for _ in range(3):
        world.queue.send("a submission")
    world.apply(plan_id)
    assert len(world.pauses) == 3, "until nobody waits any more"


def test_several_threads_publish_the_same(world: World) -> None:
    subids = [f"{number:032x}" for number in range(50)]
    for subid in subids:
        world.grade(subid, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    many = Rejudger(
        world.cases,
        world.store,
        open_sandbox=lambda: world.sandbox,
        waiting=lambda: 0,
        worker="desk:1",
        threads=4,
    )
    names = set[str]()
    version = world.store.version
    world.store.version = lambda key: names.add(threading.current_thread().name) or version(key)  # type: ignore
    assert [one.problem for one in many.apply(plan_id)] == [None] * 50
    assert {world.document(subid)["score"] for subid in subids} == {2}
    assert all(name.startswith("rejudge") for name in names)


# -- what is kept -------------------------------------------------------------------------------------------------

RUN = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"9\n", wall_time_s=0.1)


@pytest.mark.parametrize(
    ("run", "verdict", "is_kept"),
    [
        (RUN, Verdict.ACCEPTED, True),
        (RUN, Verdict.WRONG_ANSWER, True),
        (replace(RUN, exit_code=1), Verdict.RUNTIME_ERROR, True),
        (replace(RUN, ending=Ending.MEMORY_LIMIT), Verdict.MEMORY_LIMIT_EXCEEDED, True),
        (replace(RUN, ending=Ending.COMPILE_ERROR), Verdict.COMPILE_ERROR, True),
        (replace(RUN, ending=Ending.CPU_LIMIT), Verdict.TIME_LIMIT_EXCEEDED, False),
        (replace(RUN, cpu_time_s=9.0), Verdict.TIME_LIMIT_EXCEEDED, False),
        (replace(RUN, ending=Ending.WALL_LIMIT), Verdict.WALL_TIME_LIMIT_EXCEEDED, False),
        (replace(RUN, starved_s=0.09), Verdict.ACCEPTED, False),
        (replace(RUN, earlier=RUN), Verdict.ACCEPTED, False),
        (replace(RUN, ending=Ending.SETUP_FAILED), Verdict.INTERNAL_ERROR, False),
        (replace(RUN, stdout=b"x" * KEPT_OUTPUT_BYTES), Verdict.WRONG_ANSWER, True),
        (replace(RUN, stdout=b"x" * (KEPT_OUTPUT_BYTES + 1)), Verdict.WRONG_ANSWER, False),
        (replace(RUN, stderr=b"x" * (KEPT_OUTPUT_BYTES + 1)), Verdict.ACCEPTED, False),
    ],
)
def test_which_runs_may_be_judged_again(run: RunResult, verdict: Verdict, is_kept: bool) -> None:
    assert may_be_judged_again(CaseResult(CASES[0], run, verdict, 0.0, run_key="k" * 64)) is is_kept
    assert not may_be_judged_again(CaseResult(CASES[0], run, verdict, 0.0))


@pytest.mark.parametrize(
    "changed",
    [
        {"cases": (wrong(CASES[0], "6"), CASES[1])},
        {"cases": (replace(CASES[0], input="2"), CASES[1])},
        {"cases": (replace(CASES[0], points=7.0), CASES[1])},
        {"cases": CASES[:1]},
        {"comparison": Comparison.EXACT},
        {"input_mode": InputMode.STDIN},
        {"language": "c"},
        {"limits": Limits(cpu_time_s=3.0)},
    ],
)
def test_every_change_that_judging_knows_is_another_test_set(changed: dict[str, Any]) -> None:
    assert digest_of(replace(SQUARES, **changed)) != digest_of(SQUARES)


def test_what_no_verdict_depends_on_is_no_part_of_a_test_set() -> None:
    assert digest_of(replace(SQUARES, notices=True, ref=replace(REF, event="x"))) == digest_of(SQUARES)


HERE = Environment(image="sha256:1", isolation="docker/box")


@pytest.mark.parametrize(
    ("program", "environment", "changed", "is_same"),
    [
        ("p", HERE, {"comparison": Comparison.EXACT}, True),
        ("p", HERE, {"notices": True}, True),
        ("p", HERE, {"cases": (wrong(CASES[0], "6"),)}, True),
        ("q", HERE, {}, False),
        ("p", replace(HERE, image="sha256:2"), {}, False),
        ("p", replace(HERE, isolation="docker/strict"), {}, False),
        ("p", HERE, {"language": "c"}, False),
        ("p", HERE, {"input_mode": InputMode.STDIN}, False),
        ("p", HERE, {"limits": Limits(memory_bytes=1 << 20)}, False),
        ("p", HERE, {"cases": (replace(CASES[0], input="33"),)}, False),
    ],
)
def test_a_run_is_named_by_all_that_it_came_of(
    program: str, environment: Environment, changed: dict[str, Any], is_same: bool
) -> None:
    assignment = replace(SQUARES, **changed)
    key = Recipe(program, environment, Ingredients(assignment, PYTHON)).key(assignment.cases[0])
    assert (key == Recipe("p", HERE, Ingredients(SQUARES, PYTHON)).key(CASES[0])) is is_same


def test_a_run_is_named_by_how_its_language_is_described() -> None:
    """Another file for it in executor_image/languages may give it more time, or another compiler's options."""
    keys = {
        Recipe("p", HERE, Ingredients(SQUARES, language)).key(CASES[0])
        for language in (PYTHON, replace(PYTHON, limits_factor=2.0))
    }
    assert len(keys) == 2


def test_somebody_decided_what_each_setting_has_to_do_with_results() -> None:
    """
    A field that is new makes this fail: say in EFFECTS or CASE_EFFECTS what its change asks for.

    RUN if a program could behave otherwise; JUDGEMENT if only the verdict or the points could be others; else NOTHING.
    """
    assert EFFECTS.keys() == {one.name for one in fields(Assignment)}
    assert CASE_EFFECTS.keys() == {one.name for one in fields(TestCase)}


outputs = st.sampled_from([b"9", b"9\n", b" 9", b"9 \n\n", b"", b"\xff", b"6\n"])
runs = st.builds(
    RunResult,
    ending=st.sampled_from([Ending.EXITED, Ending.SIGNALED, Ending.MEMORY_LIMIT, Ending.CPU_LIMIT, Ending.WALL_LIMIT]),
    exit_code=st.sampled_from([0, 1]),
    stdout=outputs,
    cpu_time_s=st.sampled_from([0.1, 3.0]),
    wall_time_s=st.sampled_from([0.1, 11.0]),
    starved_s=st.sampled_from([0.0, 0.09, 10.0]),
)
expectations = st.lists(st.sampled_from(["9", " 9", "6", ""]), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.lists(runs, min_size=4, max_size=4), expectations, expectations)
def test_judged_anew_is_as_run_anew(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, made: list[RunResult], old: list[str], new: list[str]
) -> None:
    """
    Of a program that does the same each time, the document is the same, whether judged anew or graded anew.

    Cases are added, taken away, changed and put into other groups, and so are the comparison and the groups' rules.
    """
    is_broken = data.draw(st.booleans())

    def by_input(_: Job, case: CaseInput) -> RunResult:
        return RunResult(ending=Ending.COMPILE_ERROR) if is_broken else made[int(case.arguments[0])]

    def cases(expected: list[str]) -> tuple[TestCase, ...]:
        names = data.draw(st.lists(st.sampled_from([None, "a", "b"]), min_size=4, max_size=4))
        return tuple(
            TestCase(CaseKind.TEST, n + 1, str(n), text, n + 1.0, group=names[n]) for n, text in enumerate(expected)
        )

    def draw_groups() -> tuple[Group, ...]:
        rules, depends_on = st.sampled_from(GroupRule), st.sampled_from([(), ("a",)])
        first = Group("a", data.draw(rules), stops_early=data.draw(st.booleans()))
        return first, Group("b", data.draw(rules), data.draw(st.booleans()), data.draw(depends_on))

    groups = draw_groups()
    comparison = data.draw(st.sampled_from(ComparisonKind).map(Comparison))
    new_cases = cases(new)
    judged, graded = (World(tmp_path_factory.mktemp("world"), by_input) for _ in range(2))
    judged.change(*cases(old), groups=draw_groups())
    judged.grade(ADA, "any")
    ran = len(judged.ran)
    judged.change(*new_cases, comparison=comparison, groups=groups)
    plan_id, plan = judged.plan()
    judged.apply(plan_id, allow_drops=True)
    graded.change(*new_cases, comparison=comparison, groups=groups)
    graded.grade(ADA, "any")
    mine, theirs = judged.document(ADA), graded.document(ADA)
    if plan.items:
        assert mine | {"test_set": 0} == theirs | {"test_set": 0}
    else:
        assert [test["verdict"] for test in mine["tests"]] == [test["verdict"] for test in theirs["tests"]]
    rerun, most = len(judged.ran) - ran, sum(item.to_run for item in plan.items)
    assert rerun <= most, "which of them a group skips is known when others have been run"
    assert rerun == most or any(one.stops_early or one.depends_on for one in groups)


def test_a_token_that_nobody_registered_is_told_when_a_program_is_graded_and_not_again(world: World) -> None:
    """The second time an admin looks on, who can do nothing about it there."""
    world.cases._emails.clear()
    with capture_logs() as graded:
        world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    plan_id, _ = world.plan()
    with capture_logs() as logged:
        assert world.apply(plan_id)[BOB].outcome is not None
    assert [line["event"] for line in graded].count("tokens_unknown") == 1
    assert [line["event"] for line in logged] == ["submission_rejudged"]


# -- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def command(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., int]]:
    """`submitter rejudge` in that world; gives its exit code. What was logged before is forgotten."""

    @contextlib.contextmanager
    def given(what: Any) -> Iterator[Any]:
        yield what

    monkeypatch.setattr(app, "open_cases", lambda _: given(world.cases))
    monkeypatch.setattr(app, "open_rejudger", lambda _: given(world.rejudger))
    for variable in ("QUEUE_URL", "BUCKET", "DATABASE_URL"):
        monkeypatch.setenv(f"SUBMITTER_{variable}", "postgresql://db.invalid/submitter")

    def call(*arguments: object) -> int:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(["rejudge", *map(str, arguments)])
        assert isinstance(caught.value.code, int)
        return caught.value.code

    yield call
    structlog.reset_defaults()


def test_the_command_shows_a_plan_and_makes_it_so(
    world: World, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    world.grade(ADA, "square")
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    assert command("--assignment", REF, "--plan") == 0
    shown = capsys.readouterr().out
    assert "test 1: expected output changed" in shown
    assert "1 fall, 1 rise, 0 need a run" in shown
    assert "plan 1: make it so with `submitter rejudge --apply 1`, and --allow-drops for those that fall" in shown
    assert command("--apply", 1) == 1
    said = capsys.readouterr()
    assert said.out == "judged 1 anew\n"
    assert said.err == f"submitter: {ADA} would fall to 3/5; --allow-drops lets it\n"
    assert command("--apply", 1, "--allow-drops") == 0
    assert capsys.readouterr().out == "judged 1 anew; 1 had been before\n"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ((5, 5), (5, 6), "smaller share"),
        ((3, 5), (4, 10), "smaller share"),
        ((5, 5), (4, 4), "falls"),
        ((4, 5), (4, 4), "larger share"),
        ((4, 5), (5, 5), "rises"),
    ],
)
def test_the_plan_says_that_points_fall_only_where_they_do(
    world: World,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    old: tuple[float, float],
    new: tuple[float, float],
    word: str,
) -> None:
    item = PlanItem(
        subid=ADA,
        attempt_id=1,
        change=change_of(*old, *new),
        old_score=old[0],
        old_max=old[1],
        new_score=new[0],
        new_max=new[1],
    )
    made = Plan(ref=REF, test_set=1, digest="", unchanged=0, items=(item,))
    monkeypatch.setattr(planning, "make_plan", lambda *_: (1, made))
    monkeypatch.setattr(planning, "why", lambda *_: [])
    assert command("--assignment", REF, "--plan") == 0
    shown = capsys.readouterr().out
    assert f"{ADA} {word} " in re.sub(" +", " ", shown)
    assert ("(1 in their share of all points alone)" in shown) == (word == "smaller share")


def test_the_command_prints_data(world: World, command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    world.grade(BOB, "double")
    world.change(wrong(CASES[0], "6"), CASES[1])
    assert command("--assignment", REF, "--plan", "--json") == 0
    head, item = map(json.loads, capsys.readouterr().out.splitlines())
    assert (head["plan"], head["test_set"], head["changed"]) == (1, 2, ["test 1: expected output changed"])
    assert (item["subid"], item["change"], item["new_score"]) == (BOB, "rises", 2)
    assert command("--apply", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"subid": BOB, "new_score": 2, "problem": None}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--plan",),
        ("--assignment", REF),
        ("--apply", 1, "--plan"),
        ("--assignment", REF, "--plan", "--allow-drops"),
    ],
)
def test_the_command_wants_a_plan_or_an_id(command: Callable[..., int], arguments: tuple[object, ...]) -> None:
    assert command(*arguments) == 2
