"""Archives for tests: plain ones, and such as nobody should unpack."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Mapping

Files = Mapping[str, str | bytes]


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


def tarred(files: Files, *others: tarfile.TarInfo) -> bytes:
    """A tar; `others` are entries without content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in others:
            archive.addfile(info)
    return made.getvalue()


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """An entry of a tar that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name: str, target: str, kind: int = stat.S_IFLNK) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("main.py", "print('ran')")
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        archive.writestr(info, target)
    return made.getvalue()


def encrypted() -> bytes:
    """A zip that says that its only file needs a password."""
    data = bytearray(zipped({"main.py": "print('ran')"}))
    struct.pack_into("<H", data, 6, 1)
    struct.pack_into("<H", data, data.rfind(b"PK\x01\x02") + 8, 1)
    return bytes(data)


def with_a_lie_about_its_size(size: int) -> bytes:
    """A zip whose file is of `size` bytes, and said to be of three."""
    data = bytearray(zipped({"main.py": bytes(size)}))
    for start, at in ((0, 22), (data.rfind(b"PK\x01\x02"), 24)):
        struct.pack_into("<I", data, start + at, 3)
    return bytes(data)


def overlapping(copies: int, size: int) -> bytes:
    """A zip in which many names stand for the same compressed bytes."""
    data = zipped({"main.py": bytes(size)})
    start = data.rfind(b"PK\x01\x02")
    record = data[start : data.rfind(b"PK\x05\x06")]
    directory = b"".join(record.replace(b"main.py", b"m%05d." % number) for number in range(copies))
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, copies, copies, len(directory), start, 0)
    return data[:start] + directory + end


def endless_header() -> bytes:
    """A tar.gz whose first entry has a name of 300 MB."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 300_000_000
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb") as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(300):
            stream.write(b"n" * 1_000_000)
    return made.getvalue()
