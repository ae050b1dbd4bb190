"""What a replay leaves: the structure of every schema, the rows, the sequences, and what belongs to the server."""

import dataclasses
import json
import os
from collections.abc import Collection, Mapping, Sequence

from schemata import config
from schemata.postgres import queries
from schemata.snapshot import model, reading

# Asked of in one query.
_TABLES = 50
_SQL = queries.load("proof", os.path.join(os.path.dirname(__file__), "queries"))


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of one table, whatever their order.

    :param whole: of the rows; :param columns: of each column by itself. Equal ones mean equal values.
    """

    count: int
    whole: str
    columns: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Observed:
    """What was seen in one database.

    :param tables: by name as SQL writes it; of a materialized view only whether it was filled: 0 rows, or -1.
    :param refreshed: materialized views that are filled, in the order in which they were made, with their schemas.
    :param server: lines about roles and the like. :param roles: those that the migrations need and do not make.
    """

    structure: model.Snapshot
    tables: Mapping[str, Rows]
    refreshed: tuple[tuple[str, str], ...]
    sequences: Mapping[str, str]
    server: tuple[str, ...]
    roles: frozenset[str]


def observe(ask: queries.Ask, settings: config.Config, roles: frozenset[str]) -> Observed:
    """Return what is in a database. Changes nothing."""
    history = queries.literal(settings.history_schema)
    tables: dict[str, Rows] = {}
    refreshed = []
    of_tables: dict[str, Sequence[str]] = {}
    for schema, name, kind, populated, columns in json.loads(str(ask(_SQL["tables"].format(history=history))[0][0])):
        table = f"{queries.identifier(schema)}.{queries.identifier(name)}"
        if kind == "m" and populated:
            refreshed.append((schema, table))
        # What a materialized view holds is of the moment of its last REFRESH: only whether it is filled counts.
        if kind == "r":
            of_tables[table] = columns
        tables[table] = Rows(0 if populated else -1, "", {})
    structure = reading.read(ask, history=settings.history_schema)
    return Observed(
        structure,
        tables | rows_of(ask, of_tables),
        tuple(refreshed),
        json.loads(str(ask(_SQL["sequences"].format(history=history))[0][0])),
        tuple(json.loads(str(ask(_SQL["server"])[0][0]))),
        roles,
    )


def rows(ask: queries.Ask, table: str, columns: Sequence[str]) -> Rows:
    """Return what the rows of a table are, over these columns."""
    return rows_of(ask, {table: columns})[table]


def rows_of(ask: queries.Ask, tables: Mapping[str, Sequence[str]]) -> dict[str, Rows]:
    """Return what the rows of tables are, each over the columns that are given for it."""
    found: dict[str, Rows] = {}
    names = list(tables)
    for first in range(0, len(names), _TABLES):
        some = names[first : first + _TABLES]
        answer = ask("SELECT " + ",\n".join(_summed(table, tables[table]) for table in some))[0]
        for table, told in zip(some, answer, strict=True):
            count, whole, *parts = (value or "" for value in json.loads(str(told)))
            found[table] = Rows(int(count), whole, dict(zip(tables[table], parts, strict=True)))
    return found


def _summed(table: str, columns: Sequence[str]) -> str:
    names = [queries.identifier(name) for name in columns]
    sums = [f"sum(hashtextextended(ROW({', '.join(names)})::text, 0)::numeric)"]
    sums += [f"sum(hashtextextended(ROW({name})::text, 0)::numeric)" for name in names]
    wanted = ", ".join(["count(*)::text", *(f"{one}::text" for one in sums)])
    return f"(SELECT to_json(ARRAY[{wanted}])::text FROM {table})"


def volatile(ask: queries.Ask, names: Collection[str]) -> set[str]:
    """Return which of these functions may change something, or are not there."""
    if not names:
        return set()
    query = _SQL["volatile"].format(names=queries.literal(json.dumps(sorted(names))))
    return set(json.loads(str(ask(query)[0][0])))
