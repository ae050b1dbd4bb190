"""What a rollback would destroy: each object and column with the rows or values that go with it."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from schemata.deploy import results
from schemata.deploy.preview import table_locks
from schemata.migrations import migration, python_files, rollback_files
from schemata.postgres import libpq, queries
from schemata.sql import destructive, statement

_SQL = queries.load("preview", os.path.join(os.path.dirname(__file__), "queries"))
# Up to this size rows are counted exactly; above, the planner's estimate is told as such.
_EXACT_BYTES = 100 * 1024 * 1024
_WITH_ROWS = ("drop table", "drop column", "drop materialized view", "truncate", "delete", "update")


def preview(item: migration.Migration, connection: libpq.Connection) -> Mapping[str, Any]:
    """Return what a rollback would run, and what that destroys, a line each. Changes nothing."""
    statements = rollback_files.check(item)
    return {
        "id": item.id,
        "mode": item.rollback_mode,
        "transactional": item.rollback_transactional,
        "path": item.rollback_path,
        "sql": (
            python_files.shown(item, rollback=True)
            if item.is_python
            else results.excerpt(item.rollback_sql, item.rollback_path)
        ),
        "destroys": [
            *(line for loss in destructive.destroys(statements) for line in _lines(loss, item.schema, connection)),
            *(_hidden(one) for one in statements if table_locks.is_opaque(one)),
        ],
    }


def _lines(loss: destructive.Destruction, otherwise: str, connection: libpq.Connection) -> Iterator[str]:
    if loss.kind == "drop schema":
        yield f"{loss.kind} {loss.name}"
        if loss.cascade:
            query = _SQL["tables_of_schema"].format(schema=queries.literal(loss.name))
            for table in json.loads(str(connection.query(query)[0][0])):
                yield _with_rows(f"  with table {loss.name}.{table}", connection, loss.name, table, None)
        return
    schema = loss.schema or otherwise
    what = f"{loss.kind} {schema}.{loss.name}" + (f" column {loss.column}" if loss.column else "")
    yield _with_rows(what, connection, schema, loss.name, loss.column) if loss.kind in _WITH_ROWS else what
    if loss.cascade:
        yield from (f"  with {dependent}" for dependent in _dependents(connection, schema, loss.name, loss.column))


def _hidden(one: statement.Statement) -> str:
    return f"line {one.line}: what `{statement.excerpt(one.sql, one, 60)}` destroys, its text does not show"


def _dependents(connection: libpq.Connection, schema: str, name: str, column: str | None) -> list[str]:
    table = queries.literal(f"{queries.identifier(schema)}.{queries.identifier(name)}")
    query = _SQL["dependents"].format(name=table, column=queries.literal(column) if column else "NULL")
    found: list[str] = json.loads(str(connection.query(query)[0][0]))
    return found


def _with_rows(what: str, connection: libpq.Connection, schema: str, name: str, column: str | None) -> str:
    told = _rows(connection, schema, name, column)
    return f"{what}: {told}" if told else what


def _rows(connection: libpq.Connection, schema: str, name: str, column: str | None) -> str:
    table = f"{queries.identifier(schema)}.{queries.identifier(name)}"
    found = connection.query(
        "SELECT reltuples::bigint::text, pg_total_relation_size(oid)::text FROM pg_class WHERE oid = to_regclass($1)",
        table,
    )
    if not found:
        return ""
    estimate, size = int(str(found[0][0])), int(str(found[0][1]))
    if size > _EXACT_BYTES:
        return f"about {max(estimate, 0):,} rows, {size // 1048576:,} MiB"
    filled = f", count({queries.identifier(column)})::text" if column else ""
    try:
        count, *values = connection.query(f"SELECT count(*)::text{filled} FROM {table}", timeout=10)[0]
    except libpq.QueryFailed:
        return f"about {max(estimate, 0):,} rows"
    told = f"{int(str(count)):,} row{'' if count == '1' else 's'}"
    return f"{told}, {int(str(values[0])):,} with a value" if values else told
