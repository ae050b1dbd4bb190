"""Results as text and as JSON, from the same values. Prints nothing."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from schemata import errors
from schemata.history import comparison
from schemata.migrations import revision
from schemata.report import results

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
    "ok": "green",
    "FAILED": "red",
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
    numeric = [bool(rows) and all(isinstance(row[n], int | float) for row in rows) for n in range(len(columns))]
    # The head is made here: tabulate would make a column two wider than its name.
    head = [paint(_cut(name, size), "bold") for name, size in zip(columns, widths, strict=True)]
    text = tabulate.tabulate(
        [head, ["-" * size for size in widths], *([paint(cell, _STATES.get(cell, "")) for cell in row] for row in cut)],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if right else "left" for right in numeric],
    )
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    # Line ends would break the row, and escape sequences the terminal.
    return "".join(character if character.isprintable() else " " for character in str(value))


def _cut(text: str, size: int) -> str:
    """Return a text that fits.

    >>> _cut("migration", 5)
    'migr…'
    """
    return text if len(text) <= size else text[: max(0, size - 1)] + "…"


def as_json(result: results.Result) -> str:
    """Return the JSON document of a result."""
    return json.dumps(result.as_dict(), indent=2, default=str, ensure_ascii=False)


def error_as_json(error: errors.Error) -> str:
    """Return the JSON document of an error."""
    return json.dumps({"ok": False, "error": error.message, "hint": error.hint, "exit_code": error.exit_code}, indent=2)


def render(result: results.Result, paint: Paint) -> str:
    """Return a result as text for people."""
    width = min(WIDTH, max(60, shutil.get_terminal_size((WIDTH, 24)).columns))
    if isinstance(result, results.Status):
        return _status(result, paint, width)
    if isinstance(result, results.Migrated):
        return _migrated(result, paint, width)
    if isinstance(result, results.Table):
        return _table(result, paint, width)
    return result.text


def _table(result: results.Table, paint: Paint, width: int) -> str:
    parts = [paint(result.title, "bold")] if result.title else []
    if result.rows:
        parts.append(table(result.columns, result.rows, paint, width))
    parts += list(result.notes)
    return "\n".join(parts)


def _status(result: results.Status, paint: Paint, width: int) -> str:
    compared = result.compared
    lines = [f"Target: {result.target.describe()}", ""]
    rows = []
    for schema in result.schemas:
        of_schema = [row for row in compared.rows if row.schema == schema]
        applied = [row for row in of_schema if row.applied_at]
        pending = [item for item in compared.pending if item.schema == schema]
        problems = [f for f in compared.findings if f.schema == schema and f.exit_code in (1, 2, 3, 5)]
        last = max(applied, key=lambda row: revision.time_of(row.id), default=None)
        rows.append((schema, len(applied), len(pending), len(problems), last.id.partition(".")[2] if last else "-"))
    lines.append(table(("schema", "applied", "pending", "problems", "last applied"), rows, paint, width))
    shown = [row for row in compared.rows if row.state != "applied"]
    if shown:
        lines += ["", table(("migration", "state", "title"), [(r.id, r.state, r.title) for r in shown], paint, width)]
    for finding in compared.findings:
        if finding.code != "pending":
            lines += ["", _finding(finding, paint)]
    lines += ["", _verdict(result, paint)]
    return "\n".join(lines)


def _finding(finding: comparison.Finding, paint: Paint) -> str:
    colour = "red" if finding.exit_code in (1, 2, 3) else "yellow"
    lines = [f"{paint(finding.code, colour)}: {finding.subject}: {finding.text}"]
    if finding.detail:
        lines += [_diff_line(line, paint) for line in finding.detail.rstrip().split("\n")]
    if finding.remedy:
        lines.append(f"  {finding.remedy}")
    return "\n".join(lines)


def _diff_line(line: str, paint: Paint) -> str:
    colour = "red" if line.startswith("-") else "green" if line.startswith("+") else ""
    return paint(f"  {line}", colour)


def _verdict(result: results.Status, paint: Paint) -> str:
    compared = result.compared
    persons = [finding for finding in compared.findings if finding.exit_code == errors.NEEDS_PERSON]
    if persons:
        return paint(f"{len(persons)} finding(s) need a person.", "red")
    if compared.pending:
        return paint(f"{len(compared.pending)} pending; apply with: inv migrate", "yellow")
    return paint(f"Up to date at {compared.database_revision or 'no revision'}.", "green")


def _migrated(result: results.Migrated, paint: Paint, width: int) -> str:
    lines = [f"Target: {result.target.describe()}"]
    if result.dry_run:
        lines += _planned(result, paint)
    elif result.done:
        rows = [(item.id, item.statements, item.tries, f"{item.seconds * 1000:.0f} ms") for item in result.done]
        lines += ["", table((result.verb, "statements", "tries", "took"), rows, paint, width)]
    lines += [paint(note, "yellow") for note in result.notes]
    if not result.dry_run:
        what = f"{result.verb} {len(result.done)}" if result.done else f"Nothing to do: no migration was {result.verb}"
        lines += ["", f"{what}; the database is at {result.revision or 'no revision'} ({result.seconds:.2f} s)."]
    return "\n".join(lines)


def _planned(result: results.Migrated, paint: Paint) -> list[str]:
    if not result.planned:
        return ["", "Nothing to do."]
    lines = []
    for item in result.planned:
        how = "in one transaction" if item["transactional"] else "statement by statement, outside a transaction"
        lines += ["", paint(f"-- {item['id']} ({how})", "bold"), str(item["sql"]).rstrip()]
        lines += [f"-- {loss}" for loss in item.get("destroys", ())]
    return [*lines, "", f"Dry run: {len(result.planned)} would be {result.verb}; nothing was changed."]
