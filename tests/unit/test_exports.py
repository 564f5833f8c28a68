"""Reports as files: whole or not at all, and nothing else in the folder."""

import resource
from pathlib import Path

import pytest

from submitter import exports
from submitter.accounts import Account
from submitter.errors import ReportUnwritable
from submitter.model import Verdict
from tests.unit.reports import account, case, rejected
from tests.unit.test_reports import read_junit

FIRST, SECOND = account(case(), name="1" * 32), account(case(Verdict.ACCEPTED), name="2" * 32)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_folder_has_a_page_for_each_submission_and_an_index(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "pages"
    with exports.page_folder(folder) as add_page, exports.index_file(folder, "lab5") as add_line:
        for told in (FIRST, SECOND):
            add_page(told)
            add_line(told)
    assert names(folder) == [f"{'1' * 32}.html", f"{'2' * 32}.html", "index.html"]
    index = (folder / "index.html").read_text()
    assert all(f'<a href="{name}">' in index for name in names(folder)[:2])
    assert "wrong answer" in (folder / f"{'1' * 32}.html").read_text()


def test_one_page_and_junit_hold_all(tmp_path: Path) -> None:
    with exports.page_file(tmp_path / "x.html", "checked") as add_page, exports.junit_file(tmp_path / "x.xml") as add:
        for told in (FIRST, rejected("no", name="a/b.py")):
            add_page(told)
            add(told)
    assert "a/b.py" in (tmp_path / "x.html").read_text()
    assert [suite.attrib["name"] for suite in read_junit((tmp_path / "x.xml").read_text())] == [
        f"{FIRST.ref}/{'1' * 32}",
        f"{FIRST.ref}/a/b.py",
    ]


def test_a_report_that_breaks_off_leaves_the_older_one_and_nothing_else(tmp_path: Path) -> None:
    """Whoever reads the file, a CI job say, must not take half of it for the whole."""
    path = tmp_path / "x.xml"
    path.write_text("older")

    def break_off(told: Account) -> None:
        with exports.junit_file(path) as add:
            add(told)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off(FIRST)
    assert names(tmp_path) == ["x.xml"]
    assert path.read_text() == "older"


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link.xml").symlink_to("real.xml")
    with exports.junit_file(tmp_path / "link.xml") as add:
        add(FIRST)
    assert (tmp_path / "link.xml").is_symlink()
    assert read_junit((tmp_path / "real.xml").read_text())


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportUnwritable, match=r"cannot write .*/file/x.xml: Not a directory"):
        exports.junit_file(tmp_path / "file" / "x.xml").__enter__()
    with pytest.raises(ReportUnwritable, match=r"cannot make the directory .*/file"):
        exports.page_folder(tmp_path / "file").__enter__()
    with pytest.raises(ReportUnwritable, match="/dev/null is no plain file"):
        exports.junit_file(Path("/dev/null")).__enter__()


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    """A limit on the size of files refuses to write as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ReportUnwritable, match="File too large"), exports.junit_file(tmp_path / "x.xml") as add:  # noqa: PT012
            for _ in range(1000):
                add(FIRST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []
