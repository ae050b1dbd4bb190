"""The scale file: how large the database is that is planned for, without anything that is in it."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.seed import sizes


def read(path: Path) -> sizes.Scale:
    """Return what a scale file says: rows of each table, and how many different values columns have.

    Raises errors.ConfigError where it cannot be read or says something else.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.ConfigError(
            f"the scale file {path} cannot be read: {error.strerror}", "Correct --scale, or leave it out."
        ) from error
    except ValueError as error:
        raise errors.ConfigError(f"{path} is not TOML in UTF-8: {error}", "Fix that line.") from error
    rows: dict[str, int] = {}
    distinct: dict[str, dict[str, float]] = {}
    for table, told in _tables(document):
        rows[table] = int(_number(path, f"{table} rows", told["rows"], least=0))
        some = told.get("n_distinct", {})
        if not isinstance(some, dict):
            raise errors.ConfigError(f"{path}: {table} n_distinct is not a table", "Write column = number lines.")
        distinct[table] = {
            column: _number(path, f"{table} n_distinct {column}", count, least=-1) for column, count in some.items()
        }
    if not rows:
        raise errors.ConfigError(f"{path} names no table with rows", 'Write ["schema.table"] and rows = 1000 below it.')
    return sizes.Scale(
        rows, {table: {name: one for name, one in some.items() if one} for table, some in distinct.items()}
    )


def _tables(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the tables of a document, each by its name with its schema: as one name, or as a table in a table."""
    for name, told in document.items():
        if isinstance(told, dict) and "rows" in told and not isinstance(told["rows"], dict):
            yield name, told
        elif isinstance(told, dict):
            yield from (
                (f"{name}.{inner}", one) for inner, one in told.items() if isinstance(one, dict) and "rows" in one
            )


def _number(path: Path, where: str, value: Any, least: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 10**15:
        raise errors.ConfigError(f"{path}: {where} is {value!r}, which is no number of rows", "Write a whole number.")
    return value
