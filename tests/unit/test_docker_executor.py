"""What starts executors in Docker, against an engine that is not there: what a real one would have to be broken for."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import docker.errors
import pytest
from structlog.testing import capture_logs

from submitter import doctor
from submitter.executors.docker_executor import APPARMOR_PROFILE, SCRIPT_LABEL, DockerLauncher, script_digest
from submitter.executors.pool import STANDARD_ROOM

AT_ONCE = 3


class Engine:
    """Has AppArmor, but not our profile: a container that names it fails when it is started."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.containers: dict[str, list[str]] = {}  # id: security options
        self._first = threading.Barrier(AT_ONCE, timeout=10)

    def info(self) -> dict[str, Any]:
        return {"SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"]}

    def inspect_image(self, _image: str) -> dict[str, Any]:
        return {"Id": "sha256:1", "Config": {"Labels": {SCRIPT_LABEL: script_digest()}}}

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, _image: str, _command: list[str], **options: Any) -> dict[str, str]:
        container = options["name"]
        self.containers[container] = options["host_config"]["security_opt"]
        return {"Id": container}

    def attach_socket(self, _container: str, _streams: dict[str, int]) -> io.BytesIO:
        return io.BytesIO()

    def start(self, container: str) -> None:
        if f"apparmor={APPARMOR_PROFILE}" in self.containers[container]:
            self._first.wait()  # all have chosen the profile before the first learns that it is missing
            raise docker.errors.APIError("OCI runtime create failed: apparmor failed to apply profile")

    def remove_container(self, container: str, **_options: Any) -> None:
        del self.containers[container]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()

    class Client:
        api = engine

    monkeypatch.setattr(docker, "from_env", lambda **_: Client())
    return engine


def test_without_the_apparmor_profile_all_executors_that_start_at_once_start(engine: Engine) -> None:
    launcher = DockerLauncher("image")
    launcher.probe()
    with capture_logs() as lines, ThreadPoolExecutor(AT_ONCE) as threads:
        executors = list(threads.map(launcher.start, [STANDARD_ROOM] * AT_ONCE))
    assert len(executors) == len(engine.containers) == AT_ONCE
    assert not any(option.startswith("apparmor=") for options in engine.containers.values() for option in options)
    assert {line["event"] for line in lines} == {"apparmor_profile_missing"}


@pytest.mark.parametrize("is_there", [True, False])
def test_an_image_that_is_missing_or_old_asks_for_an_image_and_not_for_docker(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    def inspect(_image: str) -> dict[str, Any]:
        if not is_there:
            raise docker.errors.ImageNotFound("no such image")
        return {"Id": "sha256:1", "Config": {"Labels": {SCRIPT_LABEL: "another"}}}

    monkeypatch.setattr(engine, "inspect_image", inspect)
    found = next(one for one in doctor.examine({}) if one.what == "docker")
    assert found.health is doctor.Health.ABSENT
    assert "`submitter image build`" in found.text
    assert "apt-get" not in found.text


def test_an_engine_that_does_not_answer_may_not_be_installed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> dict[str, Any]:
        raise docker.errors.DockerException("connection refused")

    monkeypatch.setattr(engine, "info", refuse)
    found = next(one for one in doctor.examine({}) if one.what == "docker")
    assert "apt-get install docker.io" in found.text
