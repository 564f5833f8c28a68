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

What is said, one JSON object a line; `data` fields are base64. First a request:
    {"schema": 2, "file_name": "….py", "language": "python", "inputs": how many follow,
     "limits": {"cpu_time_s": …, "wall_time_s": …, "memory_bytes": …, "output_bytes": …, "file_bytes": …,
                "processes": …}}
Once the executor has seen whether the program compiles, which shows that cases can be run here, it says
    {"ready": true}
or, if it cannot do its part, {"setup_failed": text}, and ends. Then, in turn, an input and its answer: no input is
here before its case starts.
    {"arguments": [data, …], "stdin": data}
    {"ending": …, "exit_code": …, "signal": …, "stdout": data, "stderr": data,
     "cpu_time_s": …, "wall_time_s": …, "memory_bytes": …}
where `ending` is exited, signaled, cpu_limit, wall_limit, memory_limit,
output_limit or compile_error. The executor ends when its input ends.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import json
import os
import re
import resource
import select
import shlex
import signal
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn, Optional

Limits = dict[str, Any]  # a request's limits; see above
Answer = dict[str, Any]  # an answer, its streams still bytes
Input = tuple[list[bytes], int]  # a case's arguments, and the descriptor of its standard input
Stream = tuple[int, bytearray, Optional[int]]  # descriptor, what was kept of it, its limit

SCHEMA = 2
SUBMISSION_DIRECTORY = "/usr/src/submitter"
WRITABLE_DIRECTORIES = ("/tmp", "/dev/shm", "/dev/mqueue")  # all that a sandbox lets a case write to
LOOK_EVERY_S = 0.01  # how often /proc is read: a limit is overrun by about as much
STDERR_BYTES = 64 * 1024  # more is read and dropped: standard error is for the student, not judged
OPEN_FILES = 256
SMALL_BYTES = 12 << 20  # an interpreter that has just started
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
READY = {"ready": True}
STREAMS = ("stdout", "stderr")
CHECK_LIMITS = {"cpu_time_s": 10.0, "wall_time_s": 20.0, "output_bytes": 64 * 1024}
MAX_LINE_BYTES = 512 << 20
HOME = "/tmp/home"  # a case's working directory; made for it, removed after it
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": HOME}

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
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
    """One run of a command, from fork to account; `stdin` is a descriptor, and closed by it."""

    def __init__(self, command: list[str | bytes], stdin: int, limits: Limits) -> None:
        self.command, self.stdin, self.limits = command, stdin, limits
        self.stdout, self.stderr = bytearray(), bytearray()
        self.ending: str | None = None  # the limit that was passed, once one was
        self.status: int | None = None  # the main process's wait status, once it ended
        self.reaped_cpu_s = 0.0
        self.peak_bytes = self.reaped_peak_bytes = 0  # as seen while it ran; as told of those that ended
        self.seen_ticks: dict[tuple[str, bytes], int] = {}  # of each process that was seen: user and system time
        self.cgroup_cpu_s: float | None = None  # what the cgroup had counted before, without our own share

    def run(self, watch_input: bool) -> Answer:
        """
        Run it; returns the answer's dictionary. Afterwards no process but this one is left.

        `watch_input`: whether the end of our own standard input ends us, since nobody waits any more.
        """
        oom_kills = count_oom_kills()
        if CPU_COUNTER is not None:
            self.cgroup_cpu_s = read_cgroup_cpu_s() - time.process_time()
        own_bytes = read_own_bytes()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        fault_read, fault_write = os.pipe()
        started = time.monotonic()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                become(self.command, self.stdin, out_write, err_write, fault_write, self.limits)
            for fd in (self.stdin, out_write, err_write, fault_write):
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
        return self._account(wall_time_s, count_oom_kills() > oom_kills, own_bytes)

    def _watch(self, out_read: int, err_read: int, deadline: float, watch_input: bool) -> None:
        """Read outputs and look at limits until the main process has ended or a limit was passed."""
        poll = select.poll()
        streams = {stream[0]: stream for stream in self._streams(out_read, err_read)}
        for fd in streams:
            os.set_blocking(fd, False)
            poll.register(fd, select.POLLIN)
        if watch_input:
            poll.register(0, 0)  # for its end alone: the next line may be there already
        exit_fd = open_pidfd(self.pid)
        if exit_fd is not None:
            poll.register(exit_fd, select.POLLIN)
        try:
            next_look = time.monotonic()
            while self.ending is None and self.status is None:
                for fd, _ in poll.poll(max(0.0, next_look - time.monotonic()) * 1000):
                    if fd == 0:
                        os._exit(1)  # as process 1 we take all others along
                    if fd in streams and not self._read(*streams[fd]):
                        poll.unregister(fd)
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
        """
        Take what is there; False when there is nothing.

        Args:
            most: more than this passes the output limit; None: it is cut at STDERR_BYTES and no limit.
        """
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return False
        room = (STDERR_BYTES if most is None else most) - len(kept)
        kept += data[:room]
        if most is not None and len(data) > room:
            self.ending = "output_limit"
        return bool(data)

    def _look(self, now: float, deadline: float) -> None:
        """Hold the case's use of time, memory and processes against its limits."""
        memory_bytes, tasks = self._measure_processes()
        memory_bytes += writable_bytes()
        self.peak_bytes = max(self.peak_bytes, memory_bytes)
        if self.ending is not None or self.status is not None:
            return
        if self._cpu_s() > self.limits["cpu_time_s"]:
            self.ending = "cpu_limit"
        elif now > deadline:
            self.ending = "wall_limit"
        elif memory_bytes > self.limits["memory_bytes"] and OOM_COUNTER is None and self._outgrown():
            self.ending = "memory_limit"
        elif tasks > 2 * self.limits["processes"]:
            # A limit of the kernel makes fork fail long before; where none counts (root outside), the case ends here.
            self.status = int(signal.SIGKILL)

    def _measure_processes(self) -> tuple[int, int]:
        """Bytes of memory and tasks of all processes of the case, now; what each has used of the processor is noted."""
        memory_pages = tasks = 0
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
            self.seen_ticks[name, fields[19]] = int(fields[11]) + int(fields[12])  # a pid and its start: one process
            tasks += int(fields[17])
            # Without file pages: the interpreter's text is nobody's in particular.
            memory_pages += int(resident) - int(shared)
        return memory_pages * PAGE_BYTES, tasks

    def _cpu_s(self) -> float:
        """
        Seconds of processor time that the case has used so far, by all of its processes together.

        The cgroup knows. Without one, it is the greater of two sums that both miss something: of what was last seen
        of each process, and of what was told of those that ended, which leaves out children nobody waits for.
        """
        if self.cgroup_cpu_s is not None:
            return max(self.reaped_cpu_s, read_cgroup_cpu_s() - time.process_time() - self.cgroup_cpu_s)
        return max(self.reaped_cpu_s, sum(self.seen_ticks.values()) / TICKS_PER_S)

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
            self.reaped_peak_bytes = max(self.reaped_peak_bytes, usage.ru_maxrss * 1024)
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
        """
        Take what is left in the pipes. Nobody is alive to write more, so what is not there now never comes.

        The ends need not come either: a program can leave a pipe's other end in a message between two sockets.
        """
        for stream in self._streams(out_read, err_read):
            while self._read(*stream):
                pass

    def _account(self, wall_time_s: float, oom_killed: bool, own_bytes: int) -> Answer:
        ending, status, cpu_s = self.ending, self.status, self._cpu_s()
        # A process's peak starts with the size of the one it was forked from, and exec keeps it: what is not above our
        # size says no more than that it was a small program, and a large input may just have made us large.
        told_bytes = self.reaped_peak_bytes if self.reaped_peak_bytes > own_bytes else min(own_bytes, SMALL_BYTES)
        peak_bytes = max(self.peak_bytes, told_bytes)
        if oom_killed and ending != "output_limit":
            ending = "memory_limit"
        elif ending is None and cpu_s > self.limits["cpu_time_s"]:
            ending = "cpu_limit"
        elif ending is None:
            ending = "signaled" if status is not None and os.WIFSIGNALED(status) else "exited"
        return {
            "ending": ending,
            "exit_code": os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None,
            "stdout": bytes(self.stdout),
            "stderr": bytes(self.stderr),
            "cpu_time_s": round(cpu_s, 6),
            "wall_time_s": round(wall_time_s, 6),
            "memory_bytes": peak_bytes,
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
        install_filter(build_filter(os.uname().machine))
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


def prctl(option: int, value: int, more: int = 0) -> None:
    if LIBC.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


# -- the filter ----------------------------------------------------------------------------------------------------

# What a case may ask of the kernel, as ranges of system call numbers. The list was made by name and is held against
# tests/system_calls.txt, which has the names.
ALLOWED = {
    "x86_64": (
        "0-15 17-28 32-40 44-48 51-52 54-55 57-63 72-100 102 104 107-112 115 118 120-121 124-125 127-133 137-138 140 "
        "143 145-152 158 160 162 186-202 204 213 217-219 221-226 228-235 247 252-255 257-271 273-278 280-287 289-297 "
        "299 307 309 315-316 318 322 324-328 332 334 424 434 436-437 439 441 449 452 "
    ),
    "aarch64": (
        "5-17 19-28 31-38 43-50 52-57 59 61-88 90 93-96 98-103 107-111 113-115 120-121 123-139 141 148 150 153-158 "
        "160 163-166 168-169 172-179 204-216 221-223 226-233 240 243 260 269 275-276 278 281 283-287 291 293 424 434 "
        "436-437 439 441 449 452 "
    ),
}
# Allowed with some arguments only: see _argument_rule.
ARGUMENTS_MATTER = {
    "x86_64": {
        "clone": 56,
        "socketpair": 53,
        "prctl": 157,
        "personality": 135,
        "ioctl": 16,
        "prlimit64": 302,
        "sched_setaffinity": 203,
        "memfd_create": 319,
    },
    "aarch64": {
        "clone": 220,
        "socketpair": 199,
        "prctl": 167,
        "personality": 92,
        "ioctl": 29,
        "prlimit64": 261,
        "sched_setaffinity": 122,
        "memfd_create": 279,
    },
}
# Answered as by a kernel that lacks them, since C libraries then do without: clone3 (whose flags no filter can see),
# io_uring_setup, io_uring_enter, io_uring_register, add_key, request_key, keyctl.
NOT_THERE = {
    "x86_64": (435, 425, 426, 427, 248, 249, 250),
    "aarch64": (435, 425, 426, 427, 217, 218, 219),
}

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_AT_NUMBER, _AT_ARCH, _AT_FIRST_ARGUMENT = 0, 4, 16
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_FIRST_UNKNOWN = 451  # from here on what is not allowed is answered ENOSYS, as by an older kernel
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW*, the time namespace included
_TIOCSTI, _TIOCLINUX, _AF_UNIX, _PR_SET_MM = 0x5412, 0x541C, 1, 35

Step = tuple[int, int, int, int]  # code, steps to jump over if true, if false, operand


def build_filter(machine: str) -> bytes:
    """
    The seccomp program of a case, for x86_64 or aarch64; KeyError for another machine.

    System calls of a foreign kind (int 0x80, x32) kill; what is not allowed is refused with EPERM; with ENOSYS where C
    libraries then do without: clone3, whose flags no filter can see, io_uring, keyrings, and whatever is newer.
    """
    steps: list[Step] = [
        (_LOAD, 0, 0, _AT_ARCH),
        (_JUMP_IF_EQUAL, 1, 0, _ARCHES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    if machine == "x86_64":
        steps += [(_JUMP_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for span in ALLOWED[machine].split():
        first, _, last = span.partition("-")
        steps += [(_JUMP_IF_AT_LEAST, 0, 2, int(first)), (_JUMP_IF_AT_LEAST, 1, 0, int(last or first) + 1)]
        steps.append((_RETURN, 0, 0, _ALLOW))
    for name, number in ARGUMENTS_MATTER[machine].items():
        rule = _argument_rule(name)
        steps += [(_JUMP_IF_EQUAL, 0, len(rule), number), *rule]
    for number in NOT_THERE[machine]:
        steps += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ENOSYS)]
    steps += [(_JUMP_IF_AT_LEAST, 0, 1, _FIRST_UNKNOWN), (_RETURN, 0, 0, _ENOSYS), (_RETURN, 0, 0, _EPERM)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _argument_rule(name: str) -> list[Step]:
    """What the first argument of a system call, of ioctl the second, decides; every way ends with a return."""
    load = (_LOAD, 0, 0, _AT_FIRST_ARGUMENT + (8 if name == "ioctl" else 0))
    if name == "clone":
        return [load, (_JUMP_IF_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]
    values, then, otherwise = {
        "socketpair": ([_AF_UNIX], _ALLOW, _EPERM),  # asyncio needs it; it reaches nobody
        "prctl": ([PR_SET_SECCOMP, _PR_SET_MM], _EPERM, _ALLOW),
        "personality": ([0, 0xFFFFFFFF], _ALLOW, _EPERM),
        "ioctl": ([_TIOCSTI, _TIOCLINUX], _EPERM, _ALLOW),
        # Of itself only: both ask for nothing but the same user, so they would reach the executor too.
        "prlimit64": ([0], _ALLOW, _EPERM),
        "sched_setaffinity": ([0], _ALLOW, _EPERM),
        # Its memory is nobody's until it is mapped: without a cgroup that counts it, there is no limit to it.
        "memfd_create": ([], _EPERM, _EPERM if OOM_COUNTER is None else _ALLOW),
    }[name]
    tests = [(_JUMP_IF_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [load, *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, then)]


def install_filter(program: bytes) -> None:
    """From here on this process and all it starts have only what the filter allows. Needs no-new-privileges."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    header_buffer = ctypes.create_string_buffer(header, len(header))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header_buffer))


# -- what the kernel tells -----------------------------------------------------------------------------------------


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the kernel has none (gVisor)."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def read_own_bytes() -> int:
    """Bytes of memory that this process holds, files included."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE_BYTES


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


def find_counter(*candidates: tuple[str, str]) -> tuple[str, str] | None:
    """The first file of our cgroup (v1, v2) that has a line beginning with the given text; None without a cgroup."""
    for path, beginning in candidates:
        try:
            with open(path) as file:
                if any(line.startswith(beginning) for line in file):
                    return path, beginning
        except OSError:
            continue
    return None


# In bubblewrap there is none of them, in gVisor neither.
OOM_COUNTER = find_counter(
    ("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill "), ("/sys/fs/cgroup/memory.events", "oom_kill ")
)
CPU_COUNTER = find_counter(("/sys/fs/cgroup/cpuacct/cpuacct.usage", ""), ("/sys/fs/cgroup/cpu.stat", "usage_usec "))


def read_counter(counter: tuple[str, str]) -> int:
    path, beginning = counter
    with open(path) as file:
        return next(int(line[len(beginning) :]) for line in file if line.startswith(beginning))


def count_oom_kills() -> int:
    """How often the kernel has killed for memory in our cgroup so far."""
    return 0 if OOM_COUNTER is None else read_counter(OOM_COUNTER)


def read_cgroup_cpu_s() -> float:
    """Seconds of processor time that our cgroup has used so far, our own share included."""
    if CPU_COUNTER is None:
        return 0.0
    return read_counter(CPU_COUNTER) / (1e6 if CPU_COUNTER[1] else 1e9)  # v2 counts microseconds, v1 nanoseconds


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


def run_inputs(request: dict[str, Any], inputs: Iterator[Input], watch_input: bool) -> Iterator[Answer]:
    """
    Run the program against each input.

    Yields READY once it was checked that the program compiles, then the answers' dictionaries.
    """
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

    check = run_case([python, "-c", CHECK_PYTHON, program], stdin_file(b""), {**limits, **CHECK_LIMITS}, watch_input)
    if (check["ending"], check["exit_code"]) != ("exited", 0):
        message = check["stderr"] or b"the program could not be compiled within the limits\n"
        failed = {**check, "ending": "compile_error", "stdout": b"", "stderr": message}
        yield READY
        for _ in inputs:
            yield dict(failed)
            failed.update(cpu_time_s=0.0, wall_time_s=0.0)  # it was compiled once
        return
    yield READY
    for arguments, stdin in inputs:
        free_memory()
        yield run_case([python, program, *arguments], stdin, limits, watch_input)


def free_memory() -> None:
    """Give back what a large input has taken: it would count against its case, since both have one limit."""
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)


def run_case(command: list[str | bytes], stdin: int, limits: Limits, watch_input: bool) -> Answer:
    try:
        return Case(command, stdin, limits).run(watch_input)
    finally:
        empty_writable_directories()


def serve() -> None:
    """Answer requests, one at a time, until our input ends."""
    buffered = bytearray()
    while (line := read_line(buffered)) is not None:
        request = json.loads(line)
        try:
            for answer in run_inputs(request, read_inputs(buffered, request["inputs"]), watch_input=True):
                streams = {name: base64.b64encode(answer[name]).decode() for name in STREAMS if name in answer}
                say({**answer, **streams})
        except SetupFailed as error:
            say({"setup_failed": str(error)})
            raise


def say(document: Answer) -> None:
    write_all(1, json.dumps(document).encode() + b"\n")


def read_inputs(buffered: bytearray, count: int) -> Iterator[Input]:
    """The inputs of a request, each read when it is asked for."""
    for _ in range(count):
        yield parse_input(read_line(buffered))  # keep none of it here: a large input is memory that its case may need


def parse_input(line: bytes | None) -> Input:
    if line is None:
        sys.exit(1)  # nobody waits for the rest
    case = json.loads(line)
    return [base64.b64decode(argument) for argument in case["arguments"]], stdin_file(base64.b64decode(case["stdin"]))


def stdin_file(data: bytes) -> int:
    """
    A descriptor from which to read the data.

    A file in memory, not a pipe: a program may leave its input unread, or seek in it, and nobody waits.
    """
    if not data:
        return os.open(os.devnull, os.O_RDONLY)
    fd = os.memfd_create("stdin")
    write_all(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def run_once(subid: str, input_mode: str) -> None:
    """Run SUBID.py against every line of test.in, with the default limits, and write SUBID.out."""
    with open(os.path.join(SUBMISSION_DIRECTORY, "test.in"), encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    if lines and not lines[-1]:
        lines.pop()
    inputs: list[Input] = []
    for line in lines:
        if input_mode == "stdin":
            inputs.append(([], stdin_file(line.encode() + b"\n")))
        else:
            words = shlex.split(line) if input_mode == "arguments" else [line]
            inputs.append(([word.encode() for word in words], stdin_file(b"")))
    request = {"schema": SCHEMA, "file_name": f"{subid}.py", "language": "python", "limits": DEFAULT_LIMITS}
    out = b""
    answers = run_inputs(request, iter(inputs), watch_input=False)
    next(answers)  # READY
    for number, answer in enumerate(answers, start=1):
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
        if len(buffered) > MAX_LINE_BYTES:
            raise SetupFailed("a line of the request is too long")
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
