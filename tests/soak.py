"""
Several daemons on one queue, many submissions, and something breaks every few seconds: nothing may be lost.

    python -m tests.soak --submissions 3000 --every 3 --daemons 3

First every kind of program is graded once in peace. Then submissions come in
small steps while faults come in turn: kill -9 and SIGTERM of a daemon, which is
started again, connections to Postgres cut or refused, Postgres restarted
without warning, calls of S3 and SQS that are dropped, delayed, answered with
errors or cut short, and the Docker engine killed and started again: one daemon
works in Docker, on an engine of its own (tests/engine.py), the others in
bubblewrap. Where there can be no such engine, that is said, and all work in
bubblewrap. When all is in, the faults stop, and each submission must have
exactly the verdicts that its program had in peace; nothing may be left
anywhere. Ends with 1 if that is not so, or if a kind of fault really happened
less often than was asked for.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.conninfo import make_conninfo

from submitter import app
from submitter.adapters.aws import make_client
from submitter.commands.options import print_json
from submitter.config import Config
from submitter.daemon import LONGEST_DELAY_S
from submitter.model import AssignmentRef
from submitter.resources import resource
from submitter.stack import Stack
from submitter.tables import print_table
from submitter.upload import Submitted, upload
from tests.engine import OwnEngine, why_not
from tests.gateway import Action, HttpGateway, Rule, TcpGateway, postgres_of

REF = AssignmentRef("soak", "soak", "square")
WAITING_AT_MOST = 24  # on the queue, to be received: moto looks through all of it for each message
RESTING_AT_MOST = 96  # in hand, or given back until later. With no more than those nobody would have work to do
PEACE_TIMEOUT_S = 1.25 * LONGEST_DELAY_S + 60.0  # the longest that a message may rest, with its jitter
VISIBILITY_S = 6

HONEST: dict[str, bytes] = {
    "right": b"import sys\nprint(int(sys.argv[1]) ** 2)\n",
    "slower": b"import sys, time\ntime.sleep(0.1)\nprint(int(sys.argv[1]) ** 2)\n",
    "wrong": b"import sys\nprint(int(sys.argv[1]) * 3)\n",
    "partly": b"import sys\nn = int(sys.argv[1])\nprint(n * n if n < 3 else 0)\n",
    "failing": b"import sys\nprint(1 // (int(sys.argv[1]) - 2))\n",
    "unreadable": b"print((\n",
}
HOSTILE: dict[str, bytes] = {
    "forks": b"import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
    "floods": b"while True:\n    print('9' * 4096)\n",
    "hoards": b"x = []\nwhile True:\n    x.append(bytearray(1 << 22))\n",
    "kills": b"import os\nos.kill(-1, 9)\nprint(4)\n",
    "spins": b"while True:\n    pass\n",
}
HOSTILE_SHARE = 0.03
CALLS_HIT = 3  # by each fault of S3 or SQS

RULES: list[tuple[str, Action, dict[str, Any]]] = [
    ("ReceiveMessage", "drop reply", {}),
    ("DeleteMessage", "drop reply", {}),
    ("DeleteMessage", "drop request", {}),
    ("ChangeMessageVisibility", "error", {"status": 500}),
    ("SendMessage", "drop reply", {}),
    ("GetObject", "truncate", {}),
    ("GetObject", "error", {"status": 503, "code": "SlowDown"}),
    ("PutObject", "drop reply", {}),
    ("PutObject", "reset", {}),
    ("HeadObject", "error", {"status": 500}),
    ("*", "delay", {"seconds": 0.5}),
]

# Each published result: of which subid, and its verdicts.
RESULTS = """
    SELECT h.subid, h.attempt_id, array_agg(c.verdict ORDER BY c.kind, c.ordinal)
    FROM submitter.history AS h
    LEFT JOIN submitter.case_results AS c ON c.attempt_id = h.attempt_id
    WHERE h.published AND h.admin = %s GROUP BY h.subid, h.attempt_id
"""


@dataclass
class Sent:
    """A submission, what it is, and when it was handed in."""

    submitted: Submitted
    what: str
    at: float = field(default_factory=time.monotonic)


class Soak:
    """The services, the daemons, and what is broken when."""

    def __init__(self, stack: Stack, directory: Path, engine: OwnEngine | None, started: ExitStack) -> None:
        self.stack, self.engine = stack, engine
        self.direct = {**os.environ, **stack.environment}
        self.config = Config.from_env(self.direct)
        self.store = app.open_results(self.config, self.direct)
        self.sqs = make_client("sqs", self.direct)
        self.work_dir = directory / "work"
        self.aws = started.enter_context(HttpGateway(self.direct["AWS_ENDPOINT_URL"]))
        self.postgres = started.enter_context(TcpGateway(postgres_of(self.config.database_url)))
        self.environment = {
            **self.direct,
            "AWS_ENDPOINT_URL": self.aws.endpoint_url,
            "SUBMITTER_DATABASE_URL": make_conninfo(
                self.config.database_url, host="127.0.0.1", port=str(self.postgres.port), tcp_user_timeout=3000
            ),
            "SUBMITTER_WORK_DIR": str(self.work_dir),
            "SUBMITTER_VISIBILITY_TIMEOUT": str(VISIBILITY_S),
            "SUBMITTER_POLL_WAIT": "2",
            "SUBMITTER_CONCURRENCY": "1",
            "SUBMITTER_LOG_FORMAT": "json",
        }
        self.log = os.open(directory / "daemons.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        started.callback(os.close, self.log)
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.in_docker: subprocess.Popen[bytes] | None = None  # one of them
        self.faults: Counter[str] = Counter()  # that really happened
        self.fault_times: list[tuple[str, float]] = []
        self.rules: list[Rule] = []
        self.random = random.Random(0)
        self.ending = threading.Event()

    # -- daemons ----------------------------------------------------------------------------------------------

    def start_daemon(self) -> None:
        command = [sys.executable, "-m", "submitter", "daemon"]
        environment = {**self.environment, "SUBMITTER_SANDBOX": "bubblewrap"}
        wants_docker = self.engine is not None and self.in_docker not in self.daemons
        if self.engine is not None and wants_docker:
            environment |= {"SUBMITTER_SANDBOX": "docker", "DOCKER_HOST": self.engine.host}
        daemon = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=self.log)
        self.daemons.append(daemon)
        if wants_docker:
            self.in_docker = daemon

    def replace_dead(self) -> None:
        for daemon in [daemon for daemon in self.daemons if daemon.poll() is not None]:
            self.daemons.remove(daemon)
            self.start_daemon()

    def stop_daemons(self) -> list[int]:
        """Exit codes."""
        for daemon in self.daemons:
            daemon.send_signal(signal.SIGTERM)
        return [daemon.wait(150) for daemon in self.daemons]

    def kill_daemons(self) -> None:
        """Those that still run, if something went wrong here."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()

    # -- faults -----------------------------------------------------------------------------------------------

    def kinds(self) -> dict[str, Callable[[], bool]]:
        """By name what does each kind of fault, and tells whether it really happened."""
        kinds = {
            "kill -9": lambda: self._signal(signal.SIGKILL),
            "SIGTERM": lambda: self._signal(signal.SIGTERM),
            "Postgres cut": lambda: self.postgres.cut() > 0,
            "Postgres away": self._postgres_away,
            "Postgres restart": self._postgres_restart,
            "S3 or SQS": self._aws_fault,
        }
        if self.engine is not None:
            kinds["engine restart"] = self._engine_restart
        return kinds

    def break_things(self, every_s: float) -> None:
        """One fault after the other, until the end."""
        while True:
            for kind, fault in self.kinds().items():
                if self.ending.wait(every_s * self.random.uniform(0.5, 1.5)):
                    return
                self.replace_dead()
                if fault():
                    self.faults[kind] += 1
                self.fault_times.append((kind, time.monotonic()))

    def _signal(self, signum: int) -> bool:
        daemon = self.random.choice(self.daemons)
        is_there = daemon.poll() is None
        daemon.send_signal(signum)
        return is_there

    def _postgres_away(self) -> bool:
        with self.postgres.being("refuse"):
            connections = self.postgres.cut()
            self.ending.wait(2)
        return connections > 0

    def _postgres_restart(self) -> bool:
        self.stack.postgres.restart()
        return True

    def _engine_restart(self) -> bool:
        assert self.engine is not None
        self.engine.kill()
        self.ending.wait(1)
        self.engine.start()
        return True

    def _aws_fault(self) -> bool:
        operation, action, details = self.random.choice(RULES)
        self.rules.append(self.aws.add(operation, action, times=CALLS_HIT, **details))
        return False  # it happens when somebody makes that call: see `happened`

    def happened(self) -> dict[str, int]:
        """How often each kind of fault did."""
        met = {"S3 or SQS": sum(rule.times < CALLS_HIT for rule in self.rules)}
        return {kind: self.faults[kind] + met.get(kind, 0) for kind in self.kinds()}

    # -- submissions ------------------------------------------------------------------------------------------

    def hand_in(self, what: str) -> Sent:
        program = (HONEST | HOSTILE)[what]
        return Sent(upload(self.store, REF, [secrets.token_hex(16)], program), what)

    def published(self) -> dict[str, list[Any]]:
        """By subid: the verdicts of each published result."""
        try:
            with psycopg.connect(self.config.database_url) as connection:
                rows = connection.execute(RESULTS, (REF.admin,)).fetchall()
        except psycopg.OperationalError:
            time.sleep(0.2)  # it is being restarted
            return self.published()
        found: dict[str, list[Any]] = {}
        for subid, _, verdicts in rows:
            found.setdefault(subid, []).append(verdicts)
        return found

    def depths(self, url: str) -> tuple[int, int]:
        """Messages that wait to be received, and all others."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]), int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def has_room(self) -> bool:
        """Whether the queue wants more submissions."""
        waiting, resting = self.depths(self.config.queue_url)
        return waiting < WAITING_AT_MOST and resting < RESTING_AT_MOST

    def wait_until_all_are_graded(self, sent: list[Sent], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        wanted = {one.submitted.key.subid for one in sent}
        while time.monotonic() < deadline:
            self.replace_dead()
            if wanted <= self.published().keys() and sum(self.depths(self.config.queue_url)) == 0:
                return
            time.sleep(0.5)


def seed(database_url: str) -> None:
    """The assignment: squares, three cases for the student and one that counts alone."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = (REF.admin, REF.event, REF.assignment)
        connection.execute("SELECT submitter.add_assignment(%s, %s, %s, cpu_time_s => 1, wall_time_s => 4)", name)
        for kind, inputs in (("test", ["1", "2", "3"]), ("grade", ["12"])):
            outputs = [str(int(text) ** 2) for text in inputs]
            connection.execute("SELECT submitter.replace_cases(%s, %s, %s, %s, %s, %s)", (*name, kind, inputs, outputs))


def recovery_times(faults: list[tuple[str, float]], graded_at: list[float]) -> list[tuple[float, str]]:
    """From each fault to the next result that was published after it, in seconds, and the kind; shortest first."""
    times = []
    for kind, fault in faults:
        later = [at - fault for at in graded_at if at > fault]
        if later:
            times.append((min(later), kind))
    return sorted(times)


def too_seldom(happened: dict[str, int], least: int) -> list[str]:
    """Kinds of faults that came less often than was asked for."""
    return [kind for kind, count in happened.items() if count < least]


def compare(sent: list[tuple[str, str]], published: dict[str, list[Any]], in_peace: dict[str, Any]) -> dict[str, int]:
    """What became of subids and what they are, against the verdicts that each had in peace."""
    results = [(what, published.get(subid, [])) for subid, what in sent]
    return {
        "lost": sum(not found for _, found in results),
        "double": sum(len(found) > 1 for _, found in results),
        "wrong": sum(any(verdicts != in_peace[what] for verdicts in found) for what, found in results),
    }


def run(submissions: int, every_s: float, daemons: int, least: int) -> dict[str, Any]:
    """The figures of one soak, as they are printed."""
    with ExitStack() as started:
        no_engine = why_not()
        engine = None if no_engine else started.enter_context(OwnEngine())
        directory = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="submitter-soak-")))
        stack = started.enter_context(Stack(resource("sql")))
        seed(stack.environment["SUBMITTER_DATABASE_URL"])
        soak = Soak(stack, directory, engine, started)
        for _ in range(daemons):
            soak.start_daemon()
        started.callback(soak.kill_daemons)

        calm = [soak.hand_in(what) for what in HONEST | HOSTILE]
        soak.wait_until_all_are_graded(calm, PEACE_TIMEOUT_S)
        published = soak.published()
        in_peace = {one.what: published[one.submitted.key.subid][0] for one in calm}

        begun = time.monotonic()
        breaker = threading.Thread(target=soak.break_things, args=(every_s,), daemon=True)
        breaker.start()
        sent: list[Sent] = []
        graded_at: list[float] = []
        seen = len(published)
        with click.progressbar(length=submissions, label="soaking", file=sys.stderr) as bar:
            while len(sent) < submissions or too_seldom(soak.happened(), least):
                if len(sent) < submissions and soak.has_room():
                    hostile = soak.random.random() < HOSTILE_SHARE
                    sent.append(soak.hand_in(soak.random.choice(list(HOSTILE if hostile else HONEST))))
                    bar.update(1)
                    if len(sent) % 5:
                        continue
                else:
                    time.sleep(0.2)
                if (now_there := len(soak.published())) > seen:
                    seen = now_there
                    graded_at.append(time.monotonic())
        soak.ending.set()
        breaker.join()
        soak.aws.clear()
        soak.postgres.set("pass")
        soak.wait_until_all_are_graded(sent, PEACE_TIMEOUT_S)
        took_s = time.monotonic() - begun

        published = soak.published()
        stuck = sum(soak.depths(soak.config.queue_url))
        aside = sum(soak.depths(f"{soak.config.queue_url}-dlq"))
        codes = soak.stop_daemons()
        leaked = [path.name for path in soak.work_dir.iterdir()] if soak.work_dir.exists() else []
        if engine is not None:
            leaked += engine.executors()
        recovered = recovery_times(soak.fault_times, graded_at)
        return {
            "submissions": len(sent),
            "faults": soak.happened(),
            "no_engine": no_engine,
            **compare([(one.submitted.key.subid, one.what) for one in sent], published, in_peace),
            "stuck": stuck,
            "aside": aside,
            "leaked": len(leaked),
            "unclean ends": sum(code != 0 for code in codes),
            "recovery_median_s": round(recovered[len(recovered) // 2][0], 1) if recovered else None,
            "recovery_most_s": round(recovered[-1][0], 1) if recovered else None,
            "recovery_most_after": recovered[-1][1] if recovered else None,
            "took_s": round(took_s),
        }


@click.command()
@click.option("--submissions", default=3000, show_default=True)
@click.option("--every", "every_s", default=3.0, show_default=True, help="Seconds from one fault to the next.")
@click.option("--daemons", default=3, show_default=True)
@click.option("--least", default=3, show_default=True, help="So often each kind of fault must have happened.")
@click.option("--json", "as_json", is_flag=True)
def main(submissions: int, every_s: float, daemons: int, least: int, as_json: bool) -> None:
    """Break everything, again and again, and see that nothing is lost."""
    figures = run(submissions, every_s, daemons, least)
    if figures["no_engine"]:
        click.echo(f"no engine restarts, and no daemon in Docker: {figures['no_engine']}", err=True)
    if as_json:
        print_json(figures)
    else:
        faults = figures.pop("faults")
        rows = [(name, "-" if value is None else str(value)) for name, value in figures.items()]
        print_table("", ["", "count."], rows + [(f"fault: {kind}", str(count)) for kind, count in faults.items()])
        figures["faults"] = faults
    bad = [name for name in ("lost", "double", "wrong", "stuck", "aside", "leaked", "unclean ends") if figures[name]]
    if bad:
        raise click.ClickException(f"not zero: {', '.join(bad)}")
    if seldom := too_seldom(figures["faults"], least):
        raise click.ClickException(f"happened too seldom: {', '.join(seldom)}")


if __name__ == "__main__":
    main()
