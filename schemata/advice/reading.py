"""What a target says of its tables and indexes: the catalog and what is counted, no row and no value of one."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from schemata import targets
from schemata.advice import existing, predicates
from schemata.postgres import libpq, queries

_SQL = queries.load("advice", os.path.join(os.path.dirname(__file__), "queries"))
#: Milliseconds that the target may take for one question, and for a lock.
_PATIENCE, _LOCK = 5000, 500


@dataclasses.dataclass(frozen=True)
class Column:
    """A column with what ANALYZE left of it; None where it left nothing, or where we may not see it."""

    name: str
    type: str
    distinct: float | None
    null: float | None
    width: int | None
    correlation: float | None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table, what its columns hold, and rows that were written since the counts began.

    :param partitions: those of a partitioned table that hold rows. :param in_place: updates that no index heard of.
    """

    schema: str
    name: str
    is_partitioned: bool
    partitions: tuple[str, ...]
    pages: int
    visible: int
    columns: tuple[Column, ...]
    inserted: int
    updated: int
    in_place: int
    deleted: int

    @property
    def key(self) -> predicates.Name:
        """Return its schema and name."""
        return self.schema, self.name

    @property
    def written(self) -> int:
        """Return how many rows were written."""
        return self.inserted + self.updated + self.deleted


@dataclasses.dataclass(frozen=True)
class Catalog:
    """What there is. :param window: seconds since reads are counted. :param hypopg: the schema of the extension."""

    tables: tuple[Table, ...]
    indexes: tuple[existing.Index, ...]
    window: float
    hypopg: str | None


@contextlib.contextmanager
def reader(choice: targets.Choice) -> Iterator[libpq.Connection]:
    """Log in so that nothing can be written, and no question lasts."""
    with targets.connect(choice) as connection:
        connection.query(
            f"SET default_transaction_read_only = on; SET statement_timeout = {_PATIENCE}; SET lock_timeout = {_LOCK}"
        )
        yield connection


def read(connection: libpq.Connection, schemas: Sequence[str]) -> Catalog:
    """Return the tables and indexes of some schemas."""
    listed = ", ".join(queries.literal(name) for name in schemas)

    def rows(name: str) -> Any:
        return json.loads(str(connection.query(_SQL[name].replace("{schemas}", listed))[0][0]))

    window, hypopg = rows("window")
    return Catalog(tuple(map(_table, rows("tables"))), tuple(map(_index, rows("indexes"))), float(window), hypopg)


def _table(row: dict[str, Any]) -> Table:
    columns = tuple(
        Column(one["name"], one["type"], one["distinct"], one["null"], one["width"], one["correlation"])
        for one in row["columns"]
    )
    return Table(
        row["schema"],
        row["name"],
        row["partitioned"],
        tuple(row["partitions"]),
        row["pages"],
        row["visible"],
        columns,
        row["inserted"],
        row["updated"],
        row["updated_in_place"],
        row["deleted"],
    )


def _index(row: dict[str, Any]) -> existing.Index:
    return existing.Index(
        row["schema"],
        row["table"],
        row["name"],
        row["definition"],
        row["method"],
        tuple(row["keys"]),
        tuple(row["kinds"]),
        tuple(row["included"]),
        row["predicate"],
        row["unique"] or row["constraint"],
        row["identity"],
        row["valid"],
        row["partitioned"],
        row["foreign_key"],
        row["scans"],
        row["bytes"],
    )
