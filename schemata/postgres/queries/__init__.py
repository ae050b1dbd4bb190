"""SQL by name: each file holds `-- name: <name>` blocks, each with a sentence on what it answers."""

import os
from collections.abc import Callable, Sequence

# Sends one SQL text and returns the rows of its last statement, as text.
Ask = Callable[[str], Sequence[tuple[str | None, ...]]]

_FOLDER = os.path.dirname(__file__)


def load(file: str, folder: str = _FOLDER) -> dict[str, str]:
    """Return the queries of one file of a folder by name. Names of schemas stand in them as `{history}`."""
    found: dict[str, list[str]] = {}
    block: list[str] = []
    with open(os.path.join(folder, f"{file}.sql"), encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("-- name:"):
                block = found.setdefault(line.removeprefix("-- name:").strip(), [])
            else:
                block.append(line)
    return {name: "".join(block).strip() for name, block in found.items()}


def identifier(name: str) -> str:
    """Return a quoted SQL identifier.

    >>> identifier('odd"name')
    '"odd""name"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | float | bool | None) -> str:
    """Return a value as an SQL literal that any setting of standard_conforming_strings reads alike.

    >>> literal("it's"), literal(None), literal(3)
    ("'it''s'", 'NULL', '3')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return " E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"
