"""An interpreter with numpy, for each sandbox: what a course in data analysis would run."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.work import NotHere

SYSTEM_PYTHON = Path("/usr/bin/python3")
TAG = "submitter-benchmark:numpy"
PIP_TIMEOUT_S, BUILD_TIMEOUT_S = 300, 300
WHERE = "import sysconfig; print(sysconfig.get_path('purelib'))"
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@contextlib.contextmanager
def image_with_numpy(image: str) -> Iterator[str]:
    """
    The executor image with numpy in it; removed at the end.

    Raises:
        NotHere: it cannot be made on this machine.
    """
    ask = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c"]
    version, where = _said([*ask, VERSION]), _said([*ask, WHERE])
    with tempfile.TemporaryDirectory(prefix="submitter-benchmark-") as directory:
        _install(version, Path(directory, "numpy"))
        Path(directory, "Dockerfile").write_text(f"FROM {image}\nCOPY numpy {where}\n")
        _said(["docker", "build", "--quiet", "--tag", TAG, directory])
    try:
        yield TAG
    finally:
        subprocess.run(["docker", "image", "rm", "--no-prune", TAG], capture_output=True, check=False)


@contextlib.contextmanager
def python_with_numpy() -> Iterator[str]:
    """
    A virtual environment over the system's interpreter, with numpy in it, as a path of its python.

    Raises:
        NotHere: it cannot be made on this machine.
    """
    if not SYSTEM_PYTHON.exists():
        raise NotHere(f"{SYSTEM_PYTHON} is missing")
    # Not below /tmp: a sandbox has one of its own there.
    with tempfile.TemporaryDirectory(prefix="submitter-benchmark-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        python = Path(directory, "environment", "bin", "python3")
        _said([str(SYSTEM_PYTHON), "-m", "venv", "--without-pip", str(python.parent.parent)])
        _install(_said([str(python), "-c", VERSION]), Path(_said([str(python), "-c", WHERE])))
        yield str(python)


def _install(version: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
    command += ["--python-version", version, "--only-binary", ":all:", "--target", str(target), "numpy"]
    _said(command, PIP_TIMEOUT_S)
    shutil.rmtree(target / "bin", ignore_errors=True)


def _said(command: list[str], timeout_s: float = BUILD_TIMEOUT_S) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NotHere(f"{command[0]}: {exc}") from exc
    if done.returncode != 0:
        raise NotHere(f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout.strip()
