"""Rows for the tables of any structure, and what became of them."""

import json
from collections.abc import Iterator

import psycopg
from psycopg import sql

from schemata.snapshot import model

_ROWS = 3
_VALUES = {
    "integer": "{n}", "bigint": "{n}", "smallint": "{n}", "numeric": "{n}", "real": "{n}", "double precision": "{n}",
    "text": "'v{n}'", "character varying": "'v{n}'", "character": "'v'", "boolean": "true", "bytea": "'\\x0{n}'",
    "uuid": "'00000000-0000-0000-0000-00000000000{n}'", "date": "'2020-01-0{n}'", "interval": "'{n} day'",
    "timestamp with time zone": "'2020-01-0{n}'", "timestamp without time zone": "'2020-01-0{n}'",
    "jsonb": "'{{\"a\": {n}}}'", "json": "'{{\"a\": {n}}}'",
}  # fmt: skip

#: By table, its rows as text by column.
Contents = dict[tuple[str, str], dict[str, list[str | None]]]


def fill(url: str, snapshot: model.Snapshot) -> None:
    """Insert a few rows into every table that takes them; in a second round those that wait for another table's."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in 2 * [item for item in snapshot.items if item.kind == "table"]:
            name = sql.Identifier(table.schema, table.name)
            only = sql.SQL("" if "partition by" in table.facts else "ONLY")
            try:
                if connection.execute(sql.SQL("SELECT FROM {} {} LIMIT 1").format(only, name)).fetchone() is not None:
                    continue
            except psycopg.Error:
                continue  # a foreign partition without its server
            columns = [
                item
                for item in snapshot.items
                if item.kind == "column"
                and (item.schema, item.of) == (table.schema, table.name)
                and not {"generated", "identity"} & item.facts.keys()
            ]
            for number in range(1, _ROWS + 1):
                for statement in _inserts(name, columns, number, snapshot):
                    try:
                        connection.execute(statement)
                        break
                    except psycopg.Error:
                        continue  # a check, a policy or a trigger is in the way: this table stays empty


def _inserts(
    name: sql.Identifier, columns: list[model.Item], number: int, snapshot: model.Snapshot
) -> Iterator[sql.Composable]:
    if columns:
        yield sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            name,
            sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            sql.SQL(", ").join(sql.SQL(_value(column.facts["type"], number, snapshot)) for column in columns),  # type: ignore[arg-type]
        )
    yield sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name)


def _value(of_type: str, number: int, snapshot: model.Snapshot) -> str:
    if of_type.endswith("[]"):
        return "'{}'"
    known = _VALUES.get(of_type.split("(")[0])
    if known is not None:
        return known.format(n=number)
    for item in snapshot.items:
        if item.kind == "enum" and of_type == f"{item.schema}.{item.name}":
            return f"'{json.loads(item.facts['labels'])[0]}'"
        if item.kind == "domain" and of_type == f"{item.schema}.{item.name}":
            return _value(item.facts["type"], number, snapshot)
    return "NULL"


def contents(url: str, snapshot: model.Snapshot) -> Contents:
    """Return the rows of every table of a structure that can be read, each column by itself."""
    found: Contents = {}
    partitioned = {
        (item.schema, item.name) for item in snapshot.items if item.kind == "table" and "partition by" in item.facts
    }
    with psycopg.connect(url, autocommit=True) as connection:
        for item in snapshot.items:
            if item.kind != "column" or "type" not in item.facts or "generated" in item.facts:
                continue
            column, table = sql.Identifier(item.name), sql.Identifier(item.schema, item.of)
            # Of a parent by inheritance only its own rows: its children come and go.
            only = sql.SQL("" if (item.schema, item.of) in partitioned else "ONLY")
            try:
                rows = connection.execute(
                    sql.SQL("SELECT {}::text FROM {} {} ORDER BY 1").format(column, only, table)
                ).fetchall()
            except psycopg.Error:
                continue  # a foreign table without its server, or no longer there
            found.setdefault((item.schema, item.of), {})[item.name] = [row[0] for row in rows]
    return found
