"""The machine that figures came from, in a few lines: without it they say little."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def describe_machine() -> dict[str, str]:
    """What matters of this machine, by name."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores usable",
        "memory": _memory(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}{_virtual()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "control groups": _control_groups(),
        "Docker": _docker(),
        "Python": f"{platform.python_version()} for this, {_said('/usr/bin/python3', '--version')} in /usr/bin",
        "run as": "root" if os.geteuid() == 0 else "an ordinary user",
        "load at the start": f"{os.getloadavg()[0]:.2f}",
        "measured": datetime.now(UTC).isoformat(" ", "minutes"),
        "version": _said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--tags"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model", "CPU part")):
            return line.partition(":")[2].strip()
    return "unknown"


def _memory() -> str:
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{kilobytes / (1 << 20):.1f} GiB"


def _virtual() -> str:
    flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    return ", a virtual machine" if "hypervisor" in flags.split() else ""


def _control_groups() -> str:
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return "v2"
    return "v1" + (" with an empty v2 beside it" if Path("/sys/fs/cgroup/unified").exists() else "")


def _docker() -> str:
    said = _said("docker", "version", "--format", "{{json .}}")
    try:
        document = json.loads(said)
        server = document["Server"]
        parts = {part["Name"]: part["Version"] for part in server.get("Components", [])}
        driver = _said("docker", "info", "--format", "{{.Driver}}, security {{.SecurityOptions}}")
        runtimes = ", ".join(f"{name} {parts[name]}" for name in ("containerd", "runc") if name in parts)
        return f"engine {server['Version']}, client {document['Client']['Version']}, {runtimes}, {driver}"
    except (ValueError, KeyError, TypeError):
        return "none"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "none"
    return (done.stdout or done.stderr).strip() or "none"
