"""Fill a database with rows: some in each table, where its constraints allow."""

import json
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from schemata.postgres import queries, sessions
from schemata.samples import attempts, structure, values

_SQL = queries.load("rows", os.path.join(os.path.dirname(__file__), "queries"))
# Of a row with a value in each column, then of one with as few as can be.
_TRIES = 40


def tables(session: sessions.Session, history: str) -> list[structure.Table]:
    """Return the tables that rows can be put into: of every schema but the system's and the history's."""
    told = json.loads(str(session.rows(_SQL["tables"].format(history=queries.literal(history)))[0][0]))
    return [structure.table(one) for one in told]


def fill(
    session: sessions.Session, history: str, wanted: int, refused: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """See that each table has `wanted` rows, and return the tables that stay empty, each with the server's reason.

    Each row is made by itself: one that is refused leaves nothing. Triggers run, as for any other row.

    :param refused: what was returned before: those tables are not tried again.
    """
    empty = {}
    filled = structure.in_order(tables(session, history))
    there = _counts(session, filled)
    for table in filled:
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
    return _counts(session, tables(session, history))


def _counts(session: sessions.Session, of: Sequence[structure.Table]) -> dict[str, int]:
    if not of:
        return {}
    row = session.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM {table.name})" for table in of))[0]
    return {table.plain: int(str(value)) for table, value in zip(of, row, strict=True)}


def _insert(session: sessions.Session, table: structure.Table, row: int, *, least: bool) -> str:
    """Insert a row, and return why the last try was refused; empty where one was not."""
    # An identity that is always generated takes no value.
    columns = [column for column in table.columns if column["identity"] != "a"]
    choices = {column["number"]: values.candidates(table, column, row, least=least) for column in columns}
    tries = attempts.Attempts(table, choices)
    reason = ""
    for _ in range(_TRIES):
        try:
            session.script(_statement(table, columns, tries.next()))
        except sessions.StatementFailed as error:
            reason = error.message
            tries.refuse(error.sqlstate, error.names[3], error.names[2], error.detail)
            if tries.exhausted:
                break
        else:
            return ""
    return reason


def _statement(table: structure.Table, columns: Sequence[Mapping[str, Any]], chosen: Mapping[int, str]) -> str:
    if not columns:
        return f"INSERT INTO {table.name} DEFAULT VALUES"
    names = ", ".join(queries.identifier(column["name"]) for column in columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(chosen[column['number']] for column in columns)})"
