"""
Whether programs are contained here: a hostile one is run in the real sandbox and says what it could do.

Short, for every start of the daemon and for `submitter doctor`; the long form
is the tests' (docs/threat-model.md).
"""

import contextlib
import dataclasses

from submitter.errors import SandboxUnavailable
from submitter.model import Ending, Limits
from submitter.ports import Sandbox
from submitter.runs import CaseInput, Job, RunResult

# Time enough on any machine: a case that ends for want of it has not shown what it was to show.
LIMITS = Limits(
    cpu_time_s=10.0, wall_time_s=30.0, memory_bytes=64 << 20, output_bytes=4096, file_bytes=1 << 20, processes=8
)
LITTLE_TIME = dataclasses.replace(LIMITS, cpu_time_s=0.5)

# Each case does what its argument says and prints what it should not have been able to do.
PROGRAM = b"""\
import ctypes, os, socket, sys

def status(name):
    with open('/proc/self/status') as file:
        return next(line.split(':')[1].strip() for line in file if line.startswith(name + ':'))

def network():
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
        try:
            socket.socket(family, socket.SOCK_DGRAM)
            print('a socket of family', int(family))
        except OSError:
            pass

def rights():
    if 0 in (os.getuid(), os.geteuid(), os.getgid()):
        print('root')
    for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
        if int(status(name), 16):
            print(name, status(name))
    if status('NoNewPrivs') != '1':
        print('new privileges')

def calls():
    if status('Seccomp') != '2':
        print('all system calls')
    libc = ctypes.CDLL(None, use_errno=True)
    for name, result in (
        ('unshare', libc.unshare(0x10000000)),
        ('mount', libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)),
        ('ptrace', libc.ptrace(0, 0, 0, 0)),
    ):
        if result == 0:
            print(name)

def files():
    for directory in ('/', '/etc', '/usr', '/usr/src/submitter', '/var', '/dev', '/proc/sys/kernel', '/sys'):
        try:
            os.close(os.open(directory + '/submitter', os.O_CREAT | os.O_WRONLY))
            print('a file in', directory)
        except OSError:
            pass

def processes():
    others = [name for name in os.listdir('/proc') if name.isdigit() and name not in ('1', str(os.getpid()))]
    if others:
        print('other processes:', len(others))
    try:
        os.kill(1, 9)
    except OSError:
        pass
    for name in ('mem', 'environ', 'maps'):
        try:
            open('/proc/1/' + name, 'rb').read(1)
            print('process 1:', name)
        except OSError:
            pass

def surroundings():
    if sorted(os.environ) != ['HOME', 'LANG', 'PATH']:
        print('environment:', sorted(os.environ))
    if len(os.listdir('/proc/self/fd')) != 4:
        print('open descriptors:', os.listdir('/proc/self/fd'))

def leave():
    for directory in ('/tmp', '/dev/shm'):
        open(directory + '/left', 'w').close()
    if os.fork() == 0:
        import time
        time.sleep(60)

def look():
    for directory in ('/tmp', '/dev/shm'):
        if os.listdir(directory):
            print('files of an earlier case')
    processes()

def time():
    while True:
        pass

def memory():
    hoard = []
    while True:
        hoard.append(b'x' * (1 << 20))

globals()[sys.argv[1]]()
"""
# Looking comes twice, since cases take turns between two boxes.
TRIES = ["network", "rights", "calls", "files", "processes", "surroundings", "leave", "look", "look", "memory"]
IS_STOPPED = {"time": Ending.CPU_LIMIT, "memory": Ending.MEMORY_LIMIT}


def find_leaks(sandbox: Sandbox) -> list[str]:
    """
    Run the hostile program; returns what it could do that it should not, nothing if it is contained.

    Raises:
        SandboxUnavailable: no program can be run at all.
    """
    results = [*_run(sandbox, LIMITS, TRIES), *_run(sandbox, LITTLE_TIME, ["time"])]
    return [f"{what}: {problem}" for what, result in results if (problem := _problem(what, result))]


def check_sandbox(sandbox: Sandbox) -> None:
    """
    Nothing, if programs can be run, and are contained.

    Raises:
        SandboxUnavailable: either is not so.
    """
    if leaks := find_leaks(sandbox):
        raise SandboxUnavailable(f"not contained: {'; '.join(leaks)}")


def _run(sandbox: Sandbox, limits: Limits, tries: list[str]) -> list[tuple[str, RunResult]]:
    job = Job(
        program=PROGRAM,
        file_name="containment.py",
        language="python",
        limits=limits,
        inputs=tuple(CaseInput((what,)) for what in tries),
    )
    with contextlib.closing(sandbox.run(job)) as runs:
        return list(zip(tries, runs, strict=True))


def _problem(what: str, result: RunResult) -> str:
    wanted = IS_STOPPED.get(what, Ending.EXITED)
    if result.ending is not wanted:
        return f"the case ended as {result.ending}, not {wanted}"
    if wanted is Ending.EXITED and (result.stdout or result.exit_code):
        said = (result.stdout or result.stderr).decode(errors="replace").split("\n")
        return "; ".join(filter(None, said))[-500:]
    return ""
