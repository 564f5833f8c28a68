"""
S3 and SQS for the chapters about the daemon: ministack if it is on PATH, else what `submitter stack` has.

They run on the processors that the daemon is measured on. Of a submission's
time the embedded ones take more than the daemon does, and their `receive`
looks at every message in the queue; so what is measured with them is partly
they. ministack needs a botocore of its own, and so an environment of its own:
it is never a dependency.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

from benchmarks.work import Failed
from submitter.embedded_aws import REGION, EmbeddedAws

START_TIMEOUT_S = 30.0
PROGRAM = "ministack"


class Ministack(EmbeddedAws):
    """
    The same context manager, over ministack's server.

    Raises on entering:
        Failed: it did not start.
    """

    def _start(self) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        settings = {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "SERVICES": "s3,sqs",
            "LOG_LEVEL": "ERROR",
            "MINISTACK_REGION": REGION,
            "PATH": os.environ["PATH"],
        }
        self._process = subprocess.Popen(
            [PROGRAM], env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_localstack/health", timeout=1):
                    return port
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise Failed(f"{PROGRAM} did not start: run it to see why")


def emulator() -> EmbeddedAws:
    """What answers for S3 and SQS in a measurement."""
    return Ministack() if shutil.which(PROGRAM) else EmbeddedAws()


def emulator_name() -> str:
    return PROGRAM if shutil.which(PROGRAM) else "moto"
