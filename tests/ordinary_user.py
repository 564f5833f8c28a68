"""Running a command as a user without rights, for tests that may run as root."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

NOBODY = 65534


def as_ordinary_user(command: Sequence[str], checkout: Path) -> list[str]:
    """
    The command line that runs `command` as a user without rights; the command itself for one who has none anyway.

    What it needs may lie below a directory that only root may enter, /root for one. So root gives it a view of the
    files of its own, in which those directories are open and hold nothing else; outside nothing changes.
    """
    if os.geteuid() != 0:
        return list(command)
    needed = {checkout.resolve(), Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    script = ["set -e"]
    closed = {parent for path in needed for parent in path.parents if not parent.stat().st_mode & 0o001}
    for number, directory in enumerate(sorted(closed)):
        if any(above in closed for above in directory.parents):
            continue
        behind = f"/mnt/{number}"
        script += ["mount -t tmpfs tmpfs /mnt", f"mkdir {behind}", f"mount --bind {directory} {behind}"]
        script += [f"mount -t tmpfs -o mode=755 tmpfs {directory}"]
        for path in sorted(path for path in needed if path.is_relative_to(directory)):
            script += [f"mkdir -p {path}", f"mount --bind {behind}/{path.relative_to(directory)} {path}"]
    drop = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps=-all"]
    script.append("exec " + shlex.join([*drop, *command]))
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(script)]
