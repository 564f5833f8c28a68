"""
Results judged anew after one expected output was changed, on the embedded services.

What the programs print is made up beforehand, since none of them is to be run:
half of them print squares, the others what is right from the change on, so that
every result changes and is published.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks.plan import Plan
from benchmarks.report import Cell, Table
from benchmarks.service import seed
from benchmarks.work import CASES, Failed, describe
from submitter import app, migrations
from submitter.adapters.aws import make_client
from submitter.adapters.memory import FakeSandbox
from submitter.adapters.sqs import SqsSubmissionQueue
from submitter.config import Config
from submitter.embedded_aws import EmbeddedAws
from submitter.embedded_postgres import EmbeddedPostgres
from submitter.grading import Grader
from submitter.lease import Lease
from submitter.model import AssignmentRef, Ending
from submitter.planning import make_plan
from submitter.processing import SubmissionProcessor
from submitter.rejudging import Rejudger
from submitter.resources import resource
from submitter.runs import CaseInput, Job, RunResult
from submitter.test_sets import Change
from submitter.upload import upload

REF = AssignmentRef("benchmarks", "rejudge", "square")
THREADS = 2
CHANGED, NEW = 3, b"changed"  # the case, and what it expects afterwards
LEASE_S = 60


def rejudge(plan: Plan) -> Table:
    """How long a regrade takes whose programs need not be run."""
    columns = ["what", "submissions.", "the plan s.", "carrying it out s.", "together s.", "programs run.", "failed"]
    notes = [
        f"{CASES} cases each, of which one expected output was changed; half of the results rise, the others fall.",
        f"All of them are published, by {2 * THREADS} threads; bucket, queue and Postgres run on the same processors.",
    ]
    try:
        rows: list[Sequence[Cell]] = list(_rows(plan))
    except Exception as exc:
        rows = [("one expected output", plan.rejudged_submissions, None, None, None, None, describe(exc))]
    return Table("rejudge", "Judging anew after one expected output was changed", columns, rows, notes)


def _rows(plan: Plan) -> Iterator[Sequence[Cell]]:
    with ExitStack() as started:
        directory = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="submitter-rejudge-")))
        aws = started.enter_context(EmbeddedAws())
        queue_url = aws.make_queue("submitter")
        aws.s3.create_bucket(Bucket="submissions")
        postgres = started.enter_context(EmbeddedPostgres(directory, durable=False))
        migrations.apply(postgres.url, resource("sql"))
        seed(postgres.url, REF, CASES)
        settings = {
            "SUBMITTER_QUEUE_URL": queue_url,
            "SUBMITTER_BUCKET": "submissions",
            "SUBMITTER_DATABASE_URL": postgres.url,
            "SUBMITTER_CONCURRENCY": str(THREADS),
        }
        environment = {**aws.environment, **settings}
        config = Config.from_env(environment)
        store = app.open_results(config, environment)
        cases = started.enter_context(app.open_cases(config))
        sandbox = FakeSandbox(_print)
        processor = SubmissionProcessor(cases, store, Grader(sandbox, directory), "benchmark")
        keys = [
            upload(store, REF, [f"{number:032x}"], b"%d # %d" % (number % 2, number)).key
            for number in range(plan.rejudged_submissions)
        ]
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda key: processor.process(key, Lease(None, LEASE_S)), keys))
        connection = started.enter_context(psycopg.connect(postgres.url, autocommit=True))
        changed = "UPDATE submitter.test_cases SET expected = %s WHERE ordinal = %s"
        connection.execute(changed, (NEW.decode(), CHANGED))
        before = len(sandbox.jobs)
        rejudger = Rejudger(
            cases,
            store,
            open_sandbox=lambda: sandbox,
            waiting=SqsSubmissionQueue(make_client("sqs", environment), queue_url, LEASE_S).waiting,
            worker="benchmark",
            threads=2 * THREADS,
        )

        begun = time.perf_counter()
        plan_id, found = make_plan(cases, REF)
        planned = time.perf_counter()
        applied = list(rejudger.apply(plan_id, allow_drops=True))
        ended = time.perf_counter()

        changes = [item.change for item in found.items]
        if sorted({*changes}) != [Change.FALLS, Change.RISES] or len(changes) != len(keys):
            raise Failed(f"{len(changes)} results change, and not {len(keys)}")
        if wrong := [one.problem for one in applied if one.outcome is None]:
            raise Failed(f"{len(wrong)} were not published: {wrong[0]}")
        times = planned - begun, ended - planned, ended - begun
        yield "one expected output", len(keys), *times, len(sandbox.jobs) - before, ""


def _print(job: Job, case: CaseInput) -> RunResult:
    number = int(case.arguments[0])
    is_changed = job.program.startswith(b"1") and number == CHANGED
    printed = NEW if is_changed else b"%d" % number**2
    return RunResult(ending=Ending.EXITED, exit_code=0, stdout=printed + b"\n", cpu_time_s=0.01, wall_time_s=0.02)
