"""The house has floors: a room imports only from floors below its own (docs/architecture.md draws them)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "submitter"

# From the ground up. A room may import any room of a lower floor and none of its own.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"comparison", "points", "policy", "supplies"}),
    frozenset({"", "errors", "crash"}),  # "" is submitter/__init__.py, with the version
    frozenset({"model"}),
    frozenset({"runs"}),
    frozenset({"outcomes"}),
    frozenset({"accounts", "comparing", "resources"}),
    frozenset({"hints", "languages", "scoring"}),
    frozenset({"test_sets"}),
    frozenset({"verdict", "results", "protocol", "ports", "config", "logs", "workdir", "notices"}),
    frozenset({"reports.text"}),
    frozenset({"reports.diff"}),
    frozenset({"reports.gradebook", "reports.junit", "reports.page", "reports.terminal"}),
    frozenset({"exports"}),
    frozenset({"checkers"}),
    frozenset({"exchanges", "grading_file"}),
    frozenset({"judging", "asking"}),
    frozenset(
        {
            "grading",
            "steps",
            "lease",
            "trigger",
            "folders",
            "upload",
            "requeue",
            "publishing",
            "similarity",
            "case_statistics",
            "migrations",
            "service",
            "spot",
            "dependencies",
            "notifier",
            "executors.wire",
            "executors.link",
            "executors.owner",
            "executors.turns",
            "packages.problem",
            "packages.archive",
            "packages.documents",
        }
    ),
    frozenset(
        {
            "packages.languages",
            "packages.expected",
            "packages.assigned",
            "packages.icpc_layout",
            "packages.icpc_points",
            "packages.dmoj_points",
        }
    ),
    frozenset({"packages.validators"}),
    frozenset({"packages.icpc", "packages.dmoj", "packages.polygon", "packages.verify"}),
    frozenset({"packages.formats"}),
    frozenset({"packages.importing"}),
    frozenset({"adapters.aws", "adapters.postgres_connections", "adapters.memory", "adapters.memory_notices"}),
    frozenset(
        {
            "adapters.postgres_notices",
            "adapters.postgres_checkers",
            "adapters.memory_rejudging",
        }
    ),
    frozenset({"adapters.postgres_policy", "adapters.postgres_rejudging", "adapters.postgres_supplies"}),
    frozenset({"adapters.postgres_attempts", "adapters.postgres_accounts"}),
    frozenset(
        {
            "adapters.sqs",
            "adapters.s3",
            "adapters.postgres",
            "adapters.memory_cases",
            "adapters.ses",
            "adapters.smtp",
            "executors.pool",
            "executors.fresh",
            "containment",
            "executors.sandbox",
            "executors.docker_executor",
            "executors.bubblewrap_executor",
            "processing",
            "planning",
            "checking",
            "similar",
            "similar_page",
            "toolchains",
            "embedded_aws",
            "embedded_postgres",
        }
    ),
    frozenset({"executors.dialogue"}),
    frozenset({"executors.roles"}),
    frozenset({"daemon", "image", "stack", "rejudging", "packages.running"}),
    frozenset({"app"}),
    frozenset({"doctor", "demo"}),
    frozenset({"tables"}),
    frozenset({"commands.options"}),
    frozenset({"commands.checkers"}),
    frozenset(
        {
            "commands.grading",
            "commands.machine",
            "commands.courses",
            "commands.queues",
            "commands.notices",
            "commands.policies",
            "commands.similar",
            "commands.supplies",
            "commands.packages",
            "commands.results",
            "commands.rejudging",
        }
    ),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)

# Rooms without I/O, clock, randomness or threads: what they import of the standard library, and nothing else.
PURE = {
    "errors": set[str](),
    "comparison": {"dataclasses", "decimal", "enum", "re", "typing"},
    "comparing": {"codecs", "collections", "decimal", "itertools", "re", "re2", "typing"},
    "hints": {"collections", "dataclasses", "decimal", "itertools"},
    "policy": {"dataclasses", "datetime", "enum", "math", "re"},
    "supplies": {"dataclasses", "re"},
    "model": {"dataclasses", "datetime", "enum", "re"},
    "runs": {"collections", "dataclasses", "enum", "re"},
    "outcomes": {"dataclasses", "datetime", "math"},
    "test_sets": {"collections", "dataclasses", "enum", "hashlib", "json", "typing"},
    "points": {"dataclasses", "enum"},
    "grading_file": {"collections", "dataclasses", "itertools", "json", "math", "pathlib", "re", "tomllib", "typing"},
    "scoring": {"collections", "math", "re", "typing"},
    "accounts": {"dataclasses", "datetime", "enum"},
    "exchanges": {"dataclasses"},
    "checkers": {"collections", "dataclasses", "math"},
    "verdict": {"collections", "math", "typing"},
    "results": {"dataclasses", "datetime", "json", "re", "typing"},
    "reports.text": {"re"},
    "reports.diff": {"collections", "dataclasses", "difflib", "typing"},
    "reports.gradebook": {"collections", "csv", "io", "json", "typing"},
    "reports.junit": {"xml"},
    "reports.page": {"base64", "collections", "hashlib", "html"},
    "reports.terminal": {"collections", "dataclasses", "typing"},
    "notices": {"datetime", "email", "hashlib"},
    "protocol": {"collections", "json", "re", "typing", "unicodedata", "urllib"},
    "case_statistics": {"collections", "dataclasses", "statistics", "typing"},
    "ports": {"collections", "contextlib", "dataclasses", "typing"},
}

# The embedded services are reached by clients made as everybody's are.
MAY_IMPORT_ADAPTERS = {"app", "embedded_aws"}

PACKAGES = {"adapters", "commands", "executors", "packages", "reports"}
ROOMS = sorted(
    str(path.relative_to(PACKAGE).with_suffix("")).replace("/", ".").removesuffix("__init__").removesuffix(".")
    for path in PACKAGE.rglob("*.py")
)


def file_of(room: str) -> Path:
    path = PACKAGE.joinpath(*room.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported_by(room: str) -> Iterator[str]:
    """The full names of all modules that a room imports, wherever in it."""
    for node in ast.walk(ast.parse(file_of(room).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room}: imports are absolute"
            for alias in node.names:
                package = str(node.module).removeprefix("submitter").removeprefix(".")
                is_room = (
                    str(node.module).startswith("submitter") and file_of(f"{package}.{alias.name}".strip(".")).exists()
                )
                yield f"{node.module}.{alias.name}" if is_room else str(node.module)


def rooms_imported_by(room: str) -> set[str]:
    return {
        name.removeprefix("submitter").removeprefix(".")
        for name in imported_by(room)
        if name == "submitter" or name.startswith("submitter.")
    }


def floor_of(room: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def test_every_room_has_its_floor() -> None:
    listed = set().union(*FLOORS) | PACKAGES
    assert set(ROOMS) == listed


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in PACKAGES])
def test_imports_point_downwards(room: str) -> None:
    upwards = {other for other in rooms_imported_by(room) if floor_of(other) >= floor_of(room)}
    assert not upwards, f"{room} imports {upwards} from its own floor or above"


@pytest.mark.parametrize("room", ROOMS)
def test_only_the_composition_root_imports_adapters(room: str) -> None:
    if room.startswith("adapters") or room in MAY_IMPORT_ADAPTERS:
        return
    assert not {other for other in rooms_imported_by(room) if other.startswith("adapters.")}


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_nothing_that_acts(room: str) -> None:
    outside = {name.partition(".")[0] for name in imported_by(room)} - {"submitter"}
    assert outside <= PURE[room]


def test_the_trigger_needs_nothing_beyond_boto3() -> None:
    """A Lambda is a zip of a few files on AWS's own runtime."""
    needed, seen = ["trigger"], set[str]()
    while needed:
        room = needed.pop()
        if room not in seen:
            seen.add(room)
            needed += rooms_imported_by(room)
    assert seen <= {"trigger", "protocol", "model", "points", "comparison", "policy", "supplies", "errors"}


def test_the_executor_imports_the_standard_library_alone() -> None:
    """It runs beside hostile code, in an image that holds nothing else of ours."""
    import sys

    tree = ast.parse((PACKAGE.parent / "executeSubmission.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_changes_the_working_directory(room: str) -> None:
    """It belongs to the whole process, and threads share it: paths are absolute instead."""
    called = {node.attr for node in ast.walk(ast.parse(file_of(room).read_text())) if isinstance(node, ast.Attribute)}
    assert not called & {"chdir", "fchdir"}
