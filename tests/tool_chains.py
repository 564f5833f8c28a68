"""What the tests of other languages and of proofs share: sandboxes with tool chains, languages of their own."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from submitter import languages as module
from submitter.executors.sandbox import ExecutorSandbox
from submitter.languages import languages
from submitter.resources import resource
from tests.conftest import languages_image, make_sandbox

# Otherwise it is the image that executor_image/ensure-image.sh makes, which has those of few languages.
ALL_IN_IMAGE = "SUBMITTER_TEST_LANGUAGES" in os.environ


def kinds(*bubblewrap_levels: str) -> list[ParameterSet]:
    """Docker at `box`, and bubblewrap at these levels."""
    docker = pytest.param(("docker", "box"), id="docker-box", marks=pytest.mark.docker)
    return [docker, *(pytest.param(("bubblewrap", level), id=f"bubblewrap-{level}") for level in bubblewrap_levels)]


@contextmanager
def sandbox_with_tool_chains(name: str, level: str) -> Iterator[ExecutorSandbox]:
    sandbox = make_sandbox(name, level, executors=1, image=None if ALL_IN_IMAGE else languages_image())
    yield sandbox
    sandbox.close()


def need(program: str, sandbox: ExecutorSandbox, *, is_in_image: bool) -> None:
    """Skip where a tool is not there; what the image should have must be there."""
    if sandbox.name == "docker":
        if not (is_in_image or ALL_IN_IMAGE):
            pytest.skip(f"{program} is not in the image")
    elif shutil.which(program, path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip(f"{program} is not on the host")


@contextmanager
def languages_beside_ours(texts: Mapping[str, str], directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an operator adds them: files in executor_image/languages, beside Python's."""
    folder = directory / "executor_image" / "languages"
    shutil.copytree(resource("executor_image") / "languages", folder)
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    monkeypatch.setattr(module, "resource", lambda name: directory / name)
    languages.cache_clear()
    yield
    languages.cache_clear()
