"""
The work that everybody gets, and how it is timed.

A contender runs one program against some inputs and returns what each case
printed. That is compared after the clock has stopped: who is wrong has failed,
however fast it was. Contenders take turns, round by round, so that whatever
else happens on the machine hits all of them.
"""

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

PROGRAM = b"import sys\n\nn = int(sys.argv[1])\nprint(n * n)\n"
NUMPY_PROGRAM = b"import sys\n\nimport numpy\n\nn = int(sys.argv[1])\nprint(int(numpy.full(n, n).sum()))\n"
CASES = 10
QUIET_TIMEOUT_S = 0.5  # for the machine to settle before each clock starts
QUIET_LOOK_S = 0.02
QUIET_SHARE = 0.05  # of the processors' time, at most, is used on a quiet machine

# The limits of all contenders that take any: Submitter's own defaults.
CPU_TIME_S, WALL_TIME_S, MEMORY_BYTES, FILE_BYTES, PROCESSES = 2, 10, 256 << 20, 16 << 20, 32


class NotHere(Exception):
    """Something to be measured is not on this machine; the text says what is missing."""


class Failed(Exception):
    """A contender did not do its work; the text says how."""


class Contender(Protocol):
    """Somebody who runs programs."""

    @property
    def name(self) -> str:
        """As in the tables; never two alike."""
        ...

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        """
        One submission from its set-up to its clean-up: what each case printed, in order.

        Raises:
            Failed, or anything else: it could not.
        """
        ...

    def settle(self) -> None:
        """Wait until whatever it does after a submission is done; not timed."""
        ...

    def close(self) -> None:
        """End all that it started."""
        ...


Maker = Callable[[], Contender]


@dataclass(slots=True)
class Samples:
    """Times of one contender, in seconds; `fault` when it failed, and then the times are worth nothing."""

    seconds: list[float] = field(default_factory=list)
    fault: str = ""

    @property
    def median_ms(self) -> float | None:
        return None if self.fault or not self.seconds else 1000 * statistics.median(self.seconds)

    @property
    def p95_ms(self) -> float | None:
        """The time that 95 of 100 stay within; of few samples the slowest."""
        if self.fault or not self.seconds:
            return None
        return 1000 * sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]


def inputs_of(cases: int) -> list[int]:
    return list(range(1, cases + 1))


def run_checked(contender: Contender, program: bytes, inputs: Sequence[int]) -> float:
    """
    One submission; returns its seconds.

    Raises:
        Failed: an output is wrong.
    """
    started = time.perf_counter()
    outputs = contender.run(program, inputs)
    seconds = time.perf_counter() - started
    expected = [b"%d\n" % (n * n) for n in inputs]
    if outputs != expected:
        wrong = next(
            (number for number, pair in enumerate(zip(outputs, expected, strict=False)) if pair[0] != pair[1]), 0
        )
        shown = outputs[wrong][:80] if wrong < len(outputs) else b""
        raise Failed(f"{len(outputs)} outputs of {len(expected)}; the first wrong one is case {wrong + 1}: {shown!r}")
    return seconds


def take_turns(
    contenders: Sequence[Contender],
    rounds: int,
    say: Callable[[str], None],
    program: bytes = PROGRAM,
    cases: int = CASES,
) -> dict[str, Samples]:
    """Let each run once untimed, then `rounds` times in turn: A, B, C, A, B, C, and so on."""
    samples = {contender.name: Samples() for contender in contenders}
    inputs = inputs_of(cases)
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "a round to warm up")
        for contender in contenders:
            sample = samples[contender.name]
            if sample.fault:
                continue
            try:
                contender.settle()
                wait_until_quiet()
                seconds = run_checked(contender, program, inputs)
            except Exception as exc:  # whatever it is, it is this contender's, and the others go on
                sample.fault = describe(exc)
                say(f"{contender.name} failed: {sample.fault}")
                continue
            if number:
                sample.seconds.append(seconds)
    return samples


def describe(exc: BaseException) -> str:
    """An exception in one line."""
    return " ".join(f"{'' if isinstance(exc, Failed) else type(exc).__name__ + ': '}{exc}".split())[:300]


def wait_until_quiet() -> None:
    """
    Wait until the processors rest, or some time has passed.

    Engines tidy up after they have answered: without this wait the next contender would pay for it.
    """
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    before = _processor_times()
    while time.monotonic() < deadline:
        time.sleep(QUIET_LOOK_S)
        now = _processor_times()
        total, idle = now[0] - before[0], now[1] - before[1]
        if total > 0 and 1 - idle / total <= QUIET_SHARE:
            return
        before = now


def _processor_times() -> tuple[int, int]:
    """All ticks so far, and those in which nothing ran."""
    with open("/proc/stat") as file:
        ticks = [int(value) for value in file.readline().split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


@contextlib.contextmanager
def open_all(makers: Mapping[str, Maker]) -> Iterator[tuple[list[Contender], dict[str, str]]]:
    """Those that could be made, and why the others could not; all closed at the end."""
    opened, faults = list[Contender](), dict[str, str]()
    try:
        for name, make in makers.items():
            try:
                opened.append(make())
            except NotHere as exc:
                faults[name] = f"not here: {exc}"
            except Exception as exc:
                faults[name] = describe(exc)
        yield opened, faults
    finally:
        close_all(opened)


def close_all(contenders: Iterable[Contender]) -> None:
    for contender in contenders:
        contender.close()


def times_as_fast(reference: float | None, sample: Samples) -> float | None:
    """How many times as fast as the reference."""
    return reference / sample.median_ms if reference and sample.median_ms else None
