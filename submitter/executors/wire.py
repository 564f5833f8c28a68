"""
What the host and an executor say to each other, a JSON object a line.

A request, then inputs, each with its answer, then that there are no more.

The executor runs beside hostile code, so its answers are read as a stranger's:
strictly, within bounds, and with the limits known to us held against them.
The other end is executeSubmission.py, whose docstring describes the lines.
"""

import base64
import binascii
import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from submitter.errors import ExecutorLost, SandboxUnavailable
from submitter.languages import languages, limits_document
from submitter.model import MIB, Ending, Limits
from submitter.runs import CaseInput, Job, RunResult, check_file_name

SCHEMA = 5
STDERR_BYTES = 64 * 1024  # the executor's bound on standard error
COLLECTED_BYTES = 16 * 1024  # the executor's bound on each file that is sent back
MAX_FILES = 32  # of one case, and of those that are wanted back
UNPACK_LIMITS = Limits(cpu_time_s=5.0, wall_time_s=20.0, output_bytes=64 * 1024, processes=8)
_ENVELOPE_BYTES = 4096  # an answer without its two streams
_MAX_SECONDS = 7 * 24 * 3600.0
_MAX_BYTES = 1 << 50
_NEVER_SAID = frozenset([Ending.NOT_RUN, Ending.PROVED, Ending.REFUTED, Ending.TOOL_FAILED])
_FIELDS = frozenset(
    ["ending", "exit_code", "signal", "stdout", "stderr", "cpu_time_s", "wall_time_s", "memory_bytes", "starved_s"]
)


PROBE = b'{"schema": %d, "probe": true}\n' % SCHEMA  # asks whether an executor is well
DONE = b'{"done": true}\n'  # no more inputs


def encode_request(job: Job, start: str, inputs: int) -> bytes:
    """
    The line with which a job begins. A `Job` has no expected outputs: none can go in.

    `start` is how a case does: "fork" or "exec". `inputs` is how many are meant to follow.

    Raises:
        ValueError: a case has too many files, or larger ones than it may have; a file that is wanted back has no name.
    """
    for name in job.collect:
        check_file_name(name)
    if max(len(job.collect), *(len(case.files) for case in job.inputs)) > MAX_FILES:
        raise ValueError(f"a case has at most {MAX_FILES} files")
    if max(case.files_bytes for case in job.inputs) > job.limits.file_bytes:
        raise ValueError(
            f"the files of a case have more than the {job.limits.file_bytes} bytes that it may have in files"
        )
    return _line(
        {
            "schema": SCHEMA,
            "file_name": job.file_name,
            "commands": languages()[job.language].commands(
                job.file_name, job.limits, job.step, is_unpacked=job.is_unpacked
            ),
            "program": _base64(job.program),
            "start": start,
            "inputs": inputs,
            "limits": limits_document(job.limits),
            "collect": list(job.collect),
            "streamed": job.streamed,
            **({"unpack": _unpack(job)} if job.is_unpacked else {}),
        }
    )


def unpack_limits(job: Job) -> Limits:
    """What unpacking may use: as much of files as a case may write, for each archive, and time that no case has."""
    copies = 4 * (len(job.program) + len(job.files or b""))
    return dataclasses.replace(UNPACK_LIMITS, memory_bytes=256 * MIB + copies, file_bytes=job.limits.file_bytes)


def _unpack(job: Job) -> dict[str, Any]:
    return {
        "is_archive": job.is_archive,
        "files": None if job.files is None else _base64(job.files),
        "limits": limits_document(unpack_limits(job)),
    }


def encode_input(case: CaseInput) -> bytes:
    """The line with one input; sent when its case is next."""
    document: dict[str, Any] = {
        "arguments": [_base64(text.encode()) for text in case.arguments],
        "stdin": _base64(case.stdin),
    }
    if case.files:
        document["files"] = {name: _base64(data) for name, data in case.files}
    return _line(document)


def max_answer_bytes(limits: Limits, collect: Collection[str] = ()) -> int:
    """No honest answer is longer: two streams and what was wanted back in base64, and the envelope."""
    streams_bytes = limits.output_bytes + STDERR_BYTES + len(collect) * COLLECTED_BYTES
    return 4 * (streams_bytes // 3 + 2 + len(collect)) + sum(len(name) + 8 for name in collect) + _ENVELOPE_BYTES


def decode_alive(line: bytes) -> str | None:
    """
    Read what an executor answers to PROBE: None if it can make boxes, else why it cannot.

    Raises:
        ExecutorLost: it answers something else.
    """
    said = _document(line)
    if said.get("alive") is not True or said.keys() != {"alive", "box", "reason"}:
        raise ExecutorLost("an executor does not say that it is well")
    return None if said["box"] is True else str(said["reason"])[:500]


def decode_ready(line: bytes) -> bool:
    """
    Read whether an executor is ready to run cases: whether in a box of this submission's own.

    Raises:
        SandboxUnavailable: it is not ready; never the program's fault, nothing of which has run yet.
    """
    said = _document(line)
    if said not in ({"ready": True, "box": True}, {"ready": True, "box": False}):
        reason = str(said.get("setup_failed") or "it does not say why")[:500]
        raise SandboxUnavailable(f"the executor cannot run cases: {reason}")
    return bool(said["box"])


def setup_failure(line: bytes) -> str | None:
    """What an executor says went wrong instead of an answer; None if it is not that."""
    return str(_document(line).get("setup_failed"))[:500] if line.startswith(b'{"setup_failed"') else None


def decode_idle(line: bytes) -> None:
    """
    Read that nothing of a submission is left.

    Raises:
        ExecutorLost: it says something else.
    """
    if _document(line) != {"idle": True}:
        raise ExecutorLost("an executor does not say that it has put all away")


def _document(line: bytes) -> dict[str, Any]:
    """The object of a line; empty if it is none."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def decode_answer(line: bytes, limits: Limits, collect: Collection[str] = ()) -> RunResult:
    """
    Read one answer, to a job that wanted these files back.

    Raises:
        ExecutorLost: it breaks the protocol: the executor is not to be believed any more.
    """
    try:
        answer = json.loads(line)
        collected = answer.pop("collected") if isinstance(answer, dict) and collect else {}
        if not isinstance(answer, dict) or answer.keys() != _FIELDS:
            raise ValueError("not the fields of an answer")
        ending = Ending(answer["ending"])
        if ending in _NEVER_SAID:
            raise ValueError("an ending that is not the executor's to say")
        exit_code, signal = _integer_or_none(answer["exit_code"], 255), _integer_or_none(answer["signal"], 64)
        if (ending is Ending.EXITED and exit_code is None) or (ending is Ending.SIGNALED and signal is None):
            raise ValueError("an ending without its exit code or signal")
        return RunResult(
            ending=ending,
            exit_code=exit_code,
            signal=signal,
            stdout=_bytes(answer["stdout"], limits.output_bytes),
            stderr=_bytes(answer["stderr"], STDERR_BYTES),
            cpu_time_s=_seconds(answer["cpu_time_s"]),
            wall_time_s=_seconds(answer["wall_time_s"]),
            memory_bytes=_integer(answer["memory_bytes"], _MAX_BYTES),
            starved_s=_seconds(answer["starved_s"]),
            collected=_collected(collected, collect),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise ExecutorLost("an executor's answer breaks the protocol") from exc


# -- what is said while a streamed case runs ----------------------------------------------------------------------

WINDOW_BYTES = 64 * 1024  # of a streamed case, each way: sent, and not yet said to be taken
HEARD_ALL = b'{"heard_all": true}\n'
STOP = b'{"stop": true}\n'


@dataclass(frozen=True, slots=True)
class Started:
    """The case has."""


@dataclass(frozen=True, slots=True)
class Said:
    """The program printed this."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """So many bytes of what was sent to the program are in its hands, or nobody will ever read them."""

    count: int


@dataclass(frozen=True, slots=True)
class Silent:
    """The program's standard output has ended."""


Event = Started | Said | Taken | Silent | RunResult


def encode_hear(data: bytes) -> bytes:
    """For the program's standard input."""
    return _line({"hear": _base64(data)})


def encode_taken(count: int) -> bytes:
    """So much of what the program printed has been handed on."""
    return _line({"taken": count})


def decode_event(line: bytes, limits: Limits, collect: Collection[str]) -> Event:
    """
    Read what an executor says of a streamed case; a RunResult is its answer, and the last.

    Raises:
        ExecutorLost: it breaks the protocol.
    """
    if line.startswith(b'{"ending"'):
        return decode_answer(line, limits, collect)
    said = _document(line)
    try:
        match list(said.items()):
            case [("started", True)]:
                return Started()
            case [("silent", True)]:
                return Silent()
            case [("said", data)]:
                return Said(_bytes(data, WINDOW_BYTES))
            case [("taken", count)]:
                return Taken(_integer(count, 2 * WINDOW_BYTES))
    except (ValueError, TypeError) as exc:
        raise ExecutorLost("what an executor says of a case breaks the protocol") from exc
    raise ExecutorLost("what an executor says of a case breaks the protocol")


def _collected(files: Any, wanted: Collection[str]) -> tuple[tuple[str, bytes], ...]:
    if not isinstance(files, dict) or not files.keys() <= set(wanted):
        raise ValueError("files that nobody wanted")
    return tuple((name, _bytes(files[name], COLLECTED_BYTES)) for name in wanted if name in files)


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(value: Any, most: int) -> bytes:
    if not isinstance(value, str):
        raise TypeError("a stream is base64 text")
    try:
        data = base64.b64decode(value, validate=True)
    except binascii.Error as exc:
        raise ValueError("a stream is not base64") from exc
    if len(data) > most:
        raise ValueError("a stream is longer than its limit")
    return data


def _integer(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("a number is out of range")
    return value


def _integer_or_none(value: Any, most: int) -> int | None:
    return None if value is None else _integer(value, most)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= _MAX_SECONDS:  # NaN is in no range
        raise ValueError("a time is out of range")
    return float(value)
