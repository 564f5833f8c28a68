"""Who may use the processors: many together, or one alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from submitter.executors.turns import Turns

WAIT_S = 10.0


@contextmanager
def among_others(turns: Turns) -> Iterator[None]:
    turns.begin()
    try:
        yield
    finally:
        turns.end()


class Holder:
    """A thread that takes a turn and holds it until it is told to let go."""

    def __init__(self, turns: Turns, *, alone: bool) -> None:
        self.has_it, self.let_go = threading.Event(), threading.Event()
        self._turns, self._alone = turns, alone
        self.thread = threading.Thread(target=self._hold, daemon=True)
        self.thread.start()

    def _hold(self) -> None:
        with self._turns.alone() if self._alone else among_others(self._turns):
            self.has_it.set()
            self.let_go.wait(WAIT_S)

    def end(self) -> None:
        self.let_go.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


def test_many_are_together() -> None:
    turns = Turns()
    holders = [Holder(turns, alone=False) for _ in range(3)]
    assert all(holder.has_it.wait(WAIT_S) for holder in holders)
    for holder in holders:
        holder.end()


def test_one_is_alone() -> None:
    turns = Turns()
    first = Holder(turns, alone=False)
    assert first.has_it.wait(WAIT_S)
    alone = Holder(turns, alone=True)
    assert not alone.has_it.wait(0.05), "one is there still"
    later = Holder(turns, alone=False)
    assert not later.has_it.wait(0.05), "who waits to be alone goes first, or would wait for ever"
    first.end()
    assert alone.has_it.wait(WAIT_S)
    assert not later.has_it.wait(0.05)
    alone.end()
    assert later.has_it.wait(WAIT_S)
    later.end()


def test_two_who_want_to_be_alone_are_so_one_after_the_other() -> None:
    turns = Turns()
    first, second = Holder(turns, alone=True), Holder(turns, alone=True)
    assert first.has_it.wait(WAIT_S) or second.has_it.wait(WAIT_S)
    begun, other = (first, second) if first.has_it.is_set() else (second, first)
    assert not other.has_it.wait(0.05)
    begun.end()
    assert other.has_it.wait(WAIT_S)
    other.end()


def test_who_is_among_others_may_begin_once_more_only_while_nobody_waits_to_be_alone() -> None:
    turns = Turns()
    turns.begin()
    assert turns.begin_if_nobody_waits()
    alone = Holder(turns, alone=True)
    while turns.begin_if_nobody_waits():  # until the other thread has come to wait
        turns.end()
    turns.end()
    assert not alone.has_it.wait(0.05), "one of the two has not ended"
    turns.end()
    assert alone.has_it.wait(WAIT_S)
    assert not turns.begin_if_nobody_waits()
    alone.end()
    assert turns.begin_if_nobody_waits()


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns()
    for _ in range(2):
        try:
            with turns.alone():
                raise RuntimeError
        except RuntimeError:
            pass
    assert turns.begin_if_nobody_waits()
