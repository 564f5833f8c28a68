"""What an assignment brings beside its cases: files for programs to find, and the name of the program in an archive."""

import re
from dataclasses import dataclass, field

MOST_MODULES = 16
MAX_ARCHIVE_BYTES = 8 << 20  # of an assignment's files: they are read from Postgres for every submission
# As an executor takes it: a plain name, and not so long that nobody can read it.
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,7}")
_MAIN_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}\.[A-Za-z0-9]{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """
    An assignment's, as admins set them.

    Attributes:
        main_file: what programs are called where they run. A zip or tar may be handed in that has such a file; without
            one, no archive is taken.
        archive: a zip or tar of files that every program finds where it lies and in its working directory, in place of
            its own of the same names; None: no such files.
        preload: modules that executors import once, before any program comes; programs in Python find them ready.
    """

    main_file: str | None = None
    archive: bytes | None = field(default=None, repr=False)
    preload: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.main_file is not None and not _MAIN_FILE.fullmatch(self.main_file):
            raise ValueError(f"{self.main_file!r} is no name of a program; one is main.py")
        if self.archive is not None and not 0 < len(self.archive) <= MAX_ARCHIVE_BYTES:
            raise ValueError(f"an assignment's files are an archive of at most {MAX_ARCHIVE_BYTES >> 20} MiB")
        if len(self.preload) > MOST_MODULES or len(set(self.preload)) != len(self.preload):
            raise ValueError(f"at most {MOST_MODULES} modules can be preloaded, each named once")
        if wrong := [name for name in self.preload if not _MODULE.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is no name of a module; one is numpy.linalg")


def archive_ending(data: bytes) -> str | None:
    """The ending that an archive's name would have, told by its first bytes; None if it is none that is taken."""
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):  # the second is one of nothing
        return ".zip"
    if data[:2] == b"\x1f\x8b":
        return ".tar.gz"
    return ".tar" if data[257:262] == b"ustar" and b"\0" in data[:257] else None
