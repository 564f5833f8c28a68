"""The chapters about the daemon: a submission's cost beside its run, how many it takes through, what it holds."""

from collections.abc import Sequence

from benchmarks import processes
from benchmarks.cost import rows as cost_rows
from benchmarks.emulator import emulator_name
from benchmarks.levels import SANDBOXES, level_name
from benchmarks.plan import Plan
from benchmarks.report import Cell, Table
from benchmarks.service import EXECUTORS, Served, Service, only_imports
from benchmarks.work import CASES, describe

MEMORY_CASES = 1  # memory is a matter of how many submissions there were, not of how long they took


def cost(plan: Plan) -> Table:
    """What a submission costs beside its run."""
    columns = [
        "level",
        "message to result ms.",
        "the run ms.",
        "the calls ms.",
        "beside the run, over the calls.",
        "failed",
    ]
    notes = [
        "From a message that waits to its deletion, on the embedded S3, SQS and Postgres; the run is the Grader's.",
        "The calls, made bare: a receive, two GETs, two PUTs, three transactions, a delete.",
    ]
    return Table("cost", "What a submission costs beside its run", columns, list(cost_rows(plan.cost_rounds)), notes)


def service(plan: Plan) -> Table:
    """How many submissions a second the daemon takes through, and the processor time that it uses."""
    columns = [
        "level",
        "submissions.",
        "a second.",
        "times as many as strict.",
        "processor ms of the daemon.",
        "failed",
    ]
    rows: list[Sequence[Cell]] = []
    for sandbox in SANDBOXES:
        strict: float | None = None
        for isolation, submissions in (("strict", plan.strict_submissions), ("box", plan.service_submissions)):
            name = level_name(sandbox, isolation)
            plan.say(name)
            try:
                served = _serve(sandbox, isolation, submissions)
            except Exception as exc:
                rows.append((name, submissions, None, None, None, describe(exc)))
                continue
            if isolation == "strict":
                strict = served.per_second
            ratio = served.per_second / strict if strict else None
            rows.append((name, submissions, served.per_second, ratio, served.cpu_ms, ""))
    notes = [
        f"The daemon as a process of its own, {EXECUTORS} submissions of {CASES} cases at once.",
        f"S3 and SQS ({emulator_name()}) and Postgres run on the same processors. Messages are sent without a trigger, "
        "few at a time.",
        "The processor time is the daemon's own process's, without the executors.",
    ]
    return Table("service", "How many submissions the daemon takes through", columns, rows, notes)


def _serve(sandbox: str, isolation: str, submissions: int) -> Served:
    with Service(sandbox, isolation, CASES) as running:
        running.serve(2 * EXECUTORS)  # until all is there
        return running.serve(submissions)


def service_memory(plan: Plan) -> Table:
    """What the daemon's process holds, after many submissions."""
    columns = [
        "level",
        "submissions.",
        "a second.",
        "processor ms of the daemon.",
        "MB.",
        "MB over its libraries.",
        "failed",
    ]
    rows: list[Sequence[Cell]] = []
    name = level_name(SANDBOXES[0], "box")
    each, so_far = plan.memory_submissions // plan.memory_stretches, 0
    try:
        with only_imports() as pid:
            libraries = processes.resident_bytes(pid) or 0
        with Service(SANDBOXES[0], "box", MEMORY_CASES) as running:
            for _ in range(plan.memory_stretches):
                served = running.serve(each)
                so_far += each
                plan.say(f"{so_far} submissions, {served.per_second:.1f} a second")
                held = served.resident_bytes
                more = None if held is None else (held - libraries) / (1 << 20)
                size = None if held is None else held / (1 << 20)
                rows.append((name, so_far, served.per_second, served.cpu_ms, size, more, ""))
    except Exception as exc:
        rows.append((name, so_far, *[None] * (len(columns) - 3), describe(exc)))
    notes = [
        "RSS of the daemon's process, and what that is more than a process has that only imports the same libraries.",
        f"Submissions of {MEMORY_CASES} case. MB are 2^20 bytes.",
    ]
    return Table("service-memory", "What the daemon holds", columns, rows, notes)
