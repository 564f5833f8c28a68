"""How much is measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured; the numbers of a full run are the defaults."""

    rounds: int = 31
    cases: Sequence[int] = (1, 10, 100, 1000)
    cases_rounds: int = 5
    executors: Sequence[int] = (1, 2, 4)
    throughput_submissions: int = 120
    cold_rounds: int = 7
    numpy_rounds: int = 7
    compiled_rounds: int = 15
    layer_rounds: int = 31
    cost_rounds: int = 41
    submissions: int = 1000
    stretches: int = 10
    service_submissions: int = 400
    strict_submissions: int = 60
    memory_submissions: int = 10_000
    memory_stretches: int = 10
    rejudged_submissions: int = 1000
    say: Callable[[str], None] = lambda _: None


def quick_plan(say: Callable[[str], None]) -> Plan:
    """A little of everything: it shows that all works, and roughly what to expect."""
    return Plan(
        rounds=5,
        cases=(1, 10, 50),
        cases_rounds=2,
        executors=(1, 2),
        throughput_submissions=10,
        cold_rounds=2,
        numpy_rounds=2,
        compiled_rounds=2,
        layer_rounds=5,
        cost_rounds=7,
        submissions=50,
        stretches=5,
        service_submissions=60,
        strict_submissions=10,
        memory_submissions=400,
        memory_stretches=4,
        rejudged_submissions=50,
        say=say,
    )
