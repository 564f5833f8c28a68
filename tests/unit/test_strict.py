"""Who is to blame when an executor is lost: the program, but only for what it did twice in the same case."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors.strict import StrictSandbox
from submitter.model import CaseInput, Ending, Job, Limits

READY = b'{"ready": true}'


def answer(text: str) -> bytes:
    document = {"ending": "exited", "exit_code": 0, "signal": None, "stdout": text, "stderr": ""}
    return json.dumps(document | {"cpu_time_s": 0.1, "wall_time_s": 0.1, "memory_bytes": 1}).encode()


class ScriptedExecutor:
    """Says READY, then answers each input as `play` tells, which may raise."""

    def __init__(self, play: Callable[[str], bytes], ready: bytes | Exception) -> None:
        self.play = play
        self.ready = ready
        self.is_closed = False
        self.lines: list[bytes] = []

    def send(self, data: bytes, timeout_s: float) -> None:
        self.lines.append(data)

    def read_line(self, most: int, timeout_s: float) -> bytes:
        if len(self.lines) == 1:
            if isinstance(self.ready, Exception):
                raise self.ready
            return self.ready
        return self.play(json.loads(self.lines[-1])["arguments"][0])

    def close(self) -> None:
        self.is_closed = True


class ScriptedLauncher:
    name = "scripted"

    def __init__(self, play: Callable[[str], bytes], ready: Iterator[bytes | Exception] | None = None) -> None:
        self.play = play
        self.ready = ready
        self.started: list[ScriptedExecutor] = []

    def start(self, directory: str, memory_bytes: int, processes: int, file_bytes: int) -> ScriptedExecutor:
        executor = ScriptedExecutor(self.play, next(self.ready) if self.ready else READY)
        self.started.append(executor)
        return executor

    def sweep(self) -> int:
        return 0


def job() -> Job:
    inputs = tuple(CaseInput((text,)) for text in "abc")
    return Job(directory=Path("/x"), file_name="x.py", language="python", limits=Limits(), inputs=inputs)


def losing(times: dict[str, int], error: ExecutorLost) -> Callable[[str], bytes]:
    """Answers with the input, but breaks off so many times at an input first. Inputs are base64 of a, b and c."""

    def play(text: str) -> bytes:
        if times.get(text, 0) > 0:
            times[text] -= 1
            raise error
        return answer(text)

    return play


A, B, C = "YQ==", "Yg==", "Yw=="


def test_an_executor_lost_once_is_replaced_and_its_case_run_again() -> None:
    launcher = ScriptedLauncher(losing({B: 1}, ExecutorLost("gone")))
    results = list(StrictSandbox(launcher).run(job()))
    assert [result.stdout for result in results] == [b"a", b"b", b"c"]
    assert len(launcher.started) == 2
    assert [json.loads(line)["arguments"] for line in launcher.started[1].lines[1:]] == [[B], [C]]
    assert all(executor.is_closed for executor in launcher.started)


@pytest.mark.parametrize(
    ("out_of_memory", "ending"), [(True, Ending.MEMORY_LIMIT), (False, Ending.SIGNALED)], ids=["memory", "otherwise"]
)
def test_a_case_that_loses_two_executors_gets_its_verdict_and_the_next_run_on(
    out_of_memory: bool, ending: Ending
) -> None:
    """Otherwise a program could have itself graded for ever."""
    launcher = ScriptedLauncher(losing({B: 99}, ExecutorLost("gone", out_of_memory=out_of_memory)))
    results = list(StrictSandbox(launcher).run(job()))
    assert [result.ending for result in results] == [Ending.EXITED, ending, Ending.EXITED]
    assert len(launcher.started) == 3


def test_losses_in_different_cases_are_nobody_s_doing() -> None:
    launcher = ScriptedLauncher(losing({A: 1, B: 1, C: 1}, ExecutorLost("gone")))
    results = list(StrictSandbox(launcher).run(job()))
    assert [result.stdout for result in results] == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    "ready", [b'{"setup_failed": "no interpreter"}', ExecutorLost("ended")], ids=["it says so", "it ends"]
)
def test_an_executor_that_never_got_ready_is_our_fault_however_often(ready: bytes | Exception) -> None:
    launcher = ScriptedLauncher(answer, iter([ready] * 9))
    with pytest.raises(SandboxUnavailable) as caught:
        list(StrictSandbox(launcher).run(job()))
    assert not isinstance(caught.value, ExecutorLost)
    assert len(launcher.started) == 1


def test_an_executor_that_does_not_get_ready_after_a_loss_is_our_fault_too() -> None:
    """The engine was killed in the middle of a case, say, and is not back yet."""
    readiness: list[bytes | Exception] = [READY, ExecutorLost("ended")]
    launcher = ScriptedLauncher(losing({B: 1}, ExecutorLost("gone")), iter(readiness))
    runs = StrictSandbox(launcher).run(job())
    assert next(runs).stdout == b"a"
    with pytest.raises(SandboxUnavailable):
        next(runs)


def test_closing_while_a_case_runs_blames_nobody() -> None:
    def closes(text: str) -> bytes:
        sandbox.close()
        raise ExecutorLost("closed")

    sandbox = StrictSandbox(ScriptedLauncher(closes))
    with pytest.raises(SandboxUnavailable, match="process is ending"):
        list(sandbox.run(job()))
