"""Results that are shown anew, on Postgres and S3: the same document as a grading would write, and nothing run."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from submitter.adapters.memory import FakeSandbox
from submitter.adapters.postgres import PostgresCaseStore
from submitter.adapters.s3 import S3ResultStore
from submitter.embedded_aws import EmbeddedAws
from submitter.grading import Grader
from submitter.lease import Lease
from submitter.model import Assignment, CaseKind, Ending, Step, SubmissionKey, TestCase
from submitter.policy import Feedback, Late, Policy, Tries
from submitter.processing import SubmissionProcessor
from submitter.publishing import publish
from submitter.runs import RunResult
from tests.contract.case_stores import ADA, KEY, REF

POLICY = Policy(
    due_at=datetime(2020, 1, 1, tzinfo=UTC),
    late=Late.parse("10% per week, floor 37.5%"),
    tries=Tries(count=1),
    feedback=Feedback.parse("test: verdict, everything once published; grade: nothing, diff once published"),
)
CASES = (
    TestCase(CaseKind.TEST, 1, "two\nlines", "out\n", 2.5),
    TestCase(CaseKind.TEST, 2, "3", "\\n is two characters"),
    TestCase(CaseKind.GRADE, 1, "5", "25", 0.1),
    TestCase(CaseKind.GRADE, 2, "", "", 2.0, step=Step.PROVE),
)
RUN = RunResult(
    ending=Ending.EXITED,
    exit_code=0,
    stdout=b"out\xff\n",
    stderr=b"a warning",
    cpu_time_s=0.0123456,
    wall_time_s=0.1234567,
    memory_bytes=4711,
)


def test_what_is_published_is_what_a_grading_would_write(
    postgres_store: PostgresCaseStore, aws: EmbeddedAws, bucket: str, tmp_path: Path
) -> None:
    store = S3ResultStore(aws.s3, bucket)
    sandbox = FakeSandbox(lambda job, one: RUN if one.step is Step.RUN else replace(RUN, ending=Ending.REFUTED))
    processor = SubmissionProcessor(postgres_store, store, Grader(sandbox, tmp_path), "host")
    postgres_store.save_assignment(Assignment(ref=REF, cases=CASES, policy=POLICY))
    key = SubmissionKey(REF, KEY.subid, leading_slash=True)
    document = {"subid": key.subid, "admin": REF.admin, "event": REF.event, "assignment": REF.assignment}
    store.put(key.program(".py"), b"program", "text/plain")
    store.put(key.metadata, json.dumps(document | {"tokens": [ADA]}).encode(), "application/json")

    def read(name: str) -> bytes:
        stored = store.get(name, 1 << 20)
        assert stored is not None
        return stored.data

    processor.process(key, Lease(None, 1000))
    first = json.loads(read(key.results))
    assert [sorted(test) for test in first["tests"]] == [["name", "number", "status", "verdict", "visibility"]] * 2
    assert (first["score"], first["max_score"], first["penalty"]) == (0.0, 0.0, 0.625)
    assert read(key.out) == b""
    runs = len(sandbox.jobs)

    for _ in range(2):
        (shown,) = publish(postgres_store, store, REF)
        assert (shown.problem, shown.changed) == (None, 0)
    assert len(sandbox.jobs) == runs
    published, out = read(key.results), read(key.out)
    assert out == b"out\xff\nout\xff\n"
    assert json.loads(published)["tests"][2]["expected"] == "25"
    proof = json.loads(published)["tests"][3]
    assert (proof["step"], proof["output"]) == ("prove", "not proved\nout\\xff\na warning")

    processor.process(key, Lease(None, 1000))  # which finds the result that Postgres says is there
    assert len(sandbox.jobs) == runs + 1
    assert (read(key.results), read(key.out)) == (published, out)


def test_of_a_long_output_its_beginning_is_shown_with_how_long_it_was(
    postgres_store: PostgresCaseStore, aws: EmbeddedAws, bucket: str, tmp_path: Path
) -> None:
    """Postgres keeps 64 KiB of it; the `.out` that a grading has written has all, and stays."""
    store = S3ResultStore(aws.s3, bucket)
    run = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"x" * 100_000)
    processor = SubmissionProcessor(postgres_store, store, Grader(FakeSandbox(lambda job, _: run), tmp_path), "host")
    policy = Policy(feedback=Feedback.parse("test: diff, everything once published"))
    postgres_store.save_assignment(Assignment(ref=REF, cases=CASES[:1], policy=policy))
    document = {"subid": KEY.subid, "admin": REF.admin, "event": REF.event, "assignment": REF.assignment}
    store.put(KEY.program(".py"), b"program", "text/plain")
    store.put(KEY.metadata, json.dumps(document | {"tokens": [ADA]}).encode(), "application/json")
    processor.process(KEY, Lease(None, 1000))
    list(publish(postgres_store, store, REF))
    results, out = store.get(KEY.results, 1 << 20), store.get(KEY.out, 1 << 20)
    assert results is not None
    assert out is not None
    assert json.loads(results.data)["tests"][0]["actual"].endswith("… (100000 bytes in all)")
    assert out.data == b"x" * 100_000 + b"\n"
