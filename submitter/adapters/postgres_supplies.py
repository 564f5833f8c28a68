"""What an assignment brings beside its cases, in Postgres."""

from collections.abc import Mapping
from typing import Any, LiteralString

from submitter.adapters.postgres_connections import Connection, storable
from submitter.model import AssignmentRef
from submitter.supplies import Supplies

# Of submitter.assignments AS a; `supplies_from` reads the first row that has them. `first` is an SQL condition that is
# true of that row alone: the files are large, and there is a row for each case.
COLUMNS: LiteralString = "a.main_file, a.preload, CASE WHEN {first} THEN a.files END AS files"


def columns(first: LiteralString) -> LiteralString:
    return COLUMNS.replace("{first}", first)


def supplies_from(row: Mapping[str, Any]) -> Supplies:
    archive = row["files"]
    return Supplies(
        main_file=row["main_file"],
        archive=None if archive is None else bytes(archive),
        preload=tuple(row["preload"].split(",")) if row["preload"] else (),
    )


def save_supplies(connection: Connection, ref: AssignmentRef, supplies: Supplies) -> bool:
    """See the port."""
    changed = connection.execute(
        "UPDATE submitter.assignments SET main_file = %s, files = %s, preload = %s, updated_at = now() "
        "WHERE admin = %s AND event = %s AND name = %s",
        (
            supplies.main_file,
            supplies.archive,
            ",".join(supplies.preload) or None,
            storable(ref.admin),
            storable(ref.event),
            storable(ref.assignment),
        ),
    )
    return changed.rowcount == 1
