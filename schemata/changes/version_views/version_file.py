"""The file of a version, `versions/NAME.toml`: which tables it sees, and what it calls their columns.

[financial.clients]
name = "customers"                       # the view's name, where it is not the table's
columns = { id = "id", title = "name" }  # the view's columns, each with the table's; without it all as they are
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from schemata import errors

#: What a version may be called: it is the end of a schema's name.
VERSION = re.compile(r"[a-z0-9][a-z0-9_]{0,30}")
_KEYS = ("name", "columns")


@dataclasses.dataclass(frozen=True)
class View:
    """One view that a version asks for. `columns` are (view's, table's); none stands for all as they are."""

    schema: str
    table: str
    name: str
    columns: tuple[tuple[str, str], ...] = ()


def parse(text: str, path: str, schemas: tuple[str, ...]) -> tuple[View, ...]:
    """Return the views of a version's file. Raises ConfigError for what cannot be one."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise errors.ConfigError(f"{path} is no TOML: {problem}", "Correct that line.") from problem
    found = []
    for schema, tables in document.items():
        if schema not in schemas or not isinstance(tables, Mapping):
            raise errors.ConfigError(
                f"{path}: {schema} is none of the schemas ({', '.join(schemas)})", "Write [schema.table]."
            )
        found += [_view(path, schema, table, value) for table, value in tables.items()]
    names = [(view.schema, view.name) for view in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise errors.ConfigError(f"{path}: two views are called {'.'.join(twice)}", "Give one of them another name.")
    if not found:
        raise errors.ConfigError(
            f"{path} names no table", "Write a table [schema.table] for each that the version sees."
        )
    return tuple(found)


def _view(path: str, schema: str, table: str, value: Any) -> View:
    where = f"{path}: [{schema}.{table}]"
    if not isinstance(value, Mapping):
        raise errors.ConfigError(f"{where} is no table of TOML", 'Write columns = { id = "id" } below it, or nothing.')
    if unknown := [key for key in value if key not in _KEYS]:
        raise errors.ConfigError(f"{where} has no setting {unknown[0]}", f"There are: {', '.join(_KEYS)}.")
    columns = value.get("columns", {})
    if not isinstance(columns, Mapping) or not all(isinstance(name, str) and name for name in columns.values()):
        raise errors.ConfigError(f"{where} columns is no table of names", 'Write columns = { title = "name" }.')
    name = value.get("name", table)
    if not isinstance(name, str) or not name:
        raise errors.ConfigError(f"{where} name is no name", 'Write name = "customers".')
    return View(schema, table, name, tuple(columns.items()))
