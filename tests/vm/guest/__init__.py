"""
What is looked at inside the virtual machine, one function per check; printed as JSON lines, one per check.

It runs as root, as the only job of a machine that is thrown away afterwards, so
it may change anything. Standard library only; the host imports it for the names
of the checks. A check fails by any exception, and may return a few words for
the report. They run room by room, and later ones rely on the profile that the
second one loads.
"""

from importlib import import_module

from tests.vm.guest.tools import CHECKS

__all__ = ["CHECKS"]

for _room in ("apparmor", "grading", "hostile", "doctor", "end"):
    import_module(f"{__name__}.{_room}")  # its checks add themselves
