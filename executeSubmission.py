#!/usr/bin/env python3
"""
The executor: runs one student's program against inputs, inside a sandbox that somebody else built around it.

    executeSubmission.py --serve            JSON lines on standard input and output, for the daemon
    executeSubmission.py SUBID [--input-mode M]
                                            one submission from the files SUBID.py and test.in in the
                                            working directory; writes SUBID.out there

How it works. This process, the controller, is process 1 of its PID namespace
and is not dumpable: no signal, debugger or /proc file reaches it from inside.
For every case it forks a child with limits of its own, which becomes the
program. It reads both outputs as they come, looks at the clock and at /proc
every few milliseconds, and ends the case when its main process ends or a limit
is passed. Then it kills every other process there is, and only then takes the
account and the rest of the outputs; last it empties all that a case could
write to. Expected outputs never come here: judging is done outside.

One file, standard library only, Python 3.9 or newer: it runs beside hostile
code, in images that hold nothing else of ours.

Requests, one a line; `data` fields are base64:
    {"schema": 1, "file_name": "….py", "language": "python",
     "limits": {"cpu_time_s": …, "wall_time_s": …, "memory_bytes": …, "output_bytes": …, "file_bytes": …,
                "processes": …},
     "inputs": [{"arguments": [data, …], "stdin": data}, …]}
Answers, one line an input and in order:
    {"ending": …, "exit_code": …, "signal": …, "stdout": data, "stderr": data,
     "cpu_time_s": …, "wall_time_s": …, "memory_bytes": …}
where `ending` is exited, signaled, cpu_limit, wall_limit, memory_limit,
output_limit, compile_error or setup_failed. It ends when its input ends.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import json
import os
import re
import resource
import selectors
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn, Optional

Limits = dict[str, Any]  # a request's limits; see above
Answer = dict[str, Any]  # an answer, its streams still bytes
Stream = tuple[int, bytearray, Optional[int]]  # descriptor, what was kept of it, its limit

SCHEMA = 1
SUBMISSION_DIRECTORY = "/usr/src/submitter"
WRITABLE_DIRECTORIES = ("/tmp", "/dev/shm", "/dev/mqueue")  # all that a sandbox lets a case write to
LOOK_EVERY_S = 0.01  # how often /proc is read: a limit is overrun by about as much
STDERR_BYTES = 64 * 1024  # more is read and dropped: standard error is for the student, not judged
OPEN_FILES = 256
# Of the address space: only a ceiling far above the memory limit. A MemoryError would look like the program's own.
ADDRESS_SPACE_FACTOR, ADDRESS_SPACE_EXTRA_BYTES = 4, 1 << 30
DEFAULT_LIMITS = {
    "cpu_time_s": 2.0,
    "wall_time_s": 10.0,
    "memory_bytes": 256 << 20,
    "output_bytes": 1 << 20,
    "file_bytes": 16 << 20,
    "processes": 32,
}
CHECK_LIMITS = {"cpu_time_s": 10.0, "wall_time_s": 20.0, "output_bytes": 64 * 1024}
MAX_REQUEST_BYTES = 512 << 20
HOME = "/tmp/home"  # a case's working directory; made for it, removed after it
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": HOME}

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
PAGE_BYTES = resource.getpagesize()
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None, use_errno=True)

# Prints what `python3 program.py` would print of a program that does not compile, and runs nothing of it.
CHECK_PYTHON = """\
import sys, traceback
path = sys.argv[1]
with open(path, 'rb') as source:
    try:
        compile(source.read(), path, 'exec', dont_inherit=True)
    except Exception as error:
        traceback.print_exception(type(error), error, None)
        if "'utf-8' codec" in str(error):
            print('The file is not UTF-8: save it as UTF-8, or name its encoding in its first line.', file=sys.stderr)
        sys.exit(1)
"""


class SetupFailed(Exception):
    """The executor cannot do its part; never the program's fault."""


# -- one case ------------------------------------------------------------------------------------------------------


class Case:
    """One run of a command, from fork to account."""

    def __init__(self, command: list[str | bytes], stdin: bytes, limits: Limits) -> None:
        self.command, self.stdin, self.limits = command, stdin, limits
        self.stdout, self.stderr = bytearray(), bytearray()
        self.ending: str | None = None  # the limit that was passed, once one was
        self.status: int | None = None  # the main process's wait status, once it ended
        self.reaped_cpu_s = 0.0
        self.peak_bytes = 0

    def run(self, watch_input: bool) -> Answer:
        """
        Run it; returns the answer's dictionary. Afterwards no process but this one is left.

        `watch_input`: whether the end of our own standard input ends us, since nobody waits any more.
        """
        oom_kills = count_oom_kills()
        stdin = self._stdin_file()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        fault_read, fault_write = os.pipe()
        started = time.monotonic()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                become(self.command, stdin, out_write, err_write, fault_write, self.limits)
            for fd in (stdin, out_write, err_write, fault_write):
                os.close(fd)
            # The pipe is closed by a successful exec, so that nothing a program does can look like a fault of ours.
            fault = os.read(fault_read, 4096)
            try:
                if not fault:
                    self._watch(out_read, err_read, started + self.limits["wall_time_s"], watch_input)
                wall_time_s = time.monotonic() - started
            finally:
                # Processes first, pipes second: a survivor that holds a pipe open must not make us wait for it.
                self._kill_everything()
            if fault:
                raise SetupFailed(fault.decode(errors="replace"))
            self._drain(out_read, err_read)
        finally:
            for fd in (out_read, err_read, fault_read):
                os.close(fd)
        return self._account(wall_time_s, count_oom_kills() > oom_kills)

    def _stdin_file(self) -> int:
        if not self.stdin:
            return os.open(os.devnull, os.O_RDONLY)
        # A file in memory, not a pipe: a program may leave its input unread, or seek in it, and nobody waits.
        fd = os.memfd_create("stdin")
        write_all(fd, self.stdin)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def _watch(self, out_read: int, err_read: int, deadline: float, watch_input: bool) -> None:
        """Read outputs and look at limits until the main process has ended or a limit was passed."""
        with selectors.DefaultSelector() as selector:
            for fd, kept, most in self._streams(out_read, err_read):
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_READ, (kept, most))
            if watch_input:
                selector.register(0, selectors.EVENT_READ)
            exit_fd = open_pidfd(self.pid)
            if exit_fd is not None:
                selector.register(exit_fd, selectors.EVENT_READ)
            try:
                next_look = time.monotonic()
                while self.ending is None and self.status is None:
                    for key, _ in selector.select(max(0.0, next_look - time.monotonic())):
                        if key.fd == 0:
                            os._exit(1)  # as process 1 we take all others along
                        if key.data is not None and not self._read(key.fd, *key.data):
                            selector.unregister(key.fd)
                    self._reap()
                    now = time.monotonic()
                    if now >= next_look:
                        self._look(now, deadline)
                        next_look = now + LOOK_EVERY_S
            finally:
                if exit_fd is not None:
                    os.close(exit_fd)

    def _streams(self, out_read: int, err_read: int) -> tuple[Stream, Stream]:
        return (out_read, self.stdout, self.limits["output_bytes"]), (err_read, self.stderr, None)

    def _read(self, fd: int, kept: bytearray, most: int | None) -> bool:
        """Take what is there; False at the stream's end. More than `most` passes the limit; None: cut, no limit."""
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return True
        room = (STDERR_BYTES if most is None else most) - len(kept)
        kept += data[:room]
        if most is not None and len(data) > room:
            self.ending = "output_limit"
        return bool(data)

    def _look(self, now: float, deadline: float) -> None:
        """Hold the case's use of time, memory and processes against its limits."""
        cpu_s, memory_bytes, tasks = measure_processes()
        memory_bytes += writable_bytes()
        self.peak_bytes = max(self.peak_bytes, memory_bytes)
        if self.ending is not None or self.status is not None:
            return
        if self.reaped_cpu_s + cpu_s > self.limits["cpu_time_s"]:
            self.ending = "cpu_limit"
        elif now > deadline:
            self.ending = "wall_limit"
        elif memory_bytes > self.limits["memory_bytes"] and OOM_COUNTER is None and self._outgrown():
            self.ending = "memory_limit"
        elif tasks > 2 * self.limits["processes"]:
            # A limit of the kernel makes fork fail long before; where none counts (root outside), the case ends here.
            self.status = int(signal.SIGKILL)

    def _outgrown(self) -> bool:
        """Whether the memory is really too much: the quick sum counts a page that two processes share twice."""
        return bool(shared_once_bytes() + writable_bytes() > self.limits["memory_bytes"])

    def _reap(self) -> None:
        """Collect whoever has ended: our child, and orphans, which become ours."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.reaped_cpu_s += usage.ru_utime + usage.ru_stime
            self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * 1024)
            if pid == self.pid and self.status is None:
                self.status = status

    def _kill_everything(self) -> None:
        """No process but this one is left afterwards, and all are accounted for."""
        status = self.status
        while True:
            try:
                os.kill(-1, signal.SIGKILL)  # everyone in this PID namespace but process 1, which is us
            except ProcessLookupError:
                break
            self._reap()
            time.sleep(0.0005)
        self.status = status  # how it ended by itself; what our own kill did to it says nothing

    def _drain(self, out_read: int, err_read: int) -> None:
        """Take what is left in the pipes. Nobody is alive to write more, so both end."""
        for stream in self._streams(out_read, err_read):
            while self._read(*stream):
                pass

    def _account(self, wall_time_s: float, oom_killed: bool) -> Answer:
        ending, status = self.ending, self.status
        if oom_killed and ending != "output_limit":
            ending = "memory_limit"
        elif ending is None and self.reaped_cpu_s > self.limits["cpu_time_s"]:
            ending = "cpu_limit"
        elif ending is None:
            ending = "signaled" if status is not None and os.WIFSIGNALED(status) else "exited"
        return {
            "ending": ending,
            "exit_code": os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None,
            "stdout": bytes(self.stdout),
            "stderr": bytes(self.stderr),
            "cpu_time_s": round(self.reaped_cpu_s, 6),
            "wall_time_s": round(wall_time_s, 6),
            "memory_bytes": self.peak_bytes,
        }


def become(command: list[str | bytes], stdin: int, stdout: int, stderr: int, fault: int, limits: Limits) -> NoReturn:
    """In the forked child: put the walls up and turn into the command. Never returns."""
    try:
        os.setsid()
        for fd, standard in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(fd, standard)
        fault = os.dup2(fault, 3, inheritable=False)
        os.closerange(4, 4096)
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)  # Python ignores SIGPIPE and SIGXFSZ, and exec keeps that
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_DUMPABLE, 1)  # else the files of /proc/self are root's and the next line is refused
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # what the kernel kills first is a case
        os.umask(0o022)
        os.mkdir(HOME, 0o700)
        os.chdir(HOME)
        set_limits(limits)
        os.execve(command[0], command, ENVIRONMENT)
    except BaseException as error:
        os.write(fault, f"{type(error).__name__}: {error}".encode()[:4096])
    finally:
        os._exit(111)


def set_limits(limits: Limits) -> None:
    cpu_s = int(limits["cpu_time_s"]) + 2  # the second wall, for one process; the first is the sum in Case._look
    space = limits["memory_bytes"] * ADDRESS_SPACE_FACTOR + ADDRESS_SPACE_EXTRA_BYTES
    for name, value in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(name, (value, value))


def prctl(option: int, value: int) -> None:
    if LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl refused")


# -- what the kernel tells -----------------------------------------------------------------------------------------


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the kernel has none (gVisor)."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def measure_processes() -> tuple[float, int, int]:
    """CPU seconds, bytes of memory and tasks of all processes in this PID namespace but our own, now."""
    cpu_ticks = memory_pages = tasks = 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            with open(f"/proc/{name}/statm", "rb") as file:
                _, resident, shared = file.read().split()[:3]
        except (OSError, ValueError):
            continue  # it ended meanwhile
        cpu_ticks += sum(int(ticks) for ticks in fields[11:15])  # own and waited-for children's, user and system
        tasks += int(fields[17])
        # Without file pages: the interpreter's text is nobody's in particular.
        memory_pages += int(resident) - int(shared)
    return cpu_ticks / TICKS_PER_S, memory_pages * PAGE_BYTES, tasks


def writable_bytes() -> int:
    """Bytes that a case holds in the file systems it can write to: memory too, since they are tmpfs."""
    total = 0
    for directory in WRITABLE_DIRECTORIES[:2]:
        try:
            usage = os.statvfs(directory)
        except OSError:
            continue
        total += (usage.f_blocks - usage.f_bfree) * usage.f_frsize
    return total


def shared_once_bytes() -> int:
    """Bytes of all processes' memory, each page counted once: slower to read than `measure_processes`."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            total += proportional_bytes(name)
    return total


def proportional_bytes(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            sizes = dict(line.split()[:2] for line in file if line.startswith("Pss_"))
        return 1024 * (int(sizes["Pss_Anon:"]) + int(sizes["Pss_Shmem:"]))
    except (OSError, ValueError, KeyError):
        pass  # it ended, or made itself unreadable
    try:
        with open(f"/proc/{pid}/statm") as file:
            _, resident, shared = map(int, file.read().split()[:3])
        return (resident - shared) * PAGE_BYTES
    except (OSError, ValueError):
        return 0


def find_oom_counter() -> str | None:
    """The file in which our cgroup counts what the kernel killed for memory (v1, v2); None in bubblewrap and gVisor."""
    for path in ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"):
        try:
            with open(path) as file:
                if any(line.startswith("oom_kill ") for line in file):
                    return path
        except OSError:
            continue
    return None


OOM_COUNTER = find_oom_counter()


def count_oom_kills() -> int:
    if OOM_COUNTER is None:
        return 0
    with open(OOM_COUNTER) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("oom_kill "))


def empty_writable_directories() -> None:
    """
    Remove all that a case left behind. No other process is alive, so nothing changes under our hands.

    Directories are first moved to the top and then emptied, one by one: a tree
    may be deeper than any path that the kernel takes, and closed to its owner.
    """
    for top in WRITABLE_DIRECTORIES:
        for _ in range(10_000_000):
            try:
                entries = list(os.scandir(top))
            except OSError:
                break
            if not entries:
                break
            for entry in entries:
                remove_entry(top, entry)


def remove_entry(top: str, entry: os.DirEntry[str]) -> None:
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.path)
        return
    os.chmod(entry.path, 0o700)
    for number, inner in enumerate(list(os.scandir(entry.path))):
        if inner.is_dir(follow_symlinks=False):
            os.chmod(inner.path, 0o700)  # a directory that moves must be writable itself
            os.rename(inner.path, f"{top}/.{entry.inode()}.{number}")
        else:
            os.unlink(inner.path)
    os.rmdir(entry.path)


# -- requests ------------------------------------------------------------------------------------------------------


def run_inputs(request: dict[str, Any], watch_input: bool) -> Iterator[Answer]:
    """Check the program once, then run it against each input; yields the answers' dictionaries."""
    if request["schema"] != SCHEMA:
        raise SetupFailed(f"a request of schema {request['schema']}; this executor knows {SCHEMA}: rebuild the image")
    if request["language"] != "python":
        raise SetupFailed(f"this executor has no language {request['language']!r}")
    limits = request["limits"]
    program = os.path.join(SUBMISSION_DIRECTORY, request["file_name"])
    python = sys.executable
    try:
        os.close(os.open(program, os.O_RDONLY))
    except OSError as error:  # where the sandbox shows another directory than the one that was meant
        raise SetupFailed(f"the program cannot be opened: {error}") from error

    check = run_case([python, "-c", CHECK_PYTHON, program], b"", {**limits, **CHECK_LIMITS}, watch_input)
    if (check["ending"], check["exit_code"]) != ("exited", 0):
        message = check["stderr"] or b"the program could not be compiled within the limits\n"
        failed = {**check, "ending": "compile_error", "stdout": b"", "stderr": message}
        for _ in request["inputs"]:
            yield dict(failed)
            failed.update(cpu_time_s=0.0, wall_time_s=0.0)  # it was compiled once
        return
    for case in request["inputs"]:
        yield run_case([python, program, *case["arguments"]], case["stdin"], limits, watch_input)


def run_case(command: list[str | bytes], stdin: bytes, limits: Limits, watch_input: bool) -> Answer:
    try:
        return Case(command, stdin, limits).run(watch_input)
    finally:
        empty_writable_directories()


def serve() -> None:
    """Answer requests, one at a time, until our input ends."""
    buffered = bytearray()
    while True:
        line = read_line(buffered)
        if line is None:
            return
        request = json.loads(line)
        for case in request["inputs"]:
            case["arguments"] = [base64.b64decode(argument) for argument in case["arguments"]]
            case["stdin"] = base64.b64decode(case["stdin"])
        for answer in run_inputs(request, watch_input=True):
            for name in ("stdout", "stderr"):
                answer[name] = base64.b64encode(answer[name]).decode()
            write_all(1, json.dumps(answer).encode() + b"\n")


def run_once(subid: str, input_mode: str) -> None:
    """Run SUBID.py against every line of test.in, with the default limits, and write SUBID.out."""
    with open(os.path.join(SUBMISSION_DIRECTORY, "test.in"), encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    if lines and not lines[-1]:
        lines.pop()
    inputs: list[dict[str, Any]] = []
    for line in lines:
        if input_mode == "stdin":
            inputs.append({"arguments": [], "stdin": line.encode() + b"\n"})
        else:
            inputs.append({"arguments": shlex.split(line) if input_mode == "arguments" else [line], "stdin": b""})
    request = {
        "schema": SCHEMA,
        "file_name": f"{subid}.py",
        "language": "python",
        "limits": DEFAULT_LIMITS,
        "inputs": inputs,
    }
    out = b""
    for number, answer in enumerate(run_inputs(request, watch_input=False), start=1):
        out += re.sub(rb"\r\n|\n|\r", rb"\\n", answer["stdout"].removesuffix(b"\n").removesuffix(b"\r")) + b"\n"
        print(f"{number}: {answer['ending']} {answer['exit_code']} {answer['wall_time_s']:.3f} s", file=sys.stderr)
    # The program may have left anything under the final name: write a file of our own and move it there.
    path = os.path.join(SUBMISSION_DIRECTORY, f"{subid}.out")
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    write_all(fd, out)
    os.close(fd)
    os.rename(f"{path}.new", path)


def read_line(buffered: bytearray) -> bytes | None:
    while b"\n" not in buffered:
        data = os.read(0, 1 << 20)
        if not data:
            return None
        buffered += data
        if len(buffered) > MAX_REQUEST_BYTES:
            raise SetupFailed("the request is too long")
    line, _, rest = bytes(buffered).partition(b"\n")
    buffered[:] = rest
    return line


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs a student's program; belongs in a sandbox.")
    parser.add_argument(
        "subid", nargs="?", help="the submission whose SUBID.py and test.in lie in " + SUBMISSION_DIRECTORY
    )
    parser.add_argument("--serve", action="store_true", help="answer JSON lines on standard input")
    parser.add_argument("--input-mode", choices=("argument", "arguments", "stdin"), default="argument")
    options = parser.parse_args()
    if options.serve == bool(options.subid):
        parser.error("give either SUBID or --serve")
    if os.getpid() != 1:
        # Below process 1 a program could kill or stop us, and killing "all others" would reach strangers.
        parser.error("this runs students' code, so it wants to be process 1 of a sandbox: try `submitter check`")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 is immune to every signal that it does not handle
    prctl(PR_SET_DUMPABLE, 0)  # closes our memory and descriptors to the program, which has the same user
    try:
        if options.serve:
            serve()
        else:
            run_once(options.subid, options.input_mode)
    except SetupFailed as error:
        sys.exit(f"executor: {error}")


if __name__ == "__main__":
    main()
