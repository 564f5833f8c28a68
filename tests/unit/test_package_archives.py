"""Archives of strangers: nothing leads out of them, nothing but files is in them, and reading stops at the bound."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from submitter.errors import AssignmentRefused
from submitter.packages import archive
from submitter.packages.archive import read_files, write_files
from tests.problem_packages import zipped


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for info, data in members:
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def refused(tmp_path: Path, data: bytes, match: str, name: str = "package.zip") -> None:
    path = tmp_path / name
    path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AssignmentRefused, match=match):
        read_files(path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz", "folder"])
def test_a_package_is_read_from_whatever_it_comes_in(pack: str, tmp_path: Path) -> None:
    path = tmp_path / f"p.{pack}"
    files = {"twice/problem.yaml": b"name: x", "twice/data/1.in": b"1"}
    if pack == "zip":
        path.write_bytes(zipped(files))
    elif pack == "folder":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    else:
        plain = tarred(*((member(f"./{name}"), data) for name, data in files.items()))
        path.write_bytes(gzip.compress(plain) if pack == "tar.gz" else plain)
    assert read_files(path) == {"problem.yaml": b"name: x", "data/1.in": b"1"}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a//x", "a/./x", "a\\x", "a\nx", "x" * 300])
def test_no_name_leads_out_of_a_package(name: str, tmp_path: Path) -> None:
    refused(tmp_path, zipped({name: b""}), "no path below it")
    refused(tmp_path, tarred((member(name), b"")), "no path below it", "package.tar")


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_a_tar_holds_files_and_nothing_else(kind: bytes, tmp_path: Path) -> None:
    refused(tmp_path, tarred((member("x", kind, "/etc/passwd"), b"")), "link, a device|no zip or tar", "package.tar")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_holds_files_and_nothing_else(kind: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        info = zipfile.ZipInfo("x")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        made.writestr(info, "/etc/passwd")
    refused(tmp_path, buffer.getvalue(), "link or a device")


def test_a_folder_holds_files_and_nothing_else(tmp_path: Path) -> None:
    """A FIFO would make whoever opens it wait for ever, and a link would show what is not the package's."""
    (tmp_path / "a").mkdir()
    os.symlink("/etc/passwd", tmp_path / "a" / "x")
    with pytest.raises(AssignmentRefused, match="x is a link"):
        read_files(tmp_path / "a")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "x")
    with pytest.raises(AssignmentRefused, match="x is no file"):
        read_files(tmp_path / "b")
    (tmp_path / "c").mkdir()
    os.symlink("/etc", tmp_path / "c" / "d")
    with pytest.raises(AssignmentRefused, match="d is a link"):
        read_files(tmp_path / "c")
    with pytest.raises(AssignmentRefused, match="neither a folder nor a file"):
        read_files(Path("/dev/zero"))


def test_bombs_are_refused_before_they_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    large = bytes(4 << 20)
    refused(tmp_path, zipped({"x": large}), "MiB together")
    refused(tmp_path, zipped({str(n): large[: 600 << 10] for n in range(2)}), "MiB together")
    refused(tmp_path, gzip.compress(tarred((member("x"), large))), "when it is unpacked", "package.tar.gz")
    refused(tmp_path, tarred((member("x"), large)), "more than 1 MiB", "package.tar")


def test_a_zip_that_lies_of_its_sizes_is_no_larger_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    packed = bytearray(zipped({"x": bytes(4 << 20)}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = packed.find(signature) + offset
        packed[at : at + 4] = (10).to_bytes(4, "little")
    refused(tmp_path, bytes(packed), "can be read|MiB together")


def test_a_package_has_so_many_files_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    (tmp_path / "three.zip").write_bytes(zipped({str(n): b"" for n in range(3)}))
    assert len(read_files(tmp_path / "three.zip")) == 3
    refused(tmp_path, zipped({str(n): b"" for n in range(4)}), "more than 3 files")


def test_a_zip_with_an_endless_list_is_refused_before_it_is_read(tmp_path: Path) -> None:
    data = bytearray(zipped({"x": b""}))
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = (1 << 30).to_bytes(4, "little")
    refused(tmp_path, bytes(data), "lists more than")


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x08", b"hello", bytes(2048)])
def test_what_is_no_archive_is_refused_and_an_empty_one_is_empty(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    path.write_bytes(data)
    if data in (b"PK\x05\x06" + bytes(18), bytes(2048)):
        assert read_files(path) == {}
    else:
        with pytest.raises(AssignmentRefused, match=r"p\.zip"):
            read_files(path)


def test_a_broken_checksum_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"x": os.urandom(1000)}))
    data[500] ^= 1
    refused(tmp_path, bytes(data), "can be read")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, tarred((member("x"), b"1"), (member("x"), b"2")), "twice", "package.tar")


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine").write_bytes(b"")
    with pytest.raises(AssignmentRefused, match="not empty"):
        write_files(tmp_path / "p", {"x": b""})
    write_files(tmp_path / "p.zip", {"x": b""})
    with pytest.raises(AssignmentRefused, match="cannot write"):
        write_files(tmp_path / "p.zip", {"x": b""})
