"""The report of the cold-start matrix: `python -m tests.coldstart.report [--expect COLUMN]... [FOLDER]`.

Merges what the sessions wrote (coldstart-*.json, junit-*.xml) into coldstart.json, junit.xml and index.html, and prints
the grid. Needs nothing but Python. Exit 1 when a cell is red or missing, or a column that was expected, or everything.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.coldstart import cells, grids, page

WIDTH = 100
DEFAULT = Path("build") / "coldstart"

_MARKS = {cells.RED: "FAILED", grids.MISSING: "MISSING"}


def text(grid: grids.Grid, width: int = WIDTH) -> str:
    """Return the grid for a terminal, what is red, what was not run, and the verdict."""
    rows = grid.rows
    first = max([len(grids.title(row)) for row in rows] + [5])
    lines = ["  ".join([" " * first, *(name.rjust(_size(grid, name)) for name in grid.names)]).rstrip()]
    for row in rows:
        marks = [_mark(grid, name, row).rjust(_size(grid, name)) for name in grid.names]
        lines.append("  ".join([grids.title(row).ljust(first), *marks]).rstrip())
    parts = [_cut(line, width) for line in lines]
    for word, reasons in (("FAILED", grid.problems()), ("Not run:", grid.not_run())):
        parts += [""] if reasons else []
        parts += [piece for reason in reasons for piece in _wrapped(f"{word} {reason}", width)]
    return "\n".join([*parts, "", verdict(grid)])


def verdict(grid: grids.Grid) -> str:
    """Return the last line: how many cells there are, and whether all is well."""
    found = [cell for column in grid.columns for cell in column.cells]
    green = len([cell for cell in found if cell.outcome == cells.GREEN])
    skipped = len([cell for cell in found if cell.outcome == cells.NOT_RUN])
    seconds = sum(cell.seconds for cell in found)
    red = len(grid.problems())
    said = f"{green} of {len(found)} cells are green" + (f", {skipped} were not run" if skipped else "")
    return f"{said}, {red} problem(s) ({seconds:.0f} s of tests)." if red else f"{said} ({seconds:.0f} s of tests)."


def _mark(grid: grids.Grid, name: str, row: tuple[str, str]) -> str:
    outcome = grid.outcome(name, row)
    cell = grid.cell(name, row)
    if outcome == cells.GREEN and cell is not None:
        return f"{cell.seconds:.1f} s"
    if outcome == cells.NOT_RUN and cell is not None:
        return _cut(cell.error.partition(":")[0], 9)
    return _MARKS.get(outcome, "-")


def _size(grid: grids.Grid, name: str) -> int:
    return max([len(name)] + [len(_mark(grid, name, row)) for row in grid.rows])


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _wrapped(line: str, width: int) -> list[str]:
    """Return a line in pieces of `width`, all of it: a reason that is cut off helps nobody."""
    pieces = [line[:width]]
    rest = line[width:]
    while rest:
        pieces.append(f"    {rest[: width - 4]}")
        rest = rest[width - 4 :]
    return pieces


def document(grid: grids.Grid) -> dict[str, object]:
    """Return the merged grid as JSON."""
    return {
        "format": cells.FORMAT,
        "ok": grid.ok,
        "columns": [
            {"name": name, "server": column.server if column else "", "there": column is not None}
            for name in grid.names
            for column in [grid.column(name)]
        ],
        "rows": [
            {
                "title": grids.title(row),
                "state": row[0],
                "case": row[1],
                "outcomes": {n: grid.outcome(n, row) for n in grid.names},
            }
            for row in grid.rows
        ],
        "problems": list(grid.problems()),
        "not_run": list(grid.not_run()),
        "cells": [dataclasses.asdict(cell) for column in grid.columns for cell in column.cells],
    }


def junit(folder: Path, grid: grids.Grid) -> ElementTree.Element:
    """Return the sessions' JUnit reports as one; a column that is missing is a suite that failed."""
    merged = ElementTree.Element("testsuites", name="coldstart")
    for name, suite in grids.suites(folder, grid.expected):
        suite.set("name", f"coldstart.{name}")
        merged.append(suite)
    for name in grid.names:
        if grid.column(name) is None:
            suite = ElementTree.SubElement(
                merged, "testsuite", name=f"coldstart.{name}", tests="1", failures="1", errors="0", skipped="0"
            )
            case = ElementTree.SubElement(suite, "testcase", classname=f"coldstart.{name}", name="column", time="0")
            ElementTree.SubElement(case, "failure", message="no session wrote this column")
    return merged


def write(folder: Path, grid: grids.Grid) -> None:
    """Write coldstart.json, junit.xml and index.html into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "coldstart.json").write_text(
        json.dumps(document(grid), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    ElementTree.ElementTree(junit(folder, grid)).write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)
    (folder / "index.html").write_text(page.render(grid), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Merge, write, print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.coldstart.report", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column that must be there; columns that are not named are left out (default: all there are)",
    )
    options = parser.parse_args(arguments)
    try:
        grid = grids.read(options.folder, options.expect)
        write(options.folder, grid)
    except (ValueError, OSError, ElementTree.ParseError) as error:
        print(f"The cold-start report could not be made: {error}", file=sys.stderr)
        return 1
    print(text(grid))
    print(f"\nTimelines: {options.folder / 'index.html'}")
    return 0 if grid.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
