"""The cold-start grid as one HTML page: the grid, and for each row the timelines of its cells. Loads nothing."""

import html
from collections.abc import Iterator
from pathlib import Path

from tests.coldstart import cells, grids

_WIDTH = 720  # of a timeline, in the drawing's own units
_LANE = 18
_NAME = 150
_LEAST = 2.0  # a bar that took no time is still to be seen

_COLOURS = {
    "wait": "#8a8f98",
    "schemas": "#b07cc6",
    "migrate": "#2f7fd1",
    "generate": "#d98a1f",
    "ready": "#c9d3de",
    "app": "#3a9d5d",
}
_SAYS = {
    "wait": "until the server answers",
    "schemas": "the schemas and the history are made",
    "migrate": "migrations are applied, or somebody else's deploy is awaited",
    "generate": "the typed client is generated",
    "ready": "the whole boot, until it becomes the service",
    "app": "the service's own start, until /ready answers 200",
}
_WORDS = {
    cells.GREEN: "green",
    cells.RED: "FAILED",
    cells.NOT_RUN: "not run",
    grids.MISSING: "MISSING",
    grids.NONE: "–",
}
_CLASSES = {cells.GREEN: "green", cells.RED: "red", cells.NOT_RUN: "grey", grids.MISSING: "red", grids.NONE: "none"}

_STYLE = Path(__file__).with_suffix(".css")


def render(grid: grids.Grid) -> str:
    """Return the page."""
    verdict = "verdict" if grid.ok else "verdict bad"
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Cold starts</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
        "<h1>Cold starts: from every starting state to the current schema</h1>",
        f'<div class="{verdict}">{"".join(_summary(grid))}</div>',
        *_table(grid),
        "<h2>How long each step took</h2>",
        "<p>Seconds count from the start of the cell's first process; the cells of a row have one scale.</p>",
        f'<p class="legend">{"".join(_legend())}</p>',
        *(part for row in grid.rows for part in _section(grid, row)),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _summary(grid: grids.Grid) -> Iterator[str]:
    found = [cell for column in grid.columns for cell in column.cells]
    green = len([cell for cell in found if cell.outcome == cells.GREEN])
    yield f"<p>{green} of {len(found)} cells are green.</p>"
    for title, lines in (("Red", grid.problems()), ("Not run", grid.not_run())):
        if lines:
            items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
            yield f"<p>{title}:</p><ul>{items}</ul>"


def _table(grid: grids.Grid) -> Iterator[str]:
    yield '<div class="scroll"><table><caption>Starting state by server, and the seconds of the whole test</caption>'
    heads = []
    for name in grid.names:
        column = grid.column(name)
        server = html.escape(column.server) if column else "nothing was written"
        heads.append(f'<th scope="col">{html.escape(name)}<small>{server}</small></th>')
    yield f'<thead><tr><th scope="col">starting state</th>{"".join(heads)}</tr></thead><tbody>'
    for row in grid.rows:
        title = html.escape(grids.title(row))
        meaning = html.escape(_meaning(row))
        data = "".join(_data(grid, name, row) for name in grid.names)
        yield f'<tr><th scope="row" title="{meaning}"><a href="#{_anchor(row)}">{title}</a></th>{data}</tr>'
    yield "</tbody></table></div>"


def _data(grid: grids.Grid, name: str, row: tuple[str, str]) -> str:
    outcome = grid.outcome(name, row)
    cell = grid.cell(name, row)
    if cell is None:
        return f'<td class="{_CLASSES[outcome]}">{_WORDS[outcome]}</td>'
    text = f"✓ {cell.seconds:.1f} s" if outcome == cells.GREEN else _WORDS.get(outcome, outcome)
    tip = html.escape(cell.error or f"{name}, {grids.title(row)}: at {cell.revision or 'no revision'}")
    link = f'<a href="#{_anchor(row, name)}">{html.escape(text)}</a>'
    return f'<td class="{_CLASSES.get(outcome, "red")}" title="{tip}">{link}</td>'


def _legend() -> Iterator[str]:
    for name in cells.PHASES:
        yield f'<span><i style="background:{_COLOURS[name]}"></i>{name}: {_SAYS[name]}</span> '


def _section(grid: grids.Grid, row: tuple[str, str]) -> Iterator[str]:
    found = [(name, cell) for name in grid.names if (cell := grid.cell(name, row)) is not None]
    if not found:
        return
    longest = max((phase.began + phase.seconds for _, cell in found for phase in cell.phases), default=0.0)
    yield f'<section id="{_anchor(row)}"><h2>{html.escape(grids.title(row))}</h2><p>{html.escape(_meaning(row))}</p>'
    for name, cell in found:
        word = _WORDS.get(cell.outcome, cell.outcome)
        yield f'<h3 id="{_anchor(row, name)}">{html.escape(name)}: {word}, {cell.seconds:.1f} s</h3>'
        if cell.error:
            yield f"<pre>{html.escape(cell.error)}</pre>"
        if cell.phases:
            yield _timeline(cell, longest)
    yield "</section>"


def _timeline(cell: cells.Cell, longest: float) -> str:
    """Return the drawing of a cell: a lane for each process, a bar for each phase, seconds below."""
    services = list(dict.fromkeys(phase.service for phase in cell.phases))
    height = _LANE * len(services) + 20
    scale = (_WIDTH - _NAME - 10) / max(longest, 0.001)
    label = html.escape(f"Timeline of {cell.state} {cell.case} on {cell.column}: {_spoken(cell)}")
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img" aria-label="{label}">']
    for second, text in _ticks(longest):
        x = _NAME + second * scale
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - 16}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 4}" text-anchor="middle">{text}</text>')
    for number, service in enumerate(services):
        top = number * _LANE + 3
        parts.append(f'<text x="4" y="{top + 11}">{html.escape(service)}</text>')
        # The whole boot lies beneath its parts.
        phases = sorted((p for p in cell.phases if p.service == service), key=lambda p: p.name != "ready")
        for phase in phases:
            x, size = _NAME + phase.began * scale, max(_LEAST, phase.seconds * scale)
            tip = html.escape(f"{service}, {phase.name}: {phase.seconds:.3f} s from {phase.began:.3f} s on")
            fill = _COLOURS.get(phase.name, "#000")
            parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{size:.1f}" height="{_LANE - 6}" fill="{fill}">'
                f"<title>{tip}</title></rect>"
            )
    return "".join([*parts, "</svg>"])


def _ticks(longest: float) -> Iterator[tuple[float, str]]:
    step = next((size for size in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60) if longest / size <= 8), 120)
    for number in range(int(longest / step) + 1):
        yield number * step, f"{number * step:g} s"


def _spoken(cell: cells.Cell) -> str:
    return "; ".join(f"{phase.service} {phase.name} {phase.seconds:.1f} s" for phase in cell.phases)


def _meaning(row: tuple[str, str]) -> str:
    meaning = next((state.meaning for state in cells.STATES if state.name == row[0]), "")
    return f"{meaning} ({row[1]} applied)" if row[1] else meaning


def _anchor(row: tuple[str, str], name: str = "") -> str:
    return "-".join(part for part in (*row[0].split(" "), row[1], name) if part)
