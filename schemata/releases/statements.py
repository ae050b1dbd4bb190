"""What an application of a known structure does with its tables, as statements: no server is asked here."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemata.postgres import quoting
from schemata.samples import structure, values

Row = Mapping[str, str | None]

#: Ends a probe whose rows do not matter.
NO_ROWS = "SELECT 1"
_LONG = 2000
_LARGEST: Mapping[str, Sequence[str]] = {
    "int2": ("32767", "-32768"), "int4": ("2147483647", "-2147483648"),
    "int8": ("9223372036854775807", "-9223372036854775808"), "float4": ("1.5", "3e38"), "float8": ("1.5", "1e300"),
    "numeric": ("1.23456789", "1.25", "99999999999999999999", "99999999.99", "999.99"),
    "timestamptz": ("2026-01-01 10:00:00.123456+00",), "timestamp": ("2026-01-01 10:00:00.123456",),
    "time": ("10:00:00.123456",), "bool": ("true", "false"),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Shape:
    """A relation with all of its columns and the columns of its unique keys, that of the primary key first."""

    name: str
    plain: str
    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Probe:
    """Statements of one transaction that is rolled back; the rows of the last one count.

    :param column: which column it is about; empty where it is about the whole table.
    """

    table: str
    column: str
    statements: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Return the statement that is tried, those before it left out."""
        return next(text for text in reversed(self.statements) if text != NO_ROWS)


def reads(shape: Shape) -> Iterator[Probe]:
    """Give the SELECT of each column by its name."""
    for column in shape.columns:
        yield Probe(shape.plain, column, (f"SELECT {_name(column)} FROM {shape.name} LIMIT 0",))


def writes(table: structure.Table, shape: Shape, row: Row, other: Row | None) -> Iterator[Probe]:
    """Give what is written with values that the structure allows.

    :param row: values of a row that can be inserted. :param other: those of a second one that can be beside it.
    """
    columns = [column for column in table.columns if column["name"] in row]
    names = tuple(row)
    insert = _insert(table.name, row)
    yield Probe(table.plain, "", (f"{insert} RETURNING {_texts(names)}",))
    yield Probe(table.plain, "", (f"SELECT {', '.join(map(_name, shape.columns))} FROM {table.name} LIMIT 3 FOR UPDATE",
                                  NO_ROWS))  # fmt: skip
    least = {column["name"]: row[column["name"]] for column in columns if column["not_null"] and not column["default"]}
    yield Probe(table.plain, "", (f"{_insert(table.name, least)} RETURNING {_texts(tuple(least))}",))
    for key in shape.keys:
        if set(key) <= set(names):
            sets = ", ".join(f"{_name(one)} = EXCLUDED.{_name(one)}" for one in names)
            upsert = f"{insert} ON CONFLICT ({', '.join(map(_name, key))}) DO UPDATE SET {sets}"
            yield Probe(table.plain, "", (insert, f"{upsert} RETURNING {_texts(names)}"))
    where = _where(shape, row)
    yield Probe(table.plain, "", (insert, f"DELETE FROM {table.name}{where} RETURNING 1"))
    if other is not None:
        unique = {one for key in shape.keys for one in key}
        twin = {name: other[name] if name in unique else value for name, value in row.items() if name in other}
        yield Probe(table.plain, "", (insert, f"{_insert(table.name, twin)} RETURNING {_texts(tuple(twin))}"))
    for column in columns:
        yield from _of_column(table, column, row, other, where)


def _of_column(
    table: structure.Table, column: Mapping[str, Any], row: Row, other: Row | None, where: str
) -> Iterator[Probe]:
    name = column["name"]
    insert, back = _insert(table.name, row), _literal(row[name])
    # Rows that were there before the migration are written again as they are.
    yield Probe(table.plain, name, (f"UPDATE {table.name} SET {_name(name)} = {_name(name)}", NO_ROWS))
    if column["default"]:
        rest = {one: value for one, value in row.items() if one != name}
        yield Probe(table.plain, name, (f"{_insert(table.name, rest)} RETURNING 1",))
    if other is not None and name in other:
        same = {**other, name: row[name]}
        yield Probe(table.plain, name, (insert, f"{_insert(table.name, same)} RETURNING 1"))
    for value in variants(table, column):
        changed = _insert(table.name, {**row, name: value})
        yield Probe(table.plain, name, (f"{changed} RETURNING {_texts((name,))}",))
        update = f"UPDATE {table.name} SET {_name(name)} = {_literal(value)}{where} RETURNING {_texts((name,))}"
        yield Probe(table.plain, name, (insert, update))
    again = f"UPDATE {table.name} SET {_name(name)} = {back}{where} RETURNING {_texts((name,))}"
    yield Probe(table.plain, name, (insert, again))


def variants(table: structure.Table, column: Mapping[str, Any]) -> list[str | None]:
    """Return values at the bounds of what a column allows: the longest, the largest, each label, NULL.

    The server is asked whether they are allowed before anything is concluded from them.
    """
    found: list[str | None] = [] if column["not_null"] else [None]
    if column["category"] == "S":
        length = column["length"] or _LONG
        found += ["x" * length, "ü" * min(length, 200), ""]
    found += column["labels"] or () if column["category"] == "E" else ()
    found += _LARGEST.get(column["base"], ())
    found += values.literals_of(values.checks_of(table, column))
    return list(dict.fromkeys(found))


def same(before: Sequence[Sequence[str | None]], now: Sequence[Sequence[str | None]]) -> bool:
    """Tell whether two answers are the same; a number may be written in another way.

    >>> same([("1.50",)], [("1.5000",)]), same([("1.25",)], [("1.3",)]), same([(None,)], [("",)])
    (True, False, False)
    """
    return [list(map(_plain, row)) for row in before] == [list(map(_plain, row)) for row in now]


def _plain(value: str | None) -> str | None:
    whole, point, fraction = (value or "").partition(".")
    return whole + (point + fraction).rstrip("0").rstrip(".") if point and fraction.isdigit() else value


def _where(shape: Shape, row: Row) -> str:
    for key in shape.keys:
        if all(row.get(name) is not None for name in key):
            return " WHERE " + " AND ".join(f"{_name(name)} = {_literal(row[name])}" for name in key)
    return ""


def _insert(table: str, row: Row) -> str:
    if not row:
        return f"INSERT INTO {table} DEFAULT VALUES"
    listed = ", ".join(map(_name, row))
    return f"INSERT INTO {table} ({listed}) VALUES ({', '.join(map(_literal, row.values()))})"


def _texts(names: Sequence[str]) -> str:
    return ", ".join(f"{_name(name)}::text" for name in names) or "1"


def _name(name: str) -> str:
    return quoting.identifier(name)


def _literal(value: str | None) -> str:
    return "NULL" if value is None else quoting.literal(value)
