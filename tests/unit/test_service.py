"""What systemd is told, over a socket as its own."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from submitter.service import Service


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The manager's socket, and NOTIFY_SOCKET."""
    path = str(tmp_path / "notify")
    name = path if request.param == "a path" else f"@{path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + path if name.startswith("@") else path)
        sock.settimeout(10)
        yield sock, name


def test_the_manager_hears_each_word(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    service = Service({"NOTIFY_SOCKET": name})
    service.ready("grading")
    service.alive()
    service.status("waiting for Postgres")
    service.reloading()
    service.stopping("ending")
    said = [sock.recv(1000).decode() for _ in range(5)]
    assert said[0] == "READY=1\nSTATUS=grading"
    assert said[1] == "WATCHDOG=1"
    assert said[2] == "STATUS=waiting for Postgres"
    assert said[3].startswith("RELOADING=1")
    assert said[4] == "STOPPING=1\nSTATUS=ending"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_where_nobody_listens_nothing_fails(environ: dict[str, str]) -> None:
    Service(environ).ready("grading")


def test_a_manager_that_does_not_read_never_holds_us_up(manager: tuple[socket.socket, str]) -> None:
    service = Service({"NOTIFY_SOCKET": manager[1]})
    for _ in range(5000):
        service.alive()
