"""
The files of a package, in memory: from a folder, a zip or a tar archive.

Whoever sent a package is not trusted. Nothing is unpacked to disk; no name may
lead out of the package; there are no links and devices; what an archive says
of its sizes is not believed, so that reading stops at the bound.
"""

import gzip
import io
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from submitter.errors import AssignmentRefused

MOST_FILES = 10_000
MOST_BYTES = 256 << 20  # of all files together, and of an archive
MOST_NAME = 255  # characters of a path
_MOST_DIRECTORY = 8 << 20  # of a zip's table of contents, which is read before anything of it can be counted
_END_OF_ZIP, _ZIP64 = b"PK\x05\x06", b"PK\x06\x07"
_CHUNK = 1 << 20
_STRANGE = re.compile(r"[\x00-\x1f\x7f\\]")
_NOT_OURS = frozenset({".git", ".svn", ".hg", "__MACOSX"})

# What the libraries raise for archives that are broken, on purpose or not.
_UNREADABLE = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, struct.error,
    EOFError, NotImplementedError, OverflowError, RecursionError, ValueError,
)  # fmt: skip

Files = Mapping[str, bytes]
"""A package's files by their paths, with `/` between the parts."""


def read_files(path: Path) -> Files:
    """
    All files of a package.

    Raises:
        AssignmentRefused: it cannot be read, or is nothing that a package may be.
    """
    try:
        if path.is_dir():
            found = dict(_bounded(_of_folder(path)))
        else:
            with path.open("rb") as file:
                found = dict(_bounded(_of_archive(path, file)))
    except _UNREADABLE as exc:
        raise AssignmentRefused(f"{path.name} is no zip or tar archive that can be read: {exc}") from exc
    except OSError as exc:
        raise AssignmentRefused(f"cannot read {path}: {exc.strerror or exc}") from exc
    return _below_the_only_folder(found)


def files_of_zip(name: str, file: IO[bytes]) -> Files:
    """
    All files of a zip archive within a package.

    Raises:
        AssignmentRefused: it cannot be read, or holds what no package may.
    """
    try:
        return dict(_bounded(_of_zip(name, file)))
    except _UNREADABLE as exc:
        raise AssignmentRefused(f"{name} is no zip archive that can be read: {exc}") from exc


def write_files(path: Path, files: Files) -> None:
    """
    Write a package: as a zip if the name ends so, as a folder otherwise.

    Raises:
        AssignmentRefused: it cannot be written, or there is something already.
    """
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
                for name, data in sorted(files.items()):
                    archive.writestr(f"{path.stem}/{name}", data)
            return
        if path.is_dir() and any(path.iterdir()):
            raise AssignmentRefused(f"{path} is not empty; a package goes into a folder of its own")
        for name, data in files.items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    except OSError as exc:
        raise AssignmentRefused(f"cannot write to {path}: {exc.strerror or exc}") from exc


def _bounded(entries: Iterator[tuple[str, IO[bytes]]]) -> Iterator[tuple[str, bytes]]:
    """Reads the entries until one is too many or too much."""
    seen: set[str] = set()
    left = MOST_BYTES
    for name, file in entries:
        _check_name(name)
        if name in seen:
            raise AssignmentRefused(f"{name!r} is twice in the package")
        seen.add(name)
        if len(seen) > MOST_FILES:
            raise AssignmentRefused(f"more than {MOST_FILES} files in the package; leave out what is not part of it")
        with file:
            data = file.read(left + 1)
        left -= len(data)
        if left < 0:
            raise AssignmentRefused(f"the package's files have more than {MOST_BYTES >> 20} MiB together")
        yield name, data


def _check_name(name: str) -> None:
    parts = name.split("/")
    if len(name) > MOST_NAME or _STRANGE.search(name) or not all(parts) or {".", ".."} & set(parts):
        raise AssignmentRefused(f"{name[:MOST_NAME]!r} in the package is no path below it")


def _of_folder(root: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for directory, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _NOT_OURS)
        for name in sorted([*names, *(one for one in folders if Path(directory, one).is_symlink())]):
            path = Path(directory, name)
            inside = path.relative_to(root).as_posix()
            if path.is_symlink():
                raise AssignmentRefused(f"{inside} is a link; put the file itself there")
            if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would let us wait for ever
                raise AssignmentRefused(f"{inside} is no file")
            yield inside, path.open("rb")


def _of_archive(path: Path, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise AssignmentRefused(f"{path} is neither a folder nor a file")
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"PK":
        return _of_zip(path.name, file)
    return _of_tar(path.name, _unzipped(path.name, file) if start[:2] == b"\x1f\x8b" else file)


def _of_zip(name: str, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    _check_contents(name, file)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or entry.filename.partition("/")[0] in _NOT_OURS:
                continue
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
                raise AssignmentRefused(f"{entry.filename!r} in {name} is a link or a device")
            if entry.flag_bits & 1:
                raise AssignmentRefused(f"{entry.filename!r} in {name} needs a password")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise AssignmentRefused(f"{entry.filename!r} in {name} is not packed by deflate: zip it anew")
            yield entry.filename, archive.open(entry)


def _check_contents(name: str, file: IO[bytes]) -> None:
    """See that the table of contents is of a sane size: zipfile makes an object of every entry at once."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65_536 - 64))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END_OF_ZIP)
    if size > MOST_BYTES or at < 0 or len(tail) < at + 22 or _ZIP64 in tail[:at][-20:]:
        raise AssignmentRefused(f"{name} is no zip archive of at most {MOST_BYTES >> 20} MiB")
    if int.from_bytes(tail[at + 12 : at + 16], "little") > _MOST_DIRECTORY:
        raise AssignmentRefused(f"{name} lists more than {MOST_FILES} files")


def _unzipped(name: str, file: IO[bytes]) -> IO[bytes]:
    # Before tarfile sees it, since that reads some headers whole, however long they say they are.
    plain = io.BytesIO()
    with gzip.GzipFile(fileobj=file) as packed:
        while chunk := packed.read(_CHUNK):
            plain.write(chunk)
            if plain.tell() > MOST_BYTES:
                raise AssignmentRefused(f"{name} has more than {MOST_BYTES >> 20} MiB when it is unpacked")
    plain.seek(0)
    return plain


def _of_tar(name: str, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > MOST_BYTES:
        raise AssignmentRefused(f"{name} has more than {MOST_BYTES >> 20} MiB")
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            if member.isdir():
                continue
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
                raise AssignmentRefused(f"{member.name!r} in {name} is a link, a device or a sparse file")
            opened = archive.extractfile(member)
            assert opened is not None  # a regular file has content
            yield member.name.removeprefix("./"), opened


def _below_the_only_folder(files: Files) -> Files:
    """Archives often hold one folder with the package in it; it may be several deep."""
    while files and len(tops := {name.partition("/")[0] for name in files}) == 1 and not tops & set(files):
        files = {name.partition("/")[2]: data for name, data in files.items()}
    return files
