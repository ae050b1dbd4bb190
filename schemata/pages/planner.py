"""What a server plans for a page, and what a page of real rows costs there. Reads only, in transactions of its own."""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schemata.pages import pages, plans, structural
from schemata.postgres import libpq, queries

_SQL = queries.load("pages", os.path.join(os.path.dirname(__file__), "queries"))
#: Seconds that one question may take on a database that others use.
PATIENCE = 5.0
#: How many rows into the list a page is measured again.
DEPTH = 10_000
# The first version with EXPLAIN (GENERIC_PLAN).
_GENERIC = 16
_PREPARED = "schemata_page"


class Measured(NamedTuple):
    """A page of real rows. `rows` and `buffers` were read; `milliseconds` is how long the server took."""

    rows: float
    buffers: int
    milliseconds: float


class Sizes(NamedTuple):
    """The rows of each table as `schema.table`, as the planner has them, and the table of each partition."""

    rows: Mapping[str, float]
    roots: Mapping[str, str]


def serves(connection: libpq.Connection, page: pages.Page, parents: Mapping[str, str]) -> list[str]:
    """Return why the index of a page cannot serve it, in words; empty when it can. What the tables hold is no matter.

    `parents` maps the indexes of partitions. What PostgreSQL refuses is a problem too.
    """

    def explain(question: structural.Question) -> str:
        connection.query(question.prepare)
        plan = connection.query(question.explain)[0][0]
        connection.query(question.deallocate)
        return str(plan)

    try:
        with _transaction(connection):
            table = ".".join(map(pages.quoted, page.table.split("."))) if page.table else None
            keys = _SQL["keys"].format(
                table=queries.literal(table) if table else "NULL::text", index=queries.literal(page.index)
            )
            found = json.loads(str(connection.query(keys)[0][0]))
            for setting in structural.SETTINGS:
                connection.query(setting)
            problems = structural.examine(page, explain, parents)
            for unique, nullable in found[:1]:  # none of a view, and of what is not there
                problems += structural.lost_rows(page, unique, nullable)
            return problems
    except libpq.QueryFailed as error:
        return [str(error).strip()]


def plan(connection: libpq.Connection, page: pages.Page, keyset: bool) -> plans.Node:
    """Return the plan that a server makes for values that are not known. Raises libpq.QueryFailed."""
    sql, names = pages.limited(page, keyset)
    with _transaction(connection):
        return _planned(connection, sql, len(names))


def estimate(connection: libpq.Connection, node: plans.Node) -> float:
    """Return how many rows the condition of an index finds, before anything else of a scan discards some of them.

    Where the planner cannot be asked for it alone, as of a condition that comes from a join, it is the scan's own
    estimate.
    """
    numbers: dict[str, str] = {}
    condition = re.sub(r"\$\d+", lambda m: numbers.setdefault(m[0], f"${len(numbers) + 1}"), str(node["Index Cond"]))
    name = f"{queries.identifier(node['Schema'])}.{queries.identifier(node['Relation Name'])}"
    sql = f"SELECT FROM {name} AS {queries.identifier(node['Alias'])} WHERE {condition}"
    try:
        with _transaction(connection):
            return float(_planned(connection, sql, len(numbers))["Plan Rows"])
    except libpq.QueryFailed:
        return float(node["Plan Rows"])


def sizes(connection: libpq.Connection, schemas: Sequence[str]) -> Sizes:
    """Return what the planner knows of the tables of some schemas."""
    listed = ", ".join(queries.literal(name) for name in schemas)
    found = json.loads(str(connection.query(_SQL["sizes"].replace("{schemas}", listed))[0][0]))
    return Sizes({name: rows for name, rows, _ in found}, {name: root for name, _, root in found if root})


def measure(connection: libpq.Connection, page: pages.Page) -> tuple[Measured | None, Measured | None]:
    """Return what the first page of real rows costs, and the one `DEPTH` rows behind it, or at the end of the list.

    The filter has the most frequent value that statistics know, else the least one. None for no rows, and for a page
    whose values are not known: of a file with parameters. Raises libpq.QueryFailed, also where it takes too long.
    """
    if page.pieces:
        known = not pages.limited(page)[1]
        return (_measured(connection, pages.filled(page, True, {})) if known else None), None
    values = _values(connection, page)
    if values is None:
        return None, None
    first = _measured(connection, pages.filled(page, False, values))
    key = _key(connection, page, values)
    return first, (_measured(connection, pages.filled(page, True, {**values, **key})) if key else None)


def _values(connection: libpq.Connection, page: pages.Page) -> dict[str, str] | None:
    schema, _, table = page.table.partition(".")
    names = ", ".join(f"{pages.quoted(column)}::text" for column in page.filter) or "''"
    not_null = " AND ".join(f"{pages.quoted(column)} IS NOT NULL" for column in page.filter) or "true"
    with _transaction(connection):
        order = f" ORDER BY {', '.join(map(pages.quoted, page.filter))}" if page.filter else ""  # read from its index
        row = connection.query(
            f"SELECT {names} FROM {queries.identifier(schema)}.{queries.identifier(table)} "
            f"WHERE {not_null}{order} LIMIT 1"
        )
        if not row:
            return None
        found = dict(zip(page.filter, map(str, row[0]), strict=False))
        if len(page.filter) == 1:
            (column,) = page.filter
            sql = _SQL["frequent"].format(
                schema=queries.literal(schema), table=queries.literal(table), column=queries.literal(column)
            )
            for (value,) in connection.query(sql):
                found[column] = str(value)
    return {f"filter_{column}": queries.literal(value) for column, value in found.items()}


def _key(connection: libpq.Connection, page: pages.Page, values: Mapping[str, str]) -> dict[str, str]:
    """Return the key of the row so deep in the list, or none where it is shorter."""
    names = [column for column, _ in page.keys]
    whole = pages.filled(pages.with_columns(page, names), False, values).removesuffix(f" LIMIT {pages.LIMIT}")
    texts = ", ".join(f"{pages.quoted(name)}::text" for name in names)
    with _transaction(connection):
        found = connection.query(f"SELECT {texts} FROM ({whole} OFFSET {DEPTH} LIMIT 1) AS deep")
    values_at = zip(names, found[0], strict=True) if found else ()
    return {f"after_{name}": queries.literal(str(value)) for name, value in values_at}


def _measured(connection: libpq.Connection, sql: str) -> Measured:
    with _transaction(connection):
        text = connection.query(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}")[0][0]
    (found,) = json.loads(str(text))
    root = found["Plan"]
    buffers = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
    return Measured(plans.rows_read(root), buffers, float(found["Execution Time"]))


def _planned(connection: libpq.Connection, sql: str, count: int) -> plans.Node:
    if int(str(connection.parameter("server_version")).partition(".")[0]) >= _GENERIC:
        return plans.root(connection.query(f"EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) {sql}")[0][0])
    connection.query("SET LOCAL plan_cache_mode = force_generic_plan")
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    connection.query(f"PREPARE {_PREPARED} AS {sql}")
    found = connection.query(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {_PREPARED}{values}")[0][0]
    connection.query(f"DEALLOCATE {_PREPARED}")
    return plans.root(found)


@contextlib.contextmanager
def _transaction(connection: libpq.Connection) -> Iterator[None]:
    connection.query("BEGIN READ ONLY")
    try:
        connection.query(f"SET LOCAL statement_timeout = {round(PATIENCE * 1000)}")
        yield
    except libpq.QueryFailed:
        # What was prepared outlives the transaction, and the next question prepares under the same name.
        connection.query("ROLLBACK; DEALLOCATE ALL")
        raise
    finally:
        connection.query("ROLLBACK")
