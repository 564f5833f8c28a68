"""Submissions go back on the queue: which, under which key, and what the operator is told."""

import contextlib
import json
from collections.abc import Iterator

import pytest

from submitter import app
from submitter.adapters.memory import MemoryResultStore, MemorySubmissionQueue
from submitter.adapters.memory_cases import MemoryCaseStore
from submitter.cli import main
from submitter.errors import QueueUnavailable
from submitter.model import Assignment, AssignmentRef, SubmissionKey
from submitter.outcomes import AttemptStart, Outcome

REF = AssignmentRef("m.soltys", "aws_labs", "lab5")
OTHER = AssignmentRef("m.soltys", "aws_labs", "lab6")
ADA, BOB, EVE = (SubmissionKey(REF, digit * 32, leading_slash=True) for digit in "abe")


class Services:
    """The three services that the command uses."""

    def __init__(self) -> None:
        self.cases, self.store, self.queue = MemoryCaseStore(), MemoryResultStore(), MemorySubmissionQueue()

    def upload(self, *keys: SubmissionKey) -> None:
        for key in keys:
            self.store.put(key.metadata, b"{}", "application/json")

    def attempt(self, key: SubmissionKey, outcome: Outcome | None = None) -> None:
        start = AttemptStart(key=key, tokens=(), language="python", upload="v1", worker="host:1", receive_count=1)
        attempt = self.cases.begin_attempt(start)
        if outcome is not None:
            with self.cases.publish_turn(attempt) as turn:
                turn.record(outcome, published=True)

    def queued(self) -> list[str]:
        """The keys on the queue, in order."""
        keys = []
        while delivery := self.queue.receive(0):
            keys.append(json.loads(delivery.body)["subdata"])
        return keys


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()

    @contextlib.contextmanager
    def open_cases(_: object) -> Iterator[MemoryCaseStore]:
        yield services.cases

    monkeypatch.setattr(app, "open_cases", open_cases)
    monkeypatch.setattr(app, "open_results", lambda _: services.store)
    monkeypatch.setattr(app, "open_queue", lambda _: services.queue)
    for variable in ("QUEUE_URL", "BUCKET", "DATABASE_URL"):
        monkeypatch.setenv(f"SUBMITTER_{variable}", "postgresql://db.invalid/submitter")
    return services


def requeue(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["requeue", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("slash", [True, False])
def test_a_key_goes_on_the_queue_as_the_front_end_made_it(
    services: Services, slash: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever way the operator wrote it: the result goes beside the program, where the front end looks."""
    made = SubmissionKey(REF, "a" * 32, leading_slash=slash)
    services.upload(made)
    assert requeue(made.metadata) == 0
    assert requeue(made.metadata.removeprefix("/") if slash else f"/{made.metadata}") == 0
    assert services.queued() == [made.metadata] * 2
    assert capsys.readouterr().out == "put back 1\n" * 2


def test_a_key_that_is_there_in_both_forms_is_taken_as_it_is_written(services: Services) -> None:
    forms = [SubmissionKey(REF, "a" * 32, leading_slash=slash) for slash in (True, False)]
    services.upload(*forms)
    for form in forms:
        assert requeue(form.metadata) == 0
        assert services.queued() == [form.metadata]


def test_of_two_forms_none_is_guessed(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    """The older of two uploads could else be graded last, and stand."""
    services.upload(ADA, SubmissionKey(REF, ADA.subid))
    services.attempt(ADA)
    assert requeue("--assignment", REF) == 1
    assert services.queued() == []
    assert "give the key that you mean" in capsys.readouterr().err


def test_a_key_that_is_not_in_the_bucket_is_told_and_the_others_go_on(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the queue it would be waited for, then rejected, over the result that its student has."""
    services.upload(ADA, EVE)
    assert requeue(ADA.metadata, BOB.metadata, EVE.metadata) == 1
    assert services.queued() == [ADA.metadata, EVE.metadata]
    told = capsys.readouterr()
    assert told.out == "put back 2\n"
    assert told.err == f"submitter: {BOB.metadata} is not in the bucket: hand in again, or check the key\n"


def test_a_key_given_twice_is_put_back_once(services: Services) -> None:
    services.upload(ADA)
    assert requeue(ADA.metadata, ADA.metadata) == 0
    assert services.queued() == [ADA.metadata]


def test_those_of_an_assignment_or_in_a_state_or_both_are_found(services: Services) -> None:
    elsewhere = SubmissionKey(OTHER, "c" * 32)
    services.upload(ADA, BOB, EVE, elsewhere)
    services.attempt(ADA)
    services.attempt(BOB, Outcome(reason="no such assignment"))
    services.attempt(elsewhere, Outcome(reason="no such assignment"))
    assert requeue("--assignment", REF) == 0
    assert services.queued() == [ADA.metadata, BOB.metadata]
    assert requeue("--status", "rejected") == 0
    assert services.queued() == [BOB.metadata, elsewhere.metadata]
    assert requeue("--assignment", REF, "--status", "grading") == 0
    assert services.queued() == [ADA.metadata]
    assert requeue("--assignment", REF, "--status", "graded") == 0
    assert services.queued() == []


def test_an_assignment_that_is_not_there_is_no_empty_one(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert requeue("--assignment", REF) == 1
    assert f"no assignment {REF}: `submitter cases list`" in capsys.readouterr().err
    services.cases.save_assignment(Assignment(ref=REF, cases=()))
    assert requeue("--assignment", REF) == 0
    assert capsys.readouterr().out == "put back 0\n"


def test_a_dry_run_prints_the_keys_and_sends_nothing(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is what `xargs submitter requeue` takes."""
    services.upload(ADA)
    assert requeue("--dry-run", ADA.metadata, BOB.metadata) == 1
    assert services.queued() == []
    told = capsys.readouterr()
    assert told.out == f"{ADA.metadata}\n"
    assert "would put back 1\n" in told.err


@pytest.mark.parametrize("dry_run", [False, True])
def test_machines_read_an_object_for_each(
    services: Services, dry_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    services.upload(ADA)
    assert requeue("--json", ADA.metadata, BOB.metadata, *(["--dry-run"] if dry_run else [])) == 1
    told = capsys.readouterr()
    assert told.err == ""
    assert [json.loads(line) for line in told.out.splitlines()] == [
        {"key": ADA.metadata, "requeued": not dry_run, "problem": None},
        {
            "key": BOB.metadata,
            "requeued": False,
            "problem": f"{BOB.metadata} is not in the bucket: hand in again, or check the key",
        },
    ]


def test_a_queue_that_goes_away_half_way_is_told_with_the_count(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    services.upload(ADA, BOB)
    send = services.queue.send

    def send_once(body: str, group: str | None = None) -> None:
        send(body, group)
        services.queue.fail_next(QueueUnavailable("cannot send: no route"), method="send")

    monkeypatch.setattr(services.queue, "send", send_once)
    assert requeue(ADA.metadata, BOB.metadata) == 1
    told = capsys.readouterr().err
    assert told.startswith("submitter: cannot send: no route; 1 of 2 were put back")
    assert told.count("\n") == 1


def test_the_admin_is_the_group_of_the_message(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the trigger's: a class that is graded again must not starve the others either."""
    groups: list[str | None] = []
    monkeypatch.setattr(services.queue, "send", lambda _body, group=None: groups.append(group))
    services.upload(ADA)
    assert requeue(ADA.metadata) == 0
    assert groups == ["m.soltys"]
