"""What the daemon does beside its messages: slots, the queue, its start and its end, the log, notices."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from structlog.testing import capture_logs

from submitter import app
from submitter import daemon as daemon_module
from submitter.adapters.memory import FakeSandbox
from submitter.adapters.memory_notices import FakeMailer
from submitter.config import Config
from submitter.errors import (
    CasesUnavailable,
    MailUnavailable,
    QueueUnavailable,
    SandboxUnavailable,
    StoreUnavailable,
)
from submitter.logs import EVENTS
from submitter.model import Ending
from submitter.protocol import encode_body
from submitter.runs import RunResult
from tests.unit.daemon_world import (
    TIMEOUT_S,
    Gate,
    House,
    MakeHouse,
    eventually,
    key,
)

# -- slots --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3])
def test_as_many_submissions_run_at_once_as_are_allowed_and_never_more(make_house: MakeHouse, concurrency: int) -> None:
    gate = Gate(full_at=concurrency)
    house = make_house(concurrency=concurrency, answer=gate)
    for number in range(1, 3 * concurrency + 1):
        house.submit(number)
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    # A message held in memory is already spending its visibility timeout: none is taken that cannot be worked on.
    assert len(house.queue.of("receive")) == concurrency
    gate.opened.set()
    house.queue.wait_for("delete", times=3 * concurrency)
    assert gate.most_running == concurrency
    assert len(house.queue.of("receive")) == 3 * concurrency


def test_slot_is_free_again_after_every_kind_of_ending(house: House) -> None:
    """With one slot, a single one that is lost would stop the daemon for good."""
    house.queue.send("hello")
    house.submit(1, b"")
    house.submit(2, b"wrong")
    house.queue.send(encode_body(key(3)))  # nothing was uploaded
    house.submit(4)
    house.store.fail_next(ZeroDivisionError(), "replace")
    house.submit(5)
    house.start()
    house.queue.wait_for("delete", times=3)
    house.queue.wait_for("give_back", times=2)
    assert house.results(5) is not None


# -- the queue ----------------------------------------------------------------------------------------------------


def test_queue_that_is_away_is_asked_less_and_less_often_until_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def note(failures: int) -> int:
        waits.append(failures)
        return 0

    monkeypatch.setattr(daemon_module, "retry_delay_s", note)
    for _ in range(3):
        house.queue.fail_next(QueueUnavailable("away"), "receive")
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    assert waits == [1, 2, 3]
    house.queue.fail_next(QueueUnavailable("away again"), "receive")
    house.submit(2)
    house.queue.wait_for("delete", times=2)
    assert waits == [1, 2, 3, 1]
    assert house.stop() == 0


@pytest.mark.timeout(30)
def test_daemon_stops_at_once_while_it_waits_for_a_queue_that_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waiting = threading.Event()

    def wait_long(_: int) -> int:
        is_waiting.set()
        return 1000

    monkeypatch.setattr(daemon_module, "retry_delay_s", wait_long)
    house.queue.fail_next(QueueUnavailable("away"), "receive")
    house.start()
    assert is_waiting.wait(TIMEOUT_S)
    assert house.stop() == 0


def test_death_of_the_master_thread_ends_the_daemon_with_1_after_what_runs(make_house: MakeHouse) -> None:
    """A daemon that polls no more must not look alive; systemd starts it again."""
    gate = Gate()
    house = make_house(concurrency=2, answer=gate)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.queue.fail_next(ZeroDivisionError("nobody foresaw this"), "receive")
    assert house.daemon._stopping.wait(TIMEOUT_S)
    assert house.is_running
    gate.opened.set()
    assert house.join() == 1
    assert house.results() is not None
    assert len(house.queue) == 0


# -- stopping -----------------------------------------------------------------------------------------------------


def test_running_case_is_finished_and_nothing_new_is_begun(make_house: MakeHouse) -> None:
    gate = Gate()
    house = make_house(answer=gate)
    house.submit(1)
    house.submit(2)
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.stop()
    assert house.daemon._stopping.wait(TIMEOUT_S)
    assert house.is_running
    gate.opened.set()
    assert house.join() == 0
    assert house.results(1) is not None
    assert house.results(2) is None
    assert [call.method for call in house.queue.calls[2:]] == ["receive", "delete"]
    delivery = house.queue.receive(0)
    assert delivery is not None
    assert delivery.receive_count == 1


@pytest.mark.parametrize(("grace_s", "stops"), [(0.0, 1), (1000.0, 2)], ids=["grace period over", "second signal"])
@pytest.mark.timeout(60)
def test_running_case_is_ended_and_given_back_at_once(make_house: MakeHouse, grace_s: float, stops: int) -> None:
    """Its attempt has no outcome and nothing is published: another host begins anew."""
    gate = Gate()
    house = make_house(answer=gate, grace_s=grace_s, on_end_runs=gate.opened.set)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    for _ in range(stops):
        house.daemon.stop()
    assert house.join() == 0
    assert [call.delay_s for call in house.queue.of("give_back")] == [0]
    assert house.queue.of("delete") == []
    assert house.results() is None
    assert [attempt.outcome for attempt in house.cases.history] == [None]
    assert house.queue.receive(0) is not None


@pytest.mark.parametrize(("grace_s", "longest_s"), [(0.5, 0), (7.0, 7), (1000.0, 20)])
def test_no_poll_outlasts_the_grace_period(make_house: MakeHouse, grace_s: float, longest_s: int) -> None:
    """Its message would be hidden for a whole visibility timeout, and one that was just given back delivered twice."""
    house = make_house(grace_s=grace_s)
    house.start()
    eventually(lambda: house.queue.waits_s == {longest_s})


def test_host_that_goes_away_soon_shortens_the_grace_period(make_house: MakeHouse) -> None:
    gate = Gate()
    house = make_house(answer=gate, on_end_runs=gate.opened.set)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.end_within(0.3)
    assert house.join() == 0
    assert [call.delay_s for call in house.queue.of("give_back")] == [0]


def test_notice_to_a_daemon_that_is_ending_already_does_not_hurry_it(make_house: MakeHouse) -> None:
    """The operator's second signal does; EC2's notice is none."""
    gate = Gate()
    house = make_house(answer=gate, on_end_runs=gate.opened.set)
    house.submit()
    house.start()
    assert gate.full.wait(TIMEOUT_S)
    house.daemon.stop()
    assert house.daemon._stopping.wait(TIMEOUT_S)
    house.daemon.end_within(1000)
    time.sleep(0.3)
    assert house.is_running
    gate.opened.set()
    assert house.join() == 0
    assert house.results() is not None


def test_message_that_comes_with_the_last_poll_is_given_back_unopened(house: House) -> None:
    def stop_meanwhile() -> None:
        house.queue.in_receive = None
        house.daemon.stop()
        assert house.daemon._stopping.wait(TIMEOUT_S)

    house.submit()
    house.queue.in_receive = stop_meanwhile
    house.start()
    assert house.join() == 0
    assert [(call.method, call.delay_s) for call in house.queue.calls[1:]] == [("receive", 0), ("give_back", 0)]
    assert house.cases.history == []


def test_no_thread_of_the_daemon_is_left_after_a_clean_stop(house: House) -> None:
    before = set(threading.enumerate())
    house.submit()
    house.start()
    house.queue.wait_for("delete")
    assert house.stop() == 0
    assert set(threading.enumerate()) <= before


# -- containment --------------------------------------------------------------------------------------------------


def test_no_message_is_taken_while_something_is_not_contained(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next student's program would be the one that gets out."""
    monkeypatch.setattr(daemon_module, "CONTAINMENT_RETRY_S", 0.01)
    outcomes: list[list[str] | Exception] = [["network: a socket"], SandboxUnavailable("no engine"), ["files"], []]
    received_at: list[int] = []

    def find_leaks() -> list[str]:
        received_at.append(len(watched.queue.of("receive")))
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    watched = make_house(find_leaks=find_leaks)
    watched.submit()
    with structlog.testing.capture_logs() as lines:
        watched.start()
        watched.queue.wait_for("delete")
    assert received_at == [0, 0, 0, 0]
    told = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in told] == ["not_contained", "sandbox_unavailable", "not_contained"]
    assert told[0]["leaks"] == ["network: a socket"]


def test_an_engine_that_is_not_there_yet_is_asked_again_soon(make_house: MakeHouse) -> None:
    """It may be starting, as we are; half a minute is for what somebody has to mend."""
    outcomes = iter([SandboxUnavailable("no engine")])

    def find_leaks() -> list[str]:
        for error in outcomes:
            raise error
        return []

    house = make_house(find_leaks=find_leaks)
    house.submit()
    with structlog.testing.capture_logs() as lines:
        house.start()
        house.queue.wait_for("delete")
    [told] = [line for line in lines if line["event"] == "sandbox_unavailable"]
    assert told["next_try_s"] <= 2


def test_daemon_that_is_not_contained_stops_when_it_is_told_to(make_house: MakeHouse) -> None:
    house = make_house(find_leaks=lambda: ["files: everything"])
    house.submit()
    house.start()
    assert house.stop() == 0
    assert house.queue.of("receive") == []


# -- the log ------------------------------------------------------------------------------------------------------


def test_log_names_the_submission_and_keeps_secrets_and_outputs_to_itself(house: House) -> None:
    house.submit(1, b"what-the-student-printed")
    house.queue.send("hello")
    house.store.fail_next(StoreUnavailable("full"), "replace")
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as entries:
        house.start()
        house.queue.now_s += house.queue.wait_for("give_back")[0].delay_s
        house.queue.wait_for("delete")
        house.queue.wait_for("move_aside")
        house.stop()
    for event in ("submission_received", "submission_failed", "submission_graded"):
        found = [entry for entry in entries if entry["event"] == event]
        assert found
        assert {(entry["submission_id"], entry["message_id"]) for entry in found} == {(key().subid, "message-1")}
    text = repr(entries)
    assert {"daemon_started", "message_moved_aside", "daemon_stopped"} <= {entry["event"] for entry in entries}
    assert {entry["event"] for entry in entries} <= EVENTS.keys()
    assert "what-the-student-printed" not in text
    assert "message-1#" not in text  # a receipt handle
    assert "a" * 32 not in text  # a token


# -- notices ------------------------------------------------------------------------------------------------------


class HungMailer:
    """A mail service that takes a mail and does not answer."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()

    def send(self, to: str, message: bytes) -> None:
        self.reached.set()
        self.let_go.wait(TIMEOUT_S)


def test_a_result_is_told_once_however_often_its_message_comes(make_house: MakeHouse) -> None:
    mailer = FakeMailer()
    house = make_house(mailer=mailer)
    house.submit()
    house.queue.send(encode_body(key()))
    house.start()
    house.queue.wait_for("delete", 2)
    eventually(lambda: len(mailer.sent) > 0)
    assert house.stop() == 0
    assert [address for address, _ in mailer.sent] == ["ada@example.edu"]
    assert house.cases.notices.claim(1) is None


def test_a_mail_service_that_hangs_keeps_no_submission_waiting_and_no_shutdown(make_house: MakeHouse) -> None:
    """It gets what is left of the grace period, and no more."""
    mailer = HungMailer()
    house = make_house(mailer=mailer, grace_s=0.3)
    house.submit(1)
    house.start()
    assert mailer.reached.wait(TIMEOUT_S)
    house.submit(2)
    house.queue.wait_for("delete", 2)
    assert house.results(2) is not None
    started_s = time.monotonic()
    assert house.stop() == 0
    assert time.monotonic() - started_s < TIMEOUT_S / 2
    mailer.let_go.set()


def test_the_mail_in_hand_is_finished_within_the_grace_period(make_house: MakeHouse) -> None:
    """Else every stop would leave a notice of which nobody knows whether it was sent."""
    mailer = HungMailer()
    house = make_house(mailer=mailer)
    house.submit()
    house.start()
    assert mailer.reached.wait(TIMEOUT_S)
    house.queue.wait_for("delete")
    threading.Timer(0.5, mailer.let_go.set).start()
    assert house.stop() == 0
    assert house.cases.notices.unsent() == []


def test_notices_that_fail_in_every_way_leave_no_mark_on_messages(make_house: MakeHouse) -> None:
    """Nor on what the daemon believes to be away."""
    house = make_house(mailer=FakeMailer(MailUnavailable("away"), RuntimeError("unforeseen")))
    house.cases.fail_next(CasesUnavailable("away"), method="claim")
    house.cases.fail_next(RuntimeError("unforeseen"), method="claim")
    with capture_logs() as logs:
        house.submit(1)
        house.submit(2)
        house.start()
        house.queue.wait_for("delete", 2)
        assert house.stop() == 0
    assert {house.results(number)["state"] for number in (1, 2)} == {"graded"}  # type: ignore[index]
    assert house.queue.of("give_back") == []
    assert not [line for line in logs if line["event"] in {"dependency_away", "submission_failed"}]


def test_executors_that_were_started_are_ended_when_the_start_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Sandbox(FakeSandbox):
        is_closed = False

        def sweep(self) -> int:
            raise SandboxUnavailable("the engine went away")

        def close(self) -> None:
            self.is_closed = True

    sandbox = Sandbox(lambda _, __: RunResult(ending=Ending.NOT_RUN))
    monkeypatch.setattr(app, "open_queue", lambda _: SimpleNamespace(find_dead_letter_queue=lambda: None))
    monkeypatch.setattr(app, "open_results", lambda _: SimpleNamespace(check=lambda: None))
    monkeypatch.setattr(app, "_check_schema", lambda _: None)
    monkeypatch.setattr(app, "open_sandbox", lambda _: sandbox)
    config = Config.from_env({"SUBMITTER_WORK_DIR": str(tmp_path)})
    with pytest.raises(SandboxUnavailable, match="went away"), app.open_daemon(config):
        pass
    assert sandbox.is_closed
