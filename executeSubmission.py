#!/usr/bin/env python3
"""
The executor: runs students' programs against inputs, inside a sandbox that somebody else built around it.

    executeSubmission.py --serve [--preload M,N]… [--hash-seed N]
                                            JSON lines on standard input and output, for the daemon
    executeSubmission.py SUBID [--input-mode M]
                                            one submission from the files SUBID.py and test.in in
                                            /usr/src/submitter; writes SUBID.out there

How it works. There are four kinds of processes:

    controller   process 1 of the sandbox. Reads requests, hands out inputs one at a time, reads outputs,
                 holds each case against its limits, answers.
    zygote       forked by the controller before the first request; one thread. Knows no program, no input, no
                 output. Imports what is to be preloaded, then only makes boxes.
    init         process 1 of a box: a user, pid, mount, ipc, uts and network namespace of its own, forked from the
                 zygote. One box serves one submission. Sees its program, none of its inputs.
    case         forked by init, one for each input, which it reads itself. Gives up every right it has, takes on its
                 limits and the filter, then runs the program: in the interpreter it was forked with, or in a fresh one,
                 or, where the request brings commands, by becoming the one that it names. A build is a case too, in a
                 box of its own, whose files the boxes of the cases get copies of.

None but a case is dumpable, and none but a case runs anything of a student's.
When a case ends, init kills whatever it left, takes the account and mounts new
empty file systems where a case could write; when the submission is done, the
kernel takes the box. Where a box cannot be made (the kernel or the sandbox
refuses user namespaces), the controller does init's part itself, worse: then
whoever starts us must give every case an executor of its own.
Expected outputs never come here: judging is done outside.

One file, standard library only, Python 3.9 or newer: it runs beside hostile
code, in images that hold nothing else of ours.

What is said, one JSON object a line; `data` fields are base64. At any time between submissions:
    {"schema": 5, "probe": true}
        {"alive": true, "box": whether boxes can be made, "reason": why not, or null}
A submission:
    {"schema": 5, "file_name": "….py", "program": data, "start": "fork" or "exec", "commands": see below, or null for a
     Python program, "inputs": how many are meant to come, "limits": {"cpu_time_s": …, "wall_time_s": …,
     "memory_bytes": …, "output_bytes": …, "file_bytes": …, "processes": …}, "collect": [name, …],
     "streamed": whether somebody speaks to the cases while they run}
Programs in other languages need a box. No language is known here: the commands are argument vectors. The build is run
once, where the program lies, and what it leaves there is what each case finds there; "run" gets the case's arguments.
    {"build": [text, …] or null, "build_limits": as "limits", "run": [text, …],
     "address_space": whether the size of it is limited too, which some runtimes cannot live with}
A program of several files needs a box, too, and so does one that the assignment gives files to. Then the request has
"unpack", and a case of its own unpacks the archives, in a box of its own. All files lie where the program does, and
fresh copies of them in every case's working directory; a word "{sources}.c.h" of a command stands for all that end so.
    {"is_archive": whether the program is a zip or tar, with the file `file_name` in it,
     "files": data of the assignment's archive, whose files take the place of the program's, or null,
     "limits": as "limits"; `file_bytes` is for each archive}
Once all is laid out for it, the executor says
        {"ready": true, "box": whether this submission has a box}
Then inputs, each with its answer, as often as wanted. They may be sent ahead of the answers: until its case starts
nobody has one but the controller, and the process that waits to be that case. If the executor cannot do its part, it
says {"setup_failed": text} instead of any of this, and ends. `starved_s` is for how long the program could have run and
no processor was free; it is not held against the wall time, up to WALL_STRETCH times that.
    {"arguments": [data, …], "stdin": data}, and "files": {name: data, …} where some are to lie in its directory
        {"ending": …, "exit_code": …, "signal": …, "stdout": data, "stderr": data,
         "cpu_time_s": …, "wall_time_s": …, "memory_bytes": …, "starved_s": …}
where `ending` is exited, signaled, cpu_limit, wall_limit, memory_limit, output_limit or compile_error. If the request
has names to `collect`, each case finds an empty directory /tmp/feedback, and its answer has "collected": {name: data},
the first COLLECTED_BYTES of each of these that is a regular file there when nothing of the case is alive.
If the cases are streamed, one input comes at a time, and until its answer this is said both ways; no more than
WINDOW_BYTES may be under way in either direction:
        {"started": true}, when the case has; {"said": data}, of its standard output, {"silent": true}, at its end
    {"hear": data}, for its standard input; {"heard_all": true}, at the end of that; {"stop": true}: `ending` is stopped
    and {"taken": bytes}, either way: of what the other has sent so much has been handed on
At last:
    {"done": true}
        {"idle": true}, when nothing of the submission is left
The executor ends when its input ends.
"""

from __future__ import annotations

import sys

# What a program finds in sys.modules at its first line; so nothing may be imported above this but the future.
FRESH_MODULES = tuple(name for name in sys.modules if name != "__future__")
FRESH_IMPORTERS = {key: value for key, value in sys.path_importer_cache.items() if key != sys.path[0]}

import _socket
import _weakref
import builtins
import ctypes
import gc
import io
import marshal
import os
import resource
import select
import struct
import time

TYPE_CHECKING = False  # what is only for type checkers need not be imported: less memory, and less for a case to find
if not TYPE_CHECKING:
    import _signal
else:
    import signal as _signal
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, NoReturn, Optional, Union

    Limits = dict[str, Any]  # a request's limits; see above
    Answer = dict[str, Any]  # an answer, its streams still bytes
    # A case's arguments (each ended by NUL); descriptors of its standard input and perhaps of its files.
    Input = tuple[bytes, tuple[int, ...]]
    Stream = tuple[int, bytearray, Optional[int]]  # descriptor, what was kept of it, its limit
    Account = list[Any]  # of a case's processes: the main one's wait status or None, processor seconds, peak bytes
    Room = Union["Box", "Direct"]  # where cases run
    Counts = tuple[int, float]  # of our cgroup; see `count`
    Step = tuple[int, int, int, int]  # of the filter: code, steps to jump over if true, if false, operand

SCHEMA = 5
SUBMISSION_DIRECTORY = "/usr/src/submitter"
WRITABLE_DIRECTORIES = ("/tmp", "/dev/shm")  # all that a case may write to
COVERED_DIRECTORIES = ("/sys", "/dev/pts", "/dev/mqueue")  # what a case need not see
CPU_SLACK_S = 0.02
WINDOW_BYTES, PIECE_BYTES = 64 << 10, 16 << 10  # of a streamed case: under way each way at the most, and at once
MESSAGE_BYTES = 64 << 10  # between our processes, at the most
HELD_BYTES = 64 << 10  # of answers wait to be sent together, at the most
UNHEARD_S = 0.003  # from the start of a case until its output is read for the first time, unless it ends before
LOOK_EVERY_S = 0.01  # how often /proc is read: a limit is overrun by about as much
WALL_STRETCH = 4  # times its limit, at the most, is what a case may take on a machine that is short of processors
LEAST_OF_FILES = 8 << 20  # bytes of pages of files on disk that any process may have, and ours before it becomes one
COLLECTED_BYTES = 16 * 1024  # of each file that is sent back; the rest of it is not read
STDERR_BYTES = 64 * 1024  # more is read and dropped: standard error is for the student, not judged
BOXES = 2  # of a submission that has LEAST_FOR_TWO_BOXES cases; one of fewer leaves the second to the next
LEAST_FOR_TWO_BOXES = 4
OPEN_FILES = 256
MAX_INODES = 8192  # of a file system that a case may write to
BUILD_INODES, BUILD_DEPTH = 1024, 8  # of what a build may leave: files and directories, one below the other
# What a program in a box is: all there is, to be built there, built elsewhere, or to be unpacked there.
ALONE, TO_BUILD, BUILT, TO_UNPACK = 0, 1, 2, 3
MOST_ENTRIES, MOST_PATH_BYTES = 1000, 200  # of an archive, and of the name of one
SOURCES = "{sources}"  # of a command: stands for all files with one of the endings that follow
# Where there are two, each box keeps to one. Else the kernel often puts what one has woken beside it while the
# other idles, and ten cases take 5 to 10 % longer. Where there are more, nearly always one is free.
PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
PAIR = PROCESSORS if len(PROCESSORS) == BOXES else []
SMALL_BYTES = 12 << 20  # an interpreter that has just started
BOX_TIMEOUT_S = 10.0  # for anything that a box is asked to do at once
# Of the address space: only a ceiling far above the memory limit. A MemoryError would look like the program's own.
ADDRESS_SPACE_FACTOR, ADDRESS_SPACE_EXTRA_BYTES = 4, 1 << 30
# Of a stack, in other languages than Python: juries allow as much as of memory, and programs for them put large arrays
# there and recurse deep. It is the size of a thread's stack, too, unless the program names one: so there are addresses
# for as many.
MOST_STACK_BYTES = 128 << 20
UNBOUNDED_BYTES = 1 << 50  # for runtimes that take far more addresses than memory
DEFAULT_LIMITS = {
    "cpu_time_s": 2.0,
    "wall_time_s": 10.0,
    "memory_bytes": 256 << 20,
    "output_bytes": 1 << 20,
    "file_bytes": 16 << 20,
    "processes": 32,
}
STREAMS = ("stdout", "stderr")
FAULT_EXIT_CODE = 111  # of a case that has not become its program
NOT_RUNNABLE = 126  # a shell's word for what was found and cannot be executed
INTERRUPTED = 130  # stands for the end by SIGINT
MANY_OBJECTS = 2000  # are not looked through: to give them back would take as long
LEAST_RECURSION = 50  # of the recursion limit, for a function of ours to be called
LONELY_REFERENCES = 2  # to a function that only its module's names hold, and the call that counts
GO = b"go"  # what a case that has its orders waits for
# What a case says on its fault pipe: that it is there; that it compiles and begins, the last thing before the program;
# that it does not compile. Whatever else it says is what went wrong.
BEGUN, COMPILED, BROKEN = b"+", b"=", b"!"
NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
MAX_LINE_BYTES, LARGE_LINE_BYTES = 512 << 20, 256 << 10
UNFIT_IN_NAMES = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")  # Unicode's categories of what cannot be seen
HOME = "/tmp"
FEEDBACK_DIRECTORY = f"{HOME}/feedback"  # what is collected from a case lies there
FILE_HEAD = struct.Struct("=HQ")  # before each file in a memory file of several: bytes of its name and of its data
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": HOME}
KILLED_FIRST = b"1000"  # a case, by the kernel when memory runs out
BOX_USER = 1000  # who a case is, to itself

FAULT_FD, OWN_CODE_FD = 100, 200  # higher than any that is given out
MADV_DONTNEED = 4
PY_FILE_INPUT = 257  # of Python's C API: a whole program
OWN_CODE = f"/proc/self/fd/{OWN_CODE_FD}"
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION = 0x20080522
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
NAMESPACES = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET
CLONE_PARENT = 0x8000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_NOATIME, MS_BIND, MS_REC, MS_PRIVATE = 32, 1024, 4096, 16384, 1 << 18
NOTHING_SPECIAL = MS_NOSUID | MS_NODEV | MS_NOEXEC
MNT_DETACH = 2
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
AT_FDCWD, AT_RECURSIVE, SYS_MOUNT_SETATTR = -100, 0x8000, 442
PAGE_BYTES = resource.getpagesize()
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fopen.restype = ctypes.c_void_p


# -- the zygote and init ---------------------------------------------------------------------------------------------


def new_account() -> Account:
    """What is told of a case's processes as they are waited for: nothing yet."""
    return [None, 0.0, 0]


def collect(main: int, account: Account) -> bool:
    """
    Wait for whoever has ended: the case's main process, and orphans. Whether nobody is left.

    Process 1 inherits every orphan, so that one without children is alone.
    """
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        account[1] += usage.ru_utime + usage.ru_stime
        account[2] = max(account[2], usage.ru_maxrss * 1024)
        if pid == main:
            account[0] = status


def kill_all_others(main: int, account: Account) -> tuple[int | None, float, int]:
    """
    No process but this one, process 1 of its namespace, is left afterwards, and all are accounted for.

    Returns the main process's wait status (None if it had not ended before), seconds of processor time, peak bytes.
    """
    is_alone = collect(main, account)
    status = account[0]
    while not is_alone:
        try:
            os.kill(-1, _signal.SIGKILL)
        except ProcessLookupError:
            break
        is_alone = collect(main, account)
        if not is_alone:
            time.sleep(0.0002)
    return status, account[1], account[2]


def be_zygote(sock: _socket.socket, preload: list[str]) -> NoReturn:
    """Make a box for whoever asks on the socket, until nobody can."""
    # What the controller reads and says is not for here. Of the kinds that a case's will be: streams remember it.
    nothing, (_, pipe) = os.open(os.devnull, os.O_RDONLY), os.pipe()
    for fd, standard in ((nothing, 0), (pipe, 1), (pipe, 2)):
        os.dup2(fd, standard)
    os.closerange(3, sock.fileno())
    os.closerange(sock.fileno() + 1, 4096)
    renew_streams()
    fault = ""
    uid, gid = os.getuid(), os.getgid()
    try:
        look_fresh(preload)
        forget_start()
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"
    while True:
        _, fds = receive(sock)
        if not fds:
            os._exit(0)
        box, cases = [_socket.socket(fileno=fd) for fd in fds]
        said = fault
        try:
            if not fault:
                pid = fork_into_namespaces()
                if pid == 0:
                    sock.close()
                    be_init(box, cases, uid, gid)
                said = str(pid)
        except OSError as error:
            said = f"{type(error).__name__}: {error}"
        box.send(said.encode()[:4096])
        box.close()
        cases.close()


def forget_start() -> None:
    """
    Have the kernel take back the pages of files that starting took; what is needed again is in its cache.

    An executor that waits holds 1.9 MB less. Only mappings that nobody has written to: what the dynamic linker has
    changed is in no file.
    """
    start = end = 0
    try:
        with open("/proc/self/smaps") as mappings:
            for line in mappings:
                words = line.split()
                if not words[0].endswith(":"):  # a new mapping: its addresses, rights, offset, device, inode
                    is_read_only_file = words[1].startswith("r-") and words[4] != "0"
                    start, end = [int(number, 16) for number in words[0].split("-")] if is_read_only_file else (0, 0)
                elif words[:2] == ["Anonymous:", "0"] and end > start:
                    LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)
    except OSError:
        pass  # then they stay: it is memory, and nothing else


def tell(sock: _socket.socket, message: bytes, fds: Sequence[int]) -> None:
    """Send a message, and descriptors with it."""
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
    sock.sendmsg([message], rights)


def receive(sock: _socket.socket) -> tuple[bytes, list[int]]:
    """A message and the descriptors that came with it; an empty one when the other end is gone."""
    message, ancillary, _, _ = sock.recvmsg(MESSAGE_BYTES, 64)
    return message, [fd for _, _, data in ancillary for (fd,) in struct.iter_unpack("i", data)]


def fork_into_namespaces() -> int:
    """
    os.fork, but that the child is process 1 of namespaces of its own, and the controller's to wait for.

    os.unshare would need a process in between, since process ids are for the children of who asks for them.
    """
    flags = NAMESPACES | CLONE_PARENT | _signal.SIGCHLD
    API.PyOS_BeforeFork()
    pid = LIBC.syscall(SYS_CLONE[os.uname().machine], ctypes.c_ulong(flags), 0, 0, 0, 0)
    if pid == 0:
        API.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno()
    API.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone: {os.strerror(number)}")
    return int(pid)


def become_user(uid: int, gid: int) -> None:
    """Have a name in the new user namespace: who we are outside of it is BOX_USER inside."""
    # Else the next files are root's. A case may run in the other box now, but from there nobody sees us.
    prctl(PR_SET_DUMPABLE, 1)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{BOX_USER} {uid} 1"), ("gid_map", f"{BOX_USER} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
    prctl(PR_SET_DUMPABLE, 0)


def be_init(sock: _socket.socket, cases: _socket.socket, uid: int, gid: int) -> NoReturn:
    """
    Process 1 of a box: do as the controller tells it, until that is gone.

    What it says on `cases` is for the cases. `uid` and `gid` are ours outside.
    """
    try:
        become_user(uid, gid)
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # process 1 is immune to every signal that it does not handle
        for capability in range(64):
            if LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                break  # there are no more of them
        adjustment, last_pid = close_the_box()
        install_filter(FILTER)  # here, and not by each case: see build_filter
        own_adjustment = os.pread(adjustment, 16, 0)
        usual_bytes = int(DEFAULT_LIMITS["file_bytes"])
        looks = {directory: mount_place(directory, usual_bytes, None) for directory in WRITABLE_DIRECTORIES}
        sock.send(b"made")
        message, (source, *laid_out) = receive(sock)
        words, file_name, command = message.decode().split("\n", 2)
        processor, role, collects, *limits = [int(word) for word in words.split()]
        if processor >= 0:
            os.sched_setaffinity(0, {processor})
        if command:
            COMMAND.extend(command.split("\0"))
        file_bytes = limits[2]
        files = Files(laid_out[0]) if laid_out else None
        program = place_program(file_name, source, role, file_bytes)
        if files or file_bytes != usual_bytes:
            for directory in looks:
                looks[directory] = mount_anew(directory, file_bytes, files)
        set_stage(program)
        sock.send(b"furnished")
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        number = 0
        while message := sock.recv(4096):
            if message == b"built":
                tell(sock, b"built", (os.open(SUBMISSION_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY),))
            if message != b"case":
                continue  # to end one that had just ended by itself
            number += 1
            before_s = time.process_time()
            os.pwrite(adjustment, KILLED_FIRST, 0)  # here, for a fork inherits it: the file is dear to open
            pid = fork_case(cases, number, program, limits)
            os.pwrite(adjustment, own_adjustment, 0)
            until_end(sock, poll, pid, b"end %d" % number)
            status, cpu_s, peak_bytes = kill_all_others(pid, new_account())
            own_s = time.process_time() - before_s
            numbers = ("ended", -1 if status is None else status, int(cpu_s * 1e6), peak_bytes, int(own_s * 1e6))
            feedback = open_feedback() if collects else None
            tell(sock, " ".join(map(str, numbers)).encode(), () if feedback is None else (feedback,))
            if feedback is not None:
                os.close(feedback)
            renew_places(looks, file_bytes, files)
            start_pids_anew(last_pid)
    except BaseException as error:
        sock.send(f"{type(error).__name__}: {error}".encode()[:4096])
    finally:
        os._exit(1)


def fork_case(cases: _socket.socket, number: int, program: str, limits: list[int]) -> int:
    """
    Fork the next case, the box's `number`th.

    It takes off its rights at once, and waits with nothing left to do but to read its input and to begin.
    """
    pid = os.fork()
    if pid == 0:
        give_up_rights(limits)
        enter_stage()
        become(program, *hear(cases, number), await_go=lambda: hear(cases, number))
    return pid


def hear(cases: _socket.socket, number: int) -> tuple[bytes, list[int]]:
    """
    What the controller says to a waiting case next: its orders, with descriptors, then "go".

    It comes on a socket that all cases of the box have. What was meant for one that ended before it read it is for
    nobody.
    """
    while True:
        message, fds = receive(cases)
        if not message:
            os._exit(0)
        addressee, _, said = message.partition(b" ")
        if int(addressee) == number:
            return said, fds
        for fd in fds:
            os.close(fd)


def until_end(sock: _socket.socket, poll: select.poll, pid: int, end: bytes) -> None:
    """Until the case's main process has ended, or the controller says `end` on the socket, which `poll` watches."""
    exit_fd = os.pidfd_open(pid)
    poll.register(exit_fd, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if exit_fd in ready:
            break
        message = sock.recv(4096)
        if not message:
            os._exit(0)  # as process 1 we take all others along
        if message == end:
            break
    poll.unregister(exit_fd)
    os.close(exit_fd)


def close_the_box() -> tuple[int, int | None]:
    """
    Make all that can be seen in the box unwritable, and hide what need not be seen.

    Returns descriptors: of what says how soon we are killed when memory runs out, and of what sets the next pid, where
    that can be had.
    """
    mount("none", "/", None, MS_REC | MS_PRIVATE, None)
    make_all_unwritable()
    for directory in COVERED_DIRECTORIES:
        if os.path.isdir(directory):
            mount("none", directory, "tmpfs", NOTHING_SPECIAL | MS_RDONLY, "size=4k,nr_inodes=2,mode=555")
    mount("proc", "/proc", "proc", NOTHING_SPECIAL, None)
    prctl(PR_SET_DUMPABLE, 1)  # as in become_user
    adjustment = os.open("/proc/self/oom_score_adj", os.O_RDWR)
    prctl(PR_SET_DUMPABLE, 0)
    try:
        last_pid: int | None = os.open("/proc/sys/kernel/ns_last_pid", os.O_WRONLY)
    except OSError:
        last_pid = None
    # Over the first, which only the descriptors reach now. A case sees its own processes, and not what init counts, and
    # where the kernel can (5.8) nothing else.
    try:
        mount("proc", "/proc", "proc", NOTHING_SPECIAL | MS_RDONLY, "subset=pid,hidepid=2")
    except OSError:
        mount("proc", "/proc", "proc", NOTHING_SPECIAL | MS_RDONLY, None)
    return adjustment, last_pid


def make_all_unwritable() -> None:
    """Read-only and without setuid, every mount there is."""
    attributes = struct.pack("=QQQQ", 1 | 2, 0, 0, 0)  # struct mount_attr: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID
    if LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, attributes, len(attributes)) == 0:
        return
    # Before Linux 5.12 one by one. A flag that a mount was made with may not be taken away: it is said again.
    flags = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC, "noatime": MS_NOATIME, "relatime": 1 << 21}
    with open("/proc/self/mountinfo") as file:
        mounts = [line.split()[4:6] for line in file]
    for place, options in mounts:
        kept = sum(flags.get(option, 0) for option in options.split(","))
        path = place.encode().decode("unicode_escape")  # blanks and the like are written in octal
        mount("none", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | kept, None)


def place_program(file_name: str, source: int, role: int, build_bytes: int) -> str:
    """
    The program under its name, unwritable, in place of whatever the sandbox shows there; returns its path.

    Args:
        source: a descriptor of its text, or of the directory of its files.
        role: ALONE; TO_BUILD or TO_UNPACK, then it may be written beside it; BUILT, then it may be executed.
        build_bytes: how much may be written.
    """
    program = os.path.join(SUBMISSION_DIRECTORY, file_name)
    status = os.fstat(source)
    files = Files(source) if is_directory(status) else None
    held_bytes, inodes = (files.size, len(files.all) + 4) if files else (status.st_size, 4)
    if role in (TO_BUILD, TO_UNPACK):
        held_bytes, inodes = held_bytes + build_bytes, inodes + BUILD_INODES
    if role == TO_UNPACK:  # two archives
        held_bytes, inodes = held_bytes + build_bytes, inodes + BUILD_INODES
    room = f"size={held_bytes + (64 << 10)},nr_inodes={inodes}"
    mount("none", SUBMISSION_DIRECTORY, "tmpfs", NOTHING_SPECIAL, f"{room},mode=755")
    if files:
        files.copy(SUBMISSION_DIRECTORY)
    elif role != TO_UNPACK:
        target = os.open(program, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        write_all(target, os.pread(source, status.st_size, 0))
        os.close(target)
    os.close(source)
    if role in (TO_BUILD, TO_UNPACK):
        return program
    walls = MS_NOSUID | MS_NODEV if role == BUILT else NOTHING_SPECIAL
    mount("none", SUBMISSION_DIRECTORY, None, MS_REMOUNT | MS_BIND | MS_RDONLY | walls, None)
    return program


def built_files(directory: int) -> Iterator[tuple[str, os.stat_result]]:
    """
    What was left to be handed on, by path: directories, each before what is in it, and regular files.

    Nothing else is, nor what its owner may not read, nor what lies deeper than BUILD_DEPTH. Whoever wrote them is dead.
    """
    waiting = [""]
    for above in waiting:
        fd = os.open(above or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        with os.scandir(fd) as entries:
            for entry in entries:
                status, path = entry.stat(follow_symlinks=False), os.path.join(above, entry.name)
                if entry.is_dir(follow_symlinks=False) and status.st_mode & 0o500 == 0o500:
                    if path.count("/") < BUILD_DEPTH:
                        waiting.append(path)
                        yield path, status
                elif entry.is_file(follow_symlinks=False) and status.st_mode & 0o400:
                    yield path, status
        os.close(fd)


def size_of_files(files: list[tuple[str, os.stat_result]]) -> int:
    """Bytes of memory that copies of them need, holes filled."""
    return sum(-(-status.st_size // PAGE_BYTES) * PAGE_BYTES for _, status in files)


def is_directory(status: os.stat_result) -> bool:
    return status.st_mode & 0o170000 == 0o040000


def open_feedback() -> int | None:
    """A descriptor of a case's directory of feedback, when nothing of it is alive; None if it left none there."""
    try:
        return os.open(FEEDBACK_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None


class Files:
    """What lies in a directory of which there is a descriptor, and nobody writes to any more."""

    def __init__(self, directory: int) -> None:
        self.directory, self.all = directory, list(built_files(directory))
        self.size = size_of_files(self.all)

    def copy(self, place: str) -> None:
        """All of them into an empty directory."""
        for path, status in self.all:
            target = os.path.join(place, path)
            if is_directory(status):
                os.mkdir(target, 0o755)
                continue
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.directory)
            target_fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            while os.sendfile(target_fd, fd, None, 1 << 24):
                pass
            os.close(target_fd)
            os.close(fd)


def mount_place(directory: str, file_bytes: int, files: Optional[Files]) -> object:
    """
    A new file system in memory that cases may write to; returns how it looks before any was there.

    It is empty, but that copies of `files` are in the working directory.
    """
    inodes = MAX_INODES
    if files and directory == HOME:
        file_bytes, inodes = file_bytes + files.size, inodes + len(files.all)
    options = f"size={file_bytes},nr_inodes={inodes},mode=1777"
    mount("none", directory, "tmpfs", NOTHING_SPECIAL | MS_NOATIME, options)
    if files and directory == HOME:
        files.copy(directory)
    return look_of(directory)


def renew_places(looks: dict[str, object], file_bytes: int, files: Optional[Files]) -> None:
    """
    A new one for each in which the last case has left a trace.

    What it wrote into a file that was there before would leave none, within the same tick of the kernel's clock.
    """
    for directory, look in looks.items():
        if (files and directory == HOME) or look_of(directory) != look:
            looks[directory] = mount_anew(directory, file_bytes, files)


def mount_anew(directory: str, file_bytes: int, files: Optional[Files]) -> object:
    """`mount_place` in place of the last."""
    check_call("umount", LIBC.umount2(directory.encode(), MNT_DETACH))
    return mount_place(directory, file_bytes, files)


def start_pids_anew(last_pid: int | None) -> None:
    """Or a case could tell from its pid how many processes those before it had. Not every kernel lets us."""
    if last_pid is not None:
        try:
            os.pwrite(last_pid, b"1", 0)
        except OSError:
            pass


def look_of(directory: str) -> object:
    """What would tell that a case was there: used space and files, and what is to be seen of the directory itself."""
    usage, entry = os.statvfs(directory), os.stat(directory)
    told = entry.st_mode, entry.st_uid, entry.st_gid, entry.st_nlink, entry.st_mtime_ns, entry.st_ctime_ns
    return usage.f_bfree, usage.f_ffree, told, os.listxattr(directory)


def mount(source: str, target: str, kind: Optional[str], flags: int, options: Optional[str]) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    check_call(f"mount {kind or ''} {target}", LIBC.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]))


def check_call(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, value: int, more: int = 0) -> None:
    check_call(f"prctl {option}", LIBC.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), 0, 0))


def write_all(fd: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


# -- a case ----------------------------------------------------------------------------------------------------------


def give_up_rights(limits: list[int]) -> None:
    """
    In the forked child: from here on it can do no more than the program may.

    Args:
        limits: seconds of processor time; bytes of memory and of a file; processes.
    """
    os.setsid()
    prctl(PR_SET_DUMPABLE, 1)  # as a program is that was executed; there is nobody else here to make use of it
    os.umask(0o022)
    set_limits(*limits)
    drop_capabilities()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    install_filter(LAST_FILTER)


def become(program: str, orders: bytes, fds: Sequence[int], await_go: Callable[[], object]) -> NoReturn:
    """
    In the forked child, without rights and within its limits: turn into the program.

    Until `await_go` returns another case may run: it gets as far as it can without that being seen, or taking memory.

    Args:
        orders: "fork" or "exec"; or "check-fork" or "check-exec", to see first that the program compiles; in a box
            that has a command, "build" or "run"; "unpack", which is no program at all. Then NUL, and the program's
            arguments, each ended by NUL; without all that, there is a descriptor of them.
        fds: descriptors of standard output and error, of the fault pipe and of standard input; perhaps of arguments;
            perhaps of files (see `place_files`).
    """
    stdout, stderr, fault, stdin, *others = fds
    try:
        kind, has_words, words = orders.partition(b"\0")
        what = kind.decode()
        arguments = (words if has_words else read_all(others.pop(0))).split(b"\0")[:-1]
        for fd, standard in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(fd, standard)
        fault = os.dup2(fault, FAULT_FD, inheritable=False)
        os.chdir(HOME)
        file = open_as_main(program, arguments) if what.endswith("fork") else 0
        await_go()
        if len(PAIR) == BOXES:
            os.sched_setaffinity(0, PAIR)
        for fd in others:
            place_files(fd)
        os.closerange(4 if file else 3, FAULT_FD)
        os.closerange(FAULT_FD + 1, 4096)
        if what == "unpack":
            become_unpacker(arguments, fault)
        if COMMAND:
            become_command(what, arguments, fault)
        if what.startswith("check-"):
            os.write(fault, BEGUN)
            if not compiles(program):
                os.write(fault, BROKEN)
                os._exit(1)
            os.write(fault, COMPILED)
        else:
            os.write(fault, BEGUN + COMPILED)
        if what.endswith("exec"):
            heed_signals()
            command: list[str | bytes] = [sys.executable, program, *arguments]
            os.execve(sys.executable, command, os.environ)
        os.close(fault)
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        run_as_main(program, file)
    except BaseException as error:
        os.write(fault, f"{type(error).__name__}: {error}".encode()[:4096])
    finally:
        os._exit(FAULT_EXIT_CODE)


def heed_signals() -> None:
    """Those that Python ignores, since exec keeps that."""
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def become_command(what: str, words: list[bytes], fault: int) -> NoReturn:
    """
    The rest of `become`, in a box whose cases are not Python programs: "build" or "run".

    Raises:
        OSError: what is to build or run programs is not there: a fault of ours.
    """
    if what == "build":
        os.chdir(SUBMISSION_DIRECTORY)
    command = [path for word in COMMAND for path in sources_for(word)]
    heed_signals()
    os.write(fault, BEGUN + COMPILED)
    try:
        os.execvpe(command[0], [*map(os.fsencode, command), *words], os.environ)
    except OSError as error:
        if not COMMAND[0].startswith(SUBMISSION_DIRECTORY):
            raise OSError(f"the executor has no {COMMAND[0]}, which this language needs: {error.strerror}") from error
        # A compiler may find nothing wrong and yet leave nothing that runs.
        os.write(2, f"The build has left no program that can be run: {error.strerror}.\n".encode())
        os._exit(NOT_RUNNABLE)


def sources_for(word: str) -> list[str]:
    """What stands for a word of a command: the paths of all files with such endings, or itself."""
    if not word.startswith(SOURCES):
        return [word]
    endings = tuple("." + ending for ending in word[len(SOURCES) :].split(".") if ending)
    here = os.open(SUBMISSION_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    paths = [path for path, status in built_files(here) if path.endswith(endings) and not is_directory(status)]
    return [os.path.join(SUBMISSION_DIRECTORY, path) for path in sorted(paths)]


def read_all(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def place_files(fd: int) -> None:
    """Lay the files that `packed_files` packed into the case's own directory."""
    at, end = 0, os.fstat(fd).st_size
    while at < end:
        name_size, size = FILE_HEAD.unpack(os.pread(fd, FILE_HEAD.size, at))
        at += FILE_HEAD.size
        path = f"{HOME}/{os.pread(fd, name_size, at).decode()}"
        at += name_size
        if path.endswith("/"):
            os.mkdir(path, 0o755)
            continue
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        file_end = at + size
        while at < file_end:
            at += os.sendfile(target, fd, at, file_end - at)
        os.close(target)


def set_limits(cpu_s: int, memory_bytes: int, file_bytes: int, processes: int, stack_bytes: int) -> None:
    """`stack_bytes`: of a stack; 0 leaves that as it is."""
    room_bytes = memory_bytes * ADDRESS_SPACE_FACTOR + ADDRESS_SPACE_EXTRA_BYTES + processes * stack_bytes
    for name, value in (
        *([(resource.RLIMIT_STACK, stack_bytes)] if stack_bytes else []),
        (resource.RLIMIT_CPU, cpu_s),  # the second wall, for one process; the first is the sum in Case._look
        (resource.RLIMIT_AS, room_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, processes + 1),  # init is the same user
        (resource.RLIMIT_CORE, 1),  # no dump: 0 is no limit where core_pattern names a program, 1 is (core(5))
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        try:
            resource.setrlimit(name, (value, value))
        except ValueError:
            pass  # less is allowed anyway, or it is gVisor, which does not know all of them


def drop_capabilities() -> None:
    """None are left, and the bounding set was emptied by init, so that none can come back."""
    header, nothing = struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24)
    check_call("capset", LIBC.capset(header, nothing))


def compiles(program: str) -> bool:
    """If not, what `python3 program.py` would print of it is printed. Nothing of it is run."""
    with open(program, "rb") as source:
        text = source.read()
    stderr: Any = sys.stderr
    sys.stderr = None  # warnings are printed when it is compiled to be run
    # From Python 3.13 to say what is wrong imports a module, which could be one of the program's: none of it runs yet.
    directory = sys.path.pop(0)
    try:
        if b"\0" in text:
            compile(text, program, "exec", dont_inherit=True)  # refuses it
        # Not by compile(), which makes the types of the ast module first, as long as a small case runs.
        API.Py_CompileString(text, program.encode(), PY_FILE_INPUT)
        return True
    except Exception as error:
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace")
        sys.excepthook(type(error), error.with_traceback(None), None)
        if "'utf-8' codec" in str(error):
            advice = "The file is not UTF-8: save it as UTF-8, or name its encoding in its first line."
            print(advice, file=sys.stderr)
        sys.stderr.flush()
        return False
    finally:
        sys.stderr = stderr
        sys.path.insert(0, directory)


def renew_streams() -> None:
    """Standard input, output and error as a fresh interpreter makes them."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        old = getattr(sys, name)
        buffer: Any = open(fd, mode + "b", -1, closefd=False)  # noqa: SIM115
        buffer.raw.name = f"<{name}>"
        text: Any = io.TextIOWrapper(buffer, old.encoding, old.errors, "\n", line_buffering=fd == 2)
        text.mode = mode
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


# -- a case that unpacks archives ------------------------------------------------------------------------------------


class ArchiveRefused(Exception):
    """The text says why, and what to do about it; "It" is the archive."""


def become_unpacker(words: list[bytes], fault: int) -> NoReturn:
    """
    Unpack what is on standard input to where programs lie, and end: with 0; 1, the program's archive is refused; or 2,
    the assignment's is. Why is on standard error.

    Args:
        words: what the program is called; "archive" if it is one, else it is that file; how many bytes may be
            unpacked of each archive; how many bytes at the end of the input are the assignment's archive.
    """
    sys.path.remove(SUBMISSION_DIRECTORY)  # what was unpacked is for the program to import
    import tarfile  # noqa: F401
    import unicodedata  # noqa: F401
    import zipfile  # noqa: F401  (all now: should one be missing, that is our fault)
    import zlib  # noqa: F401

    file_name, kind, most_bytes, files_bytes = words[0].decode(), words[1], int(words[2]), int(words[3])
    os.write(fault, BEGUN + COMPILED)
    status = 1
    try:
        size = os.fstat(0).st_size
        data = os.pread(0, size, 0)
        program, files = data[: size - files_bytes], data[size - files_bytes :]
        theirs = Unpacker(most_bytes)
        if kind == b"archive":
            theirs.unpack(program)
            theirs.take_out_of_directory(file_name)
        else:
            theirs.write(file_name, io.BytesIO(program))
        if files:
            status = 2
            ours = Unpacker(most_bytes)
            ours.unpack(files)
            status = 1
            for path, is_file in ours.seen.items():
                package = path.removesuffix(".py")
                if is_file and package not in (path, *ours.seen):  # it would be imported in place of that module
                    remove_tree(os.path.join(SUBMISSION_DIRECTORY, package))
            if kind != b"archive" and file_name in ours.seen:
                raise ArchiveRefused(
                    f"The assignment has a {file_name} of its own, which your program cannot be: hand in a zip with "
                    "the files that it asks for."
                )
        if not os.path.isfile(os.path.join(SUBMISSION_DIRECTORY, file_name)):
            there = sorted(path for path, is_file in theirs.seen.items() if is_file)
            shown = ", ".join(ascii(path)[1:-1] for path in there[:10]) + (", ..." if len(there) > 10 else "")
            raise ArchiveRefused(
                f"It has no {file_name}, which is the program to run. It has: {shown or 'nothing'}. "
                f"Put {file_name} at its top."
            )
        status = 0
    except ArchiveRefused as error:
        os.write(2, f"{error}\n".encode("utf-8", "backslashreplace"))
    except MemoryError:
        os.write(2, b"It needs too much memory to be unpacked. Make a plain zip of the files.\n")
    finally:
        os._exit(status)


class Unpacker:
    """
    Lays the files of one archive out where programs lie. What is in the way is removed first.

    Attributes:
        seen: each path that it has made, and whether that is a file.
    """

    def __init__(self, most_bytes: int) -> None:
        self.left_bytes = self.most_bytes = most_bytes
        self.seen: dict[str, bool] = {}
        self.entries = 0

    def unpack(self, data: bytes) -> None:
        """
        All of it.

        Raises:
            ArchiveRefused: it is no archive, or something in it is not taken.
        """
        if data[:2] == b"PK":
            entries = self.entries_of_zip(data)
        elif data[:2] == b"\x1f\x8b" or data[257:262] == b"ustar":
            entries = self.entries_of_tar(data)
        else:
            raise ArchiveRefused("It is no zip, tar or tar.gz. Make a zip of the files.")
        try:
            for name, content in entries:
                self.entries += 1
                self.refuse_count(self.entries)
                path = self.path_of(name)
                if path is None:
                    continue
                if content is None:
                    self.make_directory(path)
                else:
                    self.write(path, content)
        except (ArchiveRefused, MemoryError):
            raise
        except Exception as error:  # whatever the library says of bytes that somebody made up
            raise ArchiveRefused(
                f"It is damaged, or not made as others are ({ascii(str(error))[1:101]}). Make it anew, as a plain zip."
            ) from error

    def entries_of_zip(self, data: bytes) -> Iterator[tuple[str, Any]]:
        """The name of each entry, and from where to read it, None of a directory."""
        import zipfile

        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            self.refuse_count(len(entries))
            for entry in entries:
                name, kind = entry.orig_filename, entry.external_attr >> 28
                self.refuse_kind(name, kind in (0, 0o04, 0o10))
                if entry.flag_bits & 1:
                    raise ArchiveRefused("It is encrypted. Make it without a password.")
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ArchiveRefused("It is compressed in an unusual way. Make it as a plain zip.")
                yield name, None if name.endswith("/") else archive.open(entry)

    def entries_of_tar(self, data: bytes) -> Iterator[tuple[str, Any]]:
        """As of a zip."""
        import gzip
        import tarfile

        stream: Any = io.BytesIO(data)
        if data[:2] == b"\x1f\x8b":
            stream = gzip.GzipFile(fileobj=stream)
        bounded = Bounded(stream, self.left_bytes + MOST_ENTRIES * 2048 + (1 << 20), self.refuse_size)
        with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload]
            for entry in archive:
                self.refuse_kind(entry.name, entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE))
                yield entry.name, None if entry.isdir() else archive.extractfile(entry)

    def refuse_kind(self, name: str, is_plain: bool) -> None:
        if not is_plain:
            raise ArchiveRefused(
                f"{ascii(name)[:100]} in it is neither a file nor a directory. Put the file itself in "
                "place of a link to it."
            )

    def refuse_count(self, count: int) -> None:
        if count > MOST_ENTRIES:
            raise ArchiveRefused(
                f"It has more than {MOST_ENTRIES} files and directories. Leave out what the program does not need."
            )

    def refuse_size(self) -> NoReturn:
        raise ArchiveRefused(
            f"It has more than {self.most_bytes >> 10} KiB when it is unpacked. Leave out what the program does not "
            "need."
        )

    def path_of(self, name: str) -> str | None:
        """
        Where an entry goes, below the place of programs; None: nowhere.

        Raises:
            ArchiveRefused: nothing may be called that.
        """
        import unicodedata

        parts = name.split("/")
        while parts and parts[0] == ".":
            del parts[0]  # tar says ./main.py
        if parts and parts[-1] == "":
            del parts[-1]
        if not parts and name.startswith("."):
            return None  # the directory itself
        what = ""
        if name.startswith("/") or not parts or not {"", ".", ".."}.isdisjoint(parts):
            what = "does not say plainly where it goes"
        elif "\\" in name or any(unicodedata.category(character) in UNFIT_IN_NAMES for character in name):
            what = "has a backslash, or a character that cannot be seen"
        elif len(os.fsencode(name)) > MOST_PATH_BYTES or len(parts) > BUILD_DEPTH:
            what = f"has more than {MOST_PATH_BYTES} bytes or {BUILD_DEPTH} levels"
        if what:
            raise ArchiveRefused(f"A name in it, {ascii(name)[:100]}, {what}. Rename it, or leave it out.")
        if parts[0] == "__MACOSX" or parts[-1] == ".DS_Store":
            return None  # what macOS adds
        if ".local" in parts[:2]:  # the first may be the directory around everything
            return None  # a fresh interpreter would find packages of its user's there, and a forked one would not
        if "__pycache__" in parts:
            return None  # bytecode would run in place of a source, be that the assignment's
        return "/".join(parts)

    def make_directory(self, path: str) -> None:
        """And those above it. The assignment's take the place of files of the program."""
        above = ""
        for part in path.split("/"):
            above += part
            is_file = self.seen.get(above)
            if is_file:
                raise ArchiveRefused(f"{above!a} in it is both a file and a directory. Leave one of them out.")
            if is_file is None:
                target = os.path.join(SUBMISSION_DIRECTORY, above)
                if not os.path.isdir(target):
                    remove_tree(target)
                    os.mkdir(target, 0o755)
                self.seen[above] = False
                self.refuse_count(len(self.seen))
            above += "/"

    def write(self, path: str, content: Any) -> None:
        """A file, and the directories above it."""
        if "/" in path:
            self.make_directory(path.rpartition("/")[0])
        if path in self.seen:
            raise ArchiveRefused(f"{path!a} is in it twice. Leave one of them out.")
        self.seen[path] = True
        target = os.path.join(SUBMISSION_DIRECTORY, path)
        remove_tree(target)
        size = 0
        with open(target, "xb") as file:
            while data := content.read(1 << 16):
                size += len(data)
                if -(-size // PAGE_BYTES) * PAGE_BYTES > self.left_bytes:
                    self.refuse_size()
                file.write(data)
        self.left_bytes -= -(-size // PAGE_BYTES) * PAGE_BYTES

    def take_out_of_directory(self, file_name: str) -> None:
        """If all lies in one directory, and the program right in that, as if that had been the archive's top."""
        tops = {path.partition("/")[0] for path in self.seen}
        if len(tops) != 1:
            return
        (top,) = tops
        if not self.seen.get(f"{top}/{file_name}"):
            return
        names = os.listdir(os.path.join(SUBMISSION_DIRECTORY, top))
        moved = os.path.join(SUBMISSION_DIRECTORY, free_name(names))  # one of them may be called as the directory is
        os.rename(os.path.join(SUBMISSION_DIRECTORY, top), moved)
        for name in names:
            os.rename(os.path.join(moved, name), os.path.join(SUBMISSION_DIRECTORY, name))
        os.rmdir(moved)
        self.seen = {path.partition("/")[2]: is_file for path, is_file in self.seen.items() if "/" in path}


class Bounded:
    """What is read from a stream, until it is more than `most` bytes: then `refuse` is called."""

    def __init__(self, stream: Any, most: int, refuse: Any) -> None:
        self.stream, self.left, self.refuse = stream, most, refuse

    def read(self, size: int) -> bytes:
        data: bytes = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            self.refuse()
        return data


def free_name(names: list[str]) -> str:
    """A name that is none of these."""
    number = 0
    while str(number) in names:
        number += 1
    return str(number)


def remove_tree(path: str) -> None:
    """A file, or a directory with all that is in it, if it is there."""
    if os.path.isdir(path):
        for name in os.listdir(path):
            remove_tree(os.path.join(path, name))
        os.rmdir(path)
    elif os.path.exists(path):
        os.unlink(path)


# -- python3 program.py, without starting an interpreter -------------------------------------------------------------

API = ctypes.pythonapi
THREAD_STATE_KEYS: list[int] = []  # of thread-local storage: where the C API keeps which thread state is ours
HELD: list[Any] = []  # a module that is always there, and the watch on a function of it: see look_fresh
COMMAND: list[str] = []  # what a case of this box becomes, unless it is a Python program
STAGE: list[int] = []  # the thread state that the program is to have
END: list[Any] = []  # the program's module, weakly, and its exit code: what leave_early must know


def look_fresh(preload: list[str]) -> None:
    """
    Make this interpreter look as if it had just started, and import what is to be preloaded, out of sight.

    Done by the zygote once, so that no case has to.
    """
    del sys.path[0]  # where the program lies: nothing but a case may import from there
    for name in set(sys.modules) - set(FRESH_MODULES):
        del sys.modules[name]  # a program that imports it gets a new one
    preload_out_of_sight(preload)
    for function in (API.PyThreadState_Get, API.PyThreadState_New, API.PyThreadState_Swap, API.PyInterpreterState_Get):
        function.restype = ctypes.c_void_p
    API.PyThreadState_New.argtypes = API.PyThreadState_Swap.argtypes = [ctypes.c_void_p]
    API.Py_CompileString.restype = ctypes.py_object
    API.PyRun_SimpleFileExFlags.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    LIBC.pthread_getspecific.restype = ctypes.c_void_p
    LIBC.pthread_setspecific.argtypes = [ctypes.c_uint, ctypes.c_void_p]
    # Whatever ctypes makes when a function is first asked for is made here, not by each case.
    of_libc = LIBC.fopen, LIBC.fflush, LIBC.capset, LIBC.prctl, LIBC.mount, LIBC.umount2, LIBC.syscall
    for function in (API.PyOS_BeforeFork, API.PyOS_AfterFork_Child, API.PyOS_AfterFork_Parent):
        function.restype = None
    for function in (API.Py_LeaveRecursiveCall, API.Py_Exit, *of_libc):
        function.restype = function.restype
    state = API.PyThreadState_Get()
    THREAD_STATE_KEYS.extend(key for key in range(1024) if LIBC.pthread_getspecific(key) == state)
    # Modules are cleared last imported first (from 3.10), so the last of those that are always there, if somebody holds
    # it, follows on the program's. Its first function that nobody else holds, when dropped, calls us.
    last = sys.modules[FRESH_MODULES[-1]]
    names = [name for name, value in last.__dict__.items() if type(value) is type(look_fresh)]
    lonely = [name for name in names if sys.getrefcount(last.__dict__[name]) <= LONELY_REFERENCES]
    if sys.version_info >= (3, 10) and lonely:
        HELD.extend((last, _weakref.ref(last.__dict__[lonely[0]], leave_early)))
    gc.freeze()  # so that no collection touches, and copies, what was here before the program


def set_stage(program: str) -> None:
    """All of `run_as_main` that is the same for every case: done by init, so that no case has to."""
    system: Any = sys
    cache = {program if key == __file__ else key: finder for key, finder in FRESH_IMPORTERS.items()}
    system.path_importer_cache.clear()
    system.path_importer_cache.update(cache)
    system.modules["resource"] = resource  # or os.wait4 would import it
    system.argv = [program]
    if hasattr(system, "orig_argv"):  # from 3.10
        system.orig_argv = [system.executable, program]
    gc.freeze()
    main = type(sys)("__main__")
    names = main.__dict__
    if system.version_info < (3, 14):
        names["__annotations__"] = {}
    names["__builtins__"] = builtins
    system.modules["__main__"] = main
    END.append(_weakref.ref(main))
    system.path.insert(0, SUBMISSION_DIRECTORY)


def enter_stage() -> None:
    """The rest that need not know which case it is: done while a case waits for its input."""
    # A thread state of its own, so that the program's first frame has none above it. Nothing may lead to ours, neither
    # the list of thread states (whose head is the new one: its second word is the next, its third the interpreter) nor
    # what PyGILState_Ensure looks at, which would wait for itself.
    old = API.PyThreadState_Get()
    new = API.PyThreadState_New(API.PyInterpreterState_Get())
    word, at = ctypes.sizeof(ctypes.c_void_p), ctypes.c_void_p.from_address
    if at(new + word).value == old and at(new + 2 * word).value == at(old + 2 * word).value:
        at(new + word).value = None
    STAGE.append(new)
    sys.modules.pop("resource", None)  # init has it, since os.wait4 wants it


def open_as_main(program: str, arguments: list[bytes]) -> int:
    """The C library's file of a program that is to be run with these arguments."""
    os.closerange(3, 4)  # its descriptor is the first that is free, as in a fresh interpreter
    file: int = LIBC.fopen(program.encode(), b"r")
    system: Any = sys
    words = list(map(os.fsdecode, arguments))
    system.argv += words
    if hasattr(system, "orig_argv"):
        system.orig_argv += words
    return file


def run_as_main(program: str, file: int) -> NoReturn:
    """
    Run a program as `python3 program.py ARGUMENTS` does, and end as that would, once the stage is set.

    tests/contract/test_same_answer.py has hundreds of programs that try to tell the difference.
    """
    path = program.encode()
    system: Any = sys
    # Looked up now: to look for a function of the C API, ctypes runs Python code, which a program may trace.
    run_file, swap, leave = API.PyRun_SimpleFileExFlags, API.PyThreadState_Swap, API.Py_Exit
    old, new = API.PyThreadState_Get(), STAGE[0]
    swap(new)
    for key in THREAD_STATE_KEYS:
        LIBC.pthread_setspecific(key, new)
    API.Py_LeaveRecursiveCall()  # the frames above count against the program's recursion limit
    code = 1 if run_file(file, path, 1, None) else 0
    swap(old)  # for what follows is ours
    try:
        if code and getattr(system, "last_type", None) is KeyboardInterrupt:
            code = INTERRUPTED
        streams = getattr(system, "stdout", None), getattr(system, "stderr", None)
        are_ours = streams[0] is system.__stdout__ and streams[1] is system.__stderr__
        if system.getrecursionlimit() < LEAST_RECURSION:
            HELD.clear()  # not enough for leave_early
        elif code == INTERRUPTED:
            END.append(code)
        elif are_ours:
            END.append(code)
            if has_nothing_to_end() and flush_streams():
                os._exit(code)
    except:  # noqa: E722, S110 - by any name: a program may have deleted built-in ones
        pass
    swap(new)
    leave(code)  # by way of the interpreter's own end: threads, atexit, __del__, flushing
    raise AssertionError  # the interpreter is gone


def has_nothing_to_end() -> bool:
    """Whether all that the interpreter would do at its end is to give back memory: so it is with most programs."""
    if not sys.modules.keys().isdisjoint(("threading", "atexit", "_ctypes")):
        return False
    if sys.gettrace() or sys.getprofile() or gc.get_debug() or gc.callbacks:
        return False
    there = gc.get_objects()  # without those that were frozen
    return len(there) < MANY_OBJECTS and not any(has_an_end(thing) for thing in there if type(thing) not in ENDLESS)


ENDLESS = {dict, list, tuple, type(has_nothing_to_end), type(sys)}  # kinds of objects that have none


def has_an_end(thing: object) -> bool:
    """
    Whether something may be seen when this object goes: a file, a suspended generator, whatever has a __del__.

    Nothing of the program's may be called to find out; where that is not certain, it has one.
    """
    kind = type(thing)
    if kind is _weakref.ref:
        return getattr(thing, "__callback__", None) is not None
    if type(kind) is not type or _weakref.ref in kind.__mro__:
        return True
    of: Any = thing if kind is type else kind
    return any("__del__" in a_base.__dict__ for a_base in of.__mro__)


def leave_early(_: object) -> None:
    """
    Called when the interpreter, at its end, has cleared all modules that the program imported, and comes to ours.

    What follows would only give back memory, and to do so write to every page of it: two thirds of a small case. Where
    the end is not plain (sys.exit, whose code is not known here; streams that were replaced) it takes its course.
    """
    if len(END) != 2 or END[0]() is not None:
        return
    code = END[1] if flush_streams() else 120  # as the interpreter says that it could not
    LIBC.fflush(None)
    if code == INTERRUPTED:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        os.kill(os.getpid(), _signal.SIGINT)
    os._exit(code)


def flush_streams() -> bool:
    """Standard output and error; whether they could be."""
    could = True
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            could = False
    return could


def preload_out_of_sight(names: list[str]) -> None:
    """
    Import modules, and hide them until a program imports them: it then gets them as if it had been the first to.

    With a module come those that it imports itself; all of them are hidden, and handed out the same way.
    """
    if not names:
        return
    used_by: dict[str, set[str]] = {}  # what each module imports
    real_import = builtins.__import__

    def noting_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        module = real_import(name, globals, locals, fromlist, level)
        targets = {module.__name__, *(f"{module.__name__}.{item}" for item in fromlist)} if fromlist else {name}
        used_by.setdefault((globals or {}).get("__name__", ""), set()).update(targets)
        return module

    own = set(sys.modules)
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.update(one_thread)  # a process with threads cannot be forked safely
    builtins.__import__ = noting_import
    try:
        for name in names:
            noting_import(name)
    finally:
        builtins.__import__ = real_import
    for name in one_thread:
        del os.environ[name]
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError(f"preloading {', '.join(names)} has started threads; it cannot be preloaded")

    hidden = {name: sys.modules.pop(name) for name in set(sys.modules) - own}
    for name, module in hidden.items():
        above, _, last = name.rpartition(".")
        parent = hidden.get(above) or sys.modules.get(above)
        if parent is not None and parent.__dict__.get(last) is module:
            delattr(parent, last)

    def show(name: str) -> None:
        module = hidden.pop(name, None)
        if module is None:
            return
        above, _, last = name.rpartition(".")
        if above:
            show(above)
            setattr(sys.modules[above], last, module)
        sys.modules[name] = module
        for used in used_by.get(name, ()):
            show(used)
        if name == "numpy.random":
            module.seed()  # else every case would draw the same numbers

    first_finder: Any = sys.meta_path[0]
    find_spec = first_finder.find_spec
    namespace, spec_type = type(sys.implementation), type(os.__spec__)

    def find_hidden(name: str, path: Any = None, target: Any = None) -> Any:
        if name not in hidden:
            return find_spec(name, path, target)
        module = hidden[name]
        spec = module.__spec__
        show(name)
        del sys.modules[name]  # or importlib would take the module's own spec, and load it anew
        make_loader: Any = namespace
        loader = make_loader(create_module=lambda _: module, exec_module=lambda _: setattr(module, "__spec__", spec))
        return spec_type(name, loader)

    first_finder.find_spec = find_hidden


# -- what the kernel counts -----------------------------------------------------------------------------------------


def find_counter(*candidates: tuple[str, bytes]) -> tuple[int, bytes] | None:
    """
    The first file that has a line beginning with the given text, kept open, and that text; None if there is none.

    The files are those of our own cgroup (v1, v2), as the sandbox shows it.
    """
    for path, beginning in candidates:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        if read_counter((fd, beginning)) is not None:
            return fd, beginning
        os.close(fd)
    return None


def read_counter(counter: tuple[int, bytes] | None) -> int | None:
    """The number behind the text; None if there is none."""
    if counter is not None:
        fd, beginning = counter
        for line in os.pread(fd, 8192, 0).splitlines():
            if line.startswith(beginning):
                return int(line[len(beginning) :])
    return None


# In bubblewrap there is none of them, in gVisor neither.
OOM_COUNTER = find_counter(
    ("/sys/fs/cgroup/memory/memory.oom_control", b"oom_kill "), ("/sys/fs/cgroup/memory.events", b"oom_kill ")
)


# -- the filter ----------------------------------------------------------------------------------------------------

# What a case may ask of the kernel, as ranges of system call numbers. The list was made by name and is held against
# tests/system_calls.txt, which has the names.
ALLOWED = {
    "x86_64": (
        "0-8 10-15 17-28 32-40 44-48 51-52 54-55 57-63 72-100 102 104 107-112 115 118 120-121 124-125 127-133 137-138 "
        "140 143 145-152 158 160 186-202 204 213 217-219 221-226 228-235 247 252-255 257-271 273-278 280-287 289-297 "
        "299 307 309 315-316 318 322 324-328 332 334 424 434 436-437 439 441 449 452 "
    ),
    "aarch64": (
        "5-17 19-28 31-38 43-50 52-57 59 61-80 82-88 90 93-96 98-103 107-111 113-115 120-121 123-139 141 148 150 "
        "153-158 160 163-166 168-169 172-179 204-216 221 223 226-233 240 243 260 269 275-276 278 281 283-287 291 293 "
        "424 434 436-437 439 441 449 452 "
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
        "mmap": 9,
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
        "mmap": 222,
        "memfd_create": 279,
    },
}
# What only those who make a box and its cases need: mount, umount2, capset.
MAKERS = {"x86_64": (165, 166, 126), "aarch64": (40, 39, 91)}
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
_MAP_HUGETLB, _MFD_HUGETLB = 0x40000, 4
_TIOCSTI, _TIOCLINUX, _AF_UNIX, _PR_SET_MM = 0x5412, 0x541C, 1, 35


def build_filter(machine: str) -> bytes:
    """
    The seccomp program of init and its cases, for x86_64 or aarch64; KeyError for another machine.

    A case's is this and `build_last_filter`'s. System calls of a foreign kind (int 0x80, x32) kill; what is not allowed
    is refused with EPERM; with ENOSYS where C libraries then do without: clone3, whose flags no filter can see,
    io_uring, keyrings, and whatever is newer.

    The number is looked for by halves: a list that is gone through from its start takes three times as long. When it is
    installed the kernel asks it about every number there is, and compiles it. If each case paid for that, it would be a
    thirtieth of a small one.
    """
    rules = {"allow": [_return(_ALLOW)], "refuse": [_return(_EPERM)], "unknown": [_return(_ENOSYS)]}
    rules.update({name: _argument_rule(name) for name in ARGUMENTS_MATTER[machine]})
    by_number = dict.fromkeys(NOT_THERE[machine], "unknown")
    by_number.update({number: name for name, number in ARGUMENTS_MATTER[machine].items()})
    by_number.update(dict.fromkeys(MAKERS[machine], "allow"))
    for span in ALLOWED[machine].split():
        first, _, last = span.partition("-")
        by_number.update(dict.fromkeys(range(int(first), int(last or first) + 1), "allow"))
    firsts: list[tuple[int, str]] = []  # of each span of numbers with the same rule, and which
    for number in range(max(_FIRST_UNKNOWN, *by_number) + 2):
        rule = by_number.get(number, "refuse" if number < _FIRST_UNKNOWN else "unknown")
        if not firsts or firsts[-1][1] != rule:
            firsts.append((number, rule))
    tests: list[tuple[int, int | str, int | str]] = []  # a number, and where to go if it is less or not: a test, a rule

    def add_tests(spans: list[tuple[int, str]]) -> int | str:
        if len(spans) == 1:
            return spans[0][1]
        here, middle = len(tests), len(spans) // 2
        tests.append((0, 0, 0))
        tests[here] = spans[middle][0], add_tests(spans[:middle]), add_tests(spans[middle:])
        return here

    add_tests(firsts)
    starts: dict[int | str, int] = {here: here for here in range(len(tests))}
    steps: list[Step] = []
    for name, rule_steps in rules.items():
        starts[name] = len(tests) + len(steps)
        steps += rule_steps
    search = [
        (_JUMP_IF_AT_LEAST, starts[there] - here - 1, starts[less] - here - 1, number)
        for here, (number, less, there) in enumerate(tests)
    ]
    head: list[Step] = [(_LOAD, 0, 0, _AT_ARCH), (_JUMP_IF_EQUAL, 1, 0, _ARCHES[machine]), _return(_KILL)]
    head.append(_load_number())
    if machine == "x86_64":
        head += [(_JUMP_IF_AT_LEAST, 0, 1, _X32), _return(_KILL)]
    return b"".join(struct.pack("=HBBI", *step) for step in (*head, *search, *steps))


def build_last_filter(machine: str) -> bytes:
    """
    The seccomp program that a case adds to init's: against what it needed itself until then.

    Nobody may close himself to our eyes, which add up memory. Foreign kinds of calls are init's filter's to kill.
    """
    makers, ours = MAKERS[machine], (PR_SET_SECCOMP, PR_SET_DUMPABLE)
    refuse = len(makers) + 2 + len(ours) + 1  # from the first test on
    steps = [_load_number()]
    steps += [(_JUMP_IF_EQUAL, refuse - at - 1, 0, number) for at, number in enumerate(makers)]
    steps += [(_JUMP_IF_EQUAL, 0, len(ours) + 1, ARGUMENTS_MATTER[machine]["prctl"]), _load(0)]
    steps += [(_JUMP_IF_EQUAL, len(ours) - at, 0, option) for at, option in enumerate(ours)]
    return b"".join(struct.pack("=HBBI", *step) for step in (*steps, _return(_ALLOW), _return(_EPERM)))


def _return(what: int) -> Step:
    return _RETURN, 0, 0, what


def _argument_rule(name: str) -> list[Step]:
    """What an argument of a system call decides; every way ends with a return."""
    flags = {"clone": (0, _NEW_NAMESPACES), "mmap": (3, _MAP_HUGETLB), "memfd_create": (1, _MFD_HUGETLB)}
    # Memory of memfd_create is nobody's until it is mapped: without a cgroup that counts it, there is no limit to it.
    if name in flags and not (name == "memfd_create" and OOM_COUNTER is None):
        position, refused = flags[name]  # huge pages are counted by no limit of memory
        return [_load(position), (_JUMP_IF_ANY_BIT, 0, 1, refused), _return(_EPERM), _return(_ALLOW)]
    position, values, then, otherwise = {
        "socketpair": (0, [_AF_UNIX], _ALLOW, _EPERM),  # asyncio needs it; it reaches nobody
        "prctl": (0, [_PR_SET_MM], _EPERM, _ALLOW),
        "personality": (0, [0, 0xFFFFFFFF], _ALLOW, _EPERM),
        "ioctl": (1, [_TIOCSTI, _TIOCLINUX], _EPERM, _ALLOW),
        # Of itself only: both ask for nothing but the same user, so they would reach the executor too.
        "prlimit64": (0, [0], _ALLOW, _EPERM),
        "sched_setaffinity": (0, [0], _ALLOW, _EPERM),
        "memfd_create": (0, [], _EPERM, _EPERM),
    }[name]
    tests = [(_JUMP_IF_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_load(position), *tests, _return(otherwise), _return(then)]


def _load_number() -> Step:
    return _LOAD, 0, 0, _AT_NUMBER


def _load(position: int) -> Step:
    """The lower half of an argument: all that the kernel looks at of these."""
    return _LOAD, 0, 0, _AT_FIRST_ARGUMENT + 8 * position


class Filter(ctypes.Structure):
    """What the kernel takes a filter as: `struct sock_fprog`."""

    _fields_ = (("steps", ctypes.c_ushort), ("program", ctypes.c_char_p))


def install_filter(program: Filter) -> None:
    """From here on this process and all it starts have only what the filter allows, too. Needs no-new-privileges."""
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))


def as_filter(steps: bytes) -> Filter:
    return Filter(len(steps) // 8, steps)


FILTER = as_filter(build_filter(os.uname().machine))
LAST_FILTER = as_filter(build_last_filter(os.uname().machine))


# -- from one process to two -----------------------------------------------------------------------------------------


def start_afresh() -> None:
    """
    Start this interpreter once more, with the environment and the signals that a program is to see.

    It gets our code as it was compiled: compiling takes megabytes, which every fork would copy the tables of.
    """
    if __file__ == OWN_CODE:
        os.close(OWN_CODE_FD)
        return
    hash_seed = option("--hash-seed")
    environment = {**ENVIRONMENT, **({"PYTHONHASHSEED": hash_seed} if hash_seed else {})}
    for number in range(1, _signal.NSIG):
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
    external: Any = sys.modules["_frozen_importlib_external"]
    code = sys._getframe(2).f_code  # of this file
    fd = os.memfd_create("executor", 0)
    write_all(fd, external.MAGIC_NUMBER + bytes(12) + marshal.dumps(code))  # a .pyc file
    os.dup2(fd, OWN_CODE_FD)
    os.execve(sys.executable, [sys.executable, OWN_CODE, *read_command_line()], environment)


def read_command_line() -> list[str]:
    """Our arguments, checked and plain: with what checks them, an executor that waits would be larger for nothing."""
    import argparse

    parser = argparse.ArgumentParser(description="Runs a student's program; belongs in a sandbox.")
    parser.add_argument(
        "subid", nargs="?", help="the submission whose SUBID.py and test.in lie in " + SUBMISSION_DIRECTORY
    )
    parser.add_argument("--serve", action="store_true", help="answer JSON lines on standard input")
    parser.add_argument("--input-mode", choices=("argument", "arguments", "stdin"), default="argument")
    parser.add_argument(
        "--preload",
        action="append",
        default=[],
        help="modules to import once, before any program, with commas between; may be repeated",
    )
    parser.add_argument("--hash-seed", default="", help="PYTHONHASHSEED of programs; for tests")
    options = parser.parse_args()
    if options.serve == bool(options.subid):
        parser.error("give either SUBID or --serve")
    if os.getpid() != 1:
        # Below process 1 a program could kill or stop us, and killing "all others" would reach strangers.
        parser.error("this runs students' code, so it wants to be process 1 of a sandbox: try `submitter check`")
    plain = ["--serve"] if options.serve else [options.subid, "--input-mode", options.input_mode]
    for name, value in (("--preload", ",".join(options.preload)), ("--hash-seed", options.hash_seed)):
        plain += [name, value] if value else []
    return plain


def option(name: str) -> str:
    """What follows the option on our command line; read before there is anything to read it with."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv[:-1] else ""


def fork_zygote() -> tuple[int, _socket.socket]:
    """The zygote's pid and our end of the socket to it."""
    start_afresh()
    prctl(PR_SET_DUMPABLE, 0)  # closes our memory and descriptors to the program, which has the same user
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    gc.freeze()  # a collection writes to all that it looks at, and what is written to is no longer shared
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            be_zygote(theirs, [name for name in option("--preload").split(",") if name])
        finally:
            os._exit(1)
    theirs.close()
    return pid, ours


# The zygote begins here and never comes to what follows, the controller: no case has it in its memory.
if __name__ == "__main__" and os.getpid() == 1:
    ZYGOTE = fork_zygote()

import _json
import binascii


class SetupFailed(Exception):
    """The executor cannot do its part; never the program's fault."""


class BoxLost(Exception):
    """A box broke while a program ran in it. We end without a word, so that nothing is said of whose fault it is."""


# -- the controller: one case ----------------------------------------------------------------------------------------


class Case:
    """
    One case, as the controller sees it: made, then `arm`, `start`, `wait`, `answer`.

    What can be done before it starts or after it ended is, since then another one may run.
    """

    def __init__(self, case: Input, limits: Limits) -> None:
        (self.arguments, self.input), self.limits = case, limits
        self.collected: dict[str, bytes] = {}  # what it left of the files that are wanted back
        self.is_started = False
        pipes = os.pipe(), os.pipe(), os.pipe()
        self.fds = tuple(fd for fd, _ in pipes)  # of standard output and error, and the fault pipe
        self.its_fds = tuple(fd for _, fd in pipes)
        for fd in self.fds:
            os.set_blocking(fd, False)
        self.stdout, self.stderr, self.fault = bytearray(), bytearray(), bytearray()
        self.compiles = False  # whether the program was seen to
        self.ending: str | None = None  # the limit that was passed, once one was
        self.status: int | None = None  # the main process's wait status, once it ended by itself
        self.peak_bytes = 0  # as seen while it ran
        self.most_of_files = 0  # bytes of pages of files on disk that one of its processes was seen with
        self.seen_ticks: dict[tuple[str, bytes], int] = {}  # of each process that was seen: user and system time
        self.told_ticks = 0  # of those that are there now, with the children that each has waited for
        self.oom_killed = False  # whether the kernel has killed for memory since it started
        self.peaked = False  # whether one of its processes had more than the limit, though no look has seen it
        self.starved_s = 0.0  # how long one of them, whichever longest, could have run and was not let
        self.is_looked_at = limits.get("is_looked_at", OOM_COUNTER is None)  # for memory: no cgroup has its very limit
        self.laid_bytes = limits.get("laid_bytes", 0)  # of files that lay in its working directory before it came

    def arm(self, room: Room, what: str) -> None:
        """Hand it what it needs to begin, in that room; `what` as `become` takes it."""
        self.room = room
        stdin, *files = self.input
        orders, arguments = what.encode(), []
        if len(self.arguments) <= MESSAGE_BYTES // 2:
            orders += b"\0" + self.arguments
        else:
            arguments = [memory_file(self.arguments)]
        self.arguments = b""  # if they are large, its case may need the memory
        fds = [*self.its_fds, stdin, *arguments, *files]
        room.arm(orders, self.limits, fds)
        for fd in fds:
            os.close(fd)

    def start(self, before: Counts) -> None:
        """Let it run; `before` is what was counted when nothing else did any more."""
        self.is_started, self.before = True, before
        self.started_s = time.monotonic()
        self.room.go()

    def wait(self, watch_input: bool) -> None:
        """
        Until it ends, or passes a limit and is ended. Nothing of it is alive then, and what it has used is known.

        `watch_input`: whether the end of our own standard input ends us, since nobody waits any more.
        """
        ended = self._watch(watch_input)
        self.wall_time_s = time.monotonic() - self.started_s
        self.told = self._finish(ended)
        self.after = count()
        self.collected = self.room.collected

    def _settle(self) -> None:
        """What it has used, from what was told and counted."""
        status, cpu_s, peak_bytes, init_cpu_s = self.told
        if self.ending is None:
            self.status = status  # how it ended by itself; what our own kill did to it says nothing
        (kills_before, before_s), (kills, after_s) = self.before, self.after
        if CPU_COUNTER is not None:
            counted_s = after_s - before_s - init_cpu_s
            # A little more is what the next case needed to get ready; much more, children that nobody waited for.
            cpu_s = counted_s if counted_s > cpu_s + CPU_SLACK_S else cpu_s
        else:
            cpu_s = max(cpu_s, sum(self.seen_ticks.values()) / TICKS_PER_S)
        self.cpu_s, self.peak_bytes = cpu_s, max(self.peak_bytes, peak_bytes)
        self.oom_killed = kills > kills_before
        # A peak may fall between two looks. The kernel's own, of one process, has pages of files in it.
        of_files = max(self.most_of_files, LEAST_OF_FILES) if self.most_of_files else peak_bytes
        self.peaked = self.is_looked_at and peak_bytes - of_files > self.limits["memory_bytes"]

    def answer(self) -> Answer:
        """
        What is to be said of it.

        Processes first, pipes second: a survivor that held a pipe open would make us wait for it.
        """
        self._settle()
        for stream in self._streams():
            # Nobody is alive to write more, so what is not there now never comes. The ends need not come either: a
            # program can leave a pipe's other end in a message between two sockets.
            while self._read(*stream):
                pass
            os.close(stream[0])
        self._heed_fault()
        return self._account()

    def _finish(self, ended: bool) -> tuple[int | None, float, int, float]:
        """`finish` of the room. If that fails when the program has begun, it may be the program's doing."""
        try:
            return self.room.finish(ended)
        except SetupFailed as error:
            self._read(*self._streams()[2])
            if COMPILED in self.fault:
                raise BoxLost(str(error)) from error
            raise

    def _heed_fault(self) -> None:
        """
        Raise SetupFailed if the program was never begun, by a fault of ours.

        The fault pipe is closed before the program begins, so that nothing it does can look like such a fault.
        """
        if self.ending == "stopped":
            return  # perhaps before it had begun
        said = bytes(self.fault)
        self.compiles = said == BEGUN + COMPILED
        if self.compiles:
            return
        if said == BEGUN + BROKEN:
            self.ending = "compile_error"
        elif said != BEGUN or self.status == FAULT_EXIT_CODE << 8:
            what = said.lstrip(BEGUN + COMPILED).decode(errors="replace")
            raise SetupFailed(what or "a case ended before it began")

    def _watch(self, watch_input: bool) -> bool:
        """Read outputs and look at limits until the main process has ended, which is True, or a limit was passed."""
        poll = select.poll()
        if watch_input:
            poll.register(0, 0)  # for its end alone: the next line may be there already
        ended_fd = self.room.ended_fd
        if ended_fd is not None:
            poll.register(ended_fd, select.POLLIN)
        # Most cases are short and say little, which their pipes hold: to be woken for each word of it costs more than
        # the case. What a fault pipe says is read at the end.
        streams: dict[int, Stream] = {}
        now = time.monotonic()
        next_look = self.started_s + (0.0 if ended_fd is None else UNHEARD_S)
        while self.ending is None:
            ended = False
            for fd, _ in poll.poll(max(0.0, next_look - now) * 1000):
                if fd == 0:
                    os._exit(1)  # as process 1 we take all others along
                if fd == ended_fd:
                    ended = True
                elif not self._read(*streams[fd]):
                    poll.unregister(fd)
            if ended or self.room.has_ended():
                return True
            now = time.monotonic()
            if now >= next_look:
                if not streams:
                    send_all_said()
                    streams = {stream[0]: stream for stream in self._streams()[:2]}
                    for fd in streams:
                        poll.register(fd, select.POLLIN)
                else:
                    self._look(now - self.started_s)
                next_look = now + LOOK_EVERY_S
        return False

    def _streams(self) -> tuple[Stream, ...]:
        out, err, fault = self.fds
        return (out, self.stdout, self.limits["output_bytes"]), (err, self.stderr, None), (fault, self.fault, None)

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

    def _look(self, wall_time_s: float) -> None:
        """Hold the case's use of time, memory and processes against its limits."""
        pids = self.room.pids()
        memory_bytes, tasks = self._measure_processes(pids)
        memory_bytes += writable_bytes(pids, self.laid_bytes)
        self.peak_bytes = max(self.peak_bytes, memory_bytes)
        wall_limit_s = self.limits["wall_time_s"]
        if self.ending is not None:
            return
        cpu_s = self._cpu_s()
        # Its own processes may have kept each other waiting: while one of them ran, no processor was missing.
        starved_s = min(self.starved_s, max(0.0, wall_time_s - cpu_s))
        # What is left of it might sleep for long. If it was the main process, that has been told of by the second look.
        was_killed, self.oom_killed = self.oom_killed, count_oom_kills() > self.before[0]
        if was_killed:
            self.ending = "memory_limit"
        elif cpu_s > self.limits["cpu_time_s"]:
            self.ending = "cpu_limit"
        elif wall_time_s - min(starved_s, (WALL_STRETCH - 1) * wall_limit_s) > wall_limit_s:
            self.ending = "wall_limit"
        elif memory_bytes > self.limits["memory_bytes"] and self.is_looked_at and self._outgrown(pids):
            self.ending = "memory_limit"
        elif tasks > 2 * self.limits["processes"]:
            # A limit of the kernel makes fork fail long before; where none counts (root outside), the case ends here.
            self.ending, self.status = "too_many_processes", int(_signal.SIGKILL)

    def _measure_processes(self, pids: list[str]) -> tuple[int, int]:
        """Bytes of memory and tasks of all processes of the case, now; what each has used of the processor is noted."""
        memory_bytes = tasks = 0
        self.told_ticks = 0
        for name in pids:
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                process_bytes, of_files = unshared_and_shared_bytes(with_memory(name))
            except (OSError, ValueError):
                continue  # it ended meanwhile
            memory_bytes += process_bytes
            self.most_of_files = max(self.most_of_files, of_files)
            own = int(fields[11]) + int(fields[12])
            self.seen_ticks[name, fields[19]] = own  # a pid and its start: one process
            self.told_ticks += own + int(fields[13]) + int(fields[14])  # and of the children it has waited for
            self.starved_s = max(self.starved_s, read_starved_s(name))
            tasks += int(fields[17])
        return memory_bytes, tasks

    def _cpu_s(self) -> float:
        """
        Seconds of processor time that the case has used so far, by all of its processes together.

        The cgroup knows. Without one, it is the greater of two sums that both miss something: of what was last seen
        of each process, and of what is told of those that are there and of those that they or init have waited for,
        which leaves out children nobody waits for.
        """
        if CPU_COUNTER is not None:
            return count()[1] - self.before[1]
        told_s = self.told_ticks / TICKS_PER_S + self.room.reaped_cpu_s()
        return max(told_s, sum(self.seen_ticks.values()) / TICKS_PER_S)

    def _outgrown(self, pids: list[str]) -> bool:
        """Whether the memory is really too much: the quick sum counts a page that two processes share twice."""
        shares = [proportional_bytes(pid) for pid in pids]
        # Files in memory count once, though they may be mapped too.
        shared_bytes = max(sum(shared for _, shared in shares), writable_bytes(pids, self.laid_bytes))
        return sum(own for own, _ in shares) + shared_bytes > int(self.limits["memory_bytes"])

    def _account(self) -> Answer:
        ending, status = self.ending, self.status
        if ending == "compile_error":
            self.stdout.clear()
        elif (self.oom_killed or (self.peaked and ending is None)) and ending != "output_limit":
            ending = "memory_limit"
        elif ending is None and self.cpu_s > self.limits["cpu_time_s"]:
            ending = "cpu_limit"
        elif ending in (None, "too_many_processes"):
            ending = "signaled" if status is not None and os.WIFSIGNALED(status) else "exited"
        return {
            "ending": ending,
            "exit_code": os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None,
            "stdout": bytes(self.stdout),
            "stderr": bytes(self.stderr),
            "cpu_time_s": round(max(0.0, self.cpu_s), 6),
            "wall_time_s": round(self.wall_time_s, 6),
            "memory_bytes": self.peak_bytes,
            "starved_s": round(min(self.starved_s, max(0.0, self.wall_time_s - self.cpu_s)), 6),
            **({"collected": self.collected} if self.room.collect else {}),
        }


class StreamedCase(Case):
    """
    A case that somebody speaks to while it runs: what it prints is said in pieces, and so is what it is to read.

    Whoever has taken a piece says so, and no more than WINDOW_BYTES are under way in each direction: so nobody need
    keep more than that, and who does not read is not written to.
    """

    def __init__(self, case: Input, limits: Limits, buffered: bytearray) -> None:
        reading, self.writing = os.pipe()
        os.set_blocking(self.writing, False)
        arguments, (nothing, *files) = case
        os.close(nothing)
        super().__init__((arguments, (reading, *files)), limits)
        self.buffered = buffered  # of what is said to us
        self.to_hear = bytearray()
        self.hears_more = True
        self.said = self.taken = 0  # bytes of its standard output

    def start(self, before: Counts) -> None:
        super().start(before)
        say({"started": True})

    def answer(self) -> Answer:
        answer = super().answer()
        self._say_printed()
        self._stop_writing()
        return answer

    def _watch(self, watch_input: bool) -> bool:
        """As of any case; `watch_input` is always so."""
        out, err, _ = self._streams()
        open_streams = {out[0], err[0]}
        ended_fd = self.room.ended_fd
        next_look = time.monotonic()
        while True:
            self._obey()
            self._hand_over()
            send_all_said()
            if self.ending is not None:
                return False
            poll = select.poll()
            poll.register(0, select.POLLIN)
            if ended_fd is not None:
                poll.register(ended_fd, select.POLLIN)
            for fd in open_streams:
                if fd != out[0] or self.said - self.taken < WINDOW_BYTES:
                    poll.register(fd, select.POLLIN)
            if self.to_hear and self.writing >= 0:
                poll.register(self.writing, select.POLLOUT)
            ready = [fd for fd, _ in poll.poll(max(0.0, next_look - time.monotonic()) * 1000)]
            if 0 in ready and not read_more(self.buffered):
                os._exit(1)  # as process 1 we take all others along
            for stream in (out, err):
                if stream[0] in ready and not self._read(*stream):
                    open_streams.discard(stream[0])
                    if stream is out:
                        say({"silent": True})
            self._say_printed()
            if ended_fd in ready or self.room.has_ended():
                return True
            now = time.monotonic()
            if now >= next_look:
                self._look(now - self.started_s)
                next_look = now + LOOK_EVERY_S

    def _obey(self) -> None:
        """All that was said to us meanwhile."""
        while b"\n" in self.buffered:
            document = read_document(read_line(self.buffered) or b"{}")
            if "hear" in document:
                self.to_hear += binascii.a2b_base64(document["hear"])
            self.taken += document.get("taken", 0)
            self.hears_more = self.hears_more and "heard_all" not in document
            if "stop" in document:
                self.ending = "stopped"

    def _hand_over(self) -> None:
        """To the program, as much as it takes; if it does not read any more, nobody need wait for that."""
        count = len(self.to_hear)
        if count and self.writing >= 0:
            try:
                count = os.write(self.writing, self.to_hear)
            except BlockingIOError:
                count = 0
            except OSError:
                self._stop_writing()
        if count:
            del self.to_hear[:count]
            say({"taken": count})
        if not self.hears_more and not self.to_hear:
            self._stop_writing()

    def _say_printed(self) -> None:
        """What of its standard output was kept and not said yet."""
        for start in range(self.said, len(self.stdout), PIECE_BYTES):
            say({"said": as_text(self.stdout[start : start + PIECE_BYTES])})
        self.said = max(self.said, len(self.stdout))

    def _stop_writing(self) -> None:
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1


# -- the controller: where cases run ---------------------------------------------------------------------------------


class Zygote:
    """The controller's end of the zygote."""

    def __init__(self) -> None:
        self.pid, self.socket = ZYGOTE

    def close(self) -> None:
        self.socket.close()
        os.waitpid(self.pid, 0)

    def ask_for_box(self) -> Box:
        """Have a box made; what it is told meanwhile waits until it is there."""
        pairs = [_socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET) for _ in range(2)]
        (ours, theirs), (our_cases, their_cases) = pairs
        try:
            tell(self.socket, b"box", (theirs.fileno(), their_cases.fileno()))
        except OSError as error:
            raise SetupFailed(f"the zygote has ended: {error}") from error
        finally:
            theirs.close()
            their_cases.close()
        return Box(ours, our_cases)


class Box:
    """The controller's end of one box: a socket to its init, and one to the case that waits, or will."""

    def __init__(self, sock: _socket.socket, cases: _socket.socket) -> None:
        self.socket, self.cases = sock, cases
        self.ended_fd = sock.fileno()
        self.pid = ""  # of init, outside of the box
        self.said: set[str] = set()  # what init says once: that the box is "made", that it is "furnished"
        self.number = 0  # of the case that runs
        self.accounted_s = 0.0  # processor time of the cases before it
        self.is_asked = False  # for a case: one waits for its turn, or will
        self.collect: Sequence[str] = ()  # names of files that are wanted back from each case
        self.collected: dict[str, bytes] = {}  # of the last case
        self.is_killed = False

    def furnish(
        self,
        program: int,
        file_name: str,
        limits: Limits,
        processor: int,
        role: int = ALONE,
        command: Sequence[str] = (),
        laid: int = -1,
        collect: Sequence[str] = (),
    ) -> None:
        """
        Have the program and empty places to write to put into the box, and then a case forked.

        Init, and cases until their program begins, keep to the `processor`; -1 is any. `program` is a descriptor, and
        `role` what of: see `place_program`. `command` is what a case becomes, if not the program in Python. `laid` is
        a descriptor of the directory of what is to be in a case's working directory, if anything. `collect` are names
        of files that are wanted back from each case.
        """
        self.collect = collect
        numbers = " ".join(map(str, [processor, role, int(bool(collect)), *numbers_for_case(limits)]))
        try:
            fds = (program, laid) if laid >= 0 else (program,)
            tell(self.socket, "\n".join([numbers, file_name, "\0".join(command)]).encode(), fds)
        except OSError as error:
            raise SetupFailed(f"the box does not answer: {error}") from error
        self.ask_for_case()

    def take_built(self) -> int:
        """A descriptor of the directory that holds what was built in this box; to be asked when its case has ended."""
        self._tell_init(b"built")
        message, fds = self._hear()
        if message != b"built" or len(fds) != 1:
            raise SetupFailed(message.decode(errors="replace") or "the box has ended")
        return fds[0]

    def ask_for_case(self) -> None:
        """Have the next case forked, unless it is; it gets ready and waits for its turn."""
        if not self.is_asked:
            self.is_asked = True
            self._tell_init(b"case")

    def _tell_init(self, what: bytes) -> None:
        try:
            self.socket.send(what)
        except OSError as error:
            raise SetupFailed(f"the box does not answer: {error}") from error

    def wait_until(self, what: str) -> None:
        """
        Until init has said that the box is "made" or "furnished".

        Raises:
            SetupFailed: it is not; the text says what the kernel refused.
        """
        while not (what in self.said and self.pid):
            word = self._hear()[0].decode()
            if word.isdigit():
                self.pid = word  # from the zygote, so at any time
            elif word in {"made", "furnished"}:
                self.said.add(word)
            else:
                raise SetupFailed(word or "the box has ended")

    def _hear(self, is_there: bool = False) -> tuple[bytes, list[int]]:
        """The next message, and the descriptors that came with it; an empty one when init is gone."""
        try:
            if not is_there and not can_read(self.ended_fd, BOX_TIMEOUT_S):
                raise SetupFailed("the box does not answer")
            return receive(self.socket)
        except OSError as error:
            raise SetupFailed(f"the box does not answer: {error}") from error

    def arm(self, orders: bytes, limits: Limits, fds: Sequence[int]) -> None:
        """Hand the next case what it needs to begin; it need not be there yet."""
        self.wait_until("furnished")
        self.ask_for_case()
        self._tell_case(orders, fds)

    def go(self) -> None:
        self._tell_case(GO, ())
        self.is_asked = False
        self.number += 1

    def _tell_case(self, what: bytes, fds: Sequence[int]) -> None:
        try:
            tell(self.cases, b"%d %s" % (self.number + 1, what), fds)
        except OSError as error:
            raise SetupFailed(f"the box does not answer: {error}") from error

    def has_ended(self) -> bool:
        return False  # init says so by itself, on ended_fd

    def finish(self, ended: bool) -> tuple[int | None, float, int, float]:
        """
        End the case, if it has not `ended` by itself; nothing of it is alive afterwards.

        Returns its main process's wait status (None: it was killed by this), the seconds of processor time and the
        largest size in bytes told of its processes, and the seconds of processor time that init needed for it.
        """
        if not ended:
            self._tell_init(b"end %d" % self.number)  # should it have ended meanwhile, init takes no notice
        message, fds = self._hear(is_there=ended)
        word, _, numbers = message.partition(b" ")
        if word != b"ended":
            raise SetupFailed(message.decode(errors="replace") or "the box has ended")
        self.collected = read_files(fds[0], self.collect) if fds else {}
        status, cpu_us, peak_bytes, init_us = map(int, numbers.split())
        self.accounted_s += cpu_us / 1e6
        return (None if status < 0 else status), cpu_us / 1e6, peak_bytes, init_us / 1e6

    def pids(self) -> list[str]:
        """Of all that run in the box but its init: who is left without a parent becomes init's."""
        return descendants(self.pid)

    def reaped_cpu_s(self) -> float:
        """Seconds of processor time of those of the case's processes that init has waited for, to about 0.02."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return 0.0
        return max(0.0, (int(fields[13]) + int(fields[14])) / TICKS_PER_S - self.accounted_s)

    def kill(self) -> None:
        """Init, which as process 1 takes all others along. A second call does nothing."""
        if self.is_killed:
            return
        self.is_killed = True
        try:
            self.wait_until("made")
        except SetupFailed:
            pass  # then it is not there, or will end by itself
        self.socket.close()
        self.cases.close()
        if self.pid:
            try:
                os.kill(int(self.pid), _signal.SIGKILL)  # it is there, if only as a zombie, until we wait for it
            except ProcessLookupError:
                self.pid = ""  # the zygote's child, not ours: gVisor does not know CLONE_PARENT

    def close(self) -> None:
        """After `kill`: the box and all in it are gone afterwards."""
        if self.pid:
            try:
                os.waitpid(int(self.pid), 0)
            except ChildProcessError:
                pass  # as above


class Direct:
    """Where boxes cannot be made: the controller's own namespaces, so that cases can leave things for each other."""

    ended_fd: int | None = None

    def __init__(self, program: bytes | None, file_name: str, collect: Sequence[str]) -> None:
        self.collect = collect
        self.collected: dict[str, bytes] = {}
        self.program = os.path.join(SUBMISSION_DIRECTORY, file_name)
        if program is not None:
            try:
                with open(self.program, "wb") as file:
                    file.write(program)
            except OSError as error:
                raise SetupFailed(f"the program cannot be written: {error}") from error

    def arm(self, orders: bytes, limits: Limits, fds: Sequence[int]) -> None:
        kind, *arguments = orders.split(b"\0", 1)
        orders = b"\0".join([kind.replace(b"fork", b"exec"), *arguments])
        self.armed = orders, limits, [os.dup(fd) for fd in fds]

    def go(self) -> None:
        orders, limits, fds = self.armed
        free_memory()
        self.own_bytes = read_own_bytes()
        self.account = new_account()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                prctl(PR_SET_DUMPABLE, 1)  # else the next file is root's
                adjustment = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
                os.write(adjustment, KILLED_FIRST)
                install_filter(FILTER)
                give_up_rights(numbers_for_case(limits))
                become(self.program, orders, fds, await_go=lambda: None)
            finally:
                os._exit(111)
        for fd in fds:
            os.close(fd)
        self.ended_fd = open_pidfd(self.pid)

    def has_ended(self) -> bool:
        collect(self.pid, self.account)
        return self.account[0] is not None

    def finish(self, ended: bool) -> tuple[int | None, float, int, float]:
        if self.ended_fd is not None:
            os.close(self.ended_fd)
            self.ended_fd = None
        status, cpu_s, peak_bytes = kill_all_others(self.pid, self.account)
        feedback = open_feedback() if self.collect else None
        self.collected = {} if feedback is None else read_files(feedback, self.collect)
        empty_writable_directories()
        # A process's peak starts with the size of the one it was forked from, and exec keeps it: what is not above our
        # size says no more than that it was a small program, and a large input may just have made us large.
        if peak_bytes <= self.own_bytes:
            peak_bytes = min(self.own_bytes, SMALL_BYTES)
        return status, cpu_s, peak_bytes, 0.0

    def ask_for_case(self) -> None:
        pass

    def pids(self) -> list[str]:
        return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]

    def reaped_cpu_s(self) -> float:
        return float(self.account[1])

    def kill(self) -> None:
        pass


def read_files(directory: int, names: Sequence[str]) -> dict[str, bytes]:
    """
    The beginnings of the regular files of these names in a directory, which is closed; nothing of the case is alive.

    No link is followed, and nothing but a regular file is read: whoever put it there may be hostile.
    """
    found = {}
    for name in names:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            continue
        if os.fstat(fd).st_mode & 0o170000 == 0o100000:
            found[name] = os.pread(fd, COLLECTED_BYTES, 0)
        os.close(fd)
    os.close(directory)
    return found


def numbers_for_case(limits: Limits) -> list[int]:
    """What `set_limits` takes."""
    memory_bytes = limits["memory_bytes"] if limits.get("address_space", True) else UNBOUNDED_BYTES
    stack_bytes = limits.get("stack_bytes", 0)
    return [int(limits["cpu_time_s"]) + 2, memory_bytes, limits["file_bytes"], limits["processes"], stack_bytes]


def can_read(fd: int, timeout_s: float = 0.0) -> bool:
    """Whether there is something to read, or the end, at once or within that time."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def descendants(pid: str) -> list[str]:
    """The pids of a process's children, of theirs, and so on."""
    children: dict[str, list[str]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = file.read().rpartition(b")")[2].split()[1].decode()
            except (OSError, IndexError):
                continue  # it ended meanwhile
            children.setdefault(parent, []).append(name)
    found = list(children.get(pid, ()))
    for name in found:
        found.extend(children.get(name, ()))
    return found


# -- the controller: what the kernel tells ---------------------------------------------------------------------------


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


def writable_bytes(pids: list[str], laid_bytes: int) -> int:
    """Bytes that a case holds in the file systems it can write to, as one of its processes sees them, beyond these."""
    for pid in pids:
        total = 0
        try:
            thread = with_memory(pid)
            for directory in WRITABLE_DIRECTORIES:
                usage = os.statvfs(f"/proc/{thread}/root{directory}")
                total += (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            return max(0, total - laid_bytes)
        except OSError:
            continue  # it ended meanwhile
    return 0


def with_memory(pid: str) -> str:
    """The thread to ask for a process's memory: when the main one has ended the kernel says nothing of it."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        if file.read().rpartition(b")")[2].split()[0] == b"Z":
            return next((name for name in os.listdir(f"/proc/{pid}/task") if name != pid), pid)
    return pid


def unshared_and_shared_bytes(pid: str) -> tuple[int, int]:
    """
    Bytes of a process's memory, without pages of files on disk: the interpreter's text is nobody's in particular; and
    bytes of those.

    What it shares with others is counted for each of them. Where the kernel does not tell (gVisor), all pages count.
    """
    sizes = {}
    with open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith((b"RssAnon:", b"RssFile:", b"RssShmem:", b"VmSwap:", b"VmRSS:")):
                sizes[line.split()[0]] = int(line.split()[1])
    all_pages, of_files = sizes.pop(b"VmRSS:", 0), sizes.pop(b"RssFile:", 0)
    return 1024 * (sum(sizes.values()) if b"RssAnon:" in sizes else all_pages), 1024 * of_files


def proportional_bytes(pid: str) -> tuple[int, int]:
    """Bytes of a process's memory and of what it shares with others, its part of that; slower to read than its size."""
    try:
        pid = with_memory(pid)
        with open(f"/proc/{pid}/smaps_rollup") as file:
            sizes = dict(line.split()[:2] for line in file if line.startswith(("Pss_", "SwapPss:")))
        return 1024 * (int(sizes["Pss_Anon:"]) + int(sizes["SwapPss:"])), 1024 * int(sizes["Pss_Shmem:"])
    except (OSError, ValueError, KeyError):
        pass  # it ended, or the kernel has no such file
    try:
        return unshared_and_shared_bytes(pid)[0], 0
    except OSError:
        return 0, 0


CPU_COUNTER = find_counter(("/sys/fs/cgroup/cpuacct/cpuacct.usage", b""), ("/sys/fs/cgroup/cpu.stat", b"usage_usec "))
CPU_UNIT_S = 1e-6 if CPU_COUNTER and CPU_COUNTER[1] else 1e-9  # v2 counts microseconds, v1 nanoseconds


def count_oom_kills() -> int:
    """How often the kernel has killed for memory in our cgroup so far."""
    return read_counter(OOM_COUNTER) or 0


def count() -> Counts:
    """The kernel's kills for memory in our cgroup so far; seconds of processor time in it, without our own share."""
    return count_oom_kills(), read_cgroup_cpu_s() - time.process_time()


def read_cgroup_cpu_s() -> float:
    """Seconds of processor time that our cgroup has used so far, our own share included; 0 without one."""
    return (read_counter(CPU_COUNTER) or 0) * CPU_UNIT_S


def read_starved_s(pid: str) -> float:
    """
    Seconds for which the process could have run and no processor was free; 0 where the kernel does not say.

    https://docs.kernel.org/scheduler/sched-stats.html: the second number of /proc/<pid>/schedstat, in nanoseconds.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def empty_writable_directories() -> None:
    """
    Remove all that a case left behind. No other process is alive, so nothing changes under our hands.

    Directories are first moved to the top and then emptied, one by one: a tree
    may be deeper than any path that the kernel takes, and closed to its owner.
    """
    for top in (*WRITABLE_DIRECTORIES, "/dev/mqueue"):
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


# -- the controller: requests ----------------------------------------------------------------------------------------


class Executor:
    """
    The zygote, the next submission's boxes, and how a submission's cases go through them.

    Cases take turns: while one runs in the one box, the next gets ready in the other, where the first can neither see
    nor reach it.
    """

    def __init__(self, watch_input: bool) -> None:
        self.watch_input = watch_input  # whether the end of our own standard input ends us, since nobody waits any more
        self.zygote = Zygote()
        self.refusal: str | None = None  # why there are no boxes
        self.boxes: list[Box] = []  # for the next submission
        self.prepare_boxes()

    def prepare_boxes(self) -> None:
        """Make the next submission's boxes before it comes. The first shows whether boxes can be made at all."""
        if self.refusal is not None:
            return
        try:
            while len(self.boxes) < BOXES:
                self.boxes.append(self.zygote.ask_for_box())
            for box in self.boxes:
                box.wait_until("made")
        except SetupFailed as error:
            self.refusal = str(error)
            for box in self.boxes:
                box.kill()
            for box in self.boxes:
                box.close()
            self.boxes.clear()
            self.zygote.close()

    def run(self, request: dict[str, Any], inputs: Inputs) -> Iterator[Answer]:
        """
        Run the program against each input.

        Yields what is said before the first, then an answer for each.
        """
        if request["schema"] != SCHEMA:
            raise SetupFailed(f"a request of schema {request['schema']}, not {SCHEMA}: rebuild the image")
        if not is_name(request["file_name"]):
            raise SetupFailed("the program's name is none")
        if not all(map(is_name, request["collect"])):
            raise SetupFailed("a file that is wanted back has no name")
        start = "check-" + request["start"]
        unpack = request.get("unpack")
        if self.refusal is not None:
            if request["commands"] or unpack:
                what = "programs of several files" if unpack else "other programs than Python's"
                raise SetupFailed(f"{what} need a box, and none can be made: {self.refusal}")
            room = Direct(request["program"], request["file_name"], request["collect"])
            yield {"ready": True, "box": False}
            yield from self.run_cases(request, inputs, [room], start)
            return
        program, laid = -1, -1
        try:
            if unpack:
                yield {"ready": True, "box": True}  # here, for what follows is the archive's doing
                laid, complaint = self.unpack(request)
                if complaint is not None:
                    yield from answer_all(inputs, complaint)
                    return
                program = os.dup(laid)
                laid_bytes = Files(laid).size
                request = {**request, "limits": {**request["limits"], "is_looked_at": True, "laid_bytes": laid_bytes}}
            else:
                program = memory_file(request["program"])
            if request["commands"]:
                yield from self.run_commands(request, inputs, program, laid)
                return
            boxes = self.furnish_boxes(request, program, laid=laid)
        finally:
            for fd in (program, laid):
                if fd >= 0:
                    os.close(fd)
        try:
            boxes[0].wait_until("furnished")
            if not unpack:
                yield {"ready": True, "box": True}
            yield from self.run_cases(request, inputs, list(boxes), start)
        finally:
            end_boxes(boxes)

    def unpack(self, request: dict[str, Any]) -> tuple[int, Answer | None]:
        """
        A descriptor of the directory with the unpacked files; or -1, and what is to be told of every case.

        Raises:
            SetupFailed: it is the assignment's archive that cannot be unpacked.
        """
        unpack = request["unpack"]
        limits = {**unpack["limits"], "is_looked_at": True}
        files = binascii.a2b_base64(unpack["files"] or "")
        kind = "archive" if unpack["is_archive"] else "file"
        words = [request["file_name"], kind, str(limits["file_bytes"]), str(len(files))]
        box = self.boxes.pop()
        try:
            nothing = open_nothing()
            box.furnish(nothing, request["file_name"], limits, -1, TO_UNPACK)
            os.close(nothing)
            case = Case((ended_words(words), (memory_file(request["program"] + files),)), limits)
            del files
            case.arm(box, "unpack")
            case.start(count())
            case.wait(self.watch_input)
            answer = case.answer()
            said = complaint_of_build(answer, limits, "Unpacking it")
            if answer["ending"] == "exited" and answer["exit_code"] == 2:
                raise SetupFailed(f"the assignment's own files cannot be unpacked: {answer['stderr'].decode()[:400]}")
            directory = box.take_built() if said is None else -1
        finally:
            end_boxes([box])
        self.prepare_boxes()
        if self.refusal is not None:
            raise SetupFailed(self.refusal)
        beginning = b"Your archive was not unpacked. " if unpack["is_archive"] else b"Your program was not run. "
        return directory, None if said is None else as_compile_error(answer, beginning + said)

    def furnish_boxes(
        self, request: dict[str, Any], program: int, role: int = ALONE, command: Sequence[str] = (), laid: int = -1
    ) -> list[Box]:
        """Boxes for a submission's cases, as many as are worth it; the arguments as `Box.furnish` takes them."""
        boxes = [self.boxes.pop() for _ in range(BOXES if request["inputs"] >= LEAST_FOR_TWO_BOXES else 1)]
        try:
            for box, processor in zip(boxes, PAIR if len(boxes) == len(PAIR) else (-1, -1)):
                box.furnish(
                    program, request["file_name"], request["limits"], processor, role, command, laid, request["collect"]
                )
        except SetupFailed:
            end_boxes(boxes)
            raise
        return boxes

    def run_commands(self, request: dict[str, Any], inputs: Inputs, program: int, laid: int) -> Iterator[Answer]:
        """As `run`, for a program that is built once by a command, or by none, and then run by another."""
        is_ready = laid >= 0  # and has said so
        commands = request["commands"]
        request = {**request, "start": "run", "limits": with_commands(request["limits"], commands)}
        role = ALONE
        if commands["build"]:
            if not is_ready:
                yield {"ready": True, "box": True}  # here, for what follows is the program's doing
            limits = with_commands(commands["build_limits"], commands)
            box = self.boxes.pop()
            try:
                box.furnish(program, request["file_name"], limits, -1, TO_BUILD, commands["build"])
                program, complaint = self.build(box, limits, commands["run"][0])
            finally:
                end_boxes([box])
            if complaint is not None:
                yield from answer_all(inputs, complaint)
                return
            role = BUILT
            self.prepare_boxes()
            if self.refusal is not None:
                raise SetupFailed(self.refusal)
        boxes: list[Box] = []
        try:
            boxes = self.furnish_boxes(request, program, role, commands["run"], laid)
            boxes[0].wait_until("furnished")
            if role == ALONE and not is_ready:
                yield {"ready": True, "box": True}
            yield from self.run_cases(request, inputs, list(boxes), "run")
        finally:
            end_boxes(boxes)
            if role == BUILT:
                os.close(program)

    def build(self, box: Box, limits: Limits, needed: str) -> tuple[int, Answer | None]:
        """
        A descriptor of the directory with what was built; or -1, and what is to be told of every case.

        `needed` is what is to be run: if it should lie where the program does, it must be there now.
        """
        case = Case((b"", (open_nothing(),)), limits)
        case.arm(box, "build")
        case.start(count())
        case.wait(self.watch_input)
        answer = case.answer()
        said = complaint_of_build(answer, limits, "The compiler")
        built = -1
        if said is None:
            built = box.take_built()
            files = list(built_files(built))
            programs = [path for path, status in files if status.st_mode & 0o170100 == 0o100100]  # executable files
            if size_of_files(files) > limits["file_bytes"]:
                said = f"The compiler has left more than {limits['file_bytes'] >> 20} MiB.\n".encode()
            elif (
                needed.startswith(SUBMISSION_DIRECTORY)
                and os.path.relpath(needed, SUBMISSION_DIRECTORY) not in programs
            ):
                said = b"The compiler has found nothing wrong, and yet left no program that can be run.\n"
            else:
                return built, None
            os.close(built)
        return -1, as_compile_error(answer, said)

    def run_cases(self, request: dict[str, Any], inputs: Inputs, rooms: list[Room], start: str) -> Iterator[Answer]:
        """
        An answer for each; what is left to do for one that has ended is done while the next one runs.

        `start` is how cases do, as `become` takes it, until one was seen to compile; from there on it is the request's.
        """
        number = 0
        case = next_case(inputs, request)
        while case is not None:
            number += 1
            if not case.is_started:
                case.arm(next_room(rooms), start)
                case.start(count())
            is_checked = start == request["start"]
            goes_ahead = is_checked and len(rooms) > 1 and not request["streamed"]
            following = next_case(inputs, request) if goes_ahead and inputs.are_there() else None
            if following is not None:
                following.arm(next_room(rooms), start)
            case.wait(self.watch_input)
            if following is not None:
                following.start(case.after)
            if request["inputs"] - number >= len(rooms):
                case.room.ask_for_case()  # now, when the next one runs: to fork it takes a processor
            elif len(rooms) > 1:
                rooms.remove(case.room)
                case.room.kill()  # while the last case runs in the other
            answer = case.answer()
            if case.compiles:
                start = request["start"]
            yield answer
            if answer["ending"] == "compile_error":
                break
            case = following or next_case(inputs, request)
        yield from answer_all(inputs, {**answer, "cpu_time_s": 0.0, "wall_time_s": 0.0})


def next_room(rooms: list[Room]) -> Room:
    """The room for the next case: not that of the last one, which is last in `rooms`, if there is another."""
    rooms.append(rooms.pop(0))
    return rooms[-1]


def end_boxes(boxes: Sequence[Box]) -> None:
    """They and all in them are gone afterwards."""
    for box in boxes:
        box.kill()
    for box in boxes:
        box.close()


def with_commands(limits: Limits, commands: dict[str, Any]) -> Limits:
    """Limits for what commands run. The sandbox has room for the build and the run: memory is held by looking."""
    stack_bytes = min(MOST_STACK_BYTES, limits["memory_bytes"]) if commands["address_space"] else 0
    return {
        **limits,
        "is_looked_at": True,
        "address_space": commands["address_space"],
        "stack_bytes": stack_bytes,
    }


def as_compile_error(answer: Answer, said: bytes) -> Answer:
    """The answer of a build as that of every case, with this to be read."""
    nothing = {"exit_code": None, "signal": None, "stdout": b""}
    return {**answer, **nothing, "ending": "compile_error", "stderr": said[:STDERR_BYTES]}


def complaint_of_build(answer: Answer, limits: Limits, who: str) -> bytes | None:
    """What to tell the student of a build that came to nothing, `who` being what did it; None if it did not."""
    if answer["ending"] == "exited" and answer["exit_code"] == 0:
        return None
    reasons = {
        "cpu_limit": f"used more than {limits['cpu_time_s']:g} s of processor time",
        "wall_limit": f"took longer than {limits['wall_time_s']:g} s",
        "memory_limit": f"used more than {limits['memory_bytes'] >> 20} MiB of memory",
        "output_limit": f"printed more than {limits['output_bytes']} bytes",
        "signaled": f"ended by signal {answer['signal']}",
    }
    reason = reasons.get(answer["ending"], f"ended with exit code {answer['exit_code']}")
    said: bytes = answer["stderr"] + answer["stdout"]  # some compilers complain on the one, some on the other
    return said if said and answer["ending"] == "exited" else f"{who} {reason}.\n".encode() + said


def answer_all(inputs: Inputs, answer: Answer) -> Iterator[Answer]:
    """The same for each input that is left, but that it took its time once."""
    while (unused := inputs.take()) is not None:
        for fd in unused[1]:
            os.close(fd)
        yield answer
        answer = {**answer, "cpu_time_s": 0.0, "wall_time_s": 0.0}


def next_case(inputs: Inputs, request: dict[str, Any]) -> Case | None:
    """None when there is no more; waits for that or for an input."""
    case = inputs.take()
    if case is None:
        return None
    if request["streamed"]:
        return StreamedCase(case, request["limits"], inputs.buffered)
    return Case(case, request["limits"])


def is_name(text: str) -> bool:
    """Whether a file may be called so: no path, nothing hidden."""
    return text[:1] not in ("", ".") and set(text) <= NAME_CHARACTERS


def packed_files(files: dict[str, bytes], directories: Sequence[str]) -> int:
    """
    A descriptor from which a case can lay these files, and empty directories, into its own: see `place_files`.

    Raises:
        SetupFailed: a name is none.
    """
    packed = bytearray()
    for name, data in (*files.items(), *((f"{directory}/", b"") for directory in directories)):
        if not is_name(name.removesuffix("/")):
            raise SetupFailed("a file of a case has no name")
        packed += FILE_HEAD.pack(len(name), len(data)) + name.encode() + data
    return memory_file(packed)


def ended_words(words: Sequence[str]) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


def open_nothing() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def memory_file(data: bytes | bytearray) -> int:
    """
    A descriptor from which to read the data.

    A file in memory, not a pipe: a program may leave its input unread, or seek in it, and nobody waits.
    """
    if not data:
        return open_nothing()
    fd = os.memfd_create("data")
    write_all(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def free_memory() -> None:
    """Give back what a large input has taken: it would count against its case, since both have one limit."""
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)


def serve(executor: Executor) -> None:
    """Answer requests, one at a time, until our input ends."""
    buffered = bytearray()
    while (line := read_line(buffered)) is not None:
        request = read_document(line)
        if request.get("probe"):
            say({"alive": True, "box": executor.refusal is None, "reason": executor.refusal})
            continue
        request["program"] = binascii.a2b_base64(request["program"])
        oom_kills = count_oom_kills()
        # Without a box a second case might see the first's: what comes ahead is not for here.
        most = sys.maxsize if executor.refusal is None else 1
        inputs = SentInputs(buffered, most, bool(request["collect"]))
        try:
            for answered, answer in enumerate(executor.run(request, inputs)):
                if request["collect"] and "ending" in answer:
                    collected = answer.get("collected", {})  # of a program that was not built, nothing
                    answer = {**answer, "collected": {name: as_text(data) for name, data in collected.items()}}
                say({**answer, **{name: as_text(answer[name]) for name in STREAMS if name in answer}})
                if "ready" in answer or inputs.left == 0 or answered == request["inputs"]:
                    send_all_said()  # from here on it is the program's doing if we are lost; or there are no more
        except SetupFailed as error:
            say({"setup_failed": str(error)})
            raise
        if count_oom_kills() > oom_kills:
            raise BoxLost("the kernel has killed for memory: perhaps not only a case")
        say({"idle": True})
        send_all_said()
        if executor.refusal is not None:
            return
        executor.prepare_boxes()


def read_document(line: bytes) -> dict[str, Any]:
    document: dict[str, Any] = SCANNER(line.decode(), 0)[0]
    return document


def as_text(data: bytes | bytearray) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


# The two halves of the json module that do its work. The rest, with `re`, would be a tenth of an executor that waits.
C_JSON: Any = _json
PLAIN: Any = type(sys.implementation)
SCANNER = C_JSON.make_scanner(
    PLAIN(strict=True, object_hook=None, object_pairs_hook=None, parse_float=float, parse_int=int, parse_constant=float)
)
ENCODER = C_JSON.make_encoder(None, None, C_JSON.encode_basestring_ascii, None, ": ", ", ", False, False, False)
SAID = bytearray()  # and not yet sent


def say(document: Answer) -> None:
    """Answer, but not at once: see `send_all_said`."""
    SAID.extend("".join(ENCODER(document, 0)).encode() + b"\n")
    if len(SAID) > HELD_BYTES:
        send_all_said()


def send_all_said() -> None:
    """
    What was said is sent together: before we wait for more, or when a case takes longer than UNHEARD_S.

    Each message wakes whoever carries it on, three processes of Docker's among them, on the processors that cases need.
    """
    if SAID:
        write_all(1, SAID)
        SAID.clear()


class Inputs:
    """The inputs of a submission that are all there."""

    def __init__(self, inputs: list[Input]) -> None:
        self.inputs = inputs
        self.buffered = bytearray()  # of what else comes

    def are_there(self) -> bool:
        """Whether `take` need not wait."""
        return True

    def take(self) -> Input | None:
        """The next one; None if there are no more."""
        return self.inputs.pop(0) if self.inputs else None


class SentInputs(Inputs):
    """Those that come to us a line each, until it is said that there are no more, or `most` have come."""

    def __init__(self, buffered: bytearray, most: int, collects: bool) -> None:
        """`collects`: whether each case is to have a directory from which files are wanted back."""
        self.buffered, self.left = buffered, most
        self.directories = [os.path.basename(FEEDBACK_DIRECTORY)] if collects else []

    def are_there(self) -> bool:
        if self.left and b"\n" not in self.buffered and can_read(0):
            read_more(self.buffered)
        return not self.left or b"\n" in self.buffered

    def take(self) -> Input | None:
        if not self.left:
            return None
        case: dict[str, Any] = {}
        line: bytes | None = b""
        while not case.keys() & {"arguments", "done"}:  # what was still said to a case that has ended is for nobody
            line = read_line(self.buffered)
            if line is None:
                sys.exit(1)  # nobody waits for the rest
            case = read_document(line)
        assert line is not None
        if case.get("done"):
            self.left = 0
            return None
        self.left -= 1
        words = b"".join(binascii.a2b_base64(argument) + b"\0" for argument in case["arguments"])
        fds = [memory_file(binascii.a2b_base64(case["stdin"]))]
        if "files" in case or self.directories:
            files = {name: binascii.a2b_base64(data) for name, data in case.get("files", {}).items()}
            fds.append(packed_files(files, self.directories))
            del files
        if len(line) > LARGE_LINE_BYTES:
            del line, case  # a large input is memory that its case may need
            free_memory()
        return words, tuple(fds)


def run_once(executor: Executor, subid: str, input_mode: str) -> None:
    """Run SUBID.py against every line of test.in, with the default limits, and write SUBID.out."""
    import re
    import shlex  # here, since an executor that waits should be small

    with open(os.path.join(SUBMISSION_DIRECTORY, "test.in"), encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    if lines and not lines[-1]:
        lines.pop()
    inputs: list[Input] = []
    for line in lines:
        if input_mode == "stdin":
            inputs.append((b"", (memory_file(line.encode() + b"\n"),)))
        else:
            words = shlex.split(line) if input_mode == "arguments" else [line]
            inputs.append((ended_words(words), (open_nothing(),)))
    file_name = f"{subid}.py"
    program = None
    if executor.refusal is None:  # without one the file is run where it lies
        with open(os.path.join(SUBMISSION_DIRECTORY, file_name), "rb") as source:
            program = source.read()
    request = {"schema": SCHEMA, "file_name": file_name, "program": program, "start": "fork", "commands": None}
    request.update({"collect": (), "streamed": False})
    request["inputs"] = len(inputs)
    out = b""
    answers = executor.run({**request, "limits": DEFAULT_LIMITS}, Inputs(inputs))
    next(answers)  # that it is ready
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
        send_all_said()
        if not read_more(buffered):
            return None
    line, _, rest = bytes(buffered).partition(b"\n")
    buffered[:] = rest
    return line


def read_more(buffered: bytearray) -> bool:
    """Wait for some of our input; False at its end."""
    data = os.read(0, 1 << 20)
    buffered += data
    if len(buffered) > MAX_LINE_BYTES:
        raise SetupFailed("a line of the request is too long")
    return bool(data)


def main() -> None:
    if os.getpid() != 1:
        read_command_line()  # does not return
    try:
        is_served = "--serve" in sys.argv
        executor = Executor(watch_input=is_served)
        forget_start()
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # process 1 is immune to every signal that it does not handle
        if is_served:
            serve(executor)
        else:
            run_once(executor, sys.argv[1], option("--input-mode"))
    except (SetupFailed, BoxLost) as error:
        send_all_said()
        sys.exit(f"executor: {error}")


if __name__ == "__main__":
    main()
