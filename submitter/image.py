"""Building the executor image: layers over a Python, made by the engine from a context of two files."""

import io
import tarfile
from collections.abc import Collection, Iterator

import docker
import docker.errors
import requests

from submitter.errors import ConfigError, SandboxUnavailable
from submitter.executors.docker_executor import SCRIPT_LABEL, script_digest
from submitter.languages import languages
from submitter.resources import resource

DEFAULT_BASE = "python:3.11-slim"
BUILD_TIMEOUT_S = 600  # pulling a base image over a slow line


def build(tag: str, base: str, names: Collection[str] = (), proved: Collection[str] = ()) -> Iterator[str]:
    """
    Build the executor image as `tag` from `base`.

    Args:
        names: languages whose tool chains go into it.
        proved: languages whose tools for the step `prove` do.

    Yields the engine's progress, a line at a time.

    Raises:
        ConfigError: there is no such language, or no package with its tool.
        SandboxUnavailable: no engine answers, or the build failed; the text says why.
    """
    if unknown := {*names, *proved} - languages().keys():
        raise ConfigError(f"no language {', '.join(sorted(unknown))}; there is {', '.join(languages())}")
    wanted = {package for name in names for package in languages()[name].packages}
    for name in proved:
        proof = languages()[name].proof
        if proof is None or not proof.packages:
            raise ConfigError(f"{name}.toml names no package with a tool that proves {name} programs")
        wanted.update(proof.packages)
    packages = sorted(wanted)
    try:
        api = docker.from_env(timeout=BUILD_TIMEOUT_S).api
        stream = api.build(
            fileobj=_context(),
            custom_context=True,
            tag=tag,
            buildargs={"BASE_IMAGE": base, "PACKAGES": " ".join(packages)},
            labels={SCRIPT_LABEL: script_digest()},
            network_mode="host" if packages else None,  # an engine need not have another network
            decode=True,
            rm=True,
        )
        for message in stream:
            if "error" in message:
                raise SandboxUnavailable(_explain(base, str(message["error"])))
            if line := str(message.get("stream") or message.get("status") or "").strip():
                yield line
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError) as exc:
        raise SandboxUnavailable(_explain(base, str(exc))) from exc


def _context() -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, path, mode in (
            ("Dockerfile", resource("executor_image") / "Dockerfile", 0o644),
            ("executeSubmission.py", resource("executeSubmission.py"), 0o755),
        ):
            data = path.read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))
    buffer.seek(0)
    return buffer


def _explain(base: str, error: str) -> str:
    return (
        f"the executor image could not be built from {base}: {(error or 'no reason given').splitlines()[0][:300]}"
        " (without a registry: executor_image/make-base-image.sh, then `submitter image build --base"
        " submitter-base:bookworm`)"
    )
