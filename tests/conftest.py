"""Fixtures that several folders of tests share."""

import logging
import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import structlog
from _pytest.mark import ParameterSet

from submitter import migrations
from submitter.app import isolate, separate
from submitter.config import Config
from submitter.embedded_postgres import EmbeddedPostgres, find_binaries
from submitter.errors import ConfigError, SandboxUnavailable
from submitter.executors.bubblewrap_executor import BubblewrapLauncher
from submitter.executors.docker_executor import DockerLauncher
from submitter.executors.link import Launcher
from submitter.executors.roles import SeparateSandboxes
from submitter.executors.sandbox import ExecutorSandbox
from submitter.resources import resource
from submitter.runs import Role
from tests.engine import OwnEngine, start_or_skip


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    """Commands that run in this process set up logging for all of it; the next test starts as the first did."""
    handlers = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a Postgres where databases may be made: SUBMITTER_TEST_DATABASE_URL, else a server of our own."""
    if url := os.environ.get("SUBMITTER_TEST_DATABASE_URL"):
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="submitter-tests-") as directory:
        try:
            find_binaries()
        except ConfigError as exc:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(exc))
        with EmbeddedPostgres(directory, durable=False) as server:
            yield server.url


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with our schema and no rows. Nobody stays connected to it: it could not be cloned."""
    with new_database(postgres_server) as url:
        migrations.apply(url, resource("sql"))
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def database_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """A database of the test's own with our schema and no rows."""
    with new_database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """A database of the test's own without our schema."""
    with new_database(postgres_server) as url:
        yield url


@contextmanager
def new_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a database that ends with the context."""
    name = f"submitter_test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


# -- sandboxes ----------------------------------------------------------------------------------------------------


def languages_image() -> str:
    """The image with tool chains that executor_image/ensure-image.sh makes beside the executor's."""
    return f"{Config.from_env(os.environ).image}-languages"


def make_launcher(
    name: str, arguments: Sequence[str] = (), image: str | None = None, role: Role = Role.STUDENT
) -> Launcher:
    """
    A launcher that works on this machine; `arguments` are the executors' own, `image` is another than the usual.

    Without bubblewrap a test fails: it comes with our own `local` extra. Without Docker it is skipped,
    unless SUBMITTER_REQUIRE_DOCKER=1 says that an engine must be there.
    """
    if name == "bubblewrap":
        bubblewrap = BubblewrapLauncher(arguments=arguments)
        bubblewrap.probe()
        return bubblewrap
    try:
        docker = DockerLauncher(image or Config.from_env(os.environ).image, arguments=arguments, role=role)
        docker.probe()
    except SandboxUnavailable as exc:
        if os.environ.get("SUBMITTER_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(str(exc))
    return docker


def make_sandbox(
    name: str,
    isolation: str = "box",
    *,
    hash_seed: int | None = None,
    preload: str = "",
    executors: int = 2,
    image: str | None = None,
) -> ExecutorSandbox:
    """A real sandbox of one of the three levels, to be closed by whoever asks for it."""
    arguments = [] if hash_seed is None else ["--hash-seed", str(hash_seed)]
    if preload:
        arguments += ["--preload", preload]
    return isolate(make_launcher(name, arguments, image), isolation, executors)


def make_sandboxes(name: str, isolation: str = "box", *, executors: int = 2) -> SeparateSandboxes:
    """Real sandboxes for both roles, to be closed by whoever asks for them."""
    return separate(make_launcher(name), lambda: make_launcher(name, role=Role.JUDGE), isolation, executors)


@pytest.fixture(scope="session")
def own_engine() -> Iterator[OwnEngine]:
    """A Docker engine that a test may kill, freeze and start again; each leaves it running and without containers."""
    with start_or_skip() as engine:
        yield engine


SANDBOXES = [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"]
LEVELS = ["box", "container", "strict"]


@pytest.fixture(params=SANDBOXES)
def sandbox_name(request: pytest.FixtureRequest) -> str:
    """Each sandbox in turn."""
    return str(request.param)


def _kinds() -> list[ParameterSet]:
    """Both sandboxes, warm and not."""
    return [
        pytest.param((name, level), id=f"{name}-{level}", marks=[pytest.mark.docker] if name == "docker" else [])
        for name in ("docker", "bubblewrap")
        for level in ("box", "strict")
    ]


@pytest.fixture(scope="module", params=_kinds())
def sandbox(request: pytest.FixtureRequest) -> Iterator[ExecutorSandbox]:
    """
    The real sandbox, each in turn, one for all tests of a module as it is for all submissions of a day.

    What a test's program does to it, the next test suffers from.
    """
    sandbox = make_sandbox(*request.param)
    yield sandbox
    sandbox.close()


@pytest.fixture(params=_kinds())
def own_sandbox(request: pytest.FixtureRequest) -> Iterator[ExecutorSandbox]:
    """As `sandbox`, for a test that ends it."""
    sandbox = make_sandbox(*request.param)
    yield sandbox
    sandbox.close()
