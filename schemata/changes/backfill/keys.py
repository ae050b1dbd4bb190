"""The key by which a backfill walks through a table: which index serves, and the SQL that compares with a value."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemata.postgres import quoting

_DESCENDING = 1  # in pg_index.indoption

Values = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a key: its type as SQL, and the schema of the operators by which its index is ordered.

    :param is_time: it is a date or a time, whose text depends on the session's settings.
    """

    name: str
    type: str
    operators: str = "pg_catalog"
    is_time: bool = False


@dataclasses.dataclass(frozen=True)
class Key:
    """Columns that name a row, in the order of an index. `alias` is what the table is called in the SQL, quoted."""

    columns: tuple[Column, ...]
    alias: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def row(self) -> str:
        """Return the key as an expression."""
        return self._row([self._column(column) for column in self.columns])

    @property
    def values(self) -> str:
        """Return what a SELECT lists to have the key as text."""
        return ", ".join(self._text(column) for column in self.columns)

    @property
    def listed(self) -> str:
        """Return what a subquery lists to be compared with `row`."""
        return ", ".join(self._column(column) for column in self.columns)

    def order(self, *, descending: bool = False) -> str:
        """Return what follows ORDER BY."""
        return ", ".join(f"{self._column(column)}{' DESC' if descending else ''}" for column in self.columns)

    def operator(self, name: str) -> str:
        """Return a comparison as the index knows it, wherever the search_path leads."""
        return f"OPERATOR({quoting.identifier(self.columns[0].operators)}.{name})"

    def compared(self, name: str, values: Values) -> str:
        """Return a condition on the key that the index serves, such as that it is above these values."""
        literals = [
            f"{quoting.literal(value)}::{column.type}" for value, column in zip(values, self.columns, strict=True)
        ]
        return f"{self.row} {self.operator(name)} {self._row(literals)}"

    def between(self, low: Values | None, high: Values | None) -> str:
        """Return the condition that the key is above the one and not above the other.

        >>> Key((Column("id", "bigint"),), "c").between(("5",), None)
        'c."id" OPERATOR("pg_catalog".>) \\'5\\'::bigint'
        """
        parts = [self.compared(">", low)] if low is not None else []
        parts += [self.compared("<=", high)] if high is not None else []
        return " AND ".join(parts) or "true"

    def among(self, rows: Sequence[Values]) -> str:
        """Return the condition that the key is one of these."""
        if len(self.columns) == 1:
            type_ = self.columns[0].type
            listed = ", ".join(f"{quoting.literal(values[0])}::{type_}" for values in rows)
            return f"{self.row} {self.operator('=')} ANY (ARRAY[{listed}])"
        return f"({' OR '.join(self.compared('=', values) for values in rows)})"

    def _text(self, column: Column) -> str:
        # In JSON a time is ISO 8601 with its offset, whatever DateStyle and TimeZone are, which are the UPDATE's.
        if column.is_time:
            return f"pg_catalog.to_json({self._column(column)}) OPERATOR(pg_catalog.#>>) '{{}}'"
        return f"{self._column(column)}::text"

    def _column(self, column: Column) -> str:
        return f"{self.alias}.{quoting.identifier(column.name)}"

    @staticmethod
    def _row(parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else f"ROW({', '.join(parts)})"


def shown(names: Sequence[str], values: Sequence[str]) -> str:
    """Return a key for people.

    >>> shown(("tenant", "id"), ("a", "7"))
    'tenant = a, id = 7'
    """
    return ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))


def choose(indexes: Sequence[Mapping[str, Any]], alias: str, changed: Collection[str]) -> tuple[Key | None, list[str]]:
    """Return the key to walk by, the primary key first, and why each other index cannot be it.

    :param indexes: the unique indexes as the query `indexes` describes them. :param changed: columns that the UPDATE
        sets.
    """
    reasons: list[str] = []
    for index in sorted(indexes, key=lambda index: (not index["primary"], len(index["columns"]), index["name"])):
        reason = _unfit(index, changed)
        if not reason:
            columns = tuple(
                Column(one["name"], one["type"], one["operators"], one["is_time"]) for one in index["columns"]
            )
            return Key(columns, alias), reasons
        reasons.append(f"{index['name']} {reason}")
    return None, reasons


def _unfit(index: Mapping[str, Any], changed: Collection[str]) -> str:
    """Return why an index cannot be walked by; empty where it can."""
    columns = index["columns"]
    checks = (
        (not index["valid"], "is not valid"),
        (index["method"] != "btree", f"is of the kind {index['method']}"),
        (index["partial"], "is partial"),
        (index["expressions"], "is of an expression"),
    )
    for is_so, reason in checks:
        if is_so:
            return reason
    for column in columns:
        if not column["not_null"]:
            return f"has {column['name']}, which may be NULL"
        if column["name"] in changed:
            return f"has {column['name']}, which the UPDATE sets"
        if not column["default_order"]:
            return f"is not in the usual order of {column['name']}"
    if len({column["option"] & _DESCENDING for column in columns}) > 1:
        return "is ascending in one column and descending in another"
    if len({column["operators"] for column in columns}) > 1:
        return "has columns whose types are of different schemas"
    return ""
