"""Who may use the processors: many together, or one alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that many may hold together or one alone; who waits to be alone goes before those who come later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._alone = False
        self._waiting_to_be_alone = 0

    def begin(self) -> None:
        """Be among others, but not beside one who is alone, until `end`."""
        with self._changed:
            self._changed.wait_for(self._is_open)
            self._together += 1

    def begin_if_nobody_waits(self) -> bool:
        """`begin`, or False at once if that would have to wait. Who is among others already must not wait for more."""
        with self._changed:
            is_open = self._is_open()
            self._together += is_open
        return is_open

    def end(self) -> None:
        """After one `begin`."""
        with self._changed:
            self._together -= 1
            self._changed.notify_all()

    def _is_open(self) -> bool:
        return not self._alone and not self._waiting_to_be_alone

    @contextmanager
    def alone(self) -> Iterator[None]:
        """When all others are done, and before any other begins."""
        with self._changed:
            self._waiting_to_be_alone += 1
            self._changed.wait_for(lambda: not self._alone and not self._together)
            self._waiting_to_be_alone -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
