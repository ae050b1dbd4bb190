"""The settings of `inv seed`: how many rows, and what tables are to be given."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from schemata.config import values


@dataclasses.dataclass(frozen=True)
class Table:
    """What is said of one table.

    :param rows: how many at most; None is as the others. :param columns: SQL, a list of values, or values with weights.
    """

    rows: int | None = None
    skip: bool = False
    columns: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Seed:
    """Rows of the largest table, and the number that the values are made from; more by table."""

    rows: int = 10_000
    seed: int = 42
    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)


def column(value: Any, where: str) -> Any:
    """Return SQL, a list of values, or values with their weights."""
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, list) and value and all(isinstance(one, str | int | float) for one in value):
        return tuple(_text(one) for one in value)
    if isinstance(value, dict) and value:
        for name, weight in value.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
                raise values.InvalidSetting(f"{where} {name}", f"{weight!r} is no weight above 0")
        return dict(value)
    hint = 'Write SQL as "…", values as ["a", "b"], or with how often they come as { a = 9, b = 1 }.'
    raise values.InvalidSetting(where, f"{value!r} gives a column no values", hint)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def columns(value: Any, where: str) -> dict[str, Any]:
    """Return what each column is given."""
    if not isinstance(value, dict):
        raise values.InvalidSetting(where, f"{value!r} is not a table of columns")
    return {name: column(given, f"{where}.{name}") for name, given in value.items()}


KEYS: dict[str, values.Converter] = {"rows": values.count(1, 10**11), "seed": values.count(0, 2**53)}
TABLE: dict[str, values.Converter] = {
    "rows": values.count(0, 10**11),
    "skip": values.flag,
    "columns": columns,
}


def tables(table: Any) -> tuple[dict[str, Any], dict[str, Table]]:
    """Return what `[tool.schemata.seed]` says of itself, and what it says of tables, which are named with schemas."""
    if not isinstance(table, dict):
        raise values.InvalidSetting("[tool.schemata.seed]", "is not a table")
    found = {}
    for name, given in table.items():
        if "." in name:
            where = f'[tool.schemata.seed."{name}"]'
            found[name] = Table(**values.row(where, given, TABLE, ()))
    return {name: given for name, given in table.items() if "." not in name}, found
