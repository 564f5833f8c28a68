"""What goes to an executor, and how its answers are read: it runs beside hostile code, so as a stranger's."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.executors.wire import (
    COLLECTED_BYTES,
    MAX_FILES,
    STDERR_BYTES,
    WINDOW_BYTES,
    Said,
    Silent,
    Started,
    Taken,
    decode_alive,
    decode_answer,
    decode_event,
    decode_idle,
    decode_ready,
    encode_input,
    encode_request,
    max_answer_bytes,
)
from submitter.grading import case_input
from submitter.model import MIB, CaseKind, Ending, InputMode, Limits, TestCase
from submitter.runs import CaseInput, Job, RunResult

LIMITS = Limits(output_bytes=1000)
quick = settings(deadline=None, max_examples=300)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def answer(**changes: Any) -> dict[str, Any]:
    """A good answer, changed; a value of `...` leaves the field out."""
    document = {
        "ending": "exited",
        "exit_code": 0,
        "signal": None,
        "stdout": base64_of(b"9\n"),
        "stderr": "",
        "cpu_time_s": 0.011,
        "wall_time_s": 0.013,
        "memory_bytes": 9437184,
        "starved_s": 0.0,
    } | changes
    return {name: value for name, value in document.items() if value is not ...}


def decode(document: object, limits: Limits = LIMITS) -> RunResult:
    return decode_answer(json.dumps(document).encode(), limits)


def job(*inputs: CaseInput, limits: Limits = LIMITS) -> Job:
    return Job(program=b"print(1)", file_name="x.py", language="python", limits=limits, inputs=inputs)


# -- what is said while a streamed case runs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b'{"started": true}', Started()),
        (b'{"silent": true}', Silent()),
        (b'{"taken": 5}', Taken(5)),
        (b'{"said": "YQ=="}', Said(b"a")),
    ],
)
def test_events_of_a_streamed_case_are_read(line: bytes, event: object) -> None:
    assert decode_event(line, LIMITS, ()) == event


def test_a_streamed_case_ends_with_its_answer() -> None:
    assert decode_event(json.dumps(answer()).encode(), LIMITS, ()) == decode(answer())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"started": 1}',
        b'{"silent": false}',
        b'{"taken": -1}',
        b'{"taken": 1.5}',
        b'{"taken": 1000000000}',
        b'{"said": "?"}',
        b'{"said": 1}',
        b'{"said": "YQ==", "taken": 1}',
        json.dumps({"said": base64_of(bytes(WINDOW_BYTES + 1))}).encode(),
        b'{"idle": true}',
        b'{"ending": "exited"}',
    ],
)
def test_anything_else_breaks_the_protocol(line: bytes) -> None:
    with pytest.raises(ExecutorLost):
        decode_event(line, LIMITS, ())


# -- a case's files, and those that are wanted back ---------------------------------------------------------------


def collecting(*names: str, limits: Limits = LIMITS) -> Job:
    inputs = (CaseInput((), b"", (("case.in", b"3"), ("case.ans", b"9"))),)
    return Job(program=b"1", file_name="x.py", language="python", limits=limits, inputs=inputs, collect=names)


def test_a_cases_files_go_with_its_input() -> None:
    case = CaseInput(("3",), b"", (("case.in", b"\x00\xff"),))
    assert json.loads(encode_input(case))["files"] == {"case.in": base64_of(b"\x00\xff")}
    assert "files" not in json.loads(encode_input(CaseInput(("3",))))


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/a", "../a", "a\0", "a\n", "é", "a b", "x" * 101])
def test_no_file_is_called_by_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a file's name"):
        CaseInput((), b"", ((name, b""),))
    with pytest.raises(ValueError, match="cannot be a file's name"):
        encode_request(collecting(name), "fork", 1)


def test_no_more_and_no_larger_files_than_a_case_may_have() -> None:
    encode_request(collecting("a", limits=Limits(file_bytes=2)), "fork", 1)
    with pytest.raises(ValueError, match="more than the 1 bytes"):
        encode_request(collecting("a", limits=Limits(file_bytes=1)), "fork", 1)
    with pytest.raises(ValueError, match="at most"):
        encode_request(collecting(*(f"f{number}" for number in range(MAX_FILES + 1))), "fork", 1)


def test_what_was_wanted_back_is_read_from_the_answer() -> None:
    document = answer(collected={"b": base64_of(b"two"), "a": base64_of(b"one")})
    result = decode_answer(json.dumps(document).encode(), LIMITS, ("a", "b", "c"))
    assert result.collected == (("a", b"one"), ("b", b"two"))


@pytest.mark.parametrize(
    "collected",
    [
        {"other": ""},
        {"a": base64_of(bytes(COLLECTED_BYTES + 1))},
        {"a": "not base64"},
        {"a": None},
        ["a"],
        None,
        ...,
    ],
)
def test_nothing_but_what_was_wanted_back_is_taken(collected: object) -> None:
    with pytest.raises(ExecutorLost):
        decode_answer(json.dumps(answer(collected=collected)).encode(), LIMITS, ("a",))


def test_files_that_nobody_wanted_break_the_protocol() -> None:
    with pytest.raises(ExecutorLost):
        decode(answer(collected={}))


def test_the_largest_honest_answer_with_files_is_not_too_long() -> None:
    names = ("judgemessage.txt", "score.txt")
    document = answer(
        stdout=base64_of(bytes(LIMITS.output_bytes)),
        stderr=base64_of(bytes(STDERR_BYTES)),
        collected={name: base64_of(bytes(COLLECTED_BYTES)) for name in names},
    )
    line = json.dumps(document).encode()
    assert len(line) <= max_answer_bytes(LIMITS, names)
    assert decode_answer(line, LIMITS, names).collected == tuple((name, bytes(COLLECTED_BYTES)) for name in names)


# -- requests -----------------------------------------------------------------------------------------------------


def test_request_is_one_line_with_all_that_an_executor_must_know() -> None:
    limits = Limits(cpu_time_s=1.5, wall_time_s=3.0, memory_bytes=64 * MIB, output_bytes=10, file_bytes=20, processes=4)
    request = encode_request(job(CaseInput(("3", "")), CaseInput((), b"a"), limits=limits), "fork", 1)
    assert request.count(b"\n") == 1
    assert request.endswith(b"\n")
    assert json.loads(request) == {
        "schema": 5,
        "file_name": "x.py",
        "commands": None,
        "limits": {
            "cpu_time_s": 1.5,
            "wall_time_s": 3.0,
            "memory_bytes": 64 * MIB,
            "output_bytes": 10,
            "file_bytes": 20,
            "processes": 4,
        },
        "program": base64_of(b"print(1)"),
        "start": "fork",
        "inputs": 1,
        "collect": [],
        "streamed": False,
    }


def test_an_input_is_one_line_of_its_own() -> None:
    """So that an executor has no input before its case starts."""
    line = encode_input(CaseInput(("3", ""), b"a\nb\0\xff"))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == {"arguments": [base64_of(b"3"), ""], "stdin": base64_of(b"a\nb\0\xff")}


@pytest.mark.parametrize("mode", InputMode)
@pytest.mark.parametrize("kind", CaseKind)
def test_expected_output_is_in_nothing_that_is_sent(mode: InputMode, kind: CaseKind) -> None:
    """What never enters an executor cannot be found there."""
    case = case_input(mode, TestCase(kind, 1, "the input", "the expected output"))
    sent = json.loads(encode_input(case))
    decoded = b" ".join(base64.b64decode(data) for data in [*sent["arguments"], sent["stdin"]])
    assert b"input" in decoded
    assert b"expected" not in encode_request(job(case), "fork", 1)
    assert b"expected" not in decoded


@quick
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4), st.binary(max_size=50))
def test_inputs_arrive_byte_for_byte(arguments: list[str], stdin: bytes) -> None:
    sent = json.loads(encode_input(CaseInput(tuple(arguments), stdin)))
    assert [base64.b64decode(argument).decode() for argument in sent["arguments"]] == arguments
    assert base64.b64decode(sent["stdin"]) == stdin


# -- answers ------------------------------------------------------------------------------------------------------


def test_answer_is_read_field_by_field() -> None:
    assert decode(answer(stderr=base64_of(b"\xffwarning"))) == RunResult(
        ending=Ending.EXITED,
        exit_code=0,
        signal=None,
        stdout=b"9\n",
        stderr=b"\xffwarning",
        cpu_time_s=0.011,
        wall_time_s=0.013,
        memory_bytes=9437184,
    )


OURS_TO_SAY = {Ending.NOT_RUN, Ending.PROVED, Ending.REFUTED, Ending.TOOL_FAILED}


@pytest.mark.parametrize("ending", sorted(OURS_TO_SAY))
def test_an_executor_is_not_believed_what_is_not_its_to_say(ending: Ending) -> None:
    """A program that broke out would say that it was proved."""
    with pytest.raises(ExecutorLost):
        decode(answer(ending=str(ending)))


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending not in OURS_TO_SAY])
def test_every_ending_is_known(ending: Ending) -> None:
    """A limit's run may have ended in any way, or not by itself at all."""
    assert decode(answer(ending=str(ending), signal=9)).ending is ending
    if ending not in {Ending.EXITED, Ending.SIGNALED}:
        assert decode(answer(ending=str(ending), exit_code=None)).exit_code is None


@pytest.mark.parametrize(
    "changes",
    [
        {"exit_code": 255},
        {"ending": "signaled", "exit_code": None, "signal": 64},
        {"cpu_time_s": 0, "wall_time_s": 604800},
        {"memory_bytes": 0},
        {"memory_bytes": 1 << 50},
        {"stdout": base64_of(b"x" * LIMITS.output_bytes)},
        {"stderr": base64_of(b"x" * STDERR_BYTES)},
    ],
)
def test_answer_at_a_bound_is_believed(changes: dict[str, Any]) -> None:
    document = answer(**changes)
    read = decode(document)
    assert {name: document[name] for name in changes} == {
        name: base64_of(value) if isinstance(value := getattr(read, name), bytes) else value for name in changes
    }


HUGE = 10**400  # greater than every float


@pytest.mark.parametrize(
    "changes",
    [
        *({name: ...} for name in answer()),
        {"more": 1},
        {"ending": "exploded"},
        {"ending": "EXITED"},
        {"ending": None},
        {"ending": 1},
        {"ending": ["exited"]},
        {"ending": {}},
        {"exit_code": None},  # of a program that exited
        {"exit_code": -1},
        {"exit_code": 256},
        {"exit_code": True},
        {"exit_code": 0.0},
        {"exit_code": "0"},
        {"exit_code": HUGE},
        {"ending": "signaled", "signal": None},
        {"ending": "signaled", "signal": -9},
        {"ending": "signaled", "signal": 65},
        {"ending": "signaled", "signal": "SIGKILL"},
        {"stdout": None},
        {"stdout": 9},
        {"stdout": ["OQo="]},
        {"stdout": "OQo"},
        {"stdout": "O Q o ="},
        {"stdout": "OQo=\n"},
        {"stdout": "é"},
        {"stdout": "\ud800"},
        {"stdout": "9"},
        {"stdout": base64_of(b"x" * (LIMITS.output_bytes + 1))},
        {"stderr": base64_of(b"x" * (STDERR_BYTES + 1))},
        {"stderr": None},
        *(
            {name: wrong}
            for name in ("cpu_time_s", "wall_time_s")
            for wrong in (-0.001, float("nan"), float("inf"), -float("inf"), HUGE, 604801, True, None, "1", [1])
        ),
        *({"memory_bytes": wrong} for wrong in (-1, (1 << 50) + 1, HUGE, 1.5, True, None, "1")),
    ],
)
def test_answer_that_breaks_the_protocol_is_not_believed(changes: dict[str, Any]) -> None:
    """It is our failure, tried again elsewhere: never a verdict, and never an exception that nobody expects."""
    with pytest.raises(ExecutorLost, match="breaks the protocol"):
        decode(answer(**changes))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"null",
        b"[]",
        b"1",
        b"{}",
        b"\xff\xfe",
        b"\0",
        b"[" * 100_000,
        b'{"ending":' * 100_000,
        b"9" * 5000,
        json.dumps(answer()).encode() * 2,
        json.dumps(answer()).encode()[:-1],
        json.dumps([answer()]).encode(),
    ],
)
@pytest.mark.timeout(20)
def test_line_that_is_no_answer_is_not_believed(line: bytes) -> None:
    with pytest.raises(ExecutorLost, match="breaks the protocol"):
        decode_answer(line, LIMITS)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(HUGE),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@quick
@given(st.data())
def test_no_value_in_any_field_has_any_other_effect_than_to_be_believed_or_not(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(answer())), max_size=3))
    document = answer(**{name: data.draw(anything) for name in names})
    with suppress(ExecutorLost):
        read = decode(document)
        assert len(read.stdout) <= LIMITS.output_bytes
        assert read.cpu_time_s >= 0
        assert read.memory_bytes >= 0


@quick
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_line_has_any_other_effect_than_to_be_believed_or_not(line: bytes) -> None:
    with pytest.raises(ExecutorLost):
        decode_answer(line, LIMITS)


@pytest.mark.parametrize("output_bytes", [1, 2, 3, 1000, MIB])
def test_longest_honest_answer_fits_the_bound(output_bytes: int) -> None:
    """The host stops reading there: were the bound too small, a program that prints much would look like our fault."""
    limits = Limits(output_bytes=output_bytes)
    document = answer(
        ending="memory_limit",
        exit_code=255,
        signal=64,
        stdout=base64_of(b"\xff" * output_bytes),
        stderr=base64_of(b"\xff" * STDERR_BYTES),
        cpu_time_s=604799.123456,
        wall_time_s=604799.123456,
        memory_bytes=1 << 50,
    )
    line = json.dumps(document).encode() + b"\n"
    assert len(line) <= max_answer_bytes(limits)
    assert len(decode(document, limits).stdout) == output_bytes


# -- ready ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_box", [True, False])
def test_an_executor_that_says_so_is_ready(has_box: bool) -> None:
    assert decode_ready(json.dumps({"ready": True, "box": has_box}).encode()) is has_box


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"setup_failed": "no such image"}', "no such image"),
        (b'{"ready": 1.5}', "does not say why"),
        (b'{"ready": true}', "does not say why"),
        (b"[" * 10_000, "does not say why"),
        (b"", "does not say why"),
        (b"\xff", "does not say why"),
        (b'"ready"', "does not say why"),
    ],
)
def test_whatever_else_it_says_is_our_fault(line: bytes, told: str) -> None:
    """Nothing of the program has run by then: it must not be blamed."""
    with pytest.raises(SandboxUnavailable, match=told) as caught:
        decode_ready(line)
    assert not isinstance(caught.value, ExecutorLost)


# -- alive and idle -----------------------------------------------------------------------------------------------


def test_an_executor_that_is_well_says_whether_it_makes_boxes() -> None:
    assert decode_alive(b'{"alive": true, "box": true, "reason": null}') is None
    assert decode_alive(b'{"alive": true, "box": false, "reason": "refused"}') == "refused"


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"alive": false, "box": true, "reason": null}', b'{"alive": 1}'])
def test_an_executor_that_is_not_well_is_lost(line: bytes) -> None:
    with pytest.raises(ExecutorLost):
        decode_alive(line)


def test_an_executor_that_has_put_all_away_says_so_and_nothing_else() -> None:
    decode_idle(b'{"idle": true}')
    with pytest.raises(ExecutorLost):
        decode_idle(b'{"idle": true, "but": 1}')
