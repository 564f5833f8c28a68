"""
What is measured, a chapter each: a function from a Plan to a Table.

A contender that is not here, or fails, keeps its row and says why: nobody is
left out in silence.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks import processes
from benchmarks.compiled_chapter import compiled
from benchmarks.daemon_chapters import cost, service, service_memory
from benchmarks.endurance import Stretch, endure
from benchmarks.layers import WHOLE, measure_layers
from benchmarks.levels import OUR_LEVELS, SANDBOXES, WARM, GradedLevel, Level, level_name
from benchmarks.peers import PEERS, REFERENCE, GoJudge, image_name
from benchmarks.plan import Plan
from benchmarks.rejudge import rejudge
from benchmarks.report import Cell, Table
from benchmarks.with_numpy import image_with_numpy, python_with_numpy
from benchmarks.work import (
    CASES,
    NUMPY_PROGRAM,
    PROGRAM,
    Contender,
    Failed,
    Maker,
    NotHere,
    Samples,
    describe,
    inputs_of,
    open_all,
    run_checked,
    take_turns,
    times_as_fast,
    wait_until_quiet,
)

# -- ten cases, everybody ------------------------------------------------------------------------------------------


def contenders(plan: Plan) -> Table:
    """Ten cases, from a submission's set-up to its clean-up."""
    makers: dict[str, Maker] = {**PEERS, **{level_name(*pair): _level_maker(*pair) for pair in OUR_LEVELS}}
    with open_all(makers) as (opened, faults):
        samples = take_turns(opened, plan.rounds, plan.say)
    times = _in_order(makers, samples, faults)
    reference, isolate = times[REFERENCE].median_ms, times["isolate"].median_ms
    rows: list[Sequence[Cell]] = [
        (name, one.median_ms, one.p95_ms, times_as_fast(reference, one), times_as_fast(isolate, one), one.fault)
        for name, one in times.items()
    ]
    return Table(
        "contenders",
        f"{CASES} cases of a small program",
        ["who", "median ms.", "p95 ms.", f"times as fast as {REFERENCE}.", "as isolate.", "failed"],
        rows,
        [
            f"{plan.rounds} rounds in turn, each from set-up to clean-up; every output was compared.",
            "Before each clock starts, engines and pools have come to rest: a `container` has refilled its pool.",
        ],
    )


def graded(plan: Plan) -> Table:
    """What judging and the working directory add to the Sandbox port."""
    makers = dict[str, Maker]()
    for pair in OUR_LEVELS:
        makers[level_name(*pair)] = _level_maker(*pair)
        makers[f"{level_name(*pair)}, graded"] = _graded_maker(*pair)
    with open_all(makers) as (opened, faults):
        samples = take_turns(opened, plan.rounds, plan.say)
    times = _in_order(makers, samples, faults)
    rows: list[Sequence[Cell]] = []
    for pair in OUR_LEVELS:
        name = level_name(*pair)
        bare, whole = times[name], times[f"{name}, graded"]
        rows.append((name, bare.median_ms, whole.median_ms, _minus(whole, bare), bare.fault or whole.fault))
    columns = ["level", "by the Sandbox port ms.", "by the Grader ms.", "more ms.", "failed"]
    return Table("graded", f"{CASES} cases, judged too", columns, rows)


# -- cost against cases and executors ------------------------------------------------------------------------------


def cases(plan: Plan) -> Table:
    """What a further case costs."""
    makers: dict[str, Maker] = {level_name(*pair): _level_maker(*pair) for pair in OUR_LEVELS}
    makers[REFERENCE] = PEERS[REFERENCE]
    per_count = dict[int, dict[str, Samples]]()
    with open_all(makers) as (opened, faults):
        for count in plan.cases:
            plan.say(f"{count} cases")
            per_count[count] = _in_order(makers, take_turns(opened, plan.cases_rounds, plan.say, cases=count), faults)
    few, many = plan.cases[1], plan.cases[-1]
    rows: list[Sequence[Cell]] = []
    for name in makers:
        samples = [per_count[count][name] for count in plan.cases]
        least, most = samples[1].median_ms, samples[-1].median_ms
        further = None if least is None or most is None else (most - least) / (many - few)
        fault = next((one.fault for one in samples if one.fault), "")
        rows.append((name, *(one.median_ms for one in samples), further, fault))
    columns = ["level", *(f"{count} ms." for count in plan.cases), "further case ms.", "failed"]
    note = f"A further case: the time of {many} cases less that of {few}, shared by the cases between."
    return Table("cases", "Against the number of cases", columns, rows, [note])


def executors(plan: Plan) -> Table:
    """How many submissions a second, with one thread for each executor."""
    rows: list[Sequence[Cell]] = []
    for pair in OUR_LEVELS:
        for count in plan.executors:
            plan.say(f"{level_name(*pair)}, {count} executors")
            try:
                sample, took = _throughput(*pair, count, plan.throughput_submissions)
            except Exception as exc:
                rows.append((level_name(*pair), count, None, None, None, describe(exc)))
                continue
            per_second = len(sample.seconds) / took
            rows.append((level_name(*pair), count, per_second, sample.median_ms, sample.p95_ms, ""))
    columns = ["level", "executors.", "submissions a second.", "median ms.", "p95 ms.", "failed"]
    note = (
        f"{plan.throughput_submissions} submissions of {CASES} cases, as fast as they go: refilling a pool counts here."
    )
    return Table("executors", "Against the number of executors", columns, rows, [note])


def _throughput(sandbox: str, isolation: str, count: int, submissions: int) -> tuple[Samples, float]:
    """The times of submissions by `count` threads, and how long all took."""
    with contextlib.closing(Level(sandbox, isolation, count)) as level, ThreadPoolExecutor(count) as threads:

        def submit(_: int) -> float:
            return run_checked(level, PROGRAM, inputs_of(CASES))

        list(threads.map(submit, range(count)))
        level.settle()
        wait_until_quiet()
        started = time.perf_counter()
        seconds = list(threads.map(submit, range(submissions)))
        return Samples(seconds), time.perf_counter() - started


# -- cold ----------------------------------------------------------------------------------------------------------


def cold(plan: Plan) -> Table:
    """From nothing to the first case's result."""
    starters: dict[str, Callable[[], float]] = {name: _cold_peer(name) for name in PEERS}
    starters |= {level_name(*pair): _cold_level(*pair) for pair in OUR_LEVELS}
    samples = {name: Samples() for name in starters}
    for number in range(plan.cold_rounds):
        plan.say(f"round {number + 1} of {plan.cold_rounds}")
        for name, starter in starters.items():
            if samples[name].fault:
                continue
            try:
                wait_until_quiet()
                samples[name].seconds.append(starter())
            except Exception as exc:
                samples[name].fault = describe(exc)
    rows: list[Sequence[Cell]] = [(name, one.median_ms, one.p95_ms, one.fault) for name, one in samples.items()]
    notes = [
        "Ours: from opening the sandbox to the first result, in a process that has all imported.",
        "go-judge: from the start of its server. The other peers keep nothing warm: one case, with its clean-up.",
    ]
    return Table("cold", "A first case on a cold start", ["who", "median ms.", "p95 ms.", "failed"], rows, notes)


def _cold_peer(name: str) -> Callable[[], float]:
    def start() -> float:
        started = time.perf_counter()
        peer = PEERS[name]()
        made = time.perf_counter() - started
        try:
            seconds = run_checked(peer, PROGRAM, inputs_of(1))
        finally:
            peer.close()
        return made + seconds if isinstance(peer, GoJudge) else seconds

    return start


def _cold_level(sandbox: str, isolation: str) -> Callable[[], float]:
    def start() -> float:
        started = time.perf_counter()
        level = Level(sandbox, isolation)
        try:
            with contextlib.closing(level.start(PROGRAM, inputs_of(1))) as results:
                first = next(results)
                seconds = time.perf_counter() - started
        finally:
            level.close()
        if first.stdout != b"1\n":
            raise Failed(f"{first.ending}: {first.stderr[-200:].decode(errors='replace')}")
        return seconds

    return start


# -- numpy ---------------------------------------------------------------------------------------------------------


def with_numpy(plan: Plan) -> Table:
    """A program that imports numpy, with and without it preloaded."""
    rows: list[Sequence[Cell]] = []
    for sandbox in SANDBOXES:
        pairs = [("strict", False), *((isolation, preload) for isolation in WARM for preload in (False, True))]
        names = [level_name(sandbox, isolation) + ", preloaded" * preload for isolation, preload in pairs]
        makers = dict[str, Maker]()
        try:
            with contextlib.ExitStack() as stack:
                image = stack.enter_context(image_with_numpy(image_name())) if sandbox == "docker" else None
                python = stack.enter_context(python_with_numpy()) if sandbox == "bubblewrap" else None
                for name, (isolation, preload) in zip(names, pairs, strict=True):
                    makers[name] = _numpy_maker(name, sandbox, isolation, preload, image, python)
                opened, faults = stack.enter_context(open_all(makers))
                samples = take_turns(opened, plan.numpy_rounds, plan.say, NUMPY_PROGRAM)
            times = _in_order(makers, samples, faults)
        except NotHere as exc:
            times = {name: Samples(fault=f"not here: {exc}") for name in names}
        rows += [(name, one.median_ms, one.p95_ms, one.fault) for name, one in times.items()]
    columns = ["level", "median ms.", "p95 ms.", "failed"]
    return Table("numpy", f"{CASES} cases of a program that imports numpy", columns, rows)


def _numpy_maker(
    name: str, sandbox: str, isolation: str, preload: bool, image: str | None, python: str | None
) -> Maker:
    def make() -> Contender:
        level = Level(sandbox, isolation, preload=("numpy",) if preload else (), image=image, python=python)
        level.name = name
        return level

    return make


# -- memory --------------------------------------------------------------------------------------------------------


def memory(plan: Plan) -> Table:
    """What an idle executor holds."""
    rows: list[Sequence[Cell]] = []
    for sandbox in SANDBOXES:
        for isolation in WARM:
            for count in (1, 4):
                plan.say(f"{level_name(sandbox, isolation)}, {count} executors")
                try:
                    measured = _memory_of(sandbox, isolation, count)
                except Exception as exc:
                    measured = (None, None, None, None, describe(exc))
                rows.append((level_name(sandbox, isolation), count, *measured))
    columns = [
        "level",
        "executors.",
        "fresh MB.",
        "after a submission MB.",
        "bwrap besides MB.",
        "processes.",
        "failed",
    ]
    notes = [
        "PSS of an executor's processes, the mean of all executors: a page that several share is divided among them.",
        "Without Docker's shim, and without the waiting bwrap, which has a column of its own. MB are 2^20 bytes.",
    ]
    return Table("memory", "An idle executor", columns, rows, notes)


def _memory_of(sandbox: str, isolation: str, count: int) -> Sequence[Cell]:
    with contextlib.closing(Level(sandbox, isolation, count)) as level:
        level.settle()
        fresh = _mean_bytes(level)
        run_checked(level, PROGRAM, inputs_of(CASES))
        level.settle()
        used = _mean_bytes(level)
        tree = level.executor_trees()[0]
        outside = [pid for pid in tree if processes.program_of(pid) == "bwrap"]
        outside_bytes = processes.proportional_bytes(outside) if outside else None
        return _mib(fresh), _mib(used), _mib(outside_bytes), len(tree) - len(outside), ""


def _mean_bytes(level: Level) -> float:
    sizes = list[int]()
    for tree in level.executor_trees():
        size = processes.proportional_bytes(pid for pid in tree if processes.program_of(pid) != "bwrap")
        if size is None:
            raise NotHere("only root may see what an executor holds")
        sizes.append(size)
    return statistics.mean(sizes)


# -- endurance -----------------------------------------------------------------------------------------------------


def endurance(plan: Plan) -> Table:
    """A thousand submissions through one pool."""
    columns = ["level", "submissions.", "median ms.", "p95 ms.", "a second.", "pool MB.", "our MB.", "our files."]
    columns += ["pool files.", "pool processes.", "namespaces.", "net in kernel.", "failed"]
    rows: list[Sequence[Cell]] = []
    for sandbox in SANDBOXES:
        name = level_name(sandbox, "box")
        try:
            with contextlib.closing(Level(sandbox, "box", 2)) as level:
                found = endure(level, plan.submissions, plan.stretches, plan.say)
        except Exception as exc:
            rows.append((name, *[None] * (len(columns) - 2), describe(exc)))
            continue
        rows += [_stretch_row(name, stretch) for stretch in found]
    notes = [
        "Two executors, two threads. After each stretch all comes to rest and is counted; every output was compared.",
        "Namespaces are those of the whole machine that a process is in or holds.",
        "`net in kernel` is the kernel's own count of network namespaces, those that nothing names any more included.",
    ]
    return Table("endurance", f"{plan.submissions} submissions of {CASES} cases through one pool", columns, rows, notes)


def _stretch_row(name: str, one: Stretch) -> Sequence[Cell]:
    held = (one.own_files, one.pool_files, one.pool_processes, one.namespaces, one.kernel_net_namespaces)
    sizes = (_mib(one.pool_bytes), _mib(one.own_bytes))
    return (name, one.submissions, one.median_ms, one.p95_ms, one.per_second, *sizes, *held, "")


# -- layers --------------------------------------------------------------------------------------------------------


def layers(plan: Plan) -> Table:
    """What each wall costs."""
    rows: list[Sequence[Cell]] = []
    for isolation in ("box", "strict"):
        try:
            samples = measure_layers(isolation, plan.layer_rounds, plan.say)
        except NotHere as exc:
            rows.append((isolation, WHOLE, None, None, None, f"not here: {exc}"))
            continue
        whole = samples.pop(WHOLE)
        rows.append((isolation, WHOLE, whole.median_ms, None, None, whole.fault))
        for name, one in samples.items():
            share = _minus(whole, one)
            each = None if share is None else share / CASES
            rows.append((isolation, f"without {name}", one.median_ms, share, each, one.fault))
    columns = ["level", "executor", "median ms.", "the wall's share ms.", "a case ms.", "failed"]
    notes = [
        f"{CASES} cases in bubblewrap, by a copy of the executor with one wall taken out: for measuring only.",
        "The share is the median of the rounds' differences; close to nothing or below, it drowns in the noise.",
    ]
    return Table("layers", "What each wall costs", columns, rows, notes)


# -- together ------------------------------------------------------------------------------------------------------

CHAPTERS: Mapping[str, Callable[[Plan], Table]] = {
    "contenders": contenders,
    "graded": graded,
    "cases": cases,
    "executors": executors,
    "cold": cold,
    "numpy": with_numpy,
    "compiled": compiled,
    "memory": memory,
    "endurance": endurance,
    "layers": layers,
    "cost": cost,
    "service": service,
    "service-memory": service_memory,
    "rejudge": rejudge,
}


def _in_order(
    makers: Mapping[str, Maker], samples: Mapping[str, Samples], faults: Mapping[str, str]
) -> dict[str, Samples]:
    """What was measured of each, and of those that were not opened their faults."""
    return {name: samples.get(name) or Samples(fault=faults.get(name, "")) for name in makers}


def _level_maker(sandbox: str, isolation: str) -> Maker:
    return lambda: Level(sandbox, isolation)


def _graded_maker(sandbox: str, isolation: str) -> Maker:
    return lambda: GradedLevel(sandbox, isolation)


def _minus(one: Samples, other: Samples) -> float | None:
    """How many ms more the one took: the median of the rounds' differences, so that what drifts falls out."""
    if one.median_ms is None or other.median_ms is None:
        return None
    return 1000 * statistics.median(a - b for a, b in zip(one.seconds, other.seconds, strict=True))


def _mib(size: float | None) -> float | None:
    return None if size is None else size / (1 << 20)
