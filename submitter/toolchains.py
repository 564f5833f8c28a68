"""Which tool chains are where programs run: each language's version command, run there as a program of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from submitter.languages import DEFAULT, Language, languages
from submitter.model import MIB, Ending, Limits
from submitter.ports import Sandbox
from submitter.results import showable
from submitter.runs import CaseInput, Job, RunResult

# Runtimes that take gigabytes of addresses print their version, too.
_LIMITS = Limits(memory_bytes=8192 * MIB, processes=64)
_PROGRAM = b"import os, sys\nos.dup2(1, 2)\nos.execvp(sys.argv[1], sys.argv[1:])\n"


@dataclass(frozen=True, slots=True)
class ToolChain:
    """
    A language, and the first line that its tool chain says of itself; None if it is not there.

    `prover` is the same of the tool for its step `prove`; None, too, if the language has none.
    """

    language: Language
    version: str | None
    prover: str | None = None

    def document(self) -> dict[str, Any]:
        """The line that `submitter languages --json` prints of it."""
        return {
            "language": self.language.name,
            "extension": self.language.extension,
            "version": self.version,
            "prover": self.prover,
        }


def find_tool_chains(sandbox: Sandbox) -> Iterator[ToolChain]:
    """
    One for each language.

    Raises:
        SandboxUnavailable: programs cannot be run here.
    """
    asked = tuple(languages().values())
    commands = [one.version for one in asked]
    commands += [one.proof.version for one in asked if one.proof is not None]
    inputs = tuple(map(CaseInput, commands))
    job = Job(program=_PROGRAM, file_name="version.py", language=DEFAULT, limits=_LIMITS, inputs=inputs)
    lines = [_first_line(run) for run in sandbox.run(job)]
    provers = iter(lines[len(asked) :])
    for language, line in zip(asked, lines, strict=False):
        yield ToolChain(language, line, next(provers) if language.proof is not None else None)


def _first_line(run: RunResult) -> str | None:
    if run.ending is not Ending.EXITED or run.exit_code != 0:
        return None
    return (showable(run.stdout).strip().splitlines() or [""])[0]
