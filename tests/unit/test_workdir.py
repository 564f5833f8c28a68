"""Working directories: one holder at a time, nothing left behind, and nobody else's touched."""

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from submitter.errors import HostShort, SubmissionBusy
from submitter.workdir import check_room, sweep_work_directories, work_directory

NAME, OTHER = "0123456789abcdef" * 2, "f" * 32

HOLD = """\
import sys
from pathlib import Path
from submitter.workdir import work_directory
with work_directory(Path(sys.argv[1]), sys.argv[2]) as directory:
    directory.write("planted", b"old")
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another_process(root: Path, name: str = NAME) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the directory until it is killed or its input ends."""
    command = [sys.executable, "-c", HOLD, str(root), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def leave_stale(root: Path, name: str = NAME) -> None:
    """What a process leaves that was killed while it graded."""
    with held_by_another_process(root, name) as process:
        process.kill()
        process.wait()
    assert (root / name / "planted").exists()


def test_directory_is_there_and_absolute_while_held_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with work_directory(Path("root"), NAME) as directory:
        assert directory.path == tmp_path / "root" / NAME
        directory.write("test.in", b"1\n")
        assert (directory.path / "test.in").read_bytes() == b"1\n"
    assert list((tmp_path / "root").iterdir()) == []


def test_directory_is_removed_with_all_in_it_when_grading_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with work_directory(tmp_path, NAME) as directory:
            directory.write("test.in", b"1\n")
            (directory.path / "deep" / "er").mkdir(parents=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []
    with work_directory(tmp_path, NAME):
        pass


# -- one holder ---------------------------------------------------------------------------------------------------


def test_second_holder_in_the_same_process_is_refused_and_the_first_is_left_alone(tmp_path: Path) -> None:
    with work_directory(tmp_path, NAME) as first:
        first.write("test.in", b"1\n")
        with pytest.raises(SubmissionBusy), work_directory(tmp_path, NAME):
            pytest.fail("two hold one directory")
        assert (first.path / "test.in").read_bytes() == b"1\n"
        with work_directory(tmp_path, OTHER):
            pass
        assert first.path.exists()


def test_directory_that_another_process_holds_is_refused_until_it_ends(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as process:
        with pytest.raises(SubmissionBusy), work_directory(tmp_path, NAME):
            pytest.fail("two hold one directory")
        assert (tmp_path / NAME / "planted").exists()
        process.kill()
        process.wait()
        with work_directory(tmp_path, NAME):
            pass


def test_what_a_killed_process_left_is_replaced_by_an_empty_directory(tmp_path: Path) -> None:
    leave_stale(tmp_path)
    with work_directory(tmp_path, NAME) as directory:
        assert list(directory.path.iterdir()) == []


@pytest.mark.timeout(60)
def test_of_many_threads_at_most_one_holds_the_directory_and_nobody_s_is_taken_away(tmp_path: Path) -> None:
    """The moments between making, locking and removing are where two could slip in."""
    inside, most_inside, faults = 0, 0, list[str]()
    lock, together = threading.Lock(), threading.Barrier(8)

    def grade_again_and_again() -> None:
        nonlocal inside, most_inside
        together.wait()
        for _ in range(100):
            try:
                with work_directory(tmp_path, NAME) as directory:
                    with lock:
                        inside += 1
                        most_inside = max(most_inside, inside)
                    directory.write("mine", b"x")
                    if [path.name for path in directory.path.iterdir()] != ["mine"]:
                        faults.append("not mine alone")
                    with lock:
                        inside -= 1
            except SubmissionBusy:
                pass
            except Exception as exc:
                faults.append(repr(exc))

    threads = [threading.Thread(target=grade_again_and_again) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most_inside == 1
    assert faults == []
    assert list(tmp_path.iterdir()) == []


# -- sweeping -----------------------------------------------------------------------------------------------------


def test_sweep_removes_what_dead_processes_left_and_spares_the_living(tmp_path: Path) -> None:
    leave_stale(tmp_path, OTHER)
    with held_by_another_process(tmp_path), work_directory(tmp_path, "e" * 32):
        assert sweep_work_directories(tmp_path) == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "e" * 32]
        assert (tmp_path / NAME / "planted").exists()
    assert sweep_work_directories(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["home", "0123", NAME.upper(), NAME + "0", f".{NAME}"])
def test_sweep_leaves_what_is_not_named_as_a_submission_is(tmp_path: Path, name: str) -> None:
    """An operator may have set SUBMITTER_WORK_DIR to /tmp: what others keep there is none of our business."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_bytes(b"")
    assert sweep_work_directories(tmp_path) == 0
    assert (tmp_path / name / "thesis.txt").exists()


def test_sweep_follows_no_link_and_removes_no_file(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_bytes(b"")
    (root / NAME).symlink_to(elsewhere)
    (root / OTHER).write_bytes(b"")
    assert sweep_work_directories(root) == 0
    assert (elsewhere / "thesis.txt").exists()


def test_sweep_of_a_root_that_is_not_there_yet_finds_nothing(tmp_path: Path) -> None:
    assert sweep_work_directories(tmp_path / "none") == 0


# -- the file system ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o177])
def test_permissions_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    """Executors run as strangers and must read; a service's umask is often 077."""
    before = os.umask(umask)
    try:
        with work_directory(tmp_path, NAME) as directory:
            directory.write("x.py", b"")
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (directory.path, directory.path / "x.py")]
    finally:
        os.umask(before)
    assert modes == [0o755, 0o644]


def test_work_directory_that_cannot_be_made_is_our_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(HostShort, match="cannot make"), work_directory(tmp_path / "file", NAME):
        pytest.fail("a file is no root")


def test_file_that_cannot_be_written_is_our_fault(tmp_path: Path) -> None:
    with work_directory(tmp_path, NAME) as directory:
        (directory.path / "x.py").mkdir()
        with pytest.raises(HostShort, match="cannot write"):
            directory.write("x.py", b"")


def test_a_directory_with_room_is_no_concern_and_one_without_says_what_to_do(tmp_path: Path) -> None:
    check_room(tmp_path, 1, 1)
    with pytest.raises(HostShort, match=r"MiB left.*make room"):
        check_room(tmp_path, 1 << 62, 1)
    with pytest.raises(HostShort, match="cannot look at"):
        check_room(tmp_path / "gone")


@pytest.fixture
def no_descriptors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """From its call on this process has no file descriptor left; the test's own clean-up has some again."""
    own = pytest.MonkeyPatch()

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    yield lambda: own.setattr(os, "open", refuse)
    own.undo()


def test_process_without_descriptors_makes_no_directory_and_blames_the_host(
    tmp_path: Path, no_descriptors: Callable[[], None]
) -> None:
    """Not the submission: five failures of its own doing would move it aside."""
    no_descriptors()
    with pytest.raises(HostShort, match="Too many open files"), work_directory(tmp_path, NAME):
        pass
    with pytest.raises(HostShort, match="Too many open files"):
        check_room(tmp_path, 0, 0)
    assert list(tmp_path.iterdir()) == []


def test_directory_is_removed_by_a_process_without_descriptors_too(
    tmp_path: Path, no_descriptors: Callable[[], None]
) -> None:
    with work_directory(tmp_path, NAME) as directory:
        directory.write("program.py", b"print(1)")
        no_descriptors()
    assert list(tmp_path.iterdir()) == []
