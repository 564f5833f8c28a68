"""The soak's judgement can fail: what is lost, double or wrong is counted."""

from typing import Any

from tests.soak import compare, recovery_times, too_seldom

IN_PEACE = {"right": ["accepted", "accepted"], "wrong": ["wrong_answer", "accepted"]}
SENT = [("a", "right"), ("b", "wrong"), ("c", "right")]


def test_a_soak_like_in_peace_has_nothing_to_count() -> None:
    published = {"a": [IN_PEACE["right"]], "b": [IN_PEACE["wrong"]], "c": [IN_PEACE["right"]]}
    assert compare(SENT, published, IN_PEACE) == {"lost": 0, "double": 0, "wrong": 0}


def test_what_is_lost_double_or_wrong_is_counted() -> None:
    assert compare(SENT, {}, IN_PEACE) == {"lost": 3, "double": 0, "wrong": 0}
    twice = {"a": [IN_PEACE["right"]] * 2, "b": [IN_PEACE["wrong"]], "c": [IN_PEACE["right"]]}
    assert compare(SENT, twice, IN_PEACE) == {"lost": 0, "double": 1, "wrong": 0}
    other: dict[str, list[Any]] = {"a": [IN_PEACE["wrong"]], "b": [None], "c": [IN_PEACE["right"]]}
    assert compare(SENT, other, IN_PEACE) == {"lost": 0, "double": 0, "wrong": 2}


def test_a_kind_of_fault_that_did_not_really_happen_often_enough_is_named() -> None:
    happened = {"kill -9": 3, "engine restart": 2, "Postgres cut": 0}
    assert too_seldom(happened, 3) == ["engine restart", "Postgres cut"]
    assert too_seldom(happened, 0) == []


def test_recovery_is_from_a_fault_to_the_next_result() -> None:
    faults = [("kill -9", 1.0), ("SIGTERM", 2.0), ("Postgres cut", 9.0)]
    assert recovery_times(faults, [1.5, 8.0]) == [(0.5, "kill -9"), (6.0, "SIGTERM")]
