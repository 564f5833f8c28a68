"""
What a student gets, all of it, at every level and moment: results.json, .out, mails, reports; and what the log says.

The processor, the stores and the notifier are the real ones; a program is what it prints.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import structlog
from jsonschema import Draft202012Validator

from submitter import outcomes, processing, publishing, results
from submitter.accounts import AccountFilter
from submitter.adapters.memory import FakeSandbox, MemoryResultStore
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.adapters.memory_notices import FakeMailer
from submitter.errors import AssignmentRefused, CasesUnavailable
from submitter.grading import Grader
from submitter.lease import Lease
from submitter.model import Assignment, AssignmentRef, CaseKind, Ending, SubmissionKey, TestCase, Verdict
from submitter.notifier import Notifier
from submitter.outcomes import CaseResult, GradeReport, Outcome, ShownPoints
from submitter.points import Group, GroupRule
from submitter.policy import Feedback, Late, Level, Moment, Policy, Stages, Terms, Tries, View
from submitter.processing import SubmissionProcessor
from submitter.publishing import publish
from submitter.runs import CaseInput, Job, RunResult
from tests.unit.reports import RENDERERS

SUBID = "0123456789abcdef" * 2
TOKEN = "a" * 32
REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
KEY = SubmissionKey(REF, SUBID, leading_slash=True)
DUE = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
METADATA = {"subid": SUBID, "admin": "m.soltys", "event": "aws_labs", "assignment": "lab5", "tokens": [TOKEN]}

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "results.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

# Of each hidden case its input, and what the program does with it: one that passes, and one for each way to fail that
# could tell something. Every number and word here is found nowhere else.
HIDDEN: dict[str, RunResult] = {
    "tok-input-1": RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"tok-stdout-1", wall_time_s=0.8171),
    "tok-input-2": RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"tok-stdout-2", memory_bytes=81728172),
    "tok-input-3": RunResult(ending=Ending.EXITED, exit_code=83, stdout=b"tok-stdout-3", stderr=b"tok-stderr-3"),
    "tok-input-4": RunResult(ending=Ending.CPU_LIMIT, signal=9, cpu_time_s=81.74, stdout=b"tok-stdout-4"),
}
EXPECTED = {text: f"tok-expected-{text[-1]}" for text in HIDDEN} | {"tok-input-1": "tok-stdout-1"}
HIDDEN_CASES = tuple(
    TestCase(CaseKind.GRADE, ordinal, text, EXPECTED[text], 3.0625 + ordinal)
    for ordinal, text in enumerate(HIDDEN, start=1)
)
CASES = (TestCase(CaseKind.TEST, 1, "open-input", "open-stdout", 2.0), *HIDDEN_CASES)

# From which level on something of a hidden case may be found, and nowhere but in results.json.
TELLS = {
    Level.VERDICT: ('"grade ', "time_limit_exceeded", "runtime_error"),
    Level.POINTS: ("4.0625", "7.0625", str(sum(case.points for case in CASES)), str(2.0 + 4.0625)),
    Level.DIFF: ("tok-stdout", "tok-stderr", "tok-expected", "81.74", "exit code 83"),
    Level.EVERYTHING: ("tok-input", "0.817", "81728172", '"exit_code": 83'),
}
# The same of the reports of `submitter results --for student`, in the words of some of them.
REPORTS_TELL = {
    Level.VERDICT: ("grade 1", "time limit exceeded", "time_limit_exceeded", "TLE"),
    Level.POINTS: ("4.0625", "7.0625", str(sum(case.points for case in CASES)), str(2.0 + 4.0625)),
    Level.DIFF: ("tok-stdout", "tok-stderr", "tok-expected", "81.74", "exit code 83"),
    Level.EVERYTHING: ("tok-input", "817", "81728172", "77.9", '"exit_code": 83'),
}


class World:
    """A bucket, a database, a mail service and a host, with one clock for all."""

    def __init__(
        self, directory: Path, policy: Policy, cases: tuple[TestCase, ...] = CASES, groups: tuple[Group, ...] = ()
    ) -> None:
        self.now = DUE - timedelta(days=10)
        self.store = MemoryResultStore(now=lambda: self.now)
        self.cases = MemoryCaseStore(now=lambda: self.now)
        self.assignment = Assignment(ref=REF, cases=cases, groups=groups, notices=True, policy=policy)
        self.cases.save_assignment(self.assignment)
        self.cases.register(TOKEN, "ada@example.org")
        self.mailer = FakeMailer()
        self.notifier = Notifier(self.cases.notices, self.mailer, "grader@example.org")
        self.log = io.StringIO()
        structlog.configure(
            processors=[structlog.processors.KeyValueRenderer()],
            logger_factory=structlog.PrintLoggerFactory(self.log),
            cache_logger_on_first_use=False,
        )
        grader = Grader(FakeSandbox(self._run), directory)
        self.processor = SubmissionProcessor(self.cases, self.store, grader, "host")

    def _run(self, _: Job, case_input: CaseInput) -> RunResult:
        open_run = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"open-stdout\n", wall_time_s=0.25)
        return HIDDEN.get(case_input.arguments[0], open_run)

    def hand_in(self, program: bytes = b"open program", **options: Any) -> Outcome:
        self.store.put(KEY.program(".py"), program, "text/plain")
        self.store.put(KEY.metadata, json.dumps(METADATA).encode(), "application/json")
        return self.grade(**options)

    def grade(self, **options: Any) -> Outcome:
        outcome = self.processor.process(KEY, Lease(None, 1000), **options)
        while self.notifier.send_next():
            pass
        return outcome

    @property
    def results(self) -> dict[str, Any]:
        document = json.loads(self.text(KEY.results))
        assert isinstance(document, dict)
        VALIDATOR.validate(document)
        return document

    def text(self, key: str) -> str:
        return self.store.objects[key].data.decode()

    @property
    def reports(self) -> dict[str, str]:
        """Of the submission for its student, by their kinds."""
        [account] = self.cases.list_accounts(AccountFilter(), with_texts=True)
        seen = results.seen_by_student(account)
        return {name: render(seen) for name, render in RENDERERS.items()}

    @property
    def mails(self) -> str:
        return "\n".join(mail.decode() for _, mail in self.mailer.sent)


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    yield lambda policy=None, **options: World(tmp_path, policy or Policy(), **options)
    structlog.reset_defaults()


# -- nothing leaks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """A level for hidden cases at a moment; before that they are wholly hidden."""

    level: Level
    moment: Moment
    used_up: bool = False  # the tries; the usual level would be everything

    @property
    def policy(self) -> Policy:
        if self.used_up:
            tries = Tries(count=1, then=View(Level.EVERYTHING, self.level))
            return Policy(tries=tries, feedback=Feedback(grade=Stages(Level.EVERYTHING)))
        given = {moment: self.level if moment is self.moment else None for moment in Moment}
        stages = Stages(given[Moment.NOW] or Level.NOTHING, given[Moment.AFTER_DUE], given[Moment.PUBLISHED])
        return Policy(due_at=DUE, feedback=Feedback(grade=stages))


SETTINGS = [Setting(*each) for each in product(Level, Moment)] + [Setting(level, Moment.NOW, True) for level in Level]


def find_leaks(make_world: MakeWorld, setting: Setting) -> list[str]:
    """What a student can find of hidden cases that the setting does not let them see; `setting` holds at the end."""
    world = make_world(setting.policy)
    if setting.used_up:
        world.cases.save_policy(REF, Policy(feedback=Feedback(grade=Stages(Level.NOTHING))))
        world.hand_in(b"the first")
        world.cases.save_policy(REF, setting.policy)
    world.hand_in()
    leaks = [] if setting.moment is Moment.NOW else _leaks(world, Level.NOTHING)
    if setting.moment is Moment.AFTER_DUE:
        world.now = DUE + timedelta(seconds=1)
        list(publish(world.cases, world.store, REF, refresh=True))
    elif setting.moment is Moment.PUBLISHED:
        list(publish(world.cases, world.store, REF))
    return leaks + _leaks(world, setting.level)


def _leaks(world: World, level: Level) -> list[str]:
    document = world.text(KEY.results)
    leaks = [
        f"results.json at {level}: {word}"
        for needed, words in TELLS.items()
        for word in words
        if not level.shows(needed) and word in document
    ]
    everything = [word for words in TELLS.values() for word in words]
    leaks += [f".out at {level}: {word}" for word in everything if word in world.text(KEY.out)]
    leaks += [
        f"{name} at {level}: {word}"
        for name, rendered in world.reports.items()
        for needed, words in REPORTS_TELL.items()
        for word in words
        if not level.shows(needed) and word in rendered
    ]
    # A mail tells the points that the document shows; the log, which is for the operator, the final ones.
    in_mails = everything if not level.shows(Level.POINTS) else [word for word in everything if word.startswith("tok")]
    leaks += [f"mail at {level}: {word}" for word in in_mails if word in world.mails]
    leaks += [
        f"log at {level}: {word}" for word in everything if word.startswith("tok") and word in world.log.getvalue()
    ]
    return leaks


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_hidden_cases_leak_nothing(make_world: MakeWorld, setting: Setting) -> None:
    assert find_leaks(make_world, setting) == []


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_what_a_level_shows_is_there(make_world: MakeWorld, setting: Setting) -> None:
    """The test above proves something only as long as these words do show where they may."""
    find_leaks(make_world, setting)
    world = make_world(setting.policy)  # the same once more, to look at
    if setting.used_up:
        world.hand_in(b"the first")
    world.hand_in()
    if setting.moment is not Moment.NOW:
        world.now = DUE + timedelta(seconds=1)
        list(publish(world.cases, world.store, REF, refresh=setting.moment is Moment.AFTER_DUE))
    assert world.results.get("feedback", {"grade": Level.POINTS})["grade"] == setting.level
    document = world.text(KEY.results)
    shown = [word for needed, words in TELLS.items() if setting.level.shows(needed) for word in words]
    missing = [word for word in shown if word not in document]
    assert missing == []
    reports = "".join(world.reports.values())
    shown = [word for needed, words in REPORTS_TELL.items() if setting.level.shows(needed) for word in words]
    assert [word for word in shown if word not in reports] == []
    assert world.text(KEY.out) == "open-stdout\n"
    assert "Points" in world.mails


def _show_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(View, "of", lambda self, kind: Level.EVERYTHING)


def _write_every_output(patch: pytest.MonkeyPatch) -> None:
    for module in (processing, publishing):
        patch.setattr(
            module,
            "encode_out",
            lambda report, view: results.encode_lines([one.run.stdout for one in report.case_results]),
        )


def _report_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(results, "seen_by_student", lambda account: account)


def _report_all_points(patch: pytest.MonkeyPatch) -> None:
    seen_by_student = results.seen_by_student
    patch.setattr(
        results,
        "seen_by_student",
        lambda account: replace(seen_by_student(account), score=account.score, max_score=account.max_score),
    )


def _sum_over_all_cases(patch: pytest.MonkeyPatch) -> None:
    def whole(report: GradeReport, terms: Terms) -> ShownPoints:
        return ShownPoints(terms.after_penalty(report.score), report.max_score)

    patch.setattr(results, "shown_points", whole)


def _mail_all_points(patch: pytest.MonkeyPatch) -> None:
    def whole(report: GradeReport, terms: Terms) -> ShownPoints:
        return ShownPoints(terms.after_penalty(report.score), report.max_score)

    patch.setattr(outcomes, "shown_points", whole)


def _time_of_all_cases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        results, "_visible_time_s", lambda report, view: sum(one.run.wall_time_s for one in report.case_results) - 0.25
    )


def _log_outputs(patch: pytest.MonkeyPatch) -> None:
    tell = processing._tell

    def tell_more(outcome: Outcome) -> None:
        tell(outcome)
        assert outcome.report is not None
        structlog.get_logger().info("case", printed=[one.run.stdout for one in outcome.report.case_results])

    patch.setattr(processing, "_tell", tell_more)


@pytest.mark.parametrize(
    ("redaction_off", "where"),
    [
        (_show_everything, "results.json"),
        (_write_every_output, ".out"),
        (_sum_over_all_cases, "results.json"),
        (_mail_all_points, "mail"),
        (_time_of_all_cases, "results.json"),
        (_log_outputs, "log"),
        *((_report_everything, name) for name in RENDERERS if name != "index"),
        (_report_all_points, "index"),
    ],
)
def test_a_leak_is_found_when_a_redaction_is_off(
    make_world: MakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    redaction_off: Callable[[pytest.MonkeyPatch], None],
    where: str,
) -> None:
    redaction_off(monkeypatch)
    found = [leak for setting in SETTINGS for leak in find_leaks(make_world, setting)]
    assert any(leak.startswith(f"{where} at nothing: ") for leak in found)


def test_a_hidden_case_more_or_less_changes_nothing_that_is_shown(make_world: MakeWorld) -> None:
    """Neither their number nor how long they took nor what they are worth; nor, in a mail, that anything changed."""
    policy = Policy(feedback=Feedback(grade=Stages(Level.NOTHING)))
    seen = []
    for count in range(len(CASES)):
        world = make_world(policy, cases=CASES[: 1 + count])
        world.hand_in()
        seen.append((world.text(KEY.results), world.text(KEY.out), world.mails, *world.reports.values()))
    assert len(set(seen)) == 1


GROUPS = (
    Group("open"),
    Group("mixed", stops_early=True),
    Group("tok-below", GroupRule.MINIMUM, depends_on=("open",)),
    Group("tok-last", depends_on=("tok-below", "mixed")),
)
GROUPED = (
    replace(CASES[0], group="open"),
    TestCase(CaseKind.TEST, 2, "open-input-2", "open-stdout", 1.0, group="mixed"),
    TestCase(CaseKind.TEST, 3, "open-input-3", "open-stdout", 0.5),
    replace(HIDDEN_CASES[0], group="tok-below"),
    replace(HIDDEN_CASES[1], group="tok-below"),
    replace(HIDDEN_CASES[2], group="mixed"),
    replace(HIDDEN_CASES[3], group="tok-last"),
)


def test_a_group_is_shown_when_the_points_of_all_its_cases_are(make_world: MakeWorld) -> None:
    """The mixed one has a hidden case: what it is worth, added to what is shown, would tell of it."""
    hidden = make_world(Policy(feedback=Feedback(grade=Stages(Level.NOTHING))), cases=GROUPED, groups=GROUPS)
    hidden.hand_in()
    assert [(one["name"], one["score"]) for one in hidden.results["groups"]] == [("open", 2.0)]
    assert (hidden.results["score"], hidden.results["max_score"]) == (2.5, 2.5)
    assert all("tok" not in text for text in (hidden.text(KEY.results), *hidden.reports.values()))

    shown = make_world(Policy(), cases=GROUPED, groups=GROUPS)
    shown.hand_in()
    worth = [(one["name"], one["score"], one["status"]) for one in shown.results["groups"]]
    assert worth == [
        ("open", 2.0, "passed"),
        ("mixed", 1.0, "partial"),
        ("tok-below", 0.0, "failed"),
        ("tok-last", 0.0, "skipped"),
    ]
    assert shown.results["score"] == 3.5
    assert [one["verdict"] for one in shown.results["tests"]][-1] == "skipped"
    for name in ("page", "terminal", "json"):
        assert all(group.name in shown.reports[name] for group in GROUPS), name


def test_a_group_that_hangs_on_hidden_cases_is_hidden(make_world: MakeWorld) -> None:
    """Grade cases are shown here and test cases are not, of which one failed in a group that others depend on."""
    failed = TestCase(CaseKind.TEST, 1, "tok-input-3", "tok-expected", group="first")
    later = TestCase(CaseKind.GRADE, 1, "open-input", "open-stdout", group="later")
    policy = Policy(feedback=Feedback(test=Stages(Level.NOTHING), grade=Stages(Level.DIFF)))
    groups = (Group("first"), Group("later", depends_on=("first",)))
    world = make_world(policy, cases=(failed, later), groups=groups)
    world.hand_in()
    assert "groups" not in world.results
    assert all("first" not in text for text in (world.text(KEY.results), *world.reports.values()))


def test_groups_are_shown_once_they_are_published(make_world: MakeWorld) -> None:
    feedback = Feedback(grade=Stages(Level.NOTHING, None, Level.POINTS))
    world = make_world(Policy(feedback=feedback), cases=GROUPED, groups=GROUPS)
    world.hand_in()
    list(publish(world.cases, world.store, REF))
    assert [one["name"] for one in world.results["groups"]] == [group.name for group in GROUPS]
    assert world.results["score"] == 3.5


@pytest.mark.parametrize(
    ("feedback", "told"),
    [
        ("grade: points", "Points: 6.0625 of 24.25"),
        ("grade: nothing", "Points so far: 2 of 2; those of other cases, if any, are not shown yet"),
        ("test: verdict; grade: nothing", "Points: not shown yet"),
    ],
)
def test_a_mail_tells_the_points_that_are_shown(make_world: MakeWorld, feedback: str, told: str) -> None:
    world = make_world(Policy(feedback=Feedback.parse(feedback)))
    world.hand_in()
    assert told in world.mails


def test_a_change_of_hidden_points_alone_sends_no_mail(make_world: MakeWorld) -> None:
    world = make_world(Policy(feedback=Feedback(grade=Stages(Level.NOTHING))))
    world.hand_in()
    world.cases.save_assignment(replace(world.assignment, cases=(CASES[0], replace(CASES[1], points=99.0))))
    world.grade()
    assert len(world.mailer.sent) == 1


# -- late ---------------------------------------------------------------------------------------------------------

LATE = Policy(due_at=DUE, late=Late.parse("10% per day"))


def test_a_late_submission_gets_fewer_points_and_is_told_so(make_world: MakeWorld) -> None:
    world = make_world(LATE, cases=CASES[:1])
    world.now = DUE + timedelta(days=1, seconds=1)
    outcome = world.hand_in()
    document = world.results
    assert (document["score"], document["max_score"]) == (1.6, 2.0)
    assert (document["late_s"], document["penalty"]) == (86401.0, 0.2)
    assert document["handed_in_at"] == "2026-08-02T12:00:01Z"
    assert document["tests"][0]["score"] == 2.0  # of the case itself
    assert outcome.score == 1.6
    assert "Points: 1.6 of 2" in world.mails


def test_when_it_was_uploaded_counts_and_not_when_it_is_graded(make_world: MakeWorld) -> None:
    world = make_world(LATE, cases=CASES[:1])
    world.now = DUE
    world.hand_in()
    world.now = DUE + timedelta(days=5)
    world.grade()
    assert world.results["score"] == 2.0
    assert world.results["late_s"] == 0.0


def test_a_dry_run_knows_the_penalty(make_world: MakeWorld) -> None:
    world = make_world(LATE, cases=CASES[:1])
    world.now = DUE + timedelta(seconds=1)
    assert world.hand_in(dry_run=True).score == 1.8


# -- tries --------------------------------------------------------------------------------------------------------

TWICE = Policy(tries=Tries.parse("2 per day, then grade nothing"), feedback=Feedback(grade=Stages(Level.POINTS)))


def test_uploads_beyond_the_tries_are_graded_and_shown_less(make_world: MakeWorld) -> None:
    world = make_world(TWICE)
    for number in range(1, 4):
        world.now += timedelta(minutes=1)
        outcome = world.hand_in(b"program %d" % number)
        assert world.results["feedback"]["tries_used"] == number
        assert len(world.results["tests"]) == (5 if number <= 2 else 1)
        assert outcome.report is not None
        assert len(outcome.report.case_results) == 5  # for the gradebook, as ever
    assert "You have used your 2 tries per day" in world.results["feedback"]["note"]
    world.now += timedelta(days=1)
    world.hand_in(b"program 4")
    assert len(world.results["tests"]) == 5


def test_grading_an_upload_again_is_no_try(make_world: MakeWorld) -> None:
    world = make_world(TWICE)
    world.hand_in()
    for _ in range(5):
        world.grade()
    assert world.results["feedback"]["tries_used"] == 1


def test_a_try_lost_to_our_fault_or_rejected_does_not_count(make_world: MakeWorld) -> None:
    world = make_world(TWICE)
    for number in range(3):
        world.cases.fail_next(CasesUnavailable("away"), method="publish_turn")
        with pytest.raises(CasesUnavailable):
            world.hand_in(b"lost %d" % number)
        world.hand_in(b" ")  # rejected: there is nothing in it
        assert world.results["state"] == "rejected"
    world.hand_in()
    assert world.results["feedback"]["tries_used"] == 1


# -- published later ----------------------------------------------------------------------------------------------

HELD_BACK = Policy(
    due_at=DUE,
    feedback=Feedback.parse("test: verdict, diff after due; grade: nothing, points after due, diff once published"),
)


def test_fuller_feedback_is_published_without_running_anything(make_world: MakeWorld) -> None:
    world = make_world(HELD_BACK)
    world.hand_in()
    assert [test["name"] for test in world.results["tests"]] == ["test 1"]
    assert world.text(KEY.out) == ""
    sandbox = world.processor._grader._sandbox
    assert isinstance(sandbox, FakeSandbox)
    jobs = len(sandbox.jobs)

    world.now = DUE + timedelta(seconds=1)
    (shown,) = publish(world.cases, world.store, REF, refresh=True)
    assert shown.view == View(Level.DIFF, Level.POINTS)
    assert [test["score"] for test in world.results["tests"]] == [2.0, 4.0625, 0.0, 0.0, 0.0]
    assert world.text(KEY.out) == "open-stdout\n"

    list(publish(world.cases, world.store, REF))
    assert world.results["tests"][1]["actual"] == "tok-stdout-1"
    assert "feedback" in world.results
    assert "note" not in world.results["feedback"]
    assert len(sandbox.jobs) == jobs
    assert len(world.mailer.sent) == 1


def test_what_is_published_is_what_a_grading_would_write(make_world: MakeWorld) -> None:
    policy = replace(HELD_BACK, late=Late.parse("10% per day"), tries=Tries(count=1))
    world = make_world(policy)
    world.now = DUE + timedelta(seconds=1)
    world.hand_in(b"the first")
    world.hand_in()
    list(publish(world.cases, world.store, REF))
    published = world.text(KEY.results)
    world.grade()
    assert world.text(KEY.results) == published


def test_publishing_twice_is_publishing_once(make_world: MakeWorld) -> None:
    world = make_world(HELD_BACK)
    world.hand_in()
    list(publish(world.cases, world.store, REF))
    once = world.text(KEY.results)
    world.now += timedelta(days=1)
    (shown,) = publish(world.cases, world.store, REF)
    assert shown.problem is None
    assert world.text(KEY.results) == once
    world.grade()  # whose conditional write finds what Postgres says is there
    assert json.loads(world.text(KEY.results)) == json.loads(once)


def test_publishing_that_died_before_it_was_recorded_is_done_again(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(HELD_BACK)
    world.hand_in()
    with monkeypatch.context() as patch:
        patch.setattr("submitter.adapters.memory_cases._MemoryReshowing.record", _die)
        with pytest.raises(CasesUnavailable):
            list(publish(world.cases, world.store, REF))
    (shown,) = publish(world.cases, world.store, REF)
    assert shown.problem is None
    world.grade()


def _die(*_: object) -> None:
    raise CasesUnavailable("died")


def test_publishing_never_writes_over_a_result_that_was_not_recorded(make_world: MakeWorld) -> None:
    """It is a newer one: its attempt died, and will be made again."""
    world = make_world(HELD_BACK)
    world.hand_in()
    world.store.put(KEY.results, b"newer", "application/json")
    (shown,) = publish(world.cases, world.store, REF)
    assert shown.problem is not None
    assert world.text(KEY.results) == "newer"


def test_a_case_that_was_replaced_since_is_not_shown_as_what_was_graded(make_world: MakeWorld) -> None:
    world = make_world(HELD_BACK)
    world.hand_in()
    changed = (CASES[0], replace(CASES[1], expected="tok-replaced"), *CASES[2:4])  # and the last one is gone
    world.cases.save_assignment(replace(world.assignment, cases=changed))
    (shown,) = publish(world.cases, world.store, REF)
    assert shown.changed == 2
    assert "tok-replaced" not in world.text(KEY.results)
    tests = {test["name"]: test for test in world.results["tests"]}
    assert tests["grade 1"]["expected"] == tests["grade 4"]["output"] == "the case was changed after this was graded"
    assert tests["grade 1"]["actual"] == "tok-stdout-1"
    assert tests["grade 2"]["expected"] == "tok-expected-2"


def test_a_rejected_submission_stays_as_it_is(make_world: MakeWorld) -> None:
    world = make_world(HELD_BACK)
    world.hand_in(b" ")
    before = world.text(KEY.results)
    assert list(publish(world.cases, world.store, REF)) == []
    assert world.text(KEY.results) == before


@pytest.mark.parametrize("refresh", [False, True])
def test_an_unknown_assignment_cannot_be_published(make_world: MakeWorld, refresh: bool) -> None:
    world = make_world()
    with pytest.raises(AssignmentRefused, match="no assignment"):
        list(publish(world.cases, world.store, replace(REF, assignment="lab6"), refresh=refresh))


def test_output_that_was_not_kept_is_told_as_such() -> None:
    case = TestCase(CaseKind.TEST, 1, "3", "9")
    run = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"12", lost_bytes=100)
    result = CaseResult(case, run, Verdict.WRONG_ANSWER, 0.0)
    document = json.loads(results.encode_graded(KEY, GradeReport((result,), 0.0, 1.0, 0.1)))
    assert document["tests"][0]["actual"] == "12… (102 bytes in all)"
    assert document["tests"][0]["output"] == "expected 9, got 12… (102 bytes in all)"
