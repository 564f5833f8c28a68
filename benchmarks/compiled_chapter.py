"""The chapter on compiled programs: their run phase, and what it saves to build them once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.compiled import CompiledGoJudge, CompiledIsolate, CompiledLevel
from benchmarks.levels import OUR_LEVELS, level_name
from benchmarks.peers import languages_image_name
from benchmarks.plan import Plan
from benchmarks.report import Cell, Table
from benchmarks.work import (
    CASES,
    Maker,
    Samples,
    describe,
    inputs_of,
    open_all,
    run_checked,
    times_as_fast,
    wait_until_quiet,
)

PEERS: Mapping[str, Maker] = {"isolate": CompiledIsolate, "go-judge": CompiledGoJudge}


@dataclass(slots=True)
class _Times:
    """Of one contender: the run phase, the cases alone, a whole submission, and ten submissions of one case."""

    run: Samples = field(default_factory=Samples)
    cases: Samples = field(default_factory=Samples)
    whole: Samples = field(default_factory=Samples)
    each: Samples = field(default_factory=Samples)

    def fail(self, fault: str) -> None:
        for one in (self.run, self.cases, self.whole, self.each):
            one.fault = fault


def compiled(plan: Plan) -> Table:
    """The run phase of a C program with ten cases, and what it saves to build it once."""
    makers: dict[str, Maker] = {**PEERS}
    makers |= {level_name(*pair): _level_maker(*pair) for pair in OUR_LEVELS}
    times = {name: _Times() for name in makers}
    with open_all(makers) as (opened, faults):
        for name, fault in faults.items():
            times[name].fail(fault)
        for number in range(plan.compiled_rounds + 1):
            plan.say(f"round {number} of {plan.compiled_rounds}" if number else "a round to warm up")
            for one in opened:
                assert isinstance(one, CompiledIsolate | CompiledGoJudge | CompiledLevel)
                if not times[one.name].run.fault:
                    try:
                        _measure(one, times[one.name] if number else _Times())
                    except Exception as exc:  # the others go on
                        times[one.name].fail(describe(exc))
    rows = [_row(name, one, [times[peer].run.median_ms for peer in PEERS]) for name, one in times.items()]
    columns = ["who", "run phase ms.", "p95 ms.", "times as fast as isolate.", "as go-judge.", "cases alone ms."]
    columns += ["built once ms.", "built for each case ms.", "times.", "failed"]
    notes = [
        f"{plan.compiled_rounds} rounds in turn; every output was compared.",
        "The run phase is ours from the end of the build to the last answer and the clean-up, isolate's from `--init` "
        "to `--cleanup`, go-judge's from the program's upload to its removal.",
        "The cases alone: of the peers without that set-up and clean-up, of ours without the clean-up only.",
        "Built once: a whole submission, the compiler included. Built for each case: ten submissions of one case, "
        "at the level `box` only.",
    ]
    return Table("compiled", f"{CASES} cases of a C program", columns, rows, notes)


def _measure(one: CompiledIsolate | CompiledGoJudge | CompiledLevel, times: _Times) -> None:
    inputs = inputs_of(CASES)
    one.settle()
    wait_until_quiet()
    times.whole.seconds.append(run_checked(one, b"", inputs))
    times.run.seconds.append(one.phases.run_s)
    times.cases.seconds.append(one.phases.cases_s)
    if isinstance(one, CompiledLevel) and one.isolation == "box":
        each_s = 0.0
        for n in inputs:
            one.settle()
            each_s += run_checked(one, b"", [n])
        times.each.seconds.append(each_s)


def _row(name: str, one: _Times, peers_ms: Sequence[float | None]) -> Sequence[Cell]:
    is_peer = name in PEERS
    over_peers = [None if is_peer else times_as_fast(peer_ms, one.run) for peer_ms in peers_ms]
    whole_ms, each_ms = None if is_peer else one.whole.median_ms, one.each.median_ms
    saved = each_ms / whole_ms if each_ms and whole_ms else None
    figures = (one.cases.median_ms, whole_ms, each_ms, saved, one.run.fault)
    return (name, one.run.median_ms, one.run.p95_ms, *over_peers, *figures)


def _level_maker(sandbox: str, isolation: str) -> Maker:
    return lambda: CompiledLevel(sandbox, isolation, languages_image_name() if sandbox == "docker" else None)
