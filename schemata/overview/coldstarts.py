"""The grid of the last cold starts, from the files that the sessions wrote."""

import json
from pathlib import Path
from typing import Any

from schemata.report import markup


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the cells of every `coldstart-*.json` of a folder; a damaged file is left out."""
    cells: list[dict[str, Any]] = []
    for path in sorted(folder.glob("coldstart-*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            cells += [cell for cell in document["cells"] if {"column", "state", "outcome", "seconds"} <= cell.keys()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return cells


def table(cells: list[dict[str, Any]]) -> str:
    """Return the grid: a row for each starting state, a column for each server."""
    columns = list(dict.fromkeys(str(cell["column"]) for cell in cells))
    states: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        row = states.setdefault((str(cell["state"]), str(cell.get("case", ""))), {})
        good = cell["outcome"] == "passed"
        row[str(cell["column"])] = f"{cell['seconds']:.1f} s" if good else str(cell["outcome"])
    rows = [
        (" ".join(filter(None, name)), *(found.get(column, "") for column in columns)) for name, found in states.items()
    ]
    return markup.table(("starting state", *columns), rows)


def summary(cells: list[dict[str, Any]]) -> tuple[str, str]:
    """Return how many cells are green, in words, and whether that is good."""
    green = sum(cell["outcome"] == "passed" for cell in cells)
    red = sum(cell["outcome"] == "failed" for cell in cells)
    return f"{green} of {len(cells)} green", "bad" if red else "good"
