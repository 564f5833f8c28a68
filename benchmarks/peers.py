"""
How others do it: an interpreter for every case, in whatever sandbox.

Each is used as a grader would use it, with everything that a submission needs
from its set-up to its clean-up. A peer that is not on PATH is left out.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.work import CPU_TIME_S, FILE_BYTES, MEMORY_BYTES, PROCESSES, WALL_TIME_S, Contender, Failed, NotHere
from submitter.config import Config
from submitter.errors import SandboxUnavailable
from submitter.executors.bubblewrap_executor import SYSTEM_DIRECTORIES, find_bwrap

REFERENCE = "docker run"  # which the ratios are to
PYTHON = "/usr/bin/python3"
SERVER_TIMEOUT_S = 10.0  # for go-judge to listen, and to end
ISOLATE_BOX = "7"  # out of the way of a first box that somebody may use
CGROUP_PREFIX = "submitter-benchmark"


class Peer:
    """What most of them share: a name, a directory, nothing that goes on after a submission."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._directory = tempfile.TemporaryDirectory(prefix="submitter-benchmark-")
        self.directory = Path(self._directory.name)
        self.directory.chmod(0o755)  # sandboxes may run programs as strangers

    def settle(self) -> None:
        pass

    def close(self) -> None:
        self._directory.cleanup()

    def write(self, program: bytes) -> Path:
        path = self.directory / "program.py"
        path.write_bytes(program)
        return path


class PlainInterpreter(Peer):
    """No sandbox at all: what an interpreter per case costs by itself."""

    def __init__(self) -> None:
        if not Path(PYTHON).exists():
            raise NotHere(f"{PYTHON} is missing")
        super().__init__("no sandbox")

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        path = self.write(program)
        return [output_of([PYTHON, str(path), str(n)]) for n in inputs]


class DockerRun(Peer):
    """(a): `docker run` for every submission, in it an interpreter for every case."""

    def __init__(self, image: str) -> None:
        if not shutil.which("docker"):
            raise NotHere("docker is not on PATH")
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            raise NotHere(f"the Docker engine does not answer, or has no image {image}")
        super().__init__("docker run")
        self._image = image

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        path = self.write(program)
        command = ["docker", "run", "--rm", "--network", "none", "--memory", str(MEMORY_BYTES)]
        command += ["--pids-limit", str(PROCESSES), "--volume", f"{path.parent}:/work:ro", "--workdir", "/work"]
        command += ["--entrypoint", "/bin/sh", self._image]
        command += ["-c", 'for n in "$@"; do python3 program.py "$n" || exit 1; done', "sh", *map(str, inputs)]
        return output_of(command).splitlines(keepends=True)


class Isolate(Peer):
    """isolate: a box for every submission, in it a run for every case."""

    def __init__(self) -> None:
        self._isolate = _on_path("isolate")
        super().__init__("isolate")
        output_of([*self.command(), "--cleanup"])
        output_of([*self.command(), "--init"])  # shows that it works here
        output_of([*self.command(), "--cleanup"])

    def command(self) -> list[str]:
        return [self._isolate, f"--box-id={ISOLATE_BOX}"]

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        box = Path(output_of([*self.command(), "--init"]).decode().strip(), "box")
        try:
            (box / "program.py").write_bytes(program)
            command = [*self.command(), "--silent", f"--meta={self.directory}/meta", "--stdin=/dev/null"]
            command += [f"--time={CPU_TIME_S}", f"--wall-time={WALL_TIME_S}", f"--processes={PROCESSES}"]
            command += [f"--fsize={FILE_BYTES // 1024}", "--run", "--", PYTHON, "program.py"]
            return [output_of([*command, str(n)]) for n in inputs]
        finally:
            output_of([*self.command(), "--cleanup"])


class GoJudge(Peer):
    """go-judge: its server runs all the time; a submission is an upload, a request for every case and a removal."""

    def __init__(self) -> None:
        program = _on_path("go-judge")
        super().__init__("go-judge")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        command = [program, "-http-addr", f"127.0.0.1:{self._port}", "-dir", str(self.directory), "-silent", "-release"]
        command += ["-parallelism", "1", "-cgroup-prefix", CGROUP_PREFIX]
        self._server = subprocess.Popen(
            command,
            cwd=self.directory,  # it looks for its configuration where it starts
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + SERVER_TIMEOUT_S
        while True:
            try:
                self._call("GET", "/version")
                return
            except OSError:
                self._connection.close()
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise NotHere("go-judge does not start on this machine") from None
                time.sleep(0.002)

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        stored = self.upload(program)
        try:
            return [self.case(stored, "program.py", [PYTHON, "program.py", str(n)]) for n in inputs]
        finally:
            self.remove(stored)

    def upload(self, program: bytes) -> str:
        """Its name for the program from now on."""
        form = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="program"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + program + b"\r\n--x--\r\n"
        )
        return str(self._call("POST", "/file", form, "multipart/form-data; boundary=x"))

    def remove(self, stored: str) -> None:
        self._call("DELETE", f"/file/{stored}")

    def case(self, stored: str, name: str, words: Sequence[str]) -> bytes:
        """One case: what the words print, with the program there under that name."""
        command = {
            "args": list(words),
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"],
            "files": [{"content": ""}, {"name": "stdout", "max": 1 << 20}, {"name": "stderr", "max": 1 << 16}],
            "cpuLimit": CPU_TIME_S * 10**9,
            "clockLimit": WALL_TIME_S * 10**9,
            "memoryLimit": MEMORY_BYTES,
            "procLimit": PROCESSES,
            "copyIn": {name: {"fileId": stored}},
        }
        [answer] = self._call("POST", "/run", json.dumps({"cmd": [command]}).encode(), "application/json")
        if answer["status"] != "Accepted":
            raise Failed(f"go-judge says {answer['status']}: {answer.get('error') or answer.get('files')}")
        return str(answer["files"]["stdout"]).encode()

    def _call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        response = self._connection.getresponse()
        said = response.read()
        if response.status != 200:
            raise Failed(f"go-judge answers {response.status}: {said[:200]!r}")
        return json.loads(said) if said else None

    def close(self) -> None:
        self._connection.close()
        self._server.terminate()
        try:
            self._server.wait(SERVER_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        for controller in Path("/sys/fs/cgroup").glob(f"*/{CGROUP_PREFIX}"):  # it leaves them, empty
            _remove_cgroup(controller)
        _remove_cgroup(Path("/sys/fs/cgroup", CGROUP_PREFIX))
        super().close()


class BubblewrapPerCase(Peer):
    """bubblewrap for every case, and in it an interpreter."""

    def __init__(self) -> None:
        try:
            self._bwrap = find_bwrap()
        except SandboxUnavailable as exc:
            raise NotHere(str(exc)) from exc
        super().__init__("bubblewrap per case")

    def run(self, program: bytes, inputs: Sequence[int]) -> list[bytes]:
        path = self.write(program)
        command = [
            self._bwrap,
            "--unshare-all",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            "--cap-drop",
            "ALL",
        ]
        for directory in SYSTEM_DIRECTORIES:
            if Path(directory).is_symlink():
                command += ["--symlink", str(Path(directory).readlink()), directory]
            elif Path(directory).is_dir():
                command += ["--ro-bind", directory, directory]
        command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", "--proc", "/proc", "--dev", "/dev"]
        command += ["--tmpfs", "/tmp", "--ro-bind", str(path), "/box/program.py", "--chdir", "/box"]
        command += ["--", PYTHON, "program.py"]
        return [output_of([*command, str(n)]) for n in inputs]


PEERS: dict[str, Callable[[], Contender]] = {
    REFERENCE: lambda: DockerRun(image_name()),
    "isolate": Isolate,
    "go-judge": GoJudge,
    "bubblewrap per case": BubblewrapPerCase,
    "no sandbox": PlainInterpreter,
}


def image_name() -> str:
    """The executor image, which holds the same interpreter for the peer as for us."""
    return Config.from_env(os.environ).image


def languages_image_name() -> str:
    """The image that has the tool chains too, as executor_image/ensure-image.sh makes it."""
    return f"{image_name()}-languages"


def versions() -> dict[str, str]:
    """Which of the peers are here, and what they say of themselves."""
    said = dict[str, str]()
    for name, command in (("isolate", ["isolate", "--version"]), ("go-judge", ["go-judge", "-version"])):
        if path := shutil.which(name):
            done = subprocess.run([path, *command[1:]], capture_output=True, text=True, timeout=20, check=False)
            said[name] = (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]
        else:
            said[name] = "not on PATH"
    try:
        said["bubblewrap"] = output_of([find_bwrap(), "--version"]).decode().strip()
    except (SandboxUnavailable, Failed) as exc:
        said["bubblewrap"] = str(exc)
    return said


def _on_path(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise NotHere(f"{name} is not on PATH")


def output_of(command: list[str]) -> bytes:
    """What it prints; Failed if it ends with anything but 0."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failed(
            f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[:200]}"
        )
    return done.stdout


def _remove_cgroup(path: Path) -> None:
    for inner in sorted(path.rglob("*/"), reverse=True):
        with contextlib.suppress(OSError):
            inner.rmdir()
    with contextlib.suppress(OSError):
        path.rmdir()
