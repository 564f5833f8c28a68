"""
Programs to compare, from the bucket or from files, and their fingerprints.

How it works. Programs are fetched by threads, several at once. Their fingerprints
are made by processes of their own, one for each processor, since what reads a
program are regular expressions and a program may be written to make them run for
ever: a timer of processor time ends that in the middle of an expression, which only
a process's main thread can have. What cannot be compared is told, never left out
in silence.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from submitter.errors import AssignmentRefused, HostShort, SubmissionRejected
from submitter.languages import languages
from submitter.model import AssignmentRef, SubmissionKey
from submitter.ports import CaseStore, ResultStore
from submitter.protocol import MAX_METADATA_BYTES, parse_metadata
from submitter.similarity import Fingerprints, Program, all_hashes, decode, fingerprint, lexer_for
from submitter.supplies import archive_ending

MAX_PROGRAM_BYTES = 1 << 20
MAX_ALL_BYTES = 256 << 20  # of all programs, which are held in memory at once
FINGERPRINT_CPU_S = 10.0  # for one program; one of 200 lines takes 0.03 s, one of 256 KiB of brackets some seconds

PROGRAMS_WORTH_A_PROCESS = 16  # to start one takes as long as to read so many

_T = TypeVar("_T")

# What is taken from a directory; a file that is named itself may be in any language that Pygments knows.
_ENDINGS = "ada adb ads bash c cc cpp cxx go h hpp java js kt lua pas php pl py rb rs sh ts"
PROGRAM_ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split())


@dataclass(frozen=True, slots=True)
class Source:
    """
    A program as it was handed in.

    Attributes:
        name: what people know it by: the subid, or the file's path.
        file_name: its ending tells the language.
        team: the tokens of those who handed it in, as far as that is known.
    """

    name: str
    file_name: str
    data: bytes = field(repr=False)
    team: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A program that was left out, and why."""

    name: str
    reason: str


def find_subids(cases: CaseStore, ref: AssignmentRef) -> tuple[str, list[str]]:
    """
    The assignment's language, and the subid of every submission for it.

    Raises:
        AssignmentRefused: there is no such assignment, nor a submission for one.
        CasesUnavailable: Postgres did not answer.
    """
    assignment = cases.load_assignment(ref)
    subids = [one.subid for one in cases.list_submissions(ref)]
    if assignment is None and not subids:
        raise AssignmentRefused(f"no assignment {ref}: `submitter cases list` shows those that are there")
    return (assignment.language if assignment else "python"), subids


def fetch_sources(
    store: ResultStore,
    ref: AssignmentRef,
    language: str,
    subids: Sequence[str],
    at_once: int,
    on_done: Callable[[], None] = lambda: None,
) -> Iterator[Source | NotCompared]:
    """
    The newest upload of each submission, in order.

    Args:
        language: of submissions whose metadata names none.
        at_once: how many are fetched at the same time.
        on_done: called, from other threads, after each.

    Raises:
        StoreUnavailable: the bucket did not answer.
    """

    def fetch(subid: str) -> list[Source | NotCompared]:
        try:
            return list(_fetch(store, ref, language, subid))
        finally:
            on_done()

    threads = ThreadPoolExecutor(at_once, thread_name_prefix="fetch")
    try:
        for found in threads.map(fetch, subids):
            yield from found
    finally:
        threads.shutdown(cancel_futures=True)


def _fetch(store: ResultStore, ref: AssignmentRef, language: str, subid: str) -> Iterator[Source | NotCompared]:
    """One submission's program; one of each form of the key, if there are uploads under both."""
    found = False
    for key in (SubmissionKey(ref, subid, leading_slash=True), SubmissionKey(ref, subid)):
        try:
            document = store.get(key.metadata, MAX_METADATA_BYTES)
            if document is None:
                continue
            found = True
            metadata = parse_metadata(document.data, key, languages())
            written_in = metadata.language or language
            if written_in not in languages():
                yield NotCompared(subid, f"its language, {written_in}, is not known here")
                continue
            program_key = key.program(languages()[written_in].extension)
            program = store.get(program_key, MAX_PROGRAM_BYTES)
        except SubmissionRejected as exc:
            yield NotCompared(subid, str(exc))
            continue
        if program is None:
            yield NotCompared(subid, f"{program_key} is not in the bucket")
        elif archive_ending(program.data) is not None:
            yield NotCompared(subid, "it is an archive, which is not unpacked here: unpack it, and name its files")
        else:
            yield Source(subid, program_key, program.data, frozenset(metadata.tokens))
    if not found:
        yield NotCompared(subid, f"{SubmissionKey(ref, subid).metadata} is not in the bucket")


def local_sources(paths: Iterable[Path]) -> Iterator[Source | NotCompared]:
    """
    Files, and all that look like programs in directories and below; each is by somebody else.

    Links and hidden files in directories are left out.

    Raises:
        AssignmentRefused: a file cannot be read.
    """
    for path in dict.fromkeys(one for given in paths for one in _files(given)):
        data = read_file(path)
        if len(data) > MAX_PROGRAM_BYTES:
            yield NotCompared(_printable(path), f"it has more than {MAX_PROGRAM_BYTES:,} bytes")
        else:
            yield Source(_printable(path), path.name, data)


def _printable(path: Path) -> str:
    """A path for people's eyes: names in an archive of a student's may be written against a terminal, or no UTF-8."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(path))


def read_file(path: Path) -> bytes:
    """
    A file's bytes, at most one more than a program may have.

    Raises:
        AssignmentRefused: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_PROGRAM_BYTES + 1)
    except OSError as exc:
        raise AssignmentRefused(f"cannot read {path}: {exc.strerror}") from exc


def _files(given: Path) -> Iterator[Path]:
    if not given.is_dir():
        yield given
        return
    for folder, folders, names in os.walk(given):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            if path.suffix.lower() in PROGRAM_ENDINGS and path.is_file() and not path.is_symlink():
                yield path


def make_programs(
    sources: Sequence[Source],
    templates: Sequence[Source] = (),
    on_done: Callable[[], None] = lambda: None,
    cpu_time_s: float = FINGERPRINT_CPU_S,
) -> Iterator[Program | NotCompared]:
    """
    Each source with its fingerprints, in order; those of templates, code that was handed out, do not count.

    Args:
        on_done: called after each source.
        cpu_time_s: how much processor time each may take to read, templates too.

    Raises:
        AssignmentRefused: a template cannot be read as a program, or the sources have more than MAX_ALL_BYTES.
        HostShort: this machine ended a process that was reading programs.
    """
    if sum(len(source.data) for source in sources) > MAX_ALL_BYTES:
        raise AssignmentRefused(
            f"the programs have more than {MAX_ALL_BYTES >> 20} MiB together; compare them in parts, as files"
        )
    processes = min(len(os.sched_getaffinity(0)), 1 + len(sources) // PROGRAMS_WORTH_A_PROCESS)
    # Not forked: a copy of a process with threads may hold locks that nobody gives back.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare)
    try:
        handed_out: set[int] = set()
        for template, hashes in zip(templates, pool.map(partial(_hashes_within, cpu_time_s), templates), strict=True):
            if isinstance(hashes, str):
                raise AssignmentRefused(f"the template {template.name} cannot be used: {hashes}")
            handed_out |= hashes
        made = pool.map(partial(_fingerprints_within, cpu_time_s, frozenset(handed_out)), sources)
        for source, fingerprints in zip(sources, made, strict=True):
            on_done()
            if isinstance(fingerprints, str):
                yield NotCompared(source.name, fingerprints)
            else:
                yield Program(source.name, decode(source.data), fingerprints, source.team)
    except BrokenProcessPool as exc:
        raise HostShort("a process that was reading programs was killed; is there memory enough?") from exc
    finally:
        pool.shutdown(cancel_futures=True)


# -- in the processes ---------------------------------------------------------------------------------------------


class _TimeIsUpError(Exception):
    pass


def _prepare() -> None:
    def stop(*_: object) -> None:
        raise _TimeIsUpError

    signal.signal(signal.SIGVTALRM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends us


def _fingerprints_within(cpu_time_s: float, template: frozenset[int], source: Source) -> Fingerprints | str:
    """A program's fingerprints, or why there are none."""

    def make() -> Fingerprints | str:
        lexer = lexer_for(source.file_name)
        if lexer is None:
            return f"no language is known for {Path(source.file_name).suffix or 'a file without an ending'}"
        found = fingerprint(decode(source.data), lexer, template)
        if found.lines:
            return found
        return "it has nothing beside the template" if found.tokens else "it has no code"

    return _bounded(cpu_time_s, make)


def _hashes_within(cpu_time_s: float, source: Source) -> frozenset[int] | str:
    def make() -> frozenset[int] | str:
        lexer = lexer_for(source.file_name)
        return "its ending names no language" if lexer is None else all_hashes(decode(source.data), lexer)

    return _bounded(cpu_time_s, make)


def _bounded(cpu_time_s: float, make: Callable[[], _T]) -> _T | str:
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu_time_s)
        try:
            return make()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _TimeIsUpError:
        return f"reading it takes more than {cpu_time_s:g} s of processor time; have a look at it yourself"
    except Exception as exc:  # noqa: BLE001  (a lexer that a hostile program breaks must not spare the others)
        return f"it cannot be read: {type(exc).__name__} in the lexer; have a look at it yourself"
