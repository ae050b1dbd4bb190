"""Read another tool's ledger in a database. Reads only."""

import json
import os

from schemata import errors
from schemata.adoption import model
from schemata.adoption.ledgers import entries, rows
from schemata.history import ledgers
from schemata.postgres import libpq, queries

_QUERIES = queries.load("ledgers", os.path.join(os.path.dirname(__file__), "queries"))

#: Those that keep where they stand, and not each migration.
_SINGLE = ("alembic-sql", "golang-migrate")
#: Files of the same names are run by other tools too, such as pop, which keep a row for each in a table like dbmate's.
_ALIKE = {"golang-migrate": "dbmate"}


def read(ask: queries.Ask, tool: str, table: str = "", project: str = "") -> entries.Ledger | None:
    """Return a tool's ledger; None where the database has none. Plain files have none anywhere.

    :param table: `schema.table`, where there are several, or the tool was told to use another name.
    :param project: of a registry of Sqitch that holds several, the one that is meant.

    Raises ConfigError where several fit and none is named, NotAvailable for one that this role may not read.
    """
    if tool not in ledgers.ADOPTED:
        return None
    form = tool
    if table:
        schema, _, name = table.rpartition(".")
        if not schema:
            raise errors.ConfigError(f"{table!r} names no schema", "Write it in front: public.schema_migrations.")
        if tool in _ALIKE and (schema, name) in _find(ask, _ALIKE[tool]):
            form = _ALIKE[tool]
    else:
        found = _find(ask, tool)
        if not found and tool in _ALIKE:
            form = _ALIKE[tool]
            found = _find(ask, form)
        if not found:
            return None
        if len(found) > 1:
            names = ", ".join(f"{schema}.{name}" for schema, name in found)
            raise errors.ConfigError(
                f"the database has {len(found)} ledgers of {ledgers.ADOPTED[form]}: {names}",
                f"Say which one belongs to these migrations: --ledger {found[0][0]}.{found[0][1]}",
            )
        schema, name = found[0]
    found_rows = rows.of(form, _rows(ask, form, (schema, name), project))
    return entries.Ledger(tool, schema, name, found_rows, single=form in _SINGLE)


def _find(ask: queries.Ask, tool: str) -> list[tuple[str, str]]:
    """Return (schema, table) of each ledger of a tool."""
    named = sorted({known.table for known in ledgers.KNOWN if known.tool == ledgers.ADOPTED[tool]})
    query = _QUERIES["tables"].format(names=", ".join(map(queries.literal, named)))
    found = []
    for schema, table, columns, readable in json.loads(str(ask(query)[0][0])):
        known = ledgers.recognise(schema, table, columns)
        if known is None or known.tool != ledgers.ADOPTED[tool]:
            continue
        if not readable:
            raise errors.NotAvailable(
                f"{schema}.{table} is the ledger of {known.tool}, and this role may not read it",
                f"As its owner: GRANT USAGE ON SCHEMA {schema} TO …; GRANT SELECT ON {schema}.{table} TO …",
            )
        found.append((schema, table))
    return found


def _rows(ask: queries.Ask, tool: str, table: tuple[str, str], project: str) -> list[rows.Raw]:
    qualified = ".".join(map(queries.identifier, table))
    query = _QUERIES[tool].format(
        table=qualified, schema=queries.identifier(table[0]), project=queries.literal(project)
    )
    try:
        found: list[rows.Raw] = json.loads(str(ask(query)[0][0]))
    except libpq.QueryFailed as failure:
        raise model.UnreadHistory(
            f"{'.'.join(table)} is not a ledger of {ledgers.ADOPTED[tool]}: {failure}",
            "Name the table that the tool writes: --ledger SCHEMA.TABLE",
        ) from failure
    return found
