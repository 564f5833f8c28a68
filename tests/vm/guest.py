"""
What is looked at inside the virtual machine, one function per check; printed as JSON lines, one per check.

It runs as root, as the only job of a machine that is thrown away afterwards, so
it may change anything. Standard library only; the host imports it for the names
of the checks. A check fails by any exception, and may return a few words for
the report. They run in this order, and later ones rely on the profile that the
second one loads.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILE = "submitter-executor"
PROFILE_FILE = CHECKOUT / "executor_image/apparmor" / PROFILE
FIRST_EXECUTOR_UID = 2_000_000_000
ISOLATIONS = ("box", "container", "strict")  # the default first
LISTENER = ("127.0.0.1", 4321)  # where somebody listens outside the sandbox
COMMAND_TIMEOUT_S = 180.0

CHECKS: list[Callable[[], str | None]] = []


def check(function: Callable[[], str | None]) -> Callable[[], str | None]:
    CHECKS.append(function)
    return function


# -- the machine ---------------------------------------------------------------------------------------------------


@check
def the_machine_runs_systemd_cgroup_v2_and_apparmor() -> str:
    """Else all that follows would say nothing about such hosts."""
    expect(Path("/proc/1/comm").read_text(), "systemd\n")
    expect(Path("/sys/module/apparmor/parameters/enabled").read_text(), "Y\n")
    assert Path("/sys/fs/cgroup/cgroup.controllers").exists(), "no cgroup v2"
    info = json.loads(run("docker", "info", "--format", "{{json .}}"))
    expect((info["CgroupVersion"], info["CgroupDriver"]), ("2", "systemd"))
    assert any("apparmor" in option for option in info["SecurityOptions"]), info["SecurityOptions"]
    return f"kernel {os.uname().release}, Docker {info['ServerVersion']}, {info['Driver']}"


@check
def the_shipped_profile_loads() -> str:
    """As an administrator loads it; from here on it is there."""
    assert PROFILE not in loaded_profiles()
    said = run("apparmor_parser", "--replace", str(PROFILE_FILE))
    expect(loaded_profiles().get(PROFILE), "enforce")
    return said.strip()


@check
def executors_make_boxes_under_the_shipped_profile() -> None:
    """As the daemon starts them, and nothing that they do is refused."""
    before = denials()
    expect(why_there_are_no_boxes(PROFILE), None)
    expect(denials(), before)


@check
def executors_make_no_boxes_under_dockers_default_profile() -> str:
    """The reason why there is a profile of our own; without this, the check before would prove nothing."""
    reason = why_there_are_no_boxes("docker-default")
    assert reason, reason
    assert "mount" in reason, reason
    assert "Permission denied" in reason, reason
    return reason


@check
def the_shipped_profile_refuses_what_dockers_default_refuses() -> None:
    """Tried as root with all capabilities and nothing masked, so that it is the profile that refuses."""
    unconfined, default, ours = (try_as_root(profile) for profile in ("unconfined", "docker-default", PROFILE))
    expect(set(unconfined.values()), {"done"})
    refused = {name for name, said in default.items() if said in ("EACCES", "EPERM")}
    assert len(refused) >= 4, default
    expect({name for name, said in ours.items() if said in ("EACCES", "EPERM")}, set(ours))


@check
def a_containers_cgroup_is_readable_for_all_and_killed_by_root_alone() -> str:
    """So a daemon without rights ends executors through the engine; what a case used is counted in the executor."""
    container = run("docker", "run", "--detach", "--network", "none", "--entrypoint", "sleep", image(), "1000").strip()
    try:
        scope = Path(f"/sys/fs/cgroup/system.slice/docker-{container}.scope")
        seen = start("cat", str(scope / "memory.events"), str(scope / "cpu.stat"), user="grader")
        assert "\noom_kill 0\n" in seen.stdout, seen
        assert "usage_usec " in seen.stdout, seen
        refused = start("sh", "-c", f"echo 1 > {scope}/cgroup.kill", user="grader")
        assert refused.returncode != 0, refused
        (scope / "cgroup.kill").write_text("1")
        return f"{scope}; killed, it ends with {run('docker', 'wait', container).strip()}"
    finally:
        run("docker", "rm", "--force", container)


# -- grading -------------------------------------------------------------------------------------------------------

RIGHT = "import sys\nprint(int(sys.argv[1]) ** 2)"
CONFINED = f"""\
with open("/proc/self/attr/apparmor/current") as file:
    said = file.read().strip()
print(9 if said == "{PROFILE} (enforce)" else said)
"""
# Every case finds all empty, also after one that has left something.
WRITES = """\
import os
places = ("/tmp", "/dev/shm")
print(sum(map(len, map(os.listdir, places))) or 9)
for place in places:
    os.makedirs(f"{place}/a/b")
    with open(f"{place}/a/b/c", "x") as file:
        file.write("left")
"""


def make_verdict_check(isolation: str) -> None:
    def verdicts() -> str:
        programs = {
            "right": RIGHT,
            "wrong": "import sys\nprint(int(sys.argv[1]) * 2)",
            "fails": "raise SystemExit(1)",
            "broken": "print(25",
            "confined": CONFINED,
            "writes": WRITES,
        }
        before = denials()
        graded, events = grade(programs, "grader", isolation, cases=2)
        expect(events, [])
        expected = ["accepted", "wrong_answer", "runtime_error", "compile_error", "accepted", "accepted"]
        expect({name: case["verdict"] for name, case in graded.items()}, dict(zip(programs, expected, strict=True)))
        expect(denials(), before)
        return f"{graded['right']['wall_time_s']:.3f} s, {graded['right']['memory_bytes'] >> 10} KiB"

    verdicts.__name__ = f"verdicts_are_right_in_{isolation}"
    check(verdicts)


for _isolation in ISOLATIONS:
    make_verdict_check(_isolation)


@check
def memory_verdicts_come_from_the_kernels_count() -> str:
    """
    A child is killed for its memory, and its parent ends well with the right answer: nothing but memory.events tells.

    The other two show that neither SIGKILL alone is taken for it, nor that much address space is.
    """
    child_grows = (
        "import os, sys\npid = os.fork()\nif pid == 0:\n    x = bytearray(b'x') * (400 << 20)\n    os._exit(0)\n"
        "print(9 if os.WIFSIGNALED(os.waitpid(pid, 0)[1]) else 'the child lived')"
    )
    programs = {
        "grows": "x = bytearray(b'x') * (400 << 20)",
        "child_grows": child_grows,
        "kills_itself": "import os\nos.kill(os.getpid(), 9)",
        "reserves": "import mmap\nmmap.mmap(-1, 400 << 20)\nprint(9)",
    }
    before = oom_messages()
    graded, _ = grade(programs, "grader", options=("--memory-limit", "64"))
    expected = ["memory_limit_exceeded", "memory_limit_exceeded", "runtime_error", "accepted"]
    expect({name: case["verdict"] for name, case in graded.items()}, dict(zip(programs, expected, strict=True)))
    killed = oom_messages() - before
    assert killed >= 2, f"the kernel speaks of {killed} kills"
    return f"{killed} kills"


@check
def processor_time_is_counted_for_all_processes_together() -> str:
    """By the cgroup: of a child that nobody waits for, the kernel tells its parent nothing."""
    program = (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(3):\n"
        "    if os.fork() == 0:\n        while time.process_time() < 1: pass\n        os._exit(0)\n"
        "try:\n    os.wait()\nexcept ChildProcessError: pass\nprint(9)"
    )
    graded, _ = grade({"children": program}, "grader", options=("--time-limit", "2"))
    case = graded["children"]
    expect(case["verdict"], "time_limit_exceeded")
    assert 2 < case["cpu_time_s"] < 3.5, case
    return f"{case['cpu_time_s']:.2f} s"


# -- hostile programs ----------------------------------------------------------------------------------------------

SPY = """\
import os
def spy():
    for pid in (1, os.getppid()):
        for name in ("mem", "environ", "maps"):
            try:
                with open(f"/proc/{pid}/{name}", "rb", 0) as file:
                    if name != "mem":
                        if file.read(64):
                            return f"reached {file.name}"
                        continue
                    with open(f"/proc/{pid}/maps") as maps:
                        file.seek(int(next(maps).split("-")[0], 16))
                    if file.read(16):
                        return f"reached {file.name}"
            except OSError:
                pass
    return 9
print(spy())
"""
CALLER = f"""\
import socket
def call():
    for family, address in (
        (socket.AF_INET, {LISTENER!r}),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_UNIX, "/run/docker.sock"),
    ):
        try:
            with socket.socket(family) as outside:
                outside.settimeout(2)
                outside.connect(address)
                return f"reached {{address}}"
        except OSError:
            pass
    return 9
print(call())
"""
HOSTILE = {
    "fork_bomb": ("import os\nwhile True:\n    os.fork()", {"runtime_error", "time_limit_exceeded"}),
    "memory_hog": ("x = []\nwhile True:\n    x.append(bytearray(b'x') * (8 << 20))", {"memory_limit_exceeded"}),
    "sleeper": ("import time\ntime.sleep(1000)", {"wall_time_limit_exceeded"}),
    # These print what earns the points when they have reached nothing.
    "spy": (SPY, {"accepted"}),
    "caller": (CALLER, {"accepted"}),
}


def make_hostile_check(isolation: str) -> None:
    def hostile() -> str:
        programs = {name: source for name, (source, _) in HOSTILE.items()}
        if isolation != ISOLATIONS[0]:
            del programs["sleeper"]  # it takes long, and the level makes no difference to it
        with listener():
            graded, _ = grade(programs, "grader", isolation, options=("--time-limit", "2", "--memory-limit", "64"))
        verdicts = {name: case["verdict"] for name, case in graded.items()}
        for name, verdict in verdicts.items():
            assert verdict in HOSTILE[name][1], verdicts
        right, _ = grade({"right": RIGHT}, "grader", isolation)
        expect(right["right"]["verdict"], "accepted")
        return json.dumps(verdicts)

    hostile.__name__ = f"hostile_programs_are_contained_in_{isolation}"
    check(hostile)


for _isolation in ISOLATIONS:
    make_hostile_check(_isolation)


@check
def the_hostile_programs_would_reach_something_outside() -> None:
    """Else their verdicts would prove nothing."""
    with listener():
        for source in (SPY, CALLER):
            said = run(sys.executable, "-c", source)
            assert said.startswith("reached"), said


# -- the doctor ----------------------------------------------------------------------------------------------------


@check
def the_doctor_finds_a_user_in_the_group_docker_well() -> str:
    code, findings = examine("grader")
    for what in ("docker", "bubblewrap", "boxes", "programs in the sandbox"):
        assert findings[what]["health"] == "ok", findings[what]
    assert "cgroups v2" in findings["kernel"]["text"], findings["kernel"]
    for what in ("postgres", "queue", "bucket"):
        expect((what, findings[what]["health"]), (what, "absent"))
    expect(code, 0)
    return "; ".join(f"{what}: {finding['health']}: {finding['text']}" for what, finding in findings.items())


@check
def the_doctor_tells_of_an_engine_that_does_not_answer() -> str:
    code, findings = examine("grader", {"DOCKER_HOST": "unix:///nowhere"})
    expect(code, 1)
    for what in ("docker", "boxes", "programs in the sandbox"):
        expect((what, findings[what]["health"]), (what, "broken"))
    return findings["docker"]["text"]


# -- the service ---------------------------------------------------------------------------------------------------


@check
def a_program_is_graded_behind_the_walls_of_the_service() -> str:
    """The unit as shipped, with the doctor for the daemon, which wants a queue."""
    for name, target in (("sysusers.conf", "sysusers.d"), ("tmpfiles.conf", "tmpfiles.d")):
        text = (CHECKOUT / f"systemd/submitter.{name}").read_text()
        path = Path("/usr/lib", target, "submitter.conf")
        path.write_text(text)
    run("systemd-sysusers")
    run("systemd-tmpfiles", "--create", "submitter.conf")
    Path("/etc/submitter/submitter.env").write_text(f"SUBMITTER_IMAGE={image()}\n")
    unit = Path("/run/systemd/system/submitter.service")
    unit.write_text((CHECKOUT / "systemd/submitter.service").read_text())
    override = unit.with_name("submitter.service.d") / "test.conf"
    override.parent.mkdir()
    override.write_text(
        "[Service]\nType=oneshot\nRestart=no\nExecStart=\n"
        "ExecStart=/usr/bin/python3 -m submitter doctor --json\n"
        "StandardOutput=file:/run/findings\nStandardError=file:/run/complaints\n"
        f"Environment=PYTHONPATH={os.environ['PYTHONPATH']}\n"
    )
    run("systemctl", "daemon-reload")
    started = start("systemctl", "start", "submitter.service")
    said = Path("/run/findings").read_text() + Path("/run/complaints").read_text()
    expect((started.returncode, said if started.returncode else ""), (0, ""))
    findings = [json.loads(line) for line in Path("/run/findings").read_text().splitlines()]
    healths = {finding["what"]: finding["health"] for finding in findings}
    for what in ("docker", "boxes", "programs in the sandbox", "work directory"):
        expect((what, healths[what]), (what, "ok"))
    return json.dumps(healths)


# -- without boxes -------------------------------------------------------------------------------------------------


def expect_grading_without_boxes(events: list[str], advice: str) -> str:
    """Programs get the same verdicts all the same, the log says these things, and the doctor gives this advice."""
    done = start(sys.executable, "-c", ASK_THE_DOCTOR, "boxes", user="grader")
    assert done.returncode == 0, done.stderr[-1000:]
    finding: dict[str, str] = json.loads(done.stdout.splitlines()[-1])  # after what is logged
    expect(finding["health"], "absent")
    assert advice in finding["text"], finding
    graded, said = grade({"wrong": "print(25)", "writes": WRITES, "spy": SPY}, "grader", cases=2)
    expect([case["verdict"] for case in graded.values()], ["wrong_answer", "accepted", "accepted"])
    expect(said, events)
    return finding["text"]


@check
def grading_works_where_the_kernel_makes_no_user_namespaces() -> str:
    setting = Path("/proc/sys/user/max_user_namespaces")
    before = setting.read_text()
    setting.write_text("0")
    try:
        return expect_grading_without_boxes(["boxes_unavailable"], "sysctl -w user.max_user_namespaces=")
    finally:
        setting.write_text(before)


@check
def grading_works_without_the_profile() -> str:
    run("apparmor_parser", "--remove", str(PROFILE_FILE))
    assert PROFILE not in loaded_profiles()
    # Several executors that start at once, and each finds it missing.
    graded, events = grade(dict.fromkeys(("a", "b"), RIGHT), "grader", "strict")
    expect([case["verdict"] for case in graded.values()], ["accepted"] * 2)
    expect(events, ["apparmor_profile_missing"])
    return expect_grading_without_boxes(
        ["apparmor_profile_missing", "boxes_unavailable"],
        f"is the profile {PROFILE} loaded? docs/operators.md",
    )


# -- the end -------------------------------------------------------------------------------------------------------


@check
def nothing_is_left() -> None:
    """No container, cgroup, process, mount or directory of all that ran before."""
    expect(run("docker", "ps", "--all", "--quiet"), "")
    deadline = time.monotonic() + 10  # systemd removes an empty scope in its own time
    while (scopes := list(Path("/sys/fs/cgroup").rglob("docker-*.scope"))) and time.monotonic() < deadline:
        time.sleep(0.2)
    expect(scopes, [])
    uids = [os.stat(entry).st_uid for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    expect([uid for uid in uids if uid >= FIRST_EXECUTOR_UID], [])
    expect([line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "/overlay2/" in line], [])
    expect([path for path in Path("/tmp").glob("submitter-*") if path != _scratch], [])
    expect([path.name for path in Path("/var/lib/submitter").iterdir()], [])


# -- tools ---------------------------------------------------------------------------------------------------------

_scratch: Path | None = None


def expect(actual: object, expected: object) -> None:
    assert actual == expected, f"{actual!r} instead of {expected!r}"


def start(
    *command: str, user: str | None = None, text: str | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    if user not in (None, "root"):
        command = ("setpriv", "--reuid", str(user), "--regid", str(user), "--init-groups", "--inh-caps=-all", *command)
    variables = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    return subprocess.run(
        command,
        input=text or "",
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
        cwd="/",
        env={**variables, "LANG": "C.UTF-8", "SUBMITTER_IMAGE": image(), **(environment or {})},
    )


def run(*command: str) -> str:
    """What the command printed; it must end well."""
    done = start(*command)
    assert done.returncode == 0, f"{command[:3]} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
    return done.stdout


def image() -> str:
    return (CHECKOUT / "image").read_text()


def grade(
    programs: Mapping[str, str],
    user: str,
    isolation: str = ISOLATIONS[0],
    options: tuple[str, ...] = (),
    cases: int = 1,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """
    Each program's first case, as `submitter check --json` prints it, and which events it has logged.

    All cases are the same, the input 3 and the expected output 9, and must get the same verdict.
    """
    assert _scratch is not None
    directory = Path(tempfile.mkdtemp(dir=_scratch))
    directory.chmod(0o755)
    (directory / "test.in").write_text("3\n" * cases)
    (directory / "test.out").write_text("9\n" * cases)
    for name, source in programs.items():
        (directory / f"{name}.py").write_text(source + "\n")
    command = [sys.executable, "-m", "submitter", "check", *(str(directory / f"{name}.py") for name in programs)]
    command += ["--cases", str(directory), "--json", "--sandbox", "docker", "--isolation", isolation]
    if "--time-limit" not in options:
        command += ["--time-limit", "10"]  # this processor is emulated
    done = start(*command, *options, user=user)
    assert done.returncode in (0, 3), f"{done.returncode}: {done.stderr[-1000:]}"
    graded = {}
    for line in done.stdout.splitlines():
        document = json.loads(line)
        verdicts = [case["verdict"] for case in document["cases"]]
        assert verdicts == verdicts[:1] * cases, document
        graded[Path(document["program"]).stem] = document["cases"][0]
    expect(set(graded), set(programs))
    events = {json.loads(line)["event"] for line in done.stderr.splitlines() if line.startswith("{")}
    return {name: graded[name] for name in programs}, sorted(events)


def examine(user: str, environment: Mapping[str, str] | None = None) -> tuple[int, dict[str, dict[str, str]]]:
    """The doctor's exit code and findings."""
    variables = {"SUBMITTER_SANDBOX": "docker", **(environment or {})}
    done = start(sys.executable, "-m", "submitter", "doctor", "--json", user=user, environment=variables)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert findings, f"{done.returncode}: {done.stderr[-1000:]}"
    return done.returncode, {finding["what"]: finding for finding in findings}


def loaded_profiles() -> dict[str, str]:
    """Name and mode of each."""
    lines = Path("/sys/kernel/security/apparmor/profiles").read_text().splitlines()
    return {name: mode.rstrip(")") for name, _, mode in (line.rpartition(" (") for line in lines)}


def denials() -> list[str]:
    """What the kernel has logged of refusals by our profile; what `deny` rules refuse it does not log."""
    log = run("dmesg").splitlines()
    return [line for line in log if 'apparmor="DENIED"' in line and f'profile="{PROFILE}"' in line]


def oom_messages() -> int:
    return run("dmesg").count("Memory cgroup out of memory")


@contextlib.contextmanager
def listener() -> Iterator[None]:
    with socket.create_server(LISTENER):
        yield


def why_there_are_no_boxes(profile: str) -> str | None:
    """What an executor says that the daemon's code has started under this profile; None if it makes boxes."""
    done = start(sys.executable, "-c", ASK_FOR_BOXES, profile, user="grader")
    assert done.returncode == 0, done.stderr[-1000:]
    reason: str | None = json.loads(done.stdout)
    return reason


ASK_FOR_BOXES = """\
import json, os, sys
from submitter.executors import docker_executor, pool
docker_executor.APPARMOR_PROFILE = sys.argv[1]
launcher = docker_executor.DockerLauncher(os.environ["SUBMITTER_IMAGE"])
launcher.probe()
reason = pool.ask_for_boxes(launcher)
assert launcher._apparmor, "it was started without the profile"
print(json.dumps(reason))
"""


# One finding of the doctor, without those that come after it: they take long.
ASK_THE_DOCTOR = """\
import json, os, sys
from submitter.doctor import examine
environment = {**os.environ, "SUBMITTER_SANDBOX": "docker"}
print(json.dumps(next(finding.document() for finding in examine(environment) if finding.what == sys.argv[1])))
"""


def try_as_root(profile: str) -> dict[str, str]:
    """What became of each attempt in a container with all rights, under an AppArmor profile and with little else."""
    command = ["docker", "run", "--rm", "--interactive", "--network", "none", "--cap-add", "ALL", "--user", "0:0"]
    for option in (f"apparmor={profile}", "seccomp=unconfined", "systempaths=unconfined"):
        command += ["--security-opt", option]
    answer: dict[str, str] = json.loads(run(*command, "--entrypoint", "python3", image(), "-c", ATTEMPTS))
    return answer


ATTEMPTS = """\
import ctypes, errno, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)
said = {}
def step(name, function, *arguments):
    try:
        function(*arguments)
        said[name] = "done"
    except OSError as error:
        said[name] = errno.errorcode.get(error.errno, str(error))
def trace():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.ptrace(0, 0, None, None) == 0 else 1)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise PermissionError(errno.EACCES, "ptrace")
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/sysrq-trigger"):
    step(f"write {path}", os.open, path, os.O_WRONLY)
for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware/dmi/tables/DMI"):
    step(f"read {path}", os.open, path, os.O_RDONLY)
step("internet socket", socket.socket, socket.AF_INET)
step("trace", trace)
print(json.dumps(said))
"""


def main() -> None:
    global _scratch
    with tempfile.TemporaryDirectory(prefix="submitter-guest-") as directory:
        _scratch = Path(directory)
        _scratch.chmod(0o755)
        say({"booted_after_s": uptime_s()})
        for function in CHECKS:
            started = time.monotonic()
            try:
                text, passed = function() or "", True
            except Exception:
                text, passed = traceback.format_exc(limit=-4)[-4000:], False
            seconds = round(time.monotonic() - started, 1)
            say({"check": function.__name__, "passed": passed, "seconds": seconds, "text": text})
        say({"finished_after_s": uptime_s()})


def say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


def uptime_s() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


if __name__ == "__main__":
    main()
