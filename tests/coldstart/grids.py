"""The merged grid of the cold-start matrix: what every session wrote, and what is missing. Needs nothing but Python."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.coldstart import cells

#: A cell of the grid that no test wrote.
MISSING = "missing"
#: A cell that is none: the state makes no sense there, or other cells were asked for.
NONE = ""


@dataclasses.dataclass(frozen=True)
class Grid:
    """All columns and rows; a column of `expected` that no session wrote is empty, and red.

    :param beside: failed tests of the sessions that are of no cell, one line each.
    """

    columns: tuple[cells.Column, ...]
    expected: tuple[str, ...]
    beside: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names: servers by version, then the others."""
        found = {column.name for column in self.columns} | set(self.expected)
        return tuple(sorted(found, key=lambda name: (not name.startswith("pg"), len(name), name)))

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """Return the rows that any column has, and every state without cases when a whole column is there."""
        found = {cell.row for column in self.columns for cell in column.cells}
        if any(not column.narrowed for column in self.columns) or not self.columns:
            having = {state for state, _ in found}
            found |= {(state.name, "") for state in cells.STATES if state.name not in having}
        return tuple(sorted(found, key=cells.sort_key))

    def column(self, name: str) -> cells.Column | None:
        """Return a column, or None when no session wrote it."""
        return next((column for column in self.columns if column.name == name), None)

    def cell(self, name: str, row: tuple[str, str]) -> cells.Cell | None:
        """Return a cell, or None when no test wrote it."""
        column = self.column(name)
        return next((cell for cell in column.cells if cell.row == row), None) if column else None

    def outcome(self, name: str, row: tuple[str, str]) -> str:
        """Return a cell's outcome, MISSING, or NONE."""
        cell = self.cell(name, row)
        if cell is not None:
            return cell.outcome
        column = self.column(name)
        if column is None:
            return MISSING
        applies = name != "docker" or any(state.name == row[0] and state.on_docker for state in cells.STATES)
        return MISSING if applies and not column.narrowed else NONE

    def problems(self) -> tuple[str, ...]:
        """Return what is red, one line each."""
        found = [f"{name}: no session wrote this column" for name in self.names if self.column(name) is None]
        for name in self.names:
            for row in self.rows if self.column(name) else ():
                outcome = self.outcome(name, row)
                cell = self.cell(name, row)
                if outcome == cells.RED and cell is not None:
                    found.append(f"{name}, {title(row)}: {cell.error.strip().partition(chr(10))[0] or 'failed'}")
                elif outcome == MISSING:
                    found.append(f"{name}, {title(row)}: no test wrote this cell")
        return (*found, *self.beside)

    def not_run(self) -> tuple[str, ...]:
        """Return what could not be run here and why, and what nobody asked for: neither red nor green."""
        found: dict[str, int] = {}
        for column in self.columns:
            for cell in column.cells:
                if cell.outcome == cells.NOT_RUN:
                    reason = f"{column.name}: {cell.error}"
                    found[reason] = found.get(reason, 0) + 1
        lines = [f"{reason} ({count} not run)" for reason, count in found.items()]
        return (
            *lines,
            *(f"{column.name}: only some states were asked for" for column in self.columns if column.narrowed),
        )

    @property
    def ok(self) -> bool:
        """Tell whether there is something, and nothing of it is red."""
        return bool(self.columns) and not self.problems()


def title(row: tuple[str, str]) -> str:
    """Return a row's name.

    >>> title(("behind", "3"))
    'behind 3'
    """
    return " ".join(part for part in row if part)


def read(folder: Path, expected: Sequence[str]) -> Grid:
    """Return the grid of the columns in a folder: of those that are expected, or of all when none is.

    What an earlier run left beside them has no say. Raises ValueError for a file that is no column.
    """
    paths = sorted(folder.glob("coldstart-*.json"))
    found = [cells.read(path) for path in paths if _asked(path.stem.removeprefix("coldstart-"), expected)]
    return Grid(tuple(found), tuple(expected), tuple(_beside(folder, expected)))


def suites(folder: Path, expected: Sequence[str]) -> Iterator[tuple[str, ElementTree.Element]]:
    """Give the suites of the sessions' JUnit reports, each with the column of its session."""
    for path in sorted(folder.glob("junit-*.xml")):
        column = path.stem.removeprefix("junit-")
        if _asked(column, expected):
            for suite in ElementTree.parse(path).getroot().iter("testsuite"):
                yield column, suite


def _asked(column: str, expected: Sequence[str]) -> bool:
    return not expected or column in expected


def _beside(folder: Path, expected: Sequence[str]) -> Iterator[str]:
    for column, suite in suites(folder, expected):
        for case in suite.iter("testcase"):
            problem = next((child for child in case if child.tag in ("failure", "error")), None)
            name = case.get("name", "")
            if problem is not None and cells.row_of(name) is None:
                yield f"{column}, {name}: {problem.get('message', '').partition(chr(10))[0] or 'failed'}"
