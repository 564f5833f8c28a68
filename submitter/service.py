"""What the service manager is told: sd_notify(3), in a few lines, and nothing where there is no systemd."""

import os
import socket
from collections.abc import Mapping

START_TIMEOUT_S = 300  # as the unit's TimeoutStartSec


class Service:
    """
    The daemon as systemd sees it (`Type=notify`); says nothing without NOTIFY_SOCKET.

    A service manager that does not listen never fails the daemon.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path

    def ready(self, status: str) -> None:
        """Started, or loaded again."""
        self._say(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._say(f"STATUS={text}")

    def still_starting(self, status: str) -> None:
        """Not ready for another while, which is no reason to be ended."""
        self._say(f"EXTEND_TIMEOUT_USEC={START_TIMEOUT_S * 1_000_000}\nWATCHDOG=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._say("RELOADING=1\nSTATUS=loading again")

    def stopping(self, status: str) -> None:
        self._say(f"STOPPING=1\nSTATUS={status}")

    def alive(self) -> None:
        """To be said by the loops that do the work, more often than WatchdogSec: who does not is restarted."""
        self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto(text.encode(), self._address)
        except OSError:
            pass
