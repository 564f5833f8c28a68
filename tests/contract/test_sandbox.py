"""What every sandbox promises, tried with real programs in each: limits, walls, and nothing left behind."""

import dataclasses
import os
import runpy
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from submitter.app import isolate
from submitter.config import Config
from submitter.errors import SandboxUnavailable
from submitter.executors.bubblewrap_executor import BubblewrapLauncher
from submitter.executors.sandbox import ExecutorSandbox
from submitter.model import Ending, Limits
from submitter.resources import resource
from submitter.runs import CaseInput, Job, RunResult
from tests.conftest import make_launcher

LIMITS = Limits(
    cpu_time_s=1.0,
    wall_time_s=3.0,
    memory_bytes=128 << 20,
    output_bytes=10_000,
    file_bytes=4 << 20,
    processes=16,
)
QUICK = dataclasses.replace(LIMITS, cpu_time_s=0.4, wall_time_s=1.0)  # for programs that run into them
ONE_CASE = (CaseInput(()),)


def job_for(program: str | bytes, inputs: Sequence[CaseInput] = ONE_CASE, limits: Limits = LIMITS) -> Job:
    data = program if isinstance(program, bytes) else program.encode()
    return Job(program=data, file_name="program.py", language="python", limits=limits, inputs=tuple(inputs))


@pytest.fixture
def run(sandbox: ExecutorSandbox) -> "Run":
    return Run(sandbox)


class Run:
    """Runs a program in the sandbox; calling gives the one result of one case."""

    def __init__(self, sandbox: ExecutorSandbox) -> None:
        self.sandbox = sandbox

    def __call__(self, program: str | bytes, *arguments: str, stdin: bytes = b"", limits: Limits = LIMITS) -> RunResult:
        [result] = self.all(program, [CaseInput(arguments, stdin)], limits)
        return result

    def all(self, program: str | bytes, inputs: Sequence[CaseInput], limits: Limits = LIMITS) -> list[RunResult]:
        return list(self.sandbox.run(job_for(program, inputs, limits)))


# -- what a program gets and gives --------------------------------------------------------------------------------


def test_a_program_gets_its_arguments_exactly(run: Run) -> None:
    result = run("import sys\nprint(sys.argv[1:])", "3", "", " two words ", "é\n*$HOME")
    assert result.stdout.decode() == "['3', '', ' two words ', 'é\\n*$HOME']\n"


def test_a_program_gets_its_standard_input_exactly(run: Run) -> None:
    data = bytes(range(256)) * 40
    result = run("import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])", stdin=data[:9000])
    assert result.stdout == data[:9000][::-1]


def test_without_input_standard_input_is_at_its_end(run: Run) -> None:
    """A program that waits for input it never gets would only waste everybody's time."""
    assert run("print(repr(input()))").stderr.endswith(b"EOFError: EOF when reading a line\n")


def test_outputs_are_kept_apart(run: Run) -> None:
    result = run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("statement", "exit_code", "signal"),
    [
        ("pass", 0, None),
        ("sys.exit(1)", 1, None),
        ("sys.exit(255)", 255, None),
        ("sys.exit(256)", 0, None),
        ("sys.exit('a text')", 1, None),
        ("os._exit(0)", 0, None),
        ("raise KeyError", 1, None),
        ("os.kill(os.getpid(), 9)", None, 9),
        ("os.kill(os.getpid(), 15)", None, 15),
        ("os.abort()", None, 6),
        ("signal.raise_signal(signal.SIGUSR2)", None, 12),
    ],
)
def test_how_a_program_ended_is_told_exactly(
    run: Run, statement: str, exit_code: int | None, signal: int | None
) -> None:
    result = run(f"import os, signal, sys\n{statement}")
    assert result.ending is (Ending.EXITED if signal is None else Ending.SIGNALED)
    assert (result.exit_code, result.signal) == (exit_code, signal)


@pytest.mark.parametrize(
    "program",
    [
        b"\xef\xbb\xbfprint('caf\xc3\xa9')\n",
        b"if True:\r\n    print('caf\xc3\xa9')\r\n",
        b"# -*- coding: latin-1 -*-\nprint('caf\xe9')\n",
    ],
    ids=["byte-order mark", "CRLF", "coding line"],
)
def test_a_program_in_any_guise_that_python_takes_is_run(run: Run, program: bytes) -> None:
    assert run(program).stdout.decode() == "café\n"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"def (:\n", b"SyntaxError"),
        (b"print('caf\xe9')\n", b"save it as UTF-8"),
        (b"  x = 1\n", b"IndentationError"),
        (b"x = " + b"(" * 5000 + b")" * 5000, b"Error"),
    ],
    ids=["syntax", "not UTF-8 without saying so", "indentation", "nested too deeply"],
)
def test_a_program_that_does_not_compile_is_told_so_for_every_case(run: Run, program: bytes, message: bytes) -> None:
    results = run.all(program, [CaseInput(("1",)), CaseInput(("2",))])
    assert [result.ending for result in results] == [Ending.COMPILE_ERROR] * 2
    assert message in results[0].stderr


def test_a_traceback_names_the_program_as_its_student_does(run: Run) -> None:
    assert b'File "/usr/src/submitter/program.py", line 1, in <module>' in run("raise SystemError").stderr


# -- limits -------------------------------------------------------------------------------------------------------


def test_processor_time_is_limited(run: Run) -> None:
    result = run("while True: pass", limits=dataclasses.replace(QUICK, wall_time_s=30.0))
    assert result.ending is Ending.CPU_LIMIT
    assert QUICK.cpu_time_s <= result.cpu_time_s < QUICK.cpu_time_s + 0.5


def test_processor_time_is_summed_over_processes(run: Run) -> None:
    """RLIMIT_CPU is per process: three that share the work would get three times the time."""
    program = "import os\nos.fork(); os.fork()\nwhile True: pass"
    assert run(program, limits=Limits(cpu_time_s=0.4, wall_time_s=30.0, processes=16)).ending is Ending.CPU_LIMIT


def test_processor_time_of_children_that_ended_counts(run: Run) -> None:
    program = (
        "import os, time\n"
        "for _ in range(100):\n"
        "    if os.fork() == 0:\n"
        "        end = time.process_time() + 0.1\n"
        "        while time.process_time() < end: pass\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
    )
    assert run(program, limits=Limits(cpu_time_s=0.4, wall_time_s=30.0)).ending is Ending.CPU_LIMIT


@pytest.mark.parametrize(
    "program",
    ["import time\ntime.sleep(60)", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"],
    ids=["asleep", "stopped by itself"],
)
def test_wall_time_is_limited(run: Run, program: str) -> None:
    result = run(program, limits=QUICK)
    assert result.ending is Ending.WALL_LIMIT
    assert result.wall_time_s < QUICK.wall_time_s + 0.5


@pytest.mark.parametrize(
    "program",
    [
        "x = b'x' * (400 << 20)",
        "x = []\nwhile True: x.append(b'x' * (1 << 20))",
        "import os, time\nfor _ in range(4): os.fork()\nx = b'x' * (40 << 20)\ntime.sleep(2)",
    ],
    ids=["at once", "little by little", "by many"],
)
def test_memory_is_limited(run: Run, program: str) -> None:
    limits = Limits(cpu_time_s=10.0, wall_time_s=20.0, memory_bytes=128 << 20, processes=32)
    assert run(program, limits=limits).ending is Ending.MEMORY_LIMIT


def test_what_is_left_of_a_program_that_outgrew_its_limit_is_not_waited_for(run: Run) -> None:
    program = (
        "import os, time\nfor _ in range(4):\n"
        "    if os.fork() == 0:\n        x = b'x' * (40 << 20)\n        time.sleep(60)\ntime.sleep(60)\n"
    )
    result = run(program, limits=Limits(cpu_time_s=10.0, wall_time_s=20.0, memory_bytes=128 << 20, processes=32))
    assert result.ending is Ending.MEMORY_LIMIT
    assert result.wall_time_s < 10.0


def test_memory_below_the_limit_is_not_punished(run: Run) -> None:
    result = run("x = b'x' * (100 << 20)\nprint(len(x))")
    assert (result.ending, result.stdout) == (Ending.EXITED, b"104857600\n")
    assert 100 << 20 <= result.memory_bytes <= LIMITS.memory_bytes


def test_output_is_limited_and_kept_to_the_byte(run: Run) -> None:
    result = run("while True: print('x' * 999)")
    assert result.ending is Ending.OUTPUT_LIMIT
    assert len(result.stdout) == LIMITS.output_bytes


def test_output_of_exactly_the_limit_is_allowed(run: Run) -> None:
    result = run(f"print('x' * {LIMITS.output_bytes - 1})")
    assert (result.ending, len(result.stdout)) == (Ending.EXITED, LIMITS.output_bytes)


def test_standard_error_is_cut_and_not_punished(run: Run) -> None:
    result = run("import sys\nsys.stderr.write('x' * 1_000_000)\nprint('right')")
    assert (result.ending, result.stdout, len(result.stderr)) == (Ending.EXITED, b"right\n", 65536)


def test_a_file_is_limited(run: Run) -> None:
    program = "import os\nwith open('f', 'wb') as f:\n    f.write(b'x' * (8 << 20))"
    assert run(program).exit_code != 0


def test_all_files_together_are_limited(run: Run) -> None:
    program = "for n in range(10):\n    with open(f'f{n}', 'wb') as f:\n        f.write(b'x' * (1 << 20))"
    assert b"No space left on device" in run(program).stderr


def test_processes_are_limited(run: Run) -> None:
    program = (
        "import os, time\n"
        "made = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(9)\n"
        "        made += 1\n"
        "except OSError as error:\n"
        "    print(made <= 16, error.errno)\n"
    )
    assert run(program).stdout == b"True 11\n"


def test_a_fork_bomb_ends_and_leaves_nothing(run: Run) -> None:
    program = (
        "import os, sys\n"
        "if sys.argv[1] == 'list':\n"
        "    print([name for name in os.listdir('/proc') if name.isdigit() and name != '1'] == [str(os.getpid())])\n"
        "while sys.argv[1] == 'bomb':\n"
        "    try: os.fork()\n"
        "    except OSError: pass\n"
    )
    bombed, listed = run.all(program, [CaseInput(("bomb",)), CaseInput(("list",))], QUICK)
    assert bombed.ending in {Ending.CPU_LIMIT, Ending.WALL_LIMIT}
    assert listed.stdout == b"True\n"


# -- what one case leaves for the next ----------------------------------------------------------------------------


def test_a_process_that_outlives_its_case_is_killed(run: Run) -> None:
    """It would otherwise watch the next case's input, or answer in its place."""
    program = (
        "import os, sys, time\n"
        "if sys.argv[1] == 'leave':\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        time.sleep(60)\n"
        "    print('left', flush=True)\n"
        "else:\n"
        "    print([name for name in os.listdir('/proc') if name.isdigit() and name != '1'] == [str(os.getpid())])\n"
    )
    left, looked = run.all(program, [CaseInput(("leave",)), CaseInput(("look",))])
    assert (left.stdout, looked.stdout) == (b"left\n", b"True\n")
    assert left.wall_time_s < 2, "the grandchild holds the output open; nobody may wait for it"


def test_files_that_a_case_leaves_are_gone(run: Run) -> None:
    """However deep, however many, and closed even to their owner."""
    program = (
        "import os, sys\n"
        "places = ['.', '/tmp', '/dev/shm']\n"
        "if sys.argv[1] == 'leave':\n"
        "    for place in places:\n"
        "        for n in range(100): open(f'{place}/f{n}', 'w').close()\n"
        "        os.symlink('/etc/passwd', f'{place}/link')\n"
        "        os.mkfifo(f'{place}/fifo')\n"
        "        os.mkdir(f'{place}/closed'); open(f'{place}/closed/f', 'w').close()\n"
        "        os.chmod(f'{place}/closed', 0)\n"
        "    for n in range(1000):\n"
        "        os.mkdir('d' * 200); os.chdir('d' * 200)\n"
        "print([len(os.listdir(place)) for place in places])\n"
    )
    _, looked = run.all(program, [CaseInput(("leave",)), CaseInput(("look",))])
    assert looked.stdout == b"[0, 0, 0]\n"


# -- walls --------------------------------------------------------------------------------------------------------


def test_a_program_is_nobody_and_has_no_rights(run: Run) -> None:
    program = (
        "import os\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(os.getuid() != 0 and os.geteuid() != 0, os.getgid() != 0, 0 in os.getgroups())\n"
        "print([int(status[name], 16) for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')])\n"
        "print(int(status['NoNewPrivs']))\n"
        "print(os.isatty(0) or os.isatty(1) or os.isatty(2))\n"
    )
    assert run(program).stdout == b"True True False\n[0, 0, 0, 0, 0]\n1\nFalse\n"


def test_a_program_gets_three_descriptors_and_a_small_environment(run: Run) -> None:
    program = "import os\nprint(sorted(os.listdir('/proc/self/fd'))[:-1])\nprint(sorted(os.environ))"
    assert run(program).stdout == b"['0', '1', '2']\n['HOME', 'LANG', 'PATH']\n"


def test_there_is_no_network(run: Run) -> None:
    program = (
        "import socket\n"
        "print([line.split(':')[0].strip() for line in open('/proc/self/net/dev') if ':' in line])\n"
        "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, 38):\n"
        "    try: print(socket.socket(family, socket.SOCK_DGRAM))\n"
        "    except OSError as error: print(error.errno)\n"
        "print(len(socket.socketpair()))\n"
    )
    lines = run(program).stdout.decode().splitlines()
    assert set(eval(lines[0])) <= {"lo", "tunl0", "sit0", "ip6tnl0", "gre0", "erspan0", "ip_vti0", "ip6_vti0"}
    assert lines[1:7] == ["1"] * 6, "refused by the filter, whatever the family"
    assert lines[7] == "2", "asyncio needs a pair"


def test_nothing_can_be_written_outside_of_temporary_files(run: Run) -> None:
    program = (
        "import os\n"
        "writable = []\n"
        "for line in open('/proc/self/mountinfo'):\n"
        "    place = line.split()[4]\n"
        "    for path in (place, place + '/submitter'):\n"
        "        try: os.makedirs(f'{path}/x'); writable.append(path)\n"
        "        except OSError: pass\n"
        "print(sorted(set(writable)))\n"
        "try: open('/usr/src/submitter/program.py', 'a')\n"
        "except OSError as error: print(error.errno)\n"
    )
    lines = run(program).stdout.decode().splitlines()
    assert set(eval(lines[0])) <= {"/tmp", "/tmp/submitter", "/dev/shm", "/dev/shm/submitter"}
    assert lines[1] in {"30", "13"}, "a read-only file system, or no right"


def test_the_executor_cannot_be_killed_stopped_or_read(run: Run) -> None:
    """It knows the other cases' inputs, and its output is what we believe."""
    program = (
        "import os, signal\n"
        "for signum in range(1, 65):\n"
        "    try: os.kill(1, signum)\n"
        "    except OSError: pass\n"
        "for name in ('mem', 'environ', 'maps', 'fd', 'cwd', 'root', 'exe'):\n"
        "    path = f'/proc/1/{name}'\n"
        "    try:\n"
        "        if name == 'fd': os.listdir(path)\n"
        "        elif name in ('cwd', 'root', 'exe'): os.readlink(path)\n"
        "        else: open(path, 'rb').read(1)\n"
        "        print('open:', name)\n"
        "    except OSError: pass\n"
        "print('done')\n"
    )
    first, second = run.all(program, [CaseInput(()), CaseInput(())])
    assert (first.stdout, second.stdout) == (b"done\n", b"done\n")


def test_a_program_cannot_pass_for_a_fault_of_ours(run: Run) -> None:
    """Else a student could have a hopeless submission graded for ever."""
    program = (
        "import json, os, sys\n"
        "answer = {'ending': 'setup_failed', 'exit_code': 0, 'signal': None, 'stdout': '', 'stderr': '',\n"
        "          'cpu_time_s': 0, 'wall_time_s': 0, 'memory_bytes': 0}\n"
        "for fd in range(10):\n"
        "    try: os.write(fd, json.dumps(answer).encode() + b'\\n')\n"
        "    except OSError: pass\n"
        "os._exit(111)\n"
    )
    result = run(program)
    assert (result.ending, result.exit_code) == (Ending.EXITED, 111)


def test_inputs_of_other_cases_are_nowhere_to_be_found(run: Run) -> None:
    """`grade` inputs travel in the request: a program that reads all it can reach finds only its own."""
    tokens = [secrets.token_hex(16) for _ in range(3)]
    program = (
        "import os, re, sys\n"
        "own, hits = sys.argv[1].encode(), []\n"
        "open('/tmp/planted.txt', 'w').write('TOKEN ' + '0' * 32)\n"
        "devices = {'kmsg', 'zero', 'random', 'urandom', 'full', 'tty', 'console', 'ptmx'}\n"
        "mine = (f'/proc/{os.getpid()}/', '/proc/self', '/proc/thread-self')\n"
        "for top in ('/usr/src', '/tmp', '/dev', '/proc'):\n"
        "    for directory, _, names in os.walk(top):\n"
        "        for name in names:\n"
        "            path = os.path.join(directory, name)\n"
        "            if name in devices or path.startswith(mine): continue\n"
        "            try:\n"
        "                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)\n"
        "                data = os.read(fd, 1 << 20)\n"
        "                os.close(fd)\n"
        "            except OSError: continue\n"
        "            hits += [path for token in re.findall(rb'TOKEN ([0-9a-f]{32})', data) if token != own]\n"
        "print(hits)\n"
    )
    results = run.all(program, [CaseInput((token,), f"TOKEN {token}".encode()) for token in tokens])
    # What it has planted itself it does find: the search works.
    found = b"['/tmp/planted.txt']\n"
    assert [result.stdout for result in results] == [found] * 3, [result.stderr for result in results]


# -- programs that once broke it ----------------------------------------------------------------------------------

HONEST = CaseInput(("honest",))
HOSTILE = CaseInput(("hostile",))
IS_HONEST = "import sys\nif sys.argv[1] == 'honest':\n    print('right'); sys.exit()\n"


def assert_honest_cases_survive(results: list[RunResult]) -> None:
    """The first and the last case of three, with a hostile one between them."""
    assert [(result.ending, result.stdout) for result in (results[0], results[2])] == [(Ending.EXITED, b"right\n")] * 2


@pytest.mark.parametrize(
    "attack",
    [
        "import resource\nresource.prlimit(1, resource.RLIMIT_CPU, (0, 0))",
        "import resource\nresource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))",
        "import os\nos.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "import os\nos.sched_setaffinity(1, {0})",
        "import os\nos.setpriority(os.PRIO_PROCESS, 1, 19)",
    ],
    ids=["its time", "its files", "its scheduling", "its cores", "its priority"],
)
def test_the_executor_s_limits_cannot_be_changed(run: Run, attack: str) -> None:
    """These ask for nothing but the same user."""
    results = run.all(IS_HONEST + attack, [HONEST, HOSTILE, HONEST])
    assert_honest_cases_survive(results)
    assert b"PermissionError" in results[1].stderr


def test_a_pipe_kept_open_by_a_message_between_sockets_holds_nothing_up(run: Run) -> None:
    program = IS_HONEST + (
        "import array, socket\n"
        "for _ in range(20):\n"
        "    a, b = socket.socketpair()\n"
        "    for s in (a, b):\n"
        "        fds = array.array('i', [a.fileno(), b.fileno(), 1, 2])\n"
        "        s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])\n"
        "    a.close(); b.close()\n"
        "print('done')\n"
    )
    results = run.all(program, [HONEST, HOSTILE, HONEST])
    assert_honest_cases_survive(results)
    assert results[1].stdout == b"done\n"
    assert results[1].wall_time_s < 2


def test_memory_that_nobody_has_mapped_is_limited_too(run: Run) -> None:
    """In Docker the kernel may end the executor for it: the case gets its verdict all the same."""
    program = IS_HONEST + (
        "import os\n"
        "try: open('/proc/self/oom_score_adj', 'w').write('0')\n"
        "except OSError: pass\n"
        "while True:\n"
        "    os.write(os.memfd_create('x'), b'x' * (3 << 20))\n"
    )
    results = run.all(program, [HONEST, HOSTILE, HONEST])
    assert_honest_cases_survive(results)
    if run.sandbox.name == "docker":
        assert results[1].ending is Ending.MEMORY_LIMIT
    else:
        assert b"PermissionError" in results[1].stderr, "without a cgroup there is no such memory"


@pytest.mark.parametrize(
    ("program", "ending", "stdout"),
    [
        ("import os\nfor fd in range(3): os.close(fd)\nfile = open('a', 'w')\nprint(9)", Ending.EXITED, b""),
        ("import atexit\ndef spin():\n    while True: pass\natexit.register(spin)\nprint(9)", Ending.CPU_LIMIT, b"9\n"),
        (
            "import signal\nfor signum in set(signal.Signals) - {9, 19}:\n"
            "    try: signal.signal(signum, lambda *_: print(9, flush=True))\n"
            "    except OSError: pass\n"
            "while True: pass",
            Ending.CPU_LIMIT,
            b"",
        ),
    ],
    ids=["without streams", "endless farewell", "deaf to signals"],
)
def test_what_a_program_does_to_itself_hurts_no_other_case(
    run: Run, program: str, ending: Ending, stdout: bytes
) -> None:
    results = run.all(IS_HONEST + program, [HONEST, HOSTILE, HONEST])
    assert_honest_cases_survive(results)
    assert (results[1].ending, results[1].stdout) == (ending, stdout)


def test_children_that_nobody_waits_for_count(run: Run) -> None:
    """Their time goes to nobody's account; an honest sum over processes would miss it."""
    program = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "for _ in range(10):\n"
        "    if os.fork() == 0:\n"
        "        end = time.process_time() + 0.4\n"
        "        while time.process_time() < end: pass\n"
        "        os._exit(0)\n"
        "    time.sleep(0.5)\n"
    )
    result = run(program, limits=Limits(cpu_time_s=1.0, wall_time_s=30.0))
    assert result.ending is Ending.CPU_LIMIT
    assert result.cpu_time_s < 2


def test_large_inputs_need_no_memory_of_the_case(run: Run) -> None:
    program = "import sys\nprint(sum(map(len, sys.stdin.buffer)))"
    limits = Limits(memory_bytes=64 << 20)
    results = run.all(program, [CaseInput((), b"x" * (8 << 20)) for _ in range(4)], limits)
    assert [(result.ending, result.stdout) for result in results] == [(Ending.EXITED, b"8388608\n")] * 4


def test_nothing_of_system_v_outlives_a_case(run: Run) -> None:
    program = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "for call in (libc.shmget(7, 4096, 0o1666), libc.semget(7, 1, 0o1666), libc.msgget(7, 0o1666)):\n"
        "    print(call, ctypes.get_errno())\n"
    )
    assert run(program).stdout == b"-1 1\n" * 3


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("unshare(0x10000000)", 1),
        ("setns(0, 0)", 1),
        ("mount(None, None, None, 0, None)", 1),
        ("chroot(b'/')", 1),
        ("ptrace(0, 0, 0, 0)", 1),
        ("syscall(425, 1, None)", 38),  # io_uring_setup
        ("syscall(435, None, 0)", 38),  # clone3
        ("syscall(250, 0, 0, 0, 0, 0)", 38),  # keyctl
        ("syscall(321, 0, None, 0)", 1),  # bpf
        ("syscall(298, None, 0, -1, -1, 0)", 1),  # perf_event_open
        ("syscall(323, 0)", 1),  # userfaultfd
        ("syscall(310, 1, None, 0, None, 0, 0)", 1),  # process_vm_readv
        ("syscall(438, 0, 0, 0)", 1),  # pidfd_getfd
        ("syscall(317, 1, 0, None)", 1),  # seccomp
        ("syscall(500)", 38),  # newer than all of this
        ("prctl(22, 2, None)", 1),  # PR_SET_SECCOMP
        ("personality(0x0040000)", 1),  # ADDR_NO_RANDOMIZE
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are x86_64's")
def test_the_filter_refuses(run: Run, call: str, error: int) -> None:
    program = f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.{call}, ctypes.get_errno())"
    assert run(program).stdout.decode() == f"-1 {error}\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are x86_64's")
def test_the_filter_kills_what_speaks_another_language(run: Run) -> None:
    """x32's numbers reach the same calls past a list of x86_64's."""
    result = run("import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39)")
    assert (result.ending, result.signal) == (Ending.SIGNALED, 31)


def test_honest_programs_of_many_kinds_pass_the_filter(run: Run) -> None:
    program = (
        "import asyncio, concurrent.futures, multiprocessing, os, shutil, signal, subprocess, sys\n"
        "import tempfile, threading\n"
        "async def soon(): await asyncio.sleep(0.01); return 1\n"
        "def square(n): return n * n\n"
        "if __name__ == '__main__':\n"
        "    out = [asyncio.run(soon())]\n"
        "    with concurrent.futures.ThreadPoolExecutor(3) as pool: out.append(sum(pool.map(square, range(5))))\n"
        "    with multiprocessing.Pool(2) as pool: out.append(sum(pool.map(square, range(5))))\n"
        "    open('a', 'w').write('x'); shutil.copy2('a', 'b'); os.rename('b', 'c')\n"
        "    with tempfile.TemporaryDirectory() as place: out.append(os.path.isdir(place))\n"
        "    out.append(subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout)\n"
        "    signal.signal(signal.SIGALRM, lambda *_: out.append('alarm'))\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
        "    threading.Event().wait(0.1)\n"
        "    print(out)\n"
    )
    result = run(program, limits=Limits(processes=32))
    assert result.stdout == b"[1, 30, 30, True, b'7\\n', 'alarm']\n", result.stderr


def test_the_filter_s_numbers_are_those_of_the_reviewed_list() -> None:
    sections: dict[str, list[list[str]]] = {}
    for line in (Path(__file__).parents[1] / "system_calls.txt").read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line.split())
    script = runpy.run_path(str(resource("executeSubmission.py")), run_name="not main")
    for column, machine in enumerate(("x86_64", "aarch64"), start=1):
        spans = [span.partition("-") for span in script["ALLOWED"][machine].split()]
        numbers = {number for first, _, last in spans for number in range(int(first), int(last or first) + 1)}
        assert numbers == {int(call[column]) for call in sections["allowed"] if call[column] != "-"}
        some = {call[0]: int(call[column]) for call in sections["allowed with some arguments only"]}
        assert script["ARGUMENTS_MATTER"][machine] == some
        lacking = {int(call[column]) for call in sections["answered as by a kernel that lacks them"]}
        assert set(script["NOT_THERE"][machine]) == lacking
        assert len(script["build_filter"](machine)) % 8 == 0


# -- the port's own promises --------------------------------------------------------------------------------------


def test_results_come_as_cases_finish(sandbox: ExecutorSandbox) -> None:
    program = "import sys, time\ntime.sleep(float(sys.argv[1]))\nprint(1)"
    runs = sandbox.run(job_for(program, [CaseInput(("0",)), CaseInput(("1",))]))
    next(runs)
    began = time.monotonic()
    next(runs)
    assert time.monotonic() - began > 0.5


def test_closing_early_ends_the_run(own_sandbox: ExecutorSandbox) -> None:
    runs = own_sandbox.run(job_for("import sys, time\ntime.sleep(60)", [CaseInput(())] * 20))
    threading.Timer(0.5, own_sandbox.close).start()
    began = time.monotonic()
    with pytest.raises(SandboxUnavailable):
        next(runs)
    assert time.monotonic() - began < LIMITS.wall_time_s


def test_a_closed_sandbox_refuses_new_runs(own_sandbox: ExecutorSandbox) -> None:
    own_sandbox.close()
    with pytest.raises(SandboxUnavailable, match="closed"):
        next(own_sandbox.run(job_for("pass")))


def test_runs_at_once_do_not_disturb_each_other(sandbox: ExecutorSandbox, tmp_path: Path) -> None:
    outputs: dict[int, bytes] = {}

    def one(number: int) -> None:
        directory = tmp_path / str(number)
        directory.mkdir()
        [result] = sandbox.run(job_for(f"print({number} * 111)"))
        outputs[number] = result.stdout

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {1: b"111\n", 2: b"222\n", 3: b"333\n", 4: b"444\n"}


# -- every Python -------------------------------------------------------------------------------------------------


def _interpreters() -> list[str]:
    """Every Python 3.9 or newer on this machine, a path each: on PATH, and those that pyenv keeps."""
    found = [shutil.which(f"python3.{minor}") for minor in range(9, 16)]
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    candidates = [*filter(None, found), *map(str, pyenv.glob("versions/3.*/bin/python3")), sys.executable]
    chosen: dict[str, str] = {}
    for candidate in candidates:
        told = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys._base_executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        version, _, executable = told.stdout.strip().partition(" ")
        if told.returncode == 0 and int(version.partition(".")[2]) >= 9:
            chosen.setdefault(version, str(Path(executable).resolve()))
    return sorted(chosen.values())


@pytest.mark.parametrize("level", ["box", "strict"])
@pytest.mark.parametrize("python", _interpreters())
def test_the_executor_runs_on_every_python_from_3_9(python: str, level: str) -> None:
    sandbox = isolate(BubblewrapLauncher(python), level, 1)
    try:
        program = "import sys\nprint(sys.version_info[:2], sys.argv[1])"
        good, bad = sandbox.run(job_for(program, [CaseInput(("3",)), CaseInput(())]))
    finally:
        sandbox.close()
    assert good.stdout.endswith(b") 3\n")
    assert (bad.ending, bad.exit_code) == (Ending.EXITED, 1)


# -- by hand ------------------------------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.parametrize(
    ("mode", "program"),
    [
        ("argument", "import sys\nprint(sys.argv[1:])"),
        ("arguments", "import sys\nprint(sys.argv[1:])"),
        ("stdin", "print([input()])"),
    ],
)
def test_one_shot_runs_the_files_of_a_directory_and_writes_the_out_file(
    tmp_path: Path, mode: str, program: str
) -> None:
    """What somebody does with a plain `docker run`, without any of our own machinery."""
    make_launcher("docker")
    subid = "0" * 32
    (tmp_path / f"{subid}.py").write_text(program + "\nprint('second', end='')\n")
    (tmp_path / "test.in").write_text("a 'b c'\nd\n")
    tmp_path.chmod(0o777)
    command = ["docker", "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"]
    command += ["-v", f"{tmp_path}:/usr/src/submitter", Config.from_env(os.environ).image, subid, "--input-mode", mode]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first = {"argument": "[\"a 'b c'\"]", "arguments": "['a', 'b c']", "stdin": "[\"a 'b c'\"]"}[mode]
    assert (tmp_path / f"{subid}.out").read_text() == f"{first}\\nsecond\n['d']\\nsecond\n"


def test_outside_of_a_sandbox_the_executor_refuses_to_run_anything(tmp_path: Path) -> None:
    """Killing "all other processes" would reach strangers there."""
    done = subprocess.run(
        [sys.executable, str(resource("executeSubmission.py")), "0" * 32], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "process 1" in done.stderr
