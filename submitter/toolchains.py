"""Which tool chains are where programs run: each language's version command, run there as a program of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from submitter.languages import DEFAULT, Language, languages
from submitter.model import MIB, CaseInput, Ending, Job, Limits
from submitter.ports import Sandbox
from submitter.results import showable

# Runtimes that take gigabytes of addresses print their version, too.
_LIMITS = Limits(memory_bytes=8192 * MIB, processes=64)
_PROGRAM = b"import os, sys\nos.dup2(1, 2)\nos.execvp(sys.argv[1], sys.argv[1:])\n"


@dataclass(frozen=True, slots=True)
class ToolChain:
    """A language, and the first line that its tool chain says of itself; None if it is not there."""

    language: Language
    version: str | None

    def document(self) -> dict[str, Any]:
        """The line that `submitter languages --json` prints of it."""
        return {"language": self.language.name, "extension": self.language.extension, "version": self.version}


def find_tool_chains(sandbox: Sandbox) -> Iterator[ToolChain]:
    """
    One for each language.

    Raises:
        SandboxUnavailable: programs cannot be run here.
    """
    asked = tuple(languages().values())
    inputs = tuple(CaseInput(one.version) for one in asked)
    job = Job(program=_PROGRAM, file_name="version.py", language=DEFAULT, limits=_LIMITS, inputs=inputs)
    for language, run in zip(asked, sandbox.run(job), strict=True):
        is_there = run.ending is Ending.EXITED and run.exit_code == 0
        lines = showable(run.stdout).strip().splitlines()
        yield ToolChain(language, (lines or [""])[0] if is_there else None)
