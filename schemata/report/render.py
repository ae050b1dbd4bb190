"""Results as text and as JSON, from the same values. Prints nothing."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from schemata import errors
from schemata.report import document, wrapping

WIDTH = 100
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
_STATES = {
    "applied": "green",
    "pending": "yellow",
    "changed": "red",
    "missing": "red",
    "ahead": "yellow",
    "out-of-order": "red",
    "interrupted": "red",
    "failed": "red",
    "ok": "green",
    "FAILED": "red",
    "parity": "green",
    "differs": "red",
    "not asked": "red",
}


class Paint:
    """Colour for people: only on a terminal, never with NO_COLOR (no-color.org)."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.on = bool(
            not environ.get("NO_COLOR")
            and environ.get("TERM") != "dumb"
            and (environ.get("FORCE_COLOR") or (hasattr(stream, "isatty") and stream.isatty()))
        )

    def __call__(self, text: str, colour: str) -> str:
        """Return the text in a colour, or as it is."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.on and colour else text


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], paint: Paint, width: int = WIDTH) -> str:
    """Return aligned rows that fit `width`: the widest column gives way, with an ellipsis."""
    # Imported here: it takes longer than a status does, and `--json` needs none of it.
    import tabulate

    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[number]) for line in [list(columns), *cells]) for number in range(len(columns))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    cut = [[_cut(value, size) for value, size in zip(row, widths, strict=True)] for row in cells]
    numeric = [_is_numeric([row[n] for row in rows if row[n] is not None]) for n in range(len(columns))]
    # The head is made here: tabulate would make a column two wider than its name.
    head = [paint(_cut(name, size), "bold") for name, size in zip(columns, widths, strict=True)]
    text = tabulate.tabulate(
        [head, ["-" * size for size in widths], *([paint(cell, _STATES.get(cell, "")) for cell in row] for row in cut)],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if right else "left" for right in numeric],
    )
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _is_numeric(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    # Line ends would break the row, and escape sequences the terminal.
    return wrapping.printable(str(value))


def _cut(text: str, size: int) -> str:
    """Return a text that fits.

    >>> _cut("migration", 5)
    'migr…'
    """
    return text if len(text) <= size else text[: max(0, size - 1)] + "…"


_READABLE = 1_000_000  # characters


def as_json(result: document.Result) -> str:
    """Return the JSON document of a result, as the result writes it itself where it is a large one."""
    if isinstance(result, document.Large):
        return result.as_json()
    document_ = result.as_dict()
    text = json.dumps(document_, default=str, ensure_ascii=False)
    # Indenting is done by Python's own encoder, not the one in C: nobody reads a megabyte, and it would take a second.
    return text if len(text) > _READABLE else json.dumps(document_, indent=2, default=str, ensure_ascii=False)


def error_as_json(error: errors.Error) -> str:
    """Return the JSON document of an error."""
    facts = {"ok": False, "error": error.message, "hint": error.hint, "exit_code": error.exit_code}
    return json.dumps({**facts, "target": error.target} if error.target else facts, indent=2)


def render(result: document.Result, paint: Paint, width: int = 0) -> str:
    """Return a result as text for people.

    :param width: of the terminal, at which sentences are wrapped; 0: they are not, as in a pipe.
    """
    page = min(WIDTH, max(60, width or shutil.get_terminal_size((WIDTH, 24)).columns))
    return "\n".join(_block(block, paint, page, width) for block in result.blocks())


def _block(block: document.Block, paint: Paint, page: int, width: int) -> str:
    match block:
        case document.Gap():
            return ""
        case document.Text():
            text = "\n".join(map(wrapping.printable, block.text.split("\n")))
            return paint(wrapping.wrap(text, width), block.colour)
        case document.Grid():
            return table(block.columns, block.rows, paint, page)
        case document.Verbatim():
            return "\n".join(_line(line, paint, block.difference) for line in block.text.split("\n"))
        case document.Finding():
            return _finding(block, paint, width)
        case document.Change() | document.Fact():
            # Imported here: few results have such blocks, and `--json` shows none.
            from schemata.report import sides

            return sides.change(block, paint, page) if isinstance(block, document.Change) else sides.fact(block, page)


def _finding(finding: document.Finding, paint: Paint, width: int) -> str:
    text = wrapping.wrap(f"{finding.code}: {finding.subject}: {finding.text}", width)
    lines = [paint(finding.code, finding.colour) + text.removeprefix(finding.code)]
    if finding.detail:
        lines += [f"  {_line(line, paint, True)}" for line in finding.detail.rstrip().split("\n")]
    if finding.remedy:
        lines.append(wrapping.wrap(finding.remedy, width, indent="  "))
    return "\n".join(lines)


def _line(line: str, paint: Paint, difference: bool) -> str:
    if not difference:
        return line
    return paint(line, "red" if line.startswith("-") else "green" if line.startswith("+") else "")
