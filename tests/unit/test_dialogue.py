"""What the host makes of an executor that somebody has taken over, and that speaks for a program."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import cast

import pytest

from submitter.executors import sandbox
from submitter.executors.dialogue import converse
from submitter.executors.link import Executor
from submitter.executors.sandbox import ExecutorSandbox, Streamed
from submitter.model import Ending, Limits
from submitter.runs import CaseInput, Job, Role

LIMITS = Limits(wall_time_s=0.05, output_bytes=1000)
JOB = Job(program=b"", file_name="p.py", language="python", limits=LIMITS, inputs=(CaseInput(()),))


class Lying:
    """An executor that says the same as often as it is asked."""

    def __init__(self, line: bytes) -> None:
        self.line, self.times = line, 0

    def send(self, data: bytes, timeout_s: float) -> None:
        pass

    def read_line(self, most: int, timeout_s: float) -> bytes:
        self.times += 1
        return self.line


class Fake:
    """In place of a sandbox, with this one executor."""

    def __init__(self, line: bytes) -> None:
        self.executor = Lying(line)

    @contextlib.contextmanager
    def streamed(self, job: Job, inputs: int) -> Iterator[Streamed]:
        yield Streamed(cast(Executor, self.executor), job, has_box=True)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line", [b'{"started": true}', b'{"silent": true}', b'{"said": "eHh4eA=="}', b'{"said": ""}', b'{"taken": 0}']
)
def test_an_executor_that_never_comes_to_an_end_is_lost(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    monkeypatch.setattr(sandbox, "ANSWER_SLACK_S", 0.1)
    students, judges = Fake(line), Fake(b'{"started": true}')
    judge = dataclasses.replace(JOB, role=Role.JUDGE, streamed=True)
    [exchange] = converse(
        cast(ExecutorSandbox, students), cast(ExecutorSandbox, judges), dataclasses.replace(JOB, streamed=True), judge
    )
    assert {exchange.run.ending, exchange.judge.ending} == {Ending.SIGNALED, Ending.NOT_RUN}


def test_it_cannot_print_more_than_its_program_could(monkeypatch: pytest.MonkeyPatch) -> None:
    students, judges = Fake(b'{"said": "eHh4eA=="}'), Fake(b'{"started": true}')
    monkeypatch.setattr(sandbox, "ANSWER_SLACK_S", 0.1)
    judge = dataclasses.replace(JOB, role=Role.JUDGE, streamed=True)
    list(converse(cast(ExecutorSandbox, students), cast(ExecutorSandbox, judges), JOB, judge))
    assert students.executor.times <= 2 * (1000 // 4 + 1)
