"""Fill a database with rows: some in each table, where its constraints allow."""

import json
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from schemata.postgres import queries, sessions
from schemata.rehearsal.samples import values

_SQL = queries.load("rows", os.path.join(os.path.dirname(__file__), "queries"))
# Of a row with a value in each column, then of one with as few as can be.
_TRIES = 40


def fill(
    session: sessions.Session, history: str, wanted: int, refused: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """See that each table has `wanted` rows, and return the tables that stay empty, each with the server's reason.

    Each row is made by itself: one that is refused leaves nothing. Triggers run, as for any other row.

    :param refused: what was returned before: those tables are not tried again.
    """
    empty = {}
    tables = values.in_order(_tables(session, history))
    there = _counts(session, tables)
    for table in tables:
        if table.plain in refused:
            continue
        reason, made = "", there[table.plain]
        for row in values.numbers(made, wanted):
            reason = _insert(session, table, row, least=False) and _insert(session, table, row, least=True)
            if reason:
                break
            made += 1
        if reason and not made:
            empty[table.plain] = reason
    return empty


def count(session: sessions.Session, history: str) -> dict[str, int]:
    """Return how many rows each table has, by schema and name."""
    return _counts(session, _tables(session, history))


def _tables(session: sessions.Session, history: str) -> list[values.Table]:
    told = json.loads(str(session.rows(_SQL["tables"].format(history=queries.literal(history)))[0][0]))
    return [values.table(one) for one in told]


def _counts(session: sessions.Session, tables: Sequence[values.Table]) -> dict[str, int]:
    if not tables:
        return {}
    row = session.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM {table.name})" for table in tables))[0]
    return {table.plain: int(str(value)) for table, value in zip(tables, row, strict=True)}


def _insert(session: sessions.Session, table: values.Table, row: int, *, least: bool) -> str:
    """Insert a row, and return why the last try was refused; empty where one was not."""
    attempts = values.Attempts(table, row, least=least)
    reason = ""
    for _ in range(_TRIES):
        try:
            session.script(attempts.statement())
        except sessions.StatementFailed as error:
            reason = error.message
            attempts.refuse(error.sqlstate, error.names[3], error.names[2], error.detail)
            if attempts.exhausted:
                break
        else:
            return ""
    return reason
