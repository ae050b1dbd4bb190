"""What the schemas of a project hold that belongs to no extension, and other tools' ledgers. Reads only."""

import json
from collections.abc import Iterable, Sequence

from schemata.history import existing, layout, ledgers
from schemata.postgres import libpq, queries

_SERVER = queries.load("server")


def _literals(values: Iterable[str]) -> str:
    return ", ".join(queries.literal(value) for value in values)


def look(
    ask: queries.Ask,
    schemas: Sequence[str],
    history_schema: str,
    outside: existing.Outside = existing.Outside(),  # noqa: B008  # frozen
) -> existing.Existing:
    """Return what the schemas hold that is no extension's; where there is something, also other tools' ledgers.

    What is there of `outside` counts too.
    """
    names = _literals([*schemas, *sorted(outside.schemas)])
    rows = json.loads(str(ask(_SERVER["existing_objects"].format(schemas=names))[0][0]))
    if outside.tables:
        pairs = ", ".join(f"({_literals(pair)})" for pair in sorted(outside.tables))
        rows += json.loads(str(ask(_SERVER["existing_tables"].format(tables=pairs))[0][0]))
    objects = tuple(existing.Objects(row[0], row[1], row[2], tuple(row[3])) for row in rows)
    return existing.Existing(objects, _ledgers(ask, history_schema) if objects else ())


def _ledgers(ask: queries.Ask, history_schema: str) -> tuple[ledgers.ExistingLedger, ...]:
    names = _literals(sorted({ledger.table for ledger in ledgers.KNOWN}))
    query = _SERVER["tables_named"].format(names=names, history=queries.literal(history_schema))
    found = []
    for schema, table, columns, readable, comment in json.loads(str(ask(query)[0][0])):
        ledger = ledgers.recognise(schema, table, columns)
        if ledger is None:
            continue
        entries, last = _entries(ask, ledger, schema) if readable else (None, "")
        tool = ledgers.OURS if comment == layout.EXPECTED_COMMENT else ledger.tool
        found.append(ledgers.ExistingLedger(tool, schema, table, entries, last))
    return tuple(found)


def _entries(ask: queries.Ask, ledger: ledgers.Ledger, schema: str) -> tuple[int | None, str]:
    """Return how many entries another tool's ledger has, and the last; None where it has other columns or is locked."""
    table = f"{queries.identifier(schema)}.{queries.identifier(ledger.table)}"
    try:
        row = ask(
            f"SET LOCAL lock_timeout = 500; SELECT (SELECT count(*) FROM {table})::text,"
            f" (SELECT ({ledger.entry})::text FROM {table} ORDER BY {ledger.order} LIMIT 1)"
        )[0]
    except Exception as failure:
        # What is not our table cannot stop the message that names it. Both drivers' refusals carry an SQLSTATE; naming
        # psycopg's here would load it for a status, which needs none.
        if isinstance(failure, libpq.ConnectionLost) or not getattr(failure, "sqlstate", ""):
            raise
        return None, ""
    return int(str(row[0])), row[1] or ""
