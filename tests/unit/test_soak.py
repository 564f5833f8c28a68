"""The soak's judgement can fail: what is lost, double or wrong is counted."""

from typing import Any

from tests.soak import compare

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
