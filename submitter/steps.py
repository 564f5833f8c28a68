"""
The steps that cases ask for: a job whose cases do different things with the program is run in parts, each of one step.

A prove step is a job too: the tool that the program's language names is run in place of the program, once for each
case, in a box like any other, within limits of its own. Here it is told what its exit code means.
"""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Generator

from submitter.errors import NotBegun
from submitter.languages import Language, languages
from submitter.model import Ending, Step
from submitter.runs import Job, RunResult

Run = Callable[[Job], Generator[RunResult, None, None]]


def run_in_steps(job: Job, run: Run) -> Generator[RunResult, None, None]:
    """
    A result for each of the job's inputs, in order, from `run`, which gets neighbours of the same step.

    A program that was seen not to compile is not proved: the cases that follow are told the same.

    Raises:
        NotBegun: no program in this language can be proved here; never the program's fault.
    """
    broken: RunResult | None = None
    first = 0
    for step, inputs in itertools.groupby(job.inputs, lambda one: one.step):
        part = dataclasses.replace(job, inputs=tuple(inputs), is_wanted=functools.partial(_is_wanted, job, first))
        first += len(part.inputs)
        if step is Step.RUN:
            results = run(part)
        elif broken is not None:
            yield from [dataclasses.replace(broken, cpu_time_s=0.0, wall_time_s=0.0)] * len(part.inputs)
            continue
        else:
            results = _prove(part, run)
        with contextlib.closing(results):
            for result in results:
                broken = result if result.ending is Ending.COMPILE_ERROR else broken
                yield result


def _is_wanted(job: Job, first: int, number: int) -> bool | None:
    """Of a part that begins with the job's input `first`."""
    return job.is_wanted(first + number)


def _prove(job: Job, run: Run) -> Generator[RunResult, None, None]:
    language = languages()[job.language]
    if language.proof is None:
        raise NotBegun(f"{language.name}.toml names no tool that proves programs")
    with contextlib.closing(run(dataclasses.replace(job, limits=language.proof.limits))) as results:
        for result in results:
            yield told_by_tool(language, result)


def told_by_tool(language: Language, result: RunResult) -> RunResult:
    """
    A run of the language's tool, with what it says of the program as its ending. A limit that it passed stays one.

    Raises:
        NotBegun: the tool says that it cannot work at all.
    """
    proof = language.proof
    assert proof is not None
    if result.ending is Ending.EXITED and result.exit_code in proof.broken:
        raise NotBegun(
            f"the tool that proves {language.name} programs does not work: "
            f"{proof.version[0]} is missing, or its command ended with exit code {result.exit_code}"
        )
    if result.ending is Ending.EXITED and result.exit_code in proof.accepted:
        return dataclasses.replace(result, ending=Ending.PROVED)
    if result.ending is Ending.EXITED and result.exit_code in proof.refused:
        return dataclasses.replace(result, ending=Ending.REFUTED)
    if result.ending in {Ending.EXITED, Ending.SIGNALED}:
        return dataclasses.replace(result, ending=Ending.TOOL_FAILED)
    return result
