"""
A compiled program, by everybody who can run one.

What is timed is the run phase. The peers get a program that was compiled
before their clock starts. Ours is compiled where it always is, in a box of the
submission's own, and the clock starts when its build says that it has ended:
by a stamp that it leaves beside the program, and which the last case prints.
"""

import contextlib
import dataclasses
import shutil
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from unittest import mock

from benchmarks.levels import LIMITS, Level
from benchmarks.peers import GoJudge, Isolate, output_of
from benchmarks.work import CPU_TIME_S, FILE_BYTES, PROCESSES, WALL_TIME_S, Failed, NotHere
from submitter.executors import sandbox, wire
from submitter.languages import PROGRAM_DIRECTORY, SOURCES, Language, languages
from submitter.runs import CaseInput, Job, RunResult

# With a second argument it also prints that file, on standard error.
C_PROGRAM = b"""#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
    long n = atol(words[1]);
    printf("%ld\\n", n * n);
    if (count > 2) {
        char text[32];
        FILE *file = fopen(words[2], "r");
        if (file && fgets(text, sizeof text, file)) fputs(text, stderr);
    }
    return 0;
}
"""
STAMP = f"{PROGRAM_DIRECTORY}/built_at"
STAMPED = "c, stamped"


@dataclasses.dataclass(slots=True)
class Phases:
    """When the last submission's run phase began, and its first and last case; nanoseconds since 1970."""

    began: int = 0
    first: int = 0
    last: int = 0
    ended: int = 0

    @property
    def run_s(self) -> float:
        """From the end of the build to the end of the clean-up."""
        return (self.ended - self.began) / 1e9

    @property
    def cases_s(self) -> float:
        """Without what comes before the first case and after the last; of ours, without what comes after."""
        return (self.last - self.first) / 1e9


class CompiledIsolate(Isolate):
    """isolate: a box for every submission, the program copied into it, a run for every case."""

    def __init__(self) -> None:
        super().__init__()
        self.phases = Phases()
        self._binary = compiled(self.directory)

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        self.phases = phases = Phases(began=time.time_ns())
        box = Path(output_of([*self.command(), "--init"]).decode().strip(), "box")
        try:
            (box / "program").write_bytes(self._binary)
            (box / "program").chmod(0o755)
            command = [*self.command(), "--silent", f"--meta={self.directory}/meta", "--stdin=/dev/null"]
            command += [f"--time={CPU_TIME_S}", f"--wall-time={WALL_TIME_S}", f"--processes={PROCESSES}"]
            command += [f"--fsize={FILE_BYTES // 1024}", "--run", "--", "./program"]
            phases.first = time.time_ns()
            outputs = [output_of([*command, str(n)]) for n in inputs]
            phases.last = time.time_ns()
        finally:
            output_of([*self.command(), "--cleanup"])
        phases.ended = time.time_ns()
        return outputs


class CompiledGoJudge(GoJudge):
    """go-judge: an upload of the program, a request for every case, and its removal."""

    def __init__(self) -> None:
        super().__init__()
        self.phases = Phases()
        self._binary = compiled(self.directory)

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        self.phases = phases = Phases(began=time.time_ns())
        stored = self.upload(self._binary)
        try:
            phases.first = time.time_ns()
            outputs = [self.case(stored, "program", ["program", str(n)]) for n in inputs]
            phases.last = time.time_ns()
        finally:
            self.remove(stored)
        phases.ended = time.time_ns()
        return outputs


class CompiledLevel(Level):
    """A level of ours: the Sandbox port, with the language C as its file describes it, but for the stamp."""

    def __init__(self, sandbox_name: str, isolation: str, image: str | None = None) -> None:
        super().__init__(sandbox_name, isolation, image=image)
        self.phases = Phases()

    def start(self, program: bytes, inputs: Sequence[int]) -> Generator[RunResult, None, None]:
        words = [(str(n),) for n in inputs]
        job = Job(
            program=C_PROGRAM,
            file_name="program.c",
            language=STAMPED,
            limits=LIMITS,
            inputs=tuple(CaseInput(one) for one in [*words[:-1], (*words[-1], STAMP)]),
        )
        return self.sandbox.run(job)

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        results = list[RunResult]()
        last = 0
        with stamped_language():
            for result in self.start(program, inputs):
                results.append(result)
                last = time.time_ns()
        ended = time.time_ns()
        for result in results:
            if result.exit_code != 0:
                raise Failed(f"{result.ending}: {result.stderr[-200:].decode(errors='replace')}")
        built = int(results[-1].stderr)
        self.phases = Phases(began=built, first=built, last=last, ended=ended)
        return [result.stdout for result in results]


@contextlib.contextmanager
def stamped_language() -> Iterator[None]:
    """C is known a second time, with a build that says when it has ended; languages are files, and none says that."""
    c = languages()["c"]
    shell = " ".join(f'"${number}"' for number in range(1, len(c.build) + 1))
    build = ("sh", "-c", f"{shell} && date +%s%N >{STAMP}", "sh", *c.build)
    both: Mapping[str, Language] = MappingProxyType(
        {**languages(), STAMPED: dataclasses.replace(c, name=STAMPED, build=build)}
    )
    with (
        mock.patch.object(sandbox, "languages", return_value=both),
        mock.patch.object(wire, "languages", return_value=both),
    ):
        yield


def compiled(directory: Path) -> bytes:
    """
    The program, compiled on this machine as the language C says.

    Raises:
        NotHere: it has no compiler.
    """
    c = languages()["c"]
    if not shutil.which(c.build[0]):
        raise NotHere(f"{c.build[0]} is not on PATH")
    (directory / "program.c").write_bytes(C_PROGRAM)
    subprocess.run(
        ["program.c" if word == SOURCES else word.format(source="program.c") for word in c.build],
        cwd=directory,
        check=True,
        timeout=60,
    )
    return (directory / "program").read_bytes()
