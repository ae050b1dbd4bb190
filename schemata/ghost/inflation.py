"""Give the empty tables of a database of our own the statistics and the length of full ones.

The planner multiplies the density of the statistics by the real length of the file: both are needed. The files are
extended sparsely, which takes no disk. No page of them may ever be read: the database is for EXPLAIN, without ANALYZE.
"""

import dataclasses
import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.ghost import sizes
from schemata.postgres import libpq, queries, waiting
from schemata.scale import scale

_SQL = queries.load("ghost", os.path.join(os.path.dirname(__file__), "queries"))
_STATISTICS = 100


@dataclasses.dataclass(frozen=True)
class Index:
    """An index of a table. `predicate` is the condition of a partial one."""

    schema: str
    name: str
    method: str
    path: str
    columns: tuple[sizes.Column, ...]
    fill_factor: int
    predicate: str


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table, partitioned table (which has no file) or materialized view."""

    oid: int
    schema: str
    name: str
    parent: int | None
    path: str | None
    columns: tuple[sizes.Column, ...]
    indexes: tuple[Index, ...]
    fill_factor: int

    @property
    def full_name(self) -> str:
        """Return its name as the scale file has it."""
        return f"{self.schema}.{self.name}"


def inflate(url: str, wanted: scale.Scale) -> None:
    """Make a database plan as if its tables had the rows of the scale. Its indexes must be there already.

    The server, PostgreSQL 18 or later, must be one of our own on this machine that is deleted afterwards, with
    autovacuum off. Raises InvalidScale for a table or a column that the database does not have, NotAvailable where its
    files cannot be written; then the database is of no use.
    """
    with waiting.connect(url, application_name="schemata ghost") as connection:
        relations = read(connection)
        sized = spread(wanted, relations)
        by_oid = {one.oid: one for one in relations}
        statistics: list[str] = []
        files: list[tuple[str, int]] = []
        heaps: dict[int, int] = {}
        for oid, table in sized.items():
            relation = by_oid[oid]
            statistics += _columns(relation, table)
            if relation.path is None:
                statistics.append(_relation(relation.schema, relation.name, table.rows, 0))
                continue
            pages = table.pages or sizes.table_pages(table.rows, relation.columns, relation.fill_factor)
            heaps[oid] = pages
            statistics.append(_relation(relation.schema, relation.name, table.rows, pages, visible=pages))
            files.append((relation.path, pages))
        _restore(connection, statistics)
        with _Files(connection) as extended:
            extended.extend(files)
            # Partial indexes after their tables: the planner says how many rows one holds.
            indexes = list(_indexes(connection, [by_oid[oid] for oid in heaps], sized, heaps))
            extended.extend((index.path, pages) for index, _, pages in indexes)
        _restore(connection, [_relation(index.schema, index.name, rows, pages) for index, rows, pages in indexes])


def read(connection: libpq.Connection) -> list[Relation]:
    """Return the relations of a database that may have rows, without the system's."""
    sql = _SQL["relations"].format(
        columns=_SQL["columns"].format(relation="c.oid"), index_columns=_SQL["columns"].format(relation="i.oid")
    )
    return [
        Relation(
            row["oid"],
            row["schema"],
            row["name"],
            row["parent"],
            row["path"],
            _as_columns(row["columns"]),
            tuple(
                Index(
                    index["schema"],
                    index["name"],
                    index["method"],
                    index["path"],
                    _as_columns(index["columns"]),
                    index["fill_factor"] or 90,
                    index["predicate"] or "",
                )
                for index in row["indexes"]
            ),
            row["fill_factor"] or 100,
        )
        for row in json.loads(str(connection.query(sql)[0][0]))
    ]


def _as_columns(rows: Iterable[Sequence[Any]]) -> tuple[sizes.Column, ...]:
    return tuple(sizes.Column(*row) for row in rows)


def spread(wanted: scale.Scale, relations: Sequence[Relation]) -> dict[int, scale.Table]:
    """Return the size of each relation by its oid: that of a partitioned table is spread evenly over its partitions.

    A partition that the scale has itself keeps its own size. Raises InvalidScale for what the database does not have.
    """
    by_name = {one.full_name: one for one in relations}
    for name, table in wanted.tables.items():
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=1)
            raise scale.InvalidScale(
                f"{wanted.source} has a size of {name}, and the migrations make no such table",
                f"Did you mean {near[0]}?" if near else "Take it out, or write the file again: inv scale-capture",
            )
        known = [column.name for column in by_name[name].columns]
        if unknown := [column for column in table.n_distinct if column not in known]:
            raise scale.InvalidScale(
                f"{wanted.source} has n_distinct.{unknown[0]} of {name}, which has no such column",
                f"Its columns: {', '.join(known)}",
            )
    found: dict[int, scale.Table] = {}
    children: dict[int, list[Relation]] = {}
    for one in relations:
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one)
    for one in relations:
        own = wanted.tables.get(one.full_name)
        if own is not None and one.oid not in found:
            _give(found, one, own, children, wanted)
    return found


def _give(
    found: dict[int, scale.Table],
    relation: Relation,
    table: scale.Table,
    children: Mapping[int, list[Relation]],
    wanted: scale.Scale,
) -> None:
    found[relation.oid] = table
    parts = children.get(relation.oid, [])
    own = {one.oid: wanted.tables[one.full_name] for one in parts if one.full_name in wanted.tables}
    others = [one for one in parts if one.oid not in own]
    left = max(table.rows - sum(one.rows for one in own.values()), 0)
    for number, one in enumerate(others):
        rows = left // len(others) + (number < left % len(others))
        pages = table.pages * rows // table.rows if table.rows else 0
        own[one.oid] = scale.Table(rows, table.n_distinct, pages)
    for one in parts:
        _give(found, one, own[one.oid], children, wanted)


def _columns(relation: Relation, table: scale.Table) -> Iterator[str]:
    widths = {column.name: column.width for column in relation.columns}
    # Of a partitioned table there are statistics of all its partitions together.
    inherited = str(relation.path is None).lower()
    for column in table.n_distinct:
        yield (
            f"pg_restore_attribute_stats('schemaname', {queries.literal(relation.schema)}::text, "
            f"'relname', {queries.literal(relation.name)}::text, 'attname', {queries.literal(column)}::text, "
            f"'inherited', {inherited}, 'null_frac', 0::real, 'avg_width', {widths[column]}, "
            f"'n_distinct', ({table.distinct(column)})::real)"
        )


def _relation(schema: str, name: str, rows: int, pages: int, visible: int = 0) -> str:
    return (
        f"pg_restore_relation_stats('schemaname', {queries.literal(schema)}::text, "
        f"'relname', {queries.literal(name)}::text, 'relpages', {pages}, 'reltuples', {rows}::real, "
        f"'relallvisible', {visible})"
    )


def _restore(connection: libpq.Connection, calls: Sequence[str]) -> None:
    for start in range(0, len(calls), _STATISTICS):
        listed = ", ".join(f"({call})" for call in calls[start : start + _STATISTICS])
        connection.query(f"SELECT every(ok) FROM (VALUES {listed}) AS restored (ok)")


def _indexes(
    connection: libpq.Connection,
    relations: Iterable[Relation],
    sized: Mapping[int, scale.Table],
    heaps: Mapping[int, int],
) -> Iterator[tuple[Index, int, int]]:
    """Give each index with its rows and pages."""
    for relation in relations:
        for index in relation.indexes:
            rows = sized[relation.oid].rows
            if index.predicate:
                named = f"{queries.identifier(relation.schema)}.{queries.identifier(relation.name)}"
                plan = connection.query(f"EXPLAIN (FORMAT JSON) SELECT FROM ONLY {named} WHERE {index.predicate}")
                rows = min(int(json.loads(str(plan[0][0]))[0]["Plan"]["Plan Rows"]), rows)
            pages = sizes.index_pages(rows, index.columns, index.method, heaps[relation.oid], index.fill_factor)
            yield index, rows, pages


class _Files:
    """The files of a server of this machine, which may run as another user of it."""

    def __init__(self, connection: libpq.Connection) -> None:
        directory, block, segment = connection.query(_SQL["server"])[0]
        self._directory = Path(str(directory))
        self._block, self._segment = int(str(block)), int(str(segment))

    def __enter__(self) -> "_Files":
        try:
            self._owner = (self._directory / "PG_VERSION").stat()
        except OSError as error:
            raise errors.NotAvailable(
                f"the files of the server in {self._directory} cannot be reached: {error.strerror}",
                "A database without rows is made on a server of this machine only.",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def extend(self, files: Iterable[tuple[str, int]]) -> None:
        """Extend each file to so many pages at least; what was written stays."""
        for path, pages in files:
            left, number = pages, 0
            while left > 0:
                name = f"{path}.{number}" if number else path
                self._extend(self._directory / name, min(left, self._segment) * self._block)
                left -= self._segment
                number += 1

    def _extend(self, file: Path, length: int) -> None:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                found = os.fstat(descriptor)
                if found.st_size < length:
                    os.ftruncate(descriptor, length)
                if found.st_uid != self._owner.st_uid:
                    os.fchown(descriptor, self._owner.st_uid, self._owner.st_gid)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise errors.NotAvailable(
                f"{file} could not be extended to {length} bytes: {error.strerror}",
                "The file system must allow sparse files of 1 GB, and you must be the user that the server runs as, "
                "or root.",
            ) from error
