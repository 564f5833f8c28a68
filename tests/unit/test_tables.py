"""Cells of the tables that people read."""

import pytest

from submitter import tables
from submitter.model import CaseKind, TestCase
from submitter.points import CaseRole, LimitOverrides


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (LimitOverrides(), ""),
        (LimitOverrides(cpu_time_s=0.5), "cpu_time_s 0.5"),
        (LimitOverrides(memory_bytes=64 << 20, processes=3), "memory_bytes 67108864, processes 3"),
    ],
)
def test_limits_of_a_case_are_told_by_the_names_that_set_them(limits: LimitOverrides, told: str) -> None:
    assert tables.own_limits(TestCase(CaseKind.TEST, 1, "", "", limits=limits)) == told


@pytest.mark.parametrize(
    ("group", "role", "told"),
    [
        (None, CaseRole.REGULAR, ""),
        ("samples", CaseRole.REGULAR, "samples"),
        (None, CaseRole.BONUS, "bonus"),
    ],
)
def test_a_case_is_in_a_group_or_has_a_role(group: str | None, role: CaseRole, told: str) -> None:
    assert tables.group_or_role(TestCase(CaseKind.TEST, 1, "", "", group=group, role=role)) == told
