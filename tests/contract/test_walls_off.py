"""
Each wall taken away alone: the attack that it stops must then succeed, else the test of the attack shows nothing.

In bubblewrap, with a copy of the executor in which one thing is changed, or a command line without one word. A change
whose text is no longer in the executor is an error: whoever moves a wall moves its line here too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from submitter.app import isolate
from submitter.executors.bubblewrap_executor import BubblewrapLauncher
from submitter.resources import resource
from tests.hostile import Arena, Program, program_named, use_own_uids

Patches = dict[str, str]
Change = Callable[[list[str]], list[str]]

NO_FILTER = {"    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))\n": ""}
NO_BOX = {"flags = NAMESPACES | CLONE_PARENT | _signal.SIGCHLD": "flags = CLONE_PARENT | NAMESPACES | 1 << 16"}


def not_made(namespace: str) -> Patches:
    """A box without a namespace of its own of this kind."""
    return {
        f" | {namespace}": "",
    }


# What the kernel noted of a peak is a second witness of memory: without it, too, nobody sees.
NO_PEAK = {"self.peaked = self.is_looked_at and": "self.peaked = False and"}
SCRIPT_WALLS: dict[str, tuple[Patches, str, str]] = {
    # what is off: (changes, the program that then succeeds, what it then says or gets)
    "the filter, for namespaces": (NO_FILTER, "S53_new_namespaces", r"SUCCEEDED unshare ns"),
    "the filter, for sockets": (NO_FILTER, "S58_families", r"SUCCEEDED family 1\b"),
    "the filter, for other kinds of calls": (NO_FILTER, "S59_other_kinds_of_system_calls", r"exited|SUCCEEDED"),
    "the filter, for io_uring": (NO_FILTER, "S55_io_uring", r"SUCCEEDED io_uring_setup|UNEXPECTED io_uring_setup"),
    "the filter, for keyrings": (NO_FILTER, "S56_keyrings", r"SUCCEEDED add_key|UNEXPECTED add_key"),
    "the filter, for ptrace": (NO_FILTER, "S60_undoes_the_filter", r"SUCCEEDED seccomp 1 0"),
    "the filter, for its priority": (NO_FILTER, "S26_pushes_in", r"SUCCEEDED sched_setattr"),
    # Init has a right that a case has not, and so has the user namespace of the executor: dumpable or not, neither can
    # be read from a box. Where there are no boxes this wall is the only one.
    "not dumpable, without a box": (
        {**NO_BOX, "    prctl(PR_SET_DUMPABLE, 0)  # closes": "    # closes"},
        "S30_reads_those_above",
        r"SUCCEEDED to read /proc/1/mem|SUCCEEDED to read /proc/1/environ",
    ),
    "no capabilities, and a case's last filter": (
        {"    install_filter(LAST_FILTER)\n": "", "    drop_capabilities()\n": ""},
        "S54_mounts",
        r"SUCCEEDED mount\b|broke the sandbox",
    ),
    # The filter refuses what rights would allow, so both.
    "no capabilities, and the filter": (
        {**NO_FILTER, "    drop_capabilities()\n": ""},
        "S54_mounts",
        r"SUCCEEDED mount\b|broke the sandbox",
    ),
    "the last kill": (
        {"            os.kill(-1, _signal.SIGKILL)\n": "            raise ProcessLookupError\n"},
        "S28_survivor",
        r"SUCCEEDED in leaving",
    ),
    "the next case is forked when the last is dead": (
        {
            "            pid = fork_case(cases, number, program, limits)\n": (
                "            pid = fork_case(cases, number, program, limits)\n"
                "            if os.fork() == 0:\n"
                "                give_up_rights(limits)\n"
                "                time.sleep(60)\n"
            )
        },
        "S28_survivor",
        r"SUCCEEDED in leaving",
    ),
    "the renewal of what can be written to": (
        {"        if (files and directory == HOME) or look_of(directory) != look:\n": "        if False:\n"},
        "S39_leaves_files",
        r"SUCCEEDED with /tmp/left-behind",
    ),
    "the size of what can be written to": (
        {'f"size={file_bytes},nr_inodes={inodes},mode=1777"': 'f"nr_inodes={inodes},mode=1777"'},
        "S05_memory_in_files",
        r"memory_limit_exceeded, not accepted|SUCCEEDED 64 MiB in /tmp",
    ),
    "the number of files in it": (
        {'f"size={file_bytes},nr_inodes={inodes},mode=1777"': 'f"size={file_bytes},nr_inodes=0,mode=1777"'},
        "S12_a_million_files",
        r"limit_exceeded, not accepted|SUCCEEDED a million files",
    ),
    "no times of access": (
        {"NOTHING_SPECIAL | MS_NOATIME, options": "NOTHING_SPECIAL, options"},
        "S43_messages_to_the_next_case",
        r"SUCCEEDED in leaving a time",
    ),
    "init, unseen": (
        {'"subset=pid,hidepid=2")': '"subset=pid")'},
        "S43_messages_to_the_next_case",
        r"SUCCEEDED in reading that earlier cases had",
    ),
    "pids that begin anew": (
        {"            start_pids_anew(last_pid)\n": ""},
        "S43_messages_to_the_next_case",
        r"SUCCEEDED in counting to",
    ),
    "the memory of a process without its main thread": (
        {"unshared_and_shared_bytes(with_memory(name))": "unshared_and_shared_bytes(name)", **NO_PEAK},
        "S05_memory_of_a_headless_process",
        r"not memory_limit_exceeded",
    ),
    "the walls of what can be written to": (
        {'"tmpfs", NOTHING_SPECIAL | MS_NOATIME, options': '"tmpfs", MS_NOATIME, options'},
        "S41_writable_mounts",
        r"SUCCEEDED in finding without walls /tmp",
    ),
    "the program, unwritable": (
        {
            '    mount("none", SUBMISSION_DIRECTORY, None, MS_REMOUNT | MS_BIND | MS_RDONLY': '    mount("none", '
            "SUBMISSION_DIRECTORY, None, MS_REMOUNT | MS_BIND"
        },
        "S38_rewrites_what_python_reads",
        r"SUCCEEDED /usr/src/submitter/",
    ),
    "what need not be seen": (
        {'COVERED_DIRECTORIES = ("/sys", "/dev/pts", "/dev/mqueue")': "COVERED_DIRECTORIES = ()"},
        "S62_terminals",
        r"SUCCEEDED /dev/ptmx",
    ),
    "all of /proc that is no process": (
        {'NOTHING_SPECIAL | MS_RDONLY, "subset=pid,hidepid=2")': "NOTHING_SPECIAL | MS_RDONLY, None)"},
        "S48_walks_proc_and_sys",
        r"SUCCEEDED in seeing in /proc",
    ),
    "an unwritable /proc": (
        {'NOTHING_SPECIAL | MS_RDONLY, "subset=pid,hidepid=2")': 'NOTHING_SPECIAL, "subset=pid,hidepid=2")'},
        "S49_writes_to_the_kernel",
        r"SUCCEEDED /proc/self/oom_score_adj 0",
    ),
    "first to be killed for memory": (
        {"            os.pwrite(adjustment, KILLED_FIRST, 0)": "            pass"},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing what the kernel kills first",
    ),
    # Process 1 of a PID namespace may mount its /proc only, and kills all whom it sees.
    "processes of its own": (
        {
            **not_made("CLONE_NEWPID"),
            "            os.kill(-1, _signal.SIGKILL)\n": "            os.kill(main, _signal.SIGKILL)\n",
            '        mount("proc", "/proc", "proc", NOTHING_SPECIAL | MS_RDONLY, "subset': '        str("subset',
            "            os.pwrite(adjustment, KILLED_FIRST, 0)": "            pass",
            '    mount("proc", "/proc", "proc", NOTHING_SPECIAL, None)\n': "",
            '"/proc/self/oom_score_adj", os.O_RDWR)': '"/proc/self/stat", os.O_RDONLY)',
            "            os.pwrite(adjustment, own_adjustment, 0)": "            pass",
        },
        "S48_walks_proc_and_sys",
        r"SUCCEEDED in seeing in /proc",
    ),
    "the environment": (
        {'"LANG": "C.UTF-8", "HOME": HOME}': '"LANG": "C.UTF-8", "HOME": HOME, "A_SECRET": "x"}'},
        "S45_environment_and_credentials",
        r"SUCCEEDED in finding in environ .*A_SECRET",
    ),
    "closed descriptors": (
        {"        os.closerange(4 if file else 3, FAULT_FD)\n": ""},
        "S51_inherited_descriptors",
        r"SUCCEEDED in finding \d+",
    ),
    "the limit of open files": (
        {"        (resource.RLIMIT_NOFILE, OPEN_FILES),\n": ""},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing open files",
    ),
    "the limit of core dumps": (
        {"        (resource.RLIMIT_CORE, 1),": ""},
        "S61_core_dump",
        r"SUCCEEDED",
    ),
    "the limit of locked memory": (
        {"        (resource.RLIMIT_MEMLOCK, 0),\n": ""},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing locked memory",
    ),
    "the limit of queues": (
        {"        (resource.RLIMIT_MSGQUEUE, 0),\n": ""},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing queues",
    ),
    "the limit of one file": (
        {"        (resource.RLIMIT_FSIZE, file_bytes),\n": ""},
        "S06_huge_but_empty",
        r"SUCCEEDED a file of 1 PiB|UNEXPECTED a file of 1 PiB",
    ),
    "the limit of the address space": (
        {"        (resource.RLIMIT_AS, room_bytes),\n": ""},
        "S06_huge_but_empty",
        r"SUCCEEDED a mapping of 1 TiB",
    ),
    "the umask": (
        {"    os.umask(0o022)\n": "    os.umask(0)\n"},
        "S71_depends_on_a_fresh_start",
        r"mask of files",
    ),
    "signals as they were": (
        {"        _signal.signal(_signal.SIGINT, _signal.default_int_handler)\n": ""},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing handled",
    ),
    "the limit of output": (
        {'            self.ending = "output_limit"\n': "            pass\n"},
        "S10_right_answer_and_blanks",
        r"accepted",
    ),
    "the limit of processor time": (
        {'        elif cpu_s > self.limits["cpu_time_s"]:\n': "        elif False:\n"},
        "S18_deaf_to_signals",
        r"not time_limit_exceeded|it used [2-9]",
    ),
    # The host's clock is a second one, but waits for many seconds; so this one may not sleep for ever.
    "the limit of time by the clock": (
        {" > wall_limit_s:\n": " > 100:\n"},
        "S17_sleeps_a_little_too_long",
        r"it took 4",
    ),
    "the limit of memory": (
        {" and self.is_looked_at and self._outgrown(pids):": " and False:", **NO_PEAK},
        "S04_allocates_until_death",
        r"not memory_limit_exceeded",
    ),
    "the limit of processes": (
        {"        (resource.RLIMIT_NPROC, processes + 1),  # init is the same user\n": ""},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing processes",
    ),
    "a session of its own": (
        {"    os.setsid()\n": ""},
        "S71_depends_on_a_fresh_start",
        r"SUCCEEDED in changing session",
    ),
}

# Not here, since nothing can be seen to succeed without them: the box's mount and user namespaces (without either no
# box is made at all), its uts namespace (who may change a host's name has the user namespace that made it), nodev and
# nosuid beyond /tmp, the bounding set and no-new-privileges (each of which stops the same as the one user that a box
# knows). tests/contract/test_observed.py sees all of them.


def without(*words: str) -> Change:
    """The command line without this run of words, which must be in it."""

    def change(command: list[str]) -> list[str]:
        for at in range(len(command)):
            if tuple(command[at : at + len(words)]) == words:
                return command[:at] + command[at + len(words) :]
        raise LookupError(f"{words} is not in the command line any more")

    return change


def with_a_writable_place(command: list[str]) -> list[str]:
    """The command line with one more directory that all may write to, as a careless sandbox may have."""
    at = command.index("--remount-ro")
    return [*command[:at], "--perms", "1777", "--tmpfs", "/srv", *command[at:]]


# How bubblewrap's command line is changed, and the rest as above. A box has walls of the same kind: both are off.
LAUNCHER_WALLS: dict[str, tuple[Change, Patches, str, str]] = {
    "the network namespaces": (
        without("--unshare-net"),
        not_made("CLONE_NEWNET"),
        "S47_network",
        r"SUCCEEDED in seeing the",
    ),
    "the ipc namespaces, and the filter": (
        without("--unshare-ipc"),
        {**NO_FILTER, **not_made("CLONE_NEWIPC")},
        "S44_messages_between_submissions",
        r"SUCCEEDED shared memory",
    ),
    "all unwritable": (
        with_a_writable_place,
        {"    make_all_unwritable()\n": ""},
        "S41_writable_mounts",
        r"SUCCEEDED in writing to /srv",
    ),
}


@dataclass
class Broken(BubblewrapLauncher):
    """A launcher without one of its walls."""

    change: Change
    script: Path

    def __post_init__(self) -> None:
        BubblewrapLauncher.__init__(self)
        self._script = str(self.script)

    def _command(self, file_bytes: int) -> list[str]:
        return self.change(super()._command(file_bytes))


def patched(patches: Patches, directory: Path) -> Path:
    """A copy of the executor with these changes, each of which must fit exactly once."""
    text = resource("executeSubmission.py").read_text()
    for old, new in patches.items():
        if text.count(old) != 1:
            raise LookupError(f"{old!r} is {text.count(old)} times in executeSubmission.py: mend the list of walls")
        text = text.replace(old, new)
    script = directory / "executeSubmission.py"
    script.write_text(text)
    script.chmod(0o644)
    return script


def what_happens(launcher: BubblewrapLauncher, program: Program, work_dir: Path) -> str:
    """All that is not as promised, when the program runs in that sandbox."""
    sandbox = isolate(launcher, "box", 1)
    try:
        return "\n".join(Arena(sandbox, work_dir, quiet=True).fight(program))
    finally:
        sandbox.close()


def directory_for_all(tmp_path: Path) -> Path:
    """Where executors, who are strangers, may read."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == 0 and not directory.stat().st_mode & 0o001 and "pytest" in directory.name:
            directory.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("wall", SCRIPT_WALLS)
def test_without_its_wall_an_attack_succeeds(wall: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_own_uids(monkeypatch)
    patches, name, success = SCRIPT_WALLS[wall]
    launcher = Broken(lambda command: command, patched(patches, directory_for_all(tmp_path)))
    said = what_happens(launcher, program_named(name, "bubblewrap"), tmp_path / "work")
    assert re.search(success, said), said


@pytest.mark.parametrize("wall", LAUNCHER_WALLS)
def test_without_a_wall_of_bubblewrap_an_attack_succeeds(
    wall: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_own_uids(monkeypatch)
    change, patches, name, success = LAUNCHER_WALLS[wall]
    launcher = Broken(change, patched(patches, directory_for_all(tmp_path)))
    said = what_happens(launcher, program_named(name, "bubblewrap"), tmp_path / "work")
    assert re.search(success, said), said


def test_a_change_that_no_longer_fits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="mend"):
        patched({"no such line": ""}, tmp_path)
