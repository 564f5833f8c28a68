"""
`submitter demo`: the whole of Submitter on this machine, for somebody who has just cloned it.

The services of `stack`, a daemon in a process of its own, programs uploaded as
a front end uploads them, results read from the bucket: nothing is taken from
the inside.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter.config import Config
from submitter.errors import SubmitterError, Unavailable
from submitter.model import AssignmentRef, Verdict
from submitter.resources import resource

ASSIGNMENT = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
RESULTS_TIMEOUT_S = 90.0  # for all of them
STOP_TIMEOUT_S = 20.0

# Student, what they handed in, the program. The assignment: print the square of argv[1].
SAMPLES: Sequence[tuple[str, str, str]] = (
    ("ada", "right", "import sys\nprint(int(sys.argv[1]) ** 2)\n"),
    ("bob", "wrong", "import sys\nprint(int(sys.argv[1]) * 2)\n"),
    ("cy", "crashing", "import sys\nn = int(sys.argv[1])\nprint(n * n // (n % 4))\n"),
    ("dora", "too slow", "import sys\nn = abs(int(sys.argv[1]))\nprint(sum(n for _ in range(n)))\n"),
    ("eve", "too greedy", "import sys\nn = abs(int(sys.argv[1]))\nprint(len([0] * n) * n)\n"),
    ("fay", "flooding", "while True:\n    print('9' * 1000)\n"),
    ("gus", "syntax error", "import sys\nprint(int(sys.argv[1]) ** 2\n"),
    (
        "hal",
        "cheating",
        "import os, sys\n"
        "os.system('kill -9 1')\n"
        "for directory, _, names in os.walk('/usr/src'):\n"
        "    for name in names:\n"
        "        if name.endswith('.out'):\n"
        "            answers = open(os.path.join(directory, name)).read().split()\n"
        "            print(answers[int(sys.argv[1]) - 1])\n",
    ),
)


@dataclass(frozen=True, slots=True)
class DemoRow:
    """A sample's line in the table; `seconds` are the runs of its `test` cases together, by the clock."""

    student: str
    what: str
    verdicts: tuple[Verdict, ...]
    score: float
    max_score: float
    seconds: float
    reason: str = ""

    def document(self) -> dict[str, Any]:
        return {
            "student": self.student,
            "what": self.what,
            "verdicts": [verdict.long_name for verdict in self.verdicts],
            "score": self.score,
            "max_score": self.max_score,
            "wall_time_s": self.seconds,
        }


def run_demo(say: Callable[[str], None]) -> list[DemoRow]:
    """
    Start everything, hand the samples in, wait for the results, end everything.

    `say` is told of each step. Afterwards no process, container or directory is left.

    Raises:
        SubmitterError: something did not start, or a result did not come.
    """
    from submitter import app
    from submitter.stack import Stack
    from submitter.upload import find_results, upload

    with _sigterm_as_interrupt(), tempfile.TemporaryDirectory(prefix="submitter-demo-") as directory:
        say("starting S3, SQS, the trigger and Postgres …")
        with Stack(resource("sql")) as stack:
            environment = {**os.environ, **stack.environment, "SUBMITTER_POLL_WAIT": "1"}
            environment["SUBMITTER_WORK_DIR"] = os.path.join(directory, "work")
            config = Config.from_env(environment)
            sandbox = app.choose_launcher(config).name
            say(f"programs will run in {sandbox}")
            environment["SUBMITTER_SANDBOX"] = sandbox
            seed(config.database_url)
            store = app.open_results(config, environment)
            with _daemon(environment, Path(directory, "daemon.log")) as check_alive:
                say(f"handing in {len(SAMPLES)} programs for {ASSIGNMENT} …")
                waiting = {
                    student: upload(store, ASSIGNMENT, [token_of(student)], program.encode())
                    for student, _, program in SAMPLES
                }
                documents: dict[str, Mapping[str, Any]] = {}
                deadline = time.monotonic() + RESULTS_TIMEOUT_S
                while waiting:
                    check_alive()
                    for student, submitted in list(waiting.items()):
                        if document := find_results(store, submitted):
                            documents[student] = document
                            del waiting[student]
                            say(f"  {len(documents)} of {len(SAMPLES)}: {student}")
                    if time.monotonic() > deadline:
                        raise Unavailable(f"no result for {', '.join(waiting)} within {RESULTS_TIMEOUT_S:.0f} s")
                    time.sleep(0.1)
    return [_row(student, what, documents[student]) for student, what, _ in SAMPLES]


def seed(database_url: str) -> None:
    """Apply the example that an admin can copy, sql/seeds/lab5_containers.sql."""
    import psycopg

    with psycopg.connect(database_url) as connection:
        connection.execute((resource("sql") / "seeds" / "lab5_containers.sql").read_bytes())


def token_of(student: str) -> str:
    """A token for a name: 32 hexadecimal digits."""
    return student.encode().hex().rjust(32, "0")


@contextlib.contextmanager
def _daemon(environment: Mapping[str, str], log_file: Path) -> Iterator[Callable[[], None]]:
    """A daemon in a process of its own; gives a function that raises when it has died."""
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "submitter", "daemon"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; the daemon gets its signal in order
        )

    def check_alive() -> None:
        if process.poll() is not None:
            said = log_file.read_text(errors="replace").strip().splitlines()[-1:]
            raise SubmitterError(f"the daemon ended with {process.returncode}: {' '.join(said)[:500]}")

    try:
        yield check_alive
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Whoever ends us with SIGTERM gets the same tidy end as with Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _row(student: str, what: str, document: Mapping[str, Any]) -> DemoRow:
    return DemoRow(
        student=student,
        what=what,
        verdicts=tuple(Verdict.named(test["verdict"]) for test in document["tests"]),
        score=document["score"],
        max_score=document["max_score"],
        seconds=document["execution_time"],
        reason=document.get("reason", ""),
    )
