"""What several files here need."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from submitter import notifier as notifier_module
from tests.unit.daemon_world import (
    House,
    MakeHouse,
)


@pytest.fixture
def make_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHouse]:
    """Makes a House that is not started yet; it is stopped at the end, in a hurry if need be."""
    made: list[House] = []
    monkeypatch.setattr(notifier_module, "LOOK_EVERY_S", 0.01)

    def make(**settings: Any) -> House:
        made.append(House(tmp_path / str(len(made)), **settings))
        return made[-1]

    yield make
    for house in made:
        house.daemon.stop()
        house.daemon.stop()
        if house.is_running:
            house.join()


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house()
