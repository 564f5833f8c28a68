"""Who is to blame when an executor is lost: the program, but only for what it did twice in the same case."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from submitter.errors import ExecutorLost, NotBegun, SandboxUnavailable
from submitter.executors.fresh import FreshExecutors
from submitter.executors.link import Room
from submitter.executors.sandbox import AHEAD_BYTES, ExecutorSandbox
from submitter.executors.wire import decode_answer
from submitter.model import Ending, Limits
from submitter.runs import CaseInput, Job, RunResult

READY = b'{"ready": true, "box": true}'
READY_WITHOUT_BOX = b'{"ready": true, "box": false}'
IDLE = b'{"idle": true}'


def answer(text: str) -> bytes:
    document = {"ending": "exited", "exit_code": 0, "signal": None, "stdout": text, "stderr": ""}
    return json.dumps(document | {"cpu_time_s": 0.1, "wall_time_s": 0.1, "memory_bytes": 1, "starved_s": 0.0}).encode()


class ScriptedExecutor:
    """Says READY, then answers each input, in the order they came, as `play` tells, which may raise."""

    def __init__(self, play: Callable[[str], bytes], ready: bytes | Exception) -> None:
        self.play = play
        self.ready = ready
        self.is_closed = False
        self.lines: list[bytes] = []
        self.answered = 0
        self.waited: list[int] = []  # how many lines were there unanswered, each time an answer was asked for

    def send(self, data: bytes, timeout_s: float) -> None:
        self.lines += data.splitlines(keepends=True)

    def read_line(self, most: int, timeout_s: float) -> bytes:
        self.waited.append(len(self.lines) - self.answered)
        line = self.lines[self.answered]
        self.answered += 1
        if self.answered == 1:
            if isinstance(self.ready, Exception):
                raise self.ready
            return self.ready
        if self.answered > 2 and self.ready == READY_WITHOUT_BOX:
            raise ExecutorLost("it has ended, as executors do that have no box")
        said = json.loads(line)
        return IDLE if said == {"done": True} else self.play(said["arguments"][0])

    def make_room(self, room: Room) -> None:
        pass

    def has_ended(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True


class ScriptedLauncher:
    name = "scripted"
    image = "scripted"

    def __init__(self, play: Callable[[str], bytes], ready: Iterator[bytes | Exception] | None = None) -> None:
        self.play = play
        self.ready = ready
        self.started: list[ScriptedExecutor] = []

    def start(self, room: Room) -> ScriptedExecutor:
        executor = ScriptedExecutor(self.play, next(self.ready) if self.ready else READY)
        self.started.append(executor)
        return executor

    def check(self) -> None:
        pass

    def sweep(self) -> int:
        return 0


def job() -> Job:
    inputs = tuple(CaseInput((text,)) for text in "abc")
    return Job(program=b"", file_name="x.py", language="python", limits=Limits(), inputs=inputs)


def sandbox_of(launcher: ScriptedLauncher) -> ExecutorSandbox:
    return ExecutorSandbox(FreshExecutors(launcher), "exec")


def losing(times: dict[str, int], error: SandboxUnavailable) -> Callable[[str], bytes]:
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
    results = list(sandbox_of(launcher).run(job()))
    assert [result.stdout for result in results] == [b"a", b"b", b"c"]
    assert len(launcher.started) == 2
    assert [json.loads(line)["arguments"] for line in launcher.started[1].lines[1:-1]] == [[B], [C]]
    assert all(executor.is_closed for executor in launcher.started)


@pytest.mark.parametrize(
    ("out_of_memory", "ending"), [(True, Ending.MEMORY_LIMIT), (False, Ending.SIGNALED)], ids=["memory", "otherwise"]
)
def test_a_case_that_loses_two_executors_gets_its_verdict_and_the_next_run_on(
    out_of_memory: bool, ending: Ending
) -> None:
    """Otherwise a program could have itself graded for ever."""
    launcher = ScriptedLauncher(losing({B: 99}, ExecutorLost("gone", out_of_memory=out_of_memory)))
    results = list(sandbox_of(launcher).run(job()))
    assert [result.ending for result in results] == [Ending.EXITED, ending, Ending.EXITED]
    assert len(launcher.started) == 3


@pytest.mark.parametrize(
    ("error", "executors"),
    [(ExecutorLost("gone", from_outside=True), 2), (SandboxUnavailable("the engine does not answer"), 1)],
    ids=["removed", "away"],
)
def test_a_case_whose_executors_are_taken_away_from_outside_gets_no_verdict(
    error: SandboxUnavailable, executors: int
) -> None:
    launcher = ScriptedLauncher(losing({B: 99}, error))
    runs = sandbox_of(launcher).run(job())
    assert next(runs).stdout == b"a"
    with pytest.raises(SandboxUnavailable) as caught:
        next(runs)
    assert type(caught.value) is SandboxUnavailable
    assert len(launcher.started) == executors
    assert all(executor.is_closed for executor in launcher.started)


@pytest.mark.parametrize("from_outside", [False, True])
def test_an_executor_that_is_removed_before_it_is_ready_is_not_held_against_the_submission(from_outside: bool) -> None:
    """NotBegun is: five of them move a message aside."""
    launcher = ScriptedLauncher(answer, iter([ExecutorLost("gone", from_outside=from_outside)]))
    with pytest.raises(SandboxUnavailable) as caught:
        list(sandbox_of(launcher).run(job()))
    assert isinstance(caught.value, NotBegun) is not from_outside


def test_losses_in_different_cases_are_nobody_s_doing() -> None:
    launcher = ScriptedLauncher(losing({A: 1, B: 1, C: 1}, ExecutorLost("gone")))
    results = list(sandbox_of(launcher).run(job()))
    assert [result.stdout for result in results] == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    "ready", [b'{"setup_failed": "no interpreter"}', ExecutorLost("ended")], ids=["it says so", "it ends"]
)
def test_an_executor_that_never_got_ready_is_our_fault_however_often(ready: bytes | Exception) -> None:
    launcher = ScriptedLauncher(answer, iter([ready] * 9))
    with pytest.raises(SandboxUnavailable) as caught:
        list(sandbox_of(launcher).run(job()))
    assert not isinstance(caught.value, ExecutorLost)
    assert len(launcher.started) == 1


def test_an_executor_that_does_not_get_ready_after_a_loss_is_our_fault_too() -> None:
    """The engine was killed in the middle of a case, say, and is not back yet."""
    readiness: list[bytes | Exception] = [READY, ExecutorLost("ended")]
    launcher = ScriptedLauncher(losing({B: 1}, ExecutorLost("gone")), iter(readiness))
    runs = sandbox_of(launcher).run(job())
    assert next(runs).stdout == b"a"
    with pytest.raises(SandboxUnavailable):
        next(runs)


def test_closing_while_a_case_runs_blames_nobody() -> None:
    def closes(text: str) -> bytes:
        sandbox.close()
        raise ExecutorLost("closed")

    sandbox = sandbox_of(ScriptedLauncher(closes))
    with pytest.raises(SandboxUnavailable, match="process is ending"):
        list(sandbox.run(job()))


# -- inputs that are sent ahead ------------------------------------------------------------------------------------


def test_while_a_case_runs_the_next_small_inputs_wait() -> None:
    launcher = ScriptedLauncher(answer)
    assert [result.stdout for result in sandbox_of(launcher).run(job())] == [b"a", b"b", b"c"]
    assert launcher.started[0].waited == [5, 4, 3, 2, 1], "ready, three answers, idle"


def test_no_more_waits_than_a_pipe_holds() -> None:
    """Nobody reads it while a case runs: to send more would wait for as long."""
    inputs = tuple(CaseInput((text,), b"x" * (AHEAD_BYTES // 4)) for text in "abcdef")
    launcher = ScriptedLauncher(answer)
    results = list(sandbox_of(launcher).run(replace(job(), inputs=inputs)))
    assert [result.stdout for result in results] == [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert launcher.started[0].waited == [3, 3, 3, 3, 4, 3, 2, 1], "and once there is room, that no more come"


def test_a_large_input_is_not_sent_ahead() -> None:
    launcher = ScriptedLauncher(lambda _: answer(""))
    large = CaseInput(("a",), b"x" * AHEAD_BYTES)
    list(sandbox_of(launcher).run(replace(job(), inputs=(large, CaseInput(("b",)), large))))
    assert launcher.started[0].waited == [1, 2, 1, 2, 1]


def test_after_a_loss_nothing_is_sent_ahead() -> None:
    """So it is certain in which case the executor is lost the second time."""
    launcher = ScriptedLauncher(losing({A: 1}, ExecutorLost("gone")))
    list(sandbox_of(launcher).run(job()))
    assert [executor.waited for executor in launcher.started] == [[5, 4], [1, 1, 1, 2, 1]]


def test_an_executor_without_a_box_is_asked_for_one_answer_whatever_was_sent() -> None:
    launcher = ScriptedLauncher(answer, iter([READY_WITHOUT_BOX] * 3))
    sandbox = sandbox_of(launcher)
    assert [result.stdout for result in sandbox.run(job())] == [b"a", b"b", b"c"]
    assert [executor.answered for executor in launcher.started] == [2, 2, 2]
    with sandbox._turns.alone():
        pass


def test_what_was_sent_ahead_is_answered_before_a_case_runs_alone() -> None:
    runs = iter([run_of("wall_limit", starved_s=3.0), answer("Yg=="), answer("Yw=="), run_of("exited", starved_s=0.0)])
    launcher = ScriptedLauncher(lambda _: next(runs))
    first, second, third = sandbox_of(launcher).run(job())
    assert (first.ending, second.stdout, third.stdout) == (Ending.EXITED, b"b", b"c")
    assert first.earlier is not None
    said = [[json.loads(line).get("arguments") for line in executor.lines] for executor in launcher.started]
    assert said == [[None, [A], [B], [C], None], [None, [A], None]]


def test_no_more_is_sent_after_a_case_that_is_to_run_alone() -> None:
    """Else it waits for all that are left, however long they take."""
    runs = {"a": [run_of("wall_limit", starved_s=3.0), answer(A)], "b": [answer(B)]}
    launcher = ScriptedLauncher(lambda text: runs[b64decode(text).decode()].pop(0))
    large = CaseInput(("b",), b"x" * AHEAD_BYTES)
    results = list(sandbox_of(launcher).run(replace(job(), inputs=(CaseInput(("a",)), large))))
    assert [result.stdout for result in results] == [b"a", b"b"]
    said = [[json.loads(line).get("arguments") for line in executor.lines] for executor in launcher.started]
    assert said == [[None, [A], None], [None, [A], None], [None, [B], None]]


def test_without_a_box_a_case_can_be_run_again_too() -> None:
    """Such an executor serves one case, and its end is no loss to blame anybody for."""
    runs = iter([run_of("wall_limit", starved_s=3.0), answer(A), answer(B), answer(C)])
    launcher = ScriptedLauncher(lambda _: next(runs), iter([READY_WITHOUT_BOX] * 4))
    first, second, third = sandbox_of(launcher).run(job())
    assert [first.stdout, second.stdout, third.stdout] == [b"a", b"b", b"c"]
    assert first.earlier is not None
    assert [executor.answered for executor in launcher.started] == [2, 2, 2, 2]


def test_who_breaks_off_keeps_nobody_waiting() -> None:
    launcher = ScriptedLauncher(answer)
    sandbox = sandbox_of(launcher)
    runs = sandbox.run(job())
    next(runs)
    runs.close()
    with sandbox._turns.alone():
        pass
    assert launcher.started[0].is_closed


# -- a machine that is short of processors ------------------------------------------------------------------------


def run_of(ending: str, starved_s: float, cpu_time_s: float = 2.0, wall_time_s: float = 4.0) -> bytes:
    document = {"ending": ending, "exit_code": None, "signal": None, "stdout": "", "stderr": "", "memory_bytes": 1}
    if ending == "exited":
        document["exit_code"] = 0
    times = {"cpu_time_s": cpu_time_s, "wall_time_s": wall_time_s, "starved_s": starved_s}
    return json.dumps(document | times).encode()


def results_of(*runs: bytes) -> list[RunResult]:
    """Of one case, whose runs go so, one after the other."""
    remaining = iter(runs)
    sandbox = sandbox_of(ScriptedLauncher(lambda _: next(remaining)))
    one_case = replace(job(), inputs=(CaseInput(("a",)),))
    results = list(sandbox.run(one_case))
    assert list(remaining) == [], "every run was wanted"
    return results


@pytest.mark.parametrize("limit", ["cpu_limit", "wall_limit"])
def test_a_case_that_was_starved_and_too_slow_is_run_once_more_and_that_counts(limit: str) -> None:
    [result] = results_of(run_of(limit, starved_s=3.0), run_of("exited", starved_s=0.0, cpu_time_s=1.0))
    assert (result.ending, result.cpu_time_s) == (Ending.EXITED, 1.0)
    assert result.earlier is not None
    assert (str(result.earlier.ending), result.earlier.starved_s) == (limit, 3.0)


def test_a_case_that_is_too_slow_alone_too_is_not_run_a_third_time() -> None:
    [result] = results_of(run_of("cpu_limit", starved_s=3.0), run_of("cpu_limit", starved_s=3.0))
    assert result.ending is Ending.CPU_LIMIT
    assert result.earlier is not None


@pytest.mark.parametrize(
    "run",
    [run_of("cpu_limit", starved_s=0.1), run_of("exited", starved_s=3.0), run_of("memory_limit", starved_s=3.0)],
    ids=["slow without being starved", "starved but in time", "another limit"],
)
def test_all_other_cases_are_run_once(run: bytes) -> None:
    [result] = results_of(run)
    assert result.earlier is None


# -- an executor that says that it cannot -------------------------------------------------------------------------

CANNOT = b'{"setup_failed": "no processes left"}'


def test_a_first_case_that_cannot_be_begun_is_our_fault() -> None:
    """Nothing of the program has run in that executor."""
    launcher = ScriptedLauncher(lambda _: CANNOT)
    with pytest.raises(SandboxUnavailable, match="no processes left") as caught:
        list(sandbox_of(launcher).run(job()))
    assert not isinstance(caught.value, ExecutorLost)


def test_a_later_case_that_cannot_be_begun_is_tried_in_a_fresh_executor() -> None:
    """What an earlier case did may be the reason; and if it were to be ours again, it would be the first there."""
    failures = {B: 1}

    def play(text: str) -> bytes:
        if failures.get(text, 0) > 0:
            failures[text] -= 1
            return CANNOT
        return answer(text)

    launcher = ScriptedLauncher(play)
    assert [result.stdout for result in sandbox_of(launcher).run(job())] == [b"a", b"b", b"c"]
    assert len(launcher.started) == 2


# -- cases that nobody wants any more -----------------------------------------------------------------------------


def inputs_sent(executor: ScriptedExecutor) -> list[str]:
    return [said["arguments"][0] for said in map(json.loads, executor.lines[1:]) if "arguments" in said]


def test_a_case_that_is_not_wanted_is_not_sent_and_its_executor_stays_clean() -> None:
    launcher = ScriptedLauncher(answer)
    results = list(sandbox_of(launcher).run(replace(job(), is_wanted=lambda number: number != 1)))
    assert [result.ending for result in results] == [Ending.EXITED, Ending.NOT_RUN, Ending.EXITED]
    [executor] = launcher.started
    assert inputs_sent(executor) == [A, C]
    assert json.loads(executor.lines[-1]) == {"done": True}


def test_a_case_that_may_not_be_wanted_waits_for_the_results_before_it() -> None:
    """Sent ahead, the executor would begin with it."""
    given: list[RunResult] = []
    sent_when_asked: list[int] = []

    def is_wanted(number: int) -> bool | None:
        return True if number == 0 else None if len(given) < number else number != 2

    def play(text: str) -> bytes:
        sent_when_asked.append(len(inputs_sent(launcher.started[0])))
        return answer(text)

    launcher = ScriptedLauncher(play)
    for result in sandbox_of(launcher).run(replace(job(), is_wanted=is_wanted)):
        given.append(result)
    assert sent_when_asked == [1, 2]
    assert [result.ending for result in given] == [Ending.EXITED, Ending.EXITED, Ending.NOT_RUN]


def test_for_cases_that_nobody_wants_no_executor_is_lent() -> None:
    launcher = ScriptedLauncher(answer)
    results = list(sandbox_of(launcher).run(replace(job(), is_wanted=lambda _: False)))
    assert [result.ending for result in results] == [Ending.NOT_RUN] * 3
    assert launcher.started == []


def test_after_a_loss_the_right_cases_are_left_out() -> None:
    launcher = ScriptedLauncher(losing({B: 1}, ExecutorLost("gone")))
    results = list(sandbox_of(launcher).run(replace(job(), is_wanted=lambda number: number != 2)))
    assert [result.ending for result in results] == [Ending.EXITED, Ending.EXITED, Ending.NOT_RUN]
    assert inputs_sent(launcher.started[1]) == [B]


def test_an_executor_cannot_say_that_a_case_was_not_run() -> None:
    """It would be a way not to fail."""
    says = answer("").replace(b'"exited"', b'"not_run"')
    with pytest.raises(ExecutorLost):
        decode_answer(says, Limits())
