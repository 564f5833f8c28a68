"""
Our results.json against Gradescope's specification of its own.

https://gradescope-autograders.readthedocs.io/en/latest/specs/ says in prose
what is written here as a schema. It does not say that fields which it does not
know are refused, so they may be there; those that it knows must be as it says.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from submitter.model import CaseKind, Comparison, Ending, Limits, TestCase, Verdict
from submitter.results import encode_graded, encode_rejected
from submitter.runs import RunResult
from submitter.verdict import judge_case, summarize
from tests.contract.case_stores import KEY

VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "simple_format", "html", "md", "ansi"]}
SPECIFIED = {
    "type": "object",
    # A score for the whole, or else one for each test.
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"items": {"required": ["score"]}}}},
    ],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}
GRADESCOPE = Draft202012Validator(SPECIFIED)

runs = st.builds(
    RunResult,
    ending=st.sampled_from(Ending),
    exit_code=st.sampled_from([0, 1]),
    stdout=st.binary(max_size=30),
    stderr=st.binary(max_size=30),
    wall_time_s=st.floats(0, 20),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(CaseKind), runs), min_size=1, max_size=4))
def test_what_was_graded_is_a_result_that_gradescope_takes(graded: list[tuple[CaseKind, RunResult]]) -> None:
    report = summarize(
        judge_case(Limits(), Comparison.EXACT, TestCase(kind, number, "3", "9", 0.1), run)
        for number, (kind, run) in enumerate(graded, start=1)
    )
    document = json.loads(encode_graded(KEY, report))
    GRADESCOPE.validate(document)
    assert document["score"] == pytest.approx(sum(test["score"] for test in document["tests"]))
    for test, result in zip(document["tests"], report.case_results, strict=True):
        assert (test["status"] == "passed") == (result.verdict is Verdict.ACCEPTED)
        assert test["visibility"] == "visible", "else a student would not see their total: hidden text is not in it"
        assert test.get("output_format", "text") == "text", "the default for tests: nothing is rendered"


def test_a_rejected_submission_s_reason_is_where_gradescope_shows_it() -> None:
    """As text: the default for the whole submission's output is a kind of HTML."""
    document = json.loads(encode_rejected(KEY, "Your program is <empty>."))
    GRADESCOPE.validate(document)
    assert (document["output"], document["output_format"]) == ("Your program is <empty>.", "text")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"tests": [{"name": "x"}]},
        {"score": "1"},
        {"score": 1, "tests": [{"status": "ok"}]},
        {"score": 1, "tests": [{"visibility": "public"}]},
        {"score": 1, "tests": [{"number": 1}]},
        {"score": 1, "output_format": "plain"},
    ],
)
def test_the_schema_refuses_what_the_specification_does_not_have(document: object) -> None:
    with pytest.raises(ValidationError):
        GRADESCOPE.validate(document)
