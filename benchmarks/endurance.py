"""
A thousand submissions through one pool: does the last hundred cost what the first did?

As many threads as executors hand submissions in. After each hundred all rest,
and what the pool holds is counted. A leak shows as a line that climbs.
"""

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.levels import Level
from benchmarks.work import CASES, PROGRAM, Samples, inputs_of, run_checked


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some submissions in a row, and what was held after them; None is what only root may see."""

    submissions: int  # so far
    median_ms: float | None
    p95_ms: float | None
    per_second: float
    pool_bytes: int | None  # PSS of all executors
    own_bytes: int | None  # PSS of this process
    own_files: int | None
    pool_files: int | None
    pool_processes: int
    namespaces: int
    kernel_net_namespaces: int | None


def endure(level: Level, submissions: int, stretches: int, say: Callable[[str], None]) -> list[Stretch]:
    """
    Run the submissions through an open level, every output compared.

    Raises:
        Failed: an output was wrong, or the pool did not come to rest.
    """
    inputs = inputs_of(CASES)
    found = list[Stretch]()
    each = submissions // stretches
    run_checked(level, PROGRAM, inputs)  # so that what is made once is made
    with ThreadPoolExecutor(level.executors, thread_name_prefix="endurance") as threads:
        for number in range(stretches):
            level.settle()
            started = time.perf_counter()
            sample = Samples(list(threads.map(lambda _: run_checked(level, PROGRAM, inputs), range(each))))
            took = time.perf_counter() - started
            level.settle()
            trees = level.executor_trees()
            pool = list(itertools.chain.from_iterable(trees))
            found.append(
                Stretch(
                    submissions=(number + 1) * each,
                    median_ms=sample.median_ms,
                    p95_ms=sample.p95_ms,
                    per_second=each / took,
                    pool_bytes=processes.proportional_bytes(pool),
                    own_bytes=processes.proportional_bytes([os.getpid()]),
                    own_files=processes.open_files([os.getpid()]),
                    pool_files=processes.open_files(pool),
                    pool_processes=len(pool),
                    namespaces=processes.namespaces_of_machine(),
                    kernel_net_namespaces=processes.network_namespaces_in_kernel(),
                )
            )
            say(f"{found[-1].submissions} submissions, {each / took:.1f} a second")
    return found
