"""The real daemon and a mail server: students are told once, and whatever becomes of the mail, graded all the same."""

import secrets
import signal
from collections.abc import Callable, Iterator

import psycopg
import pytest

from submitter import app
from submitter.model import AssignmentRef
from submitter.upload import Submitted, upload
from tests.acceptance.conftest import RealDaemon, World
from tests.acceptance.test_commands import documents, submitter
from tests.mailbox import Mailbox

SQUARE = b"import sys\nprint(int(sys.argv[1]) ** 2)\n"
TOLD = AssignmentRef("m.soltys", "aws_labs", "lab7_told")

StartDaemon = Callable[[], RealDaemon]


@pytest.fixture
def sandbox_name() -> str:
    return "bubblewrap"  # what is shown here is elsewhere


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def world(world: World, mailbox: Mailbox) -> Iterator[World]:
    """With an assignment that asks for notices, and a way to send them."""
    world.environment = {
        **world.environment,
        "SUBMITTER_NOTICES": "smtp",
        "SUBMITTER_NOTICES_FROM": "grades@example.edu",
        "SUBMITTER_SMTP_URL": f"smtp+plain://127.0.0.1:{mailbox.port}",
    }
    with psycopg.connect(world.config.database_url, autocommit=True) as connection:
        connection.execute("SELECT submitter.add_assignment(%s, %s, %s, notices => true)", _names())
        connection.execute(
            "SELECT submitter.replace_cases(%s, %s, %s, 'grade', ARRAY['2', '3'], ARRAY['4', '9'])", _names()
        )
        yield world
        connection.execute("DELETE FROM submitter.notices")


def _names() -> tuple[str, str, str]:
    return TOLD.admin, TOLD.event, TOLD.assignment


def hand_in(world: World, program: bytes = SQUARE, *, name: str = "ada") -> Submitted:
    token = secrets.token_hex(16)
    with psycopg.connect(world.config.database_url, autocommit=True) as connection:
        connection.execute("SELECT submitter.register(%s, %s)", (token, f"{name}@example.edu"))
    return upload(world.store, TOLD, [token], program)


def states(world: World, *submitted: Submitted) -> list[str]:
    subids = [one.key.subid for one in submitted]
    rows = world.query("SELECT state FROM submitter.notice_list WHERE subid = ANY(%s)", subids)
    return [str(state) for (state,) in rows]


def test_students_are_told_once_and_a_mail_server_that_is_away_touches_no_grade(
    world: World, start_daemon: StartDaemon, mailbox: Mailbox
) -> None:
    mailbox.stop()
    daemon = start_daemon()
    graded, rejected = hand_in(world), hand_in(world, b"", name="grace")
    assert world.results(graded)["score"] == 2.0
    assert world.results(rejected)["state"] == "rejected"
    world.wait_for(lambda: sum(world.queue_depths().values()) == 0, "empty queue")
    daemon.wait_for("notices_wait")
    lines = {line["email"]: line for line in documents(submitter(world, "notices", "list", "--json"))}
    assert lines.keys() == {"ada@example.edu", "grace@example.edu"}
    assert lines["ada@example.edu"]["subid"] == graded.key.subid
    assert "refused" in f"{[line['problem'] for line in lines.values()]}"

    with Mailbox(mailbox.port) as back:
        world.query("UPDATE submitter.notices SET next_try_at = now() RETURNING 1")  # a quarter of a minute later
        world.wait_for(lambda: states(world, graded, rejected) == ["sent"] * 2, "two mails")
        assert daemon.stop() == 0
    told = {addresses[0]: str(mail.get_content()) for addresses, mail in back.mails}
    assert len(back.mails) == 2
    assert "Points: 2 of 2" in told["ada@example.edu"]
    assert "Why: Your program is empty." in told["grace@example.edu"]
    assert not [line for line in daemon.lines if line["event"] in {"dependency_away", "submission_failed"}]
    assert "ada@" not in f"{daemon.lines}"


def test_a_daemon_that_is_killed_while_it_sends_leaves_it_unclear_and_tells_nobody_twice(
    world: World, start_daemon: StartDaemon, mailbox: Mailbox
) -> None:
    """Nobody knows whether the mail left. It is in the list, and an operator may ask for it again."""
    mailbox.hang_s = 3600
    daemon = start_daemon()
    submitted = hand_in(world)
    assert world.results(submitted)["score"] == 2.0
    mailbox.wait_for(lambda: mailbox.asked)
    assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert states(world, submitted) == ["sending"]
    world.query("UPDATE submitter.notices SET next_try_at = now() RETURNING 1")  # five minutes later
    with app.open_cases(world.config) as store:
        assert store.notices.claim(60) is None, "what the next daemon gets"
    assert states(world, submitted) == ["unclear"]
    assert documents(submitter(world, "notices", "retry", "--json")) == [{"waiting": 1}]
    assert states(world, submitted) == ["waiting"]
