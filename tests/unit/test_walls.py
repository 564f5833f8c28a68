"""Whoever moves a wall learns of its test in seconds, not from the long run of attacks."""

from pathlib import Path

import pytest

from tests.contract.test_walls_off import SCRIPT_WALLS, patched


@pytest.mark.parametrize("wall", SCRIPT_WALLS)
def test_the_change_that_takes_a_wall_away_still_fits(wall: str, tmp_path: Path) -> None:
    changes = SCRIPT_WALLS[wall][0]
    assert all(new in patched(changes, tmp_path).read_text() for new in changes.values())
