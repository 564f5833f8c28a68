"""The machine itself, and the AppArmor profile for executors."""

import json
import os
import sys
from pathlib import Path

from tests.vm.guest.tools import PROFILE, PROFILE_FILE, check, denials, expect, image, loaded_profiles, run, start


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


# -- how it is tried ------------------------------------------------------------------------------------------------


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
