"""What a rehearsal may find: the codes, and a finding with its place and what to write instead."""

import dataclasses
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
#: The findings, each with what it means. docs/rehearsal.md has the same.
CODES = {
    "fails-on-fresh": "it does not run on a database that has nothing but the migrations before it",
    "fails": "it does not run on a database that has rows",
    "depends-on-rows": "it fails on made-up rows; whether it does on the real ones, these decide",
    "rewrite": "a table is written again whole under a lock that blocks",
    "scan-under-lock": "all rows of a table are read under a lock that blocks",
    "index-build-blocks": "an index is built under a lock that blocks",
    "lock-held": "a statement takes long while the transaction still holds what an earlier one has locked",
    "explicit-lock": "LOCK TABLE takes a lock that blocks",
    "two-tables-locked": "one transaction locks two tables: who uses them in another order is in a deadlock with it",
    "drops": "something is dropped that data or queries need",
    "detaches": "a partition is one no more: who asks for its rows through the whole table does not find them",
    "empties": "the rows of a table are gone",
    "deletes-rows": "rows are deleted; an error where it is every one",
    "updates-rows": "rows are updated; an error where it is every row of a large table in one transaction",
    "renames": "what still uses the old name fails",
    "trigger-disabled": "a trigger does not run any more",
    "new-trigger": "a trigger runs with each write from now on",
    "invalid-index": "an index is left invalid",
    "not-validated": "a constraint is left NOT VALID",
    "foreign-key-without-index": "a new foreign key has no index",
    "function-body": "plpgsql_check says that a function would fail when it is called",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something to know before a migration is deployed.

    :param place: file and line. :param sql: the statement. :param instead: what to write, as SQL to paste.
    """

    code: str
    severity: Severity
    migration_id: str
    place: str
    statement: int
    sql: str
    text: str
    instead: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return dataclasses.asdict(self)


def refused(migration_id: str, place: str, message: str, hint: str) -> Finding:
    """Return the finding about a migration that does not run on a fresh database."""
    code, text = "fails-on-fresh", f"Does not run on a fresh database: {message}"
    return Finding(code, "error", migration_id, place, 0, "", text, hint)
