"""The scale file as values: how many rows each table has, and how many distinct values its columns hold.

Rows and numbers of distinct values, never a value: nothing in it is personal.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from schemata import errors

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MOST_ROWS = 10**13
_HINT = "Write a table for each: [schema.table], rows = 1_000_000, n_distinct.column = 40."
_KEYS = ("rows", "pages", "n_distinct")


class InvalidScale(errors.ConfigError):
    """The scale file says something that cannot be, or names what the migrations do not make."""


@dataclasses.dataclass(frozen=True)
class Table:
    """The size of one table.

    :param pages: of 8 kB; 0: as many as rows of the columns' usual widths fill.
    :param n_distinct: by column, as PostgreSQL has it: a count, or a share of the rows as a negative number; -1 for a
        column whose values are all different.
    """

    rows: int
    n_distinct: Mapping[str, float] = dataclasses.field(default_factory=dict)
    pages: int = 0

    def distinct(self, column: str) -> float:
        """Return the number of distinct values of a column, never more than there are rows."""
        return min(self.n_distinct[column], float(max(self.rows, 1)))


@dataclasses.dataclass(frozen=True)
class Scale:
    """The sizes of tables by `schema.table`. `source` is where they come from, for messages."""

    tables: Mapping[str, Table]
    source: str = "the scale"

    def check_has(self, names: Iterable[tuple[str, str]]) -> None:
        """Refuse a table that is asked for and has no size here; each comes with what asks for it."""
        lacking = [f"{name} ({why})" for name, why in names if name not in self.tables]
        if lacking:
            raise InvalidScale(
                f"{self.source} has no size of {', '.join(dict.fromkeys(lacking))}",
                f"Add it by hand, or write the file again: inv scale-capture --url …\n{_HINT}",
            )


def parse(document: Mapping[str, Any], source: str) -> Scale:
    """Return the scale that a TOML document describes. Raises InvalidScale, which names the place."""
    found: dict[str, Table] = {}
    for schema, tables in document.items():
        if not isinstance(tables, dict):
            raise InvalidScale(f"{source}: {schema} is not a schema with its tables", _HINT)
        for name, table in tables.items():
            where = f"{source} [{schema}.{name}]"
            if not isinstance(table, dict):
                raise InvalidScale(f"{where} is not a table", _HINT)
            found[f"{schema}.{name}"] = _table(table, where)
    if not found:
        raise InvalidScale(f"{source} has no table", _HINT)
    return Scale(found, source)


def _table(table: Mapping[str, Any], where: str) -> Table:
    for key in table:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            raise InvalidScale(f"{where} {key}: no such key", f"Did you mean {near[0]}?" if near else _HINT)
    if "rows" not in table:
        raise InvalidScale(f"{where} has no rows", _HINT)
    columns = table.get("n_distinct", {})
    if not isinstance(columns, dict):
        raise InvalidScale(f"{where} n_distinct is not a table of columns", _HINT)
    return Table(
        _count(table["rows"], f"{where} rows"),
        {column: _distinct(value, f"{where} n_distinct.{column}") for column, value in columns.items()},
        _count(table.get("pages", 0), f"{where} pages"),
    )


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_ROWS:
        raise InvalidScale(f"{where}: {value!r} is not a whole number from 0 to {_MOST_ROWS:,}")
    return value


def _distinct(value: Any, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (-1 <= value < 0 or 1 <= value <= _MOST_ROWS):
        raise InvalidScale(
            f"{where}: {value!r} is no number of distinct values",
            "Write a count, or a share of the rows as a negative number: -1 where all are different.",
        )
    return float(value)


def text(scale: Scale, comment: Iterable[str] = ()) -> str:
    """Return the scale as TOML, below a comment.

    >>> print(text(Scale({"app.a": Table(2_000_000, {"id": -1.0, "kind": 4.0})})), end="")
    [app.a]
    rows = 2_000_000
    n_distinct.id = -1
    n_distinct.kind = 4
    """
    lines = [f"# {line}".rstrip() for line in comment]
    for name, table in scale.tables.items():
        schema, _, relation = name.partition(".")
        lines += [""] if lines else []
        lines += [f"[{_key(schema)}.{_key(relation)}]", f"rows = {table.rows:_}"]
        lines += [f"pages = {table.pages:_}"] if table.pages else []
        lines += [f"n_distinct.{_key(column)} = {_number(value)}" for column, value in table.n_distinct.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    if _BARE.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: float) -> str:
    return f"{int(value):_}" if value == int(value) else f"{value:g}"
