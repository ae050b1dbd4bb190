"""What a backfill has to do: its UPDATE, the table's key, where the rows of the history are."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from schemata import errors
from schemata.changes.backfill import keys, update
from schemata.migrations import migration
from schemata.migrations.groups import changes
from schemata.postgres import queries

SQL = queries.load("backfill", os.path.join(os.path.dirname(__file__), "queries"))

_TABLES = ("r", "p")
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


class Unfit(errors.MigrationError):
    """The table cannot be gone through in batches."""


@dataclasses.dataclass(frozen=True)
class Work:
    """A backfill on a database.

    :param lock: how the rows of a batch are locked, without waiting for those that others have; `waiting` is the same
        for one row, for which it waits. :param estimate: rows of the table as the planner knows them.
    """

    change: changes.Change
    item: migration.Migration
    update: update.Update
    key: keys.Key
    lock: str
    estimate: int

    @property
    def waiting(self) -> str:
        """Return how a single row is locked."""
        return self.lock.removesuffix(" SKIP LOCKED")

    @property
    def again(self) -> str:
        """Return what to type to go on."""
        return f"inv change-backfill {self.change.id}"

    @property
    def is_composite(self) -> bool:
        """Tell whether the key has several columns."""
        return len(self.key.columns) > 1

    @property
    def verify(self) -> str:
        """Return the query that counts the rows that are not done, in one line where the file has its own."""
        return self.item.directives.verify.rstrip("; ") or self.update.selected("count(*)")

    def shown(self, values: keys.Values) -> str:
        """Return a key for people."""
        return keys.shown(self.key.names, values)


def of(ask: queries.Ask, change: changes.Change, item: migration.Migration) -> Work:
    """Return what a backfill has to do in the database that is asked. Raises InvalidMigration, Unfit."""
    statement = update.parse(item)
    schema, table = queries.literal(statement.schema), queries.literal(statement.table)
    # Types are told with their schemas.
    rows = ask(f"BEGIN; SET LOCAL search_path = pg_catalog; {SQL['table'].format(schema=schema, table=table)}")
    ask("COMMIT; SELECT 1")
    if not rows:
        raise Unfit(f"there is no table {statement.name}, which {item.path} updates", "Correct the name in the file.")
    actual = json.loads(str(rows[0][0]))
    _check_kind(statement, actual)
    key, reasons = keys.choose(actual["indexes"], statement.alias, statement.columns)
    if key is None:
        because = "; ".join(reasons)
        raise Unfit(
            f"{statement.name} has no key to go through it in batches" + (f": {because}" if because else ""),
            "It needs a primary key, or a unique index on columns that are NOT NULL, which the UPDATE does not set. "
            f"Write a migration that adds it (inv migrate-new), apply it, then: inv change-backfill {change.id}",
        )
    return Work(change, item, statement, key, _lock(statement, actual), actual["rows"])


def _check_kind(statement: update.Update, actual: Mapping[str, Any]) -> None:
    if actual["kind"] not in _TABLES:
        kind = _KINDS.get(actual["kind"], "no table")
        raise Unfit(f"{statement.name} is {kind}, whose rows have no key", "Write the UPDATE of the table itself.")
    if actual["inherited"] and not statement.own:
        raise Unfit(
            f"other tables inherit from {statement.name}, and no index holds the rows of all of them",
            f"Write UPDATE ONLY {statement.name} …, and a change for each of the others.",
        )


def _lock(statement: update.Update, actual: Mapping[str, Any]) -> str:
    """Return the weakest lock that the UPDATE itself does not need more than.

    Where it sets a column that a foreign key could reference it would else wait for rows that reference the old value.
    """
    unique = {one["name"] for index in actual["indexes"] for one in index["columns"]}
    strength = "UPDATE" if unique & set(statement.columns) else "NO KEY UPDATE"
    return f"FOR {strength} OF {statement.alias} SKIP LOCKED"
