"""
Reports as files: each whole or not at all, and no more than one submission in memory.

A file is written beside its name and takes that name when it is complete, so
that a page which somebody looks at, or a document that a job picks up, is never half.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from submitter.accounts import Account
from submitter.errors import ReportUnwritable
from submitter.reports import junit, page

Sink = Callable[[Account], None]  # takes one submission after the other; raises ReportUnwritable


@contextmanager
def page_folder(directory: Path) -> Iterator[Sink]:
    """
    A page for each submission, SUBID.html in the directory, which is made if need be.

    Raises:
        ReportUnwritable: it cannot be.
    """

    def add(account: Account) -> None:
        with _whole_file(directory / page.file_name(account)) as write:
            write(page.page(account))

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ReportUnwritable(f"cannot make the directory {directory}: {exc.strerror}") from exc
    yield add


@contextmanager
def index_file(directory: Path, title: str) -> Iterator[Sink]:
    """The index of a folder of pages, `index.html` in it; complete when the context ends well."""
    with _whole_file(directory / page.INDEX) as write:
        write(page.open_index(title))
        yield lambda account: write(page.index_row(account))
        write(page.close_index())


@contextmanager
def page_file(path: Path, title: str) -> Iterator[Sink]:
    """One page with all of them; complete when the context ends well."""
    with _whole_file(path) as write:
        write(page.open_page(title) + page.title(title))
        yield lambda account: write(page.section(account))
        write(page.close_page())


@contextmanager
def junit_file(path: Path) -> Iterator[Sink]:
    """JUnit XML; complete when the context ends well."""
    with _whole_file(path) as write:
        write(junit.OPEN)
        yield lambda account: write(junit.suite(account))
        write(junit.CLOSE)


@contextmanager
def _whole_file(path: Path) -> Iterator[Callable[[str], None]]:
    """Gives what writes to it. An older file of that name stays until then, and for good if the context ends badly."""
    path = path.resolve()  # where a link leads: the link stays one
    part = path.with_name(f".{path.name}.{os.getpid()}.part")

    def unwritable(exc: OSError) -> ReportUnwritable:
        return ReportUnwritable(f"cannot write {path}: {exc.strerror or exc}")

    def write(text: str) -> None:
        try:
            file.write(text)
        except OSError as exc:
            raise unwritable(exc) from exc

    if path.exists() and not path.is_file():
        raise ReportUnwritable(f"{path} is no plain file: name another one")
    try:
        part.unlink(missing_ok=True)  # of a process that died and had our number
        file = part.open("x", encoding="utf-8", newline="\n")  # new: never through a link that somebody left there
    except OSError as exc:
        raise unwritable(exc) from exc
    try:
        yield write
        try:
            file.close()
            part.replace(path)
        except OSError as exc:
            raise unwritable(exc) from exc
    except BaseException:
        with suppress(OSError):  # a full disk: what waits to be written cannot be
            file.close()
        part.unlink(missing_ok=True)
        raise
