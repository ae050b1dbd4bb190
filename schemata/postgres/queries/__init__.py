"""SQL by name: each file holds `-- name: <name>` blocks, each with a sentence on what it answers."""

import os
from collections.abc import Callable, Sequence

from schemata.postgres import quoting

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


identifier = quoting.identifier
literal = quoting.literal
