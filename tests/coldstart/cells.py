"""What a cold-start session writes and the report reads: cells of the grid, as JSON. Needs nothing but Python.

A column is a server ("pg17", "docker"), a row is a starting state, a cell is one test's outcome. Each session
writes one file a column, so that sessions on different machines can be merged by copying files together.
"""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

FORMAT = 1

GREEN = "passed"
RED = "failed"
#: The test could not be run here, for a reason that is not ours: never green.
NOT_RUN = "skipped"

#: What happens between the start of a service and its first answer, in order. `app` is the service's own start.
PHASES = ("wait", "schemas", "migrate", "generate", "ready", "app")


@dataclasses.dataclass(frozen=True)
class State:
    """A starting state: its name is that of its tests (`test_no_server_yet`), each of which is a row."""

    name: str
    meaning: str
    on_docker: bool = True


#: The rows, in the order of the grid.
STATES = (
    State("no server yet", "the server comes up 5 s after the services"),
    State("no database", "the server has no database of that name", on_docker=False),
    State("empty database", "a database without anything in it"),
    State("schemas only", "the schemas are there, and nothing in them", on_docker=False),
    State("half made", "the history's tables are there, and nothing in them or in the schemas", on_docker=False),
    State("behind", "only the first migrations are applied: every third prefix", on_docker=False),
    State("interrupted transaction", "the deployer was killed in a transactional migration", on_docker=False),
    State("interrupted index", "the deployer was killed in CREATE INDEX CONCURRENTLY", on_docker=False),
    State("changed history", "an applied file was edited: refused, with the diff"),
    State("full database", "everything is there but the history: refused, naming what is there"),
    State("empty history", "everything is there, and a history without a row: refused alike", on_docker=False),
    State("foreign ledger", "another tool made what is there: refused, naming its record", on_docker=False),
    State("damaged history", "a table of the history that a start asks was dropped", on_docker=False),
    State("lost records", "what was applied is recorded in part: refused, naming each", on_docker=False),
    State("ahead accepted", "an older image restarts, within what it accepts: starts"),
    State("ahead refused", "an older image restarts, outside of what it accepts: refused"),
    State("concurrent", "all four services x 3 replicas boot at once"),
    State("restarted", "the server is restarted during a migration", on_docker=False),
    State("stale client", "nothing to do, but the image's client is of another structure", on_docker=False),
    State("current", "nothing to do"),
)
_ROWS = {state.name: number for number, state in enumerate(STATES)}


@dataclasses.dataclass(frozen=True)
class Phase:
    """A stretch of one service's start; `began` is in seconds after the cell's first service was started."""

    service: str
    name: str
    began: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Cell:
    """One starting state on one server.

    :param case: which of several of the state, "3" of "behind"; mostly empty.
    :param seconds: what the test took, all in all.
    :param error: why it is not green.
    """

    column: str
    state: str
    case: str
    outcome: str
    seconds: float
    server: str = ""
    revision: str = ""
    error: str = ""
    phases: tuple[Phase, ...] = ()

    @property
    def row(self) -> tuple[str, str]:
        """Return which row of the grid it is in."""
        return self.state, self.case


@dataclasses.dataclass(frozen=True)
class Column:
    """What one session found on one server; `narrowed` if it was asked for some of the cells only."""

    name: str
    server: str
    narrowed: bool
    cells: tuple[Cell, ...]


def row_of(test: str) -> tuple[str, str] | None:
    """Return the state and the case that a test is of, or None when it is of none.

    >>> row_of("test_behind[3]")
    ('behind', '3')
    """
    found = re.fullmatch(r"test_(\w+?)(?:\[(.*)\])?", test)
    if found is None or found[1].replace("_", " ") not in _ROWS:
        return None
    return found[1].replace("_", " "), found[2] or ""


def sort_key(row: tuple[str, str]) -> tuple[int, int, str]:
    """Return what puts rows in the order of the table, and cases in the order of their numbers."""
    state, case = row
    return _ROWS.get(state, len(_ROWS)), int(case) if case.isdecimal() else -1, case


def place(folder: Path, column: str) -> Path:
    """Return the file of a column."""
    return folder / f"coldstart-{column}.json"


def write(folder: Path, column: Column) -> Path:
    """Write a column's file, whole or not at all; return its path."""
    path = place(folder, column.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    document = {"format": FORMAT, **dataclasses.asdict(column)}
    draft.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def read(path: Path) -> Column:
    """Return the column that a file holds. Raises ValueError when it holds none of this format."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("format") != FORMAT:
            raise ValueError(f"{path} was written in another format")
        return Column(**{**document, "cells": tuple(cell_of(item) for item in document["cells"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no column of cells: {error}") from error


def cell_of(document: dict[str, Any]) -> Cell:
    """Return the cell that a JSON object describes."""
    return Cell(**{**document, "phases": tuple(Phase(**phase) for phase in document["phases"])})
