"""A release asked on a database: the statements of its application, its pages and its smoke."""

import json
import os
from collections.abc import Iterator, Sequence

from schemata import config
from schemata.pages import declarations, pages
from schemata.postgres import libpq, queries
from schemata.releases import statements
from schemata.samples import attempts, structure, values
from schemata.smoke import smoke

_SQL = queries.load("releases", os.path.join(os.path.dirname(__file__), "queries"))
_TRIES = 60
Answer = list[tuple[str | None, ...]] | str


def shapes(connection: libpq.Connection, history: str) -> dict[str, statements.Shape]:
    """Return what an application can read, by name."""
    told = json.loads(str(connection.query(_SQL["shapes"].format(history=queries.literal(history)))[0][0]))
    return {
        one["plain"]: statements.Shape(
            one["name"],
            one["plain"],
            tuple(one["columns"] or ()),
            tuple(tuple(key) for key in one["keys"] or () if all(key)),
        )
        for one in told
    }


def ask(connection: libpq.Connection, probe: statements.Probe) -> Answer:
    """Return the rows of a probe, or the server's message where it is refused. Nothing of it stays."""
    connection.query("BEGIN")
    try:
        found: list[tuple[str | None, ...]] = []
        for text in probe.statements:
            found = connection.query(text)
        connection.query("SET CONSTRAINTS ALL IMMEDIATE")
        return found
    except libpq.QueryFailed as error:
        return str(error).strip()
    finally:
        connection.query("ROLLBACK")
        connection.query("DEALLOCATE ALL")


def row(
    connection: libpq.Connection, table: structure.Table, number: int, beside: statements.Row | None = None
) -> statements.Row | None:
    """Return values of a row that can be inserted, as text, or None; it is not inserted."""
    columns = [column for column in table.columns if column["identity"] != "a"]
    names = ", ".join(queries.identifier(column["name"]) for column in columns)
    if not columns:
        return None
    choices = {column["number"]: values.candidates(table, column, number) for column in columns}
    tries = attempts.Attempts(table, choices)
    told = ", ".join(f"{queries.identifier(column['name'])}::text" for column in columns)
    for _ in range(_TRIES):
        chosen = tries.next()
        given = ", ".join(chosen[column["number"]] for column in columns)
        connection.query("BEGIN")
        try:
            if beside:
                listed = ", ".join(map(queries.identifier, beside))
                literals = ", ".join("NULL" if one is None else queries.literal(one) for one in beside.values())
                connection.query(f"INSERT INTO {table.name} ({listed}) VALUES ({literals})")
            found = connection.query(f"INSERT INTO {table.name} ({names}) VALUES ({given}) RETURNING {told}")
            return {column["name"]: value for column, value in zip(columns, found[0], strict=True)}
        except libpq.QueryFailed as error:
            column = next((one["name"] for one in columns if f'"{one["name"]}"' in str(error)), "")
            constraint = next((name for name, _, _ in table.checks if f'"{name}"' in str(error)), "")
            tries.refuse(error.sqlstate or "", constraint, column, error.detail)
            if tries.exhausted:
                return None
        finally:
            connection.query("ROLLBACK")
    return None


def of_pages(connection: libpq.Connection, settings: config.Config) -> Iterator[statements.Probe]:
    """Give the queries of the declared pages, with the values of a row that is there; those of a file with NULL."""
    for page in declarations.read(settings):
        for keyset in page.forms:
            sql, names = pages.numbered(page, keyset)
            given = _values(connection, page, names)
            filled = ", ".join(given)
            execute = f"EXECUTE schemata_page{f'({filled})' if given else ''}"
            prepared = f"PREPARE schemata_page AS {sql}"
            yield statements.Probe(page.table or page.file, "", (prepared, execute, statements.NO_ROWS))


def _values(connection: libpq.Connection, page: pages.Page, names: Sequence[str]) -> list[str]:
    columns = [name.partition("_")[2] for name in names if name != pages.PAGE_LIMIT]
    found: dict[str, str | None] = {}
    if page.table and columns:
        table = ".".join(map(pages.quoted, page.table.split(".")))
        listed = ", ".join(f"{pages.quoted(column)}::text" for column in columns)
        try:
            rows = connection.query(f"SELECT {listed} FROM {table} LIMIT 1")
            found = dict(zip(columns, rows[0], strict=True)) if rows else {}
        except libpq.QueryFailed:
            pass  # the query of the page itself tells
    return [
        str(pages.LIMIT)
        if name == pages.PAGE_LIMIT
        else queries.literal(value)
        if (value := found.get(name.partition("_")[2])) is not None
        else "NULL"
        for name in names
    ]


def of_smoke(settings: config.Config, url: str) -> dict[str, str]:
    """Return what the smoke of a release finds wrong, by its question; what is not applied is left to the phases."""
    told = smoke.smoke(settings, url=url).facts["checks"]
    return {
        f"{one['group']} {one['name']}": str(one["problem"])
        for one in told
        if one["problem"] and one["group"] in ("schema", "page")
    }
