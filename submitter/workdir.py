"""
Working directories: one a submission, `<work_dir>/<name>/`, alive while it is graded.

Only we ever write here, and no executor sees it: it is for people. So it may be
opened and removed without fear of what a program planted. A lock
on the directory itself tells a neighbour's work from what a dead process left;
the kernel drops it with the process.
"""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from submitter.errors import HostShort, SubmissionBusy

DIRECTORY_MODE, FILE_MODE = 0o755, 0o644  # for whoever is let into the parent

# What must be free before another submission is taken: many times what one needs, and enough to note what went wrong.
LEAST_FREE_BYTES, LEAST_FREE_INODES = 64 << 20, 1000

_SUBMISSION_ID = re.compile(r"[0-9a-f]{32}")


class WorkDirectory:
    """A directory held by us; `path` is absolute."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: set[Path] = set()

    def write(self, name: str, data: bytes) -> None:
        """
        Write a file of the directory; `name` must be ours, never a stranger's.

        Raises:
            HostShort: the file system does not let us.
        """
        path = self.path / name
        self._written.add(path)
        try:
            path.write_bytes(data)
            path.chmod(FILE_MODE)  # whatever the umask of the service is
        except OSError as exc:
            raise HostShort(f"cannot write {path}: {exc.strerror}") from exc

    def remove(self) -> None:
        """With all in it; needs no descriptor for what we wrote ourselves, of which a process may have none left."""
        try:
            for path in self._written:
                path.unlink(missing_ok=True)
            self.path.rmdir()  # from here on the name may be another's
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def work_directory(root: Path, name: str) -> Iterator[WorkDirectory]:
    """
    Make and hold `root/name`, and remove it at the end.

    Raises:
        SubmissionBusy: somebody alive holds it: the same submission twice at once.
        HostShort: the file system does not let us (full, read-only, no rights).
    """
    path = root.absolute() / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = _make_and_lock(path)
    except OSError as exc:
        raise HostShort(f"cannot make the working directory {path}: {exc.strerror}") from exc
    if lock is None:
        raise SubmissionBusy(f"{name} is being graded on this host already")
    directory = WorkDirectory(path)
    try:
        yield directory
    finally:
        directory.remove()  # while we hold the lock, so that nobody's new one is taken
        os.close(lock)


def check_room(root: Path, least_bytes: int = LEAST_FREE_BYTES, least_inodes: int = LEAST_FREE_INODES) -> None:
    """
    Nothing, if there is room for more submissions: bytes, inodes, and a descriptor for this process.

    Raises:
        HostShort: there is not, or nobody can tell.
    """
    try:
        os.close(os.open(root, os.O_RDONLY | os.O_CLOEXEC))  # a process without free descriptors can grade nothing
        usage = os.statvfs(root)
    except OSError as exc:
        raise HostShort(f"cannot look at {root}: {exc.strerror}") from exc
    free_bytes = usage.f_bavail * usage.f_frsize
    if free_bytes < least_bytes:
        raise HostShort(f"{root} has {free_bytes >> 20} MiB left, of {least_bytes >> 20} at the least: make room there")
    if usage.f_files and usage.f_favail < least_inodes:
        raise HostShort(f"{root} has {usage.f_favail} inodes left, of {least_inodes} at the least: remove files there")


def sweep_work_directories(root: Path) -> int:
    """
    Remove the directories that dead processes left under `root`; returns how many.

    Only those named as a submission is: should `root` be a directory that
    others use too, /tmp say, theirs are none of our business.
    """
    swept = 0
    if not root.is_dir():
        return 0
    for path in root.iterdir():
        if not _SUBMISSION_ID.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
            continue
        lock = _lock(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
            swept += 1
    return swept


def _make_and_lock(path: Path) -> int | None:
    """A new, empty, locked directory's descriptor; None if somebody alive has it."""
    while True:
        try:
            path.mkdir()
        except FileExistsError:
            lock = _lock(path)
            if lock is None:
                return None if path.exists() else _make_and_lock(path)
            try:
                shutil.rmtree(path)  # a dead process's
            finally:
                os.close(lock)
            continue
        try:
            lock = _lock(path)
        except OSError:
            path.rmdir()  # we just made it
            raise
        if lock is not None:
            os.fchmod(lock, DIRECTORY_MODE)  # by descriptor: before we had the lock, the name could be another's
            return lock
        # Between our mkdir and our lock a sweeper held it for a moment, and has removed it: once more.


def _lock(path: Path) -> int | None:
    """Lock the directory; None if it is locked, gone or replaced meanwhile. OSError: no descriptors are left."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == path.stat().st_ino:
            return fd
    except OSError:
        pass
    os.close(fd)
    return None
