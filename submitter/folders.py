"""
Grading folders: `{test,grade}.{in,out}`, line N of the one the input and of the other the expected output of case N.

A file `comparison` may say in one line how outputs are compared, and a `grading.toml` (grading_file.py) what cases are
worth, which groups they form and which limits are their own.
"""

from collections.abc import Callable
from pathlib import Path

from submitter import grading_file
from submitter.comparison import Comparison
from submitter.errors import AssignmentRefused, SubmissionRejected
from submitter.languages import languages
from submitter.model import CaseKind, Checker, TestCase
from submitter.points import Group
from submitter.ports import ResultStore
from submitter.results import encode_lines, one_line

MAX_FILE_BYTES = 64 * 1024 * 1024

Reader = Callable[[str], bytes | None]
"""Gives a file of a folder by its name, None if there is none: a directory's or a bucket's."""


def local_reader(directory: Path) -> Reader:
    """
    Files of a directory on this machine.

    Raises:
        AssignmentRefused: there is no such directory; the reader: a file cannot be read.
    """
    if not directory.is_dir():
        raise AssignmentRefused(f"{directory} is no directory; a grading folder holds test.in and test.out")

    def read(name: str) -> bytes | None:
        try:
            return (directory / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise AssignmentRefused(f"cannot read {directory / name}: {exc.strerror}") from exc

    return read


def bucket_reader(store: ResultStore, prefix: str) -> Reader:
    """Files below a prefix of the bucket, with or without a slash at its end."""

    def read(name: str) -> bytes | None:
        try:
            found = store.get(f"{prefix.removesuffix('/')}/{name}", MAX_FILE_BYTES)
        except SubmissionRejected as exc:
            raise AssignmentRefused(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB") from exc
        return found.data if found else None

    return read


def read_folder(read: Reader) -> tuple[TestCase, ...]:
    """
    The cases of a grading folder, `test` before `grade`, a point each.

    Raises:
        AssignmentRefused: an .in and its .out differ in their number of lines, one of
            them is missing, there is no case at all, or a file is not UTF-8.
    """
    cases: list[TestCase] = []
    for kind in CaseKind:
        inputs, outputs = (_lines(f"{kind}.{ending}", read(f"{kind}.{ending}")) for ending in ("in", "out"))
        if inputs is None and outputs is None:
            continue
        if inputs is None or outputs is None:
            missing = f"{kind}.in" if inputs is None else f"{kind}.out"
            raise AssignmentRefused(f"{missing} is missing; {kind}.in and {kind}.out belong together")
        if len(inputs) != len(outputs):
            raise AssignmentRefused(
                f"{kind}.in has {len(inputs)} lines and {kind}.out has {len(outputs)}; "
                "line N of the one belongs to line N of the other"
            )
        cases += [
            TestCase(kind, ordinal, *texts) for ordinal, texts in enumerate(zip(inputs, outputs, strict=True), start=1)
        ]
    if not cases:
        raise AssignmentRefused("no case in the folder; it needs test.in and test.out, or grade.in and grade.out")
    return tuple(cases)


def read_comparison(read: Reader) -> Comparison | None:
    """
    How a grading folder says that outputs are compared; None if it does not.

    Raises:
        AssignmentRefused: its file `comparison` holds something else; the text says what to write.
    """
    lines = _lines("comparison", read("comparison"))
    if lines is None:
        return None
    try:
        return Comparison.parse("\n".join(lines))
    except ValueError as exc:
        raise AssignmentRefused(f"in the file comparison: {exc}") from exc


def read_grading(read: Reader) -> tuple[tuple[TestCase, ...], tuple[Group, ...]]:
    """
    The cases of a grading folder with what its `grading.toml`, if there is one, says of them; and its groups.

    Raises:
        AssignmentRefused: see `read_folder` and `grading_file.apply`.
    """
    cases = read_folder(read)
    data = read(grading_file.NAME)
    return (cases, ()) if data is None else grading_file.apply(data, cases)


def read_checker(read: Reader) -> Checker | None:
    """
    The checker of a grading folder; None if its `grading.toml` names none.

    Raises:
        AssignmentRefused: see `grading_file.checker`.
    """
    data = read(grading_file.NAME)
    return None if data is None else grading_file.checker(data, read)


def write_folder(
    directory: Path,
    cases: tuple[TestCase, ...],
    comparison: Comparison | None = None,
    groups: tuple[Group, ...] = (),
    checker: Checker | None = None,
) -> int:
    """
    Write cases as a grading folder; returns how many of them hold line breaks, which become the two characters \\n.

    A `grading.toml` is written if there is anything to say in it; else one that lies there is removed.

    Raises:
        AssignmentRefused: the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for kind in CaseKind:
            chosen = [case for case in cases if case.kind is kind]
            if chosen:
                (directory / f"{kind}.in").write_bytes(encode_lines([case.input.encode() for case in chosen]))
                (directory / f"{kind}.out").write_bytes(encode_lines([case.expected.encode() for case in chosen]))
        if comparison is not None:
            (directory / "comparison").write_text(f"{comparison}\n")
        name = f"checker{languages()[checker.language].extension}" if checker is not None else ""
        if checker is not None:
            (directory / name).write_text(checker.program)
        settings = grading_file.encode(cases, groups, checker, name)
        if settings is None:
            (directory / grading_file.NAME).unlink(missing_ok=True)
        else:
            (directory / grading_file.NAME).write_bytes(settings)
    except OSError as exc:
        raise AssignmentRefused(f"cannot write to {directory}: {exc.strerror}") from exc
    return sum(_holds_line_break(case.input) or _holds_line_break(case.expected) for case in cases)


def _holds_line_break(text: str) -> bool:
    return one_line(text.encode()) != text.removesuffix("\n").encode()


def _lines(name: str, data: bytes | None) -> list[str] | None:
    """A file's lines; the last may lack its line end. Windows' line ends and byte-order mark are left out."""
    if data is None:
        return None
    if len(data) > MAX_FILE_BYTES:
        raise AssignmentRefused(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise AssignmentRefused(f"{name} is not UTF-8: look at line {line}") from exc
    if "\0" in text:
        raise AssignmentRefused(f"{name} holds a NUL character at line {text[: text.index(chr(0))].count(chr(10)) + 1}")
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines
