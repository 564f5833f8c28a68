"""What the executor says to a case that waits: by the box's socket, which all of its cases have in turn."""

import array
import importlib.util
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "executeSubmission.py"


@pytest.fixture(scope="module")
def executor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("executor_to_look_at", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    controller, case = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with controller, case:
        yield controller, case


def send(controller: socket.socket, message: bytes, fd: int) -> None:
    controller.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_case_takes_the_orders_that_name_it_and_begins_at_its_own_word(
    executor: ModuleType, ends: tuple[socket.socket, socket.socket]
) -> None:
    """The case before was killed with all of it unread: else this one would run what that was to run."""
    controller, case = ends
    (theirs, _), (ours, to_ours) = (os.pipe() for _ in range(2))
    send(controller, b"6 check-fork\0theirs\0", theirs)
    controller.send(b"6 go")
    send(controller, b"7 fork\0ours\0", ours)
    controller.send(b"7 go")
    before = count_descriptors()
    orders, fds = executor.hear(case, 7)
    assert (orders, len(fds), count_descriptors() - before) == (b"fork\0ours\0", 1, 1)
    assert executor.hear(case, 7) == (b"go", [])
    os.write(to_ours, b"input")
    assert os.read(fds[0], 9) == b"input"


def test_without_a_box_the_program_is_executed_and_its_arguments_are_what_they_were(executor: ModuleType) -> None:
    direct = executor.Direct(None, "program.py", ())
    direct.arm(b"check-fork\0--fork\0", {}, [])
    assert direct.armed[0] == b"check-exec\0--fork\0"
    direct.arm(b"check-exec\0fork\0", {}, [])
    assert direct.armed[0] == b"check-exec\0fork\0"
    direct.arm(b"fork", {}, [])  # the arguments have a descriptor
    assert direct.armed[0] == b"exec"
