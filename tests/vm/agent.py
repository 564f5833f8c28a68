"""
Does what the host asks, inside the virtual machine and as root: a line of JSON comes, a line of JSON goes back.

Its other end is Machine in machine.py. Standard library only.
"""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

PORT = Path("/dev/virtio-ports/agent")
CHECKOUT = Path(__file__).resolve().parents[2]


def answer(script: str, timeout_s: float) -> dict[str, Any]:
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            cwd=CHECKOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        return {"code": None, "stdout": str(exc.stdout), "stderr": f"no end within {timeout_s} s: {exc.stderr!r}"}
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def main() -> None:
    while not PORT.exists():  # udev makes it in its own time
        time.sleep(0.1)
    with open(PORT, "r+b", buffering=0) as port:

        def say(document: dict[str, Any]) -> None:
            rest = json.dumps(document).encode() + b"\n"
            while rest:
                rest = rest[port.write(rest) :]

        say({"code": 0, "stdout": "", "stderr": ""})  # so that the host knows that somebody listens
        asked = b""
        while True:
            asked += port.read(1 << 16)
            if asked.endswith(b"\n"):
                request, asked = json.loads(asked), b""
                say(answer(request["script"], request["timeout_s"]))


if __name__ == "__main__":
    main()
