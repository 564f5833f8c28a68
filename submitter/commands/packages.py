"""Problem packages of other systems: their solutions against what their juries say of them."""

from collections import Counter
from pathlib import Path

import click

from submitter.commands.options import as_json, positive, print_json, progress, quiet_config

NOT_AS_EXPECTED = 3


@click.command("verify")
@click.argument("package", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--time-factor", type=positive, default=1.0, metavar="F", help="Times the limits that the package states."
)
@click.option("--sandbox", type=click.Choice(["auto", "docker", "bubblewrap"]))
@click.option("--isolation", type=click.Choice(["box", "container", "strict"]))
@as_json
def verify(package: Path, time_factor: float, sandbox: str | None, isolation: str | None, as_json: bool) -> int:
    """
    Run every solution that a problem package brings, and compare with what its jury expects.

    PACKAGE is a folder, a zip or a tar archive in ICPC's, Kattis's, DMOJ's or Polygon's format. Nothing is stored.
    """
    from submitter import app, tables
    from submitter.languages import languages
    from submitter.packages.formats import read_package
    from submitter.packages.languages import why_not_run
    from submitter.packages.running import engine
    from submitter.packages.verify import State, expected_text
    from submitter.packages.verify import verify as verify_problem
    from submitter.toolchains import find_tool_chains

    problem = read_package(package)
    config = quiet_config(sandbox=sandbox, isolation=isolation)
    runnable = 0 if problem.cannot_judge else sum(why_not_run(one, languages()) is None for one in problem.solutions)
    if runnable:
        runner = app.open_sandbox(config, executors=min(config.concurrency, runnable))
        try:
            with progress(runnable, "verifying") as advance:
                run = engine(runner, config.concurrency, advance)
                available = {one.language.name for one in find_tool_chains(runner) if one.version is not None}
                found = verify_problem(problem, run, available, time_factor=time_factor)
        finally:
            runner.close()
    else:
        found = verify_problem(problem, lambda *_: (), frozenset(), time_factor=time_factor)
    counts = Counter(one.state for one in found)
    if as_json:
        for one in found:
            print_json(one.document())
    else:
        rows = [
            (
                one.solution.path,
                one.solution.language or "?",
                expected_text(one.solution),
                tables.verdict_counts(one.verdicts),
                f"{one.state}: {one.note}" if one.note else str(one.state),
            )
            for one in found
        ]
        title = f"{problem.name} ({problem.format}): {len(problem.cases)} cases, " + ", ".join(
            f"{counts[state]} {state}" for state in State if counts[state]
        )
        tables.print_table(title.removesuffix(", "), ["solution", "language", "expected", "verdicts", ""], rows)
    for reason in problem.cannot_judge:
        click.echo(f"submitter: nothing was verified: {reason}", err=True)
    return NOT_AS_EXPECTED if counts[State.DIFFERS] else 0
