"""The entity diagram of a schema as SVG. Pure."""

import html

from schemata.overview import entities, layout

_TYPE = 28  # letters of a type that are shown


def svg(schema: str, tables: tuple[entities.Entity, ...]) -> str:
    """Return the drawing; what a reader who does not see it is told is its title and description."""
    diagram = layout.arranged(tables)
    name = html.escape(schema)
    parts = [
        f'<svg class="entities" role="img" viewBox="0 0 {diagram.width:.0f} {diagram.height:.0f}" '
        f'width="{diagram.width:.0f}" height="{diagram.height:.0f}" xmlns="http://www.w3.org/2000/svg">',
        f"<title>Tables of schema {name}</title><desc>{html.escape(_described(tables))}</desc>",
    ]
    parts += [_reference(*one) for one in diagram.references]
    parts += [_box(box) for box in diagram.boxes]
    return "".join([*parts, "</svg>"])


def _described(found: tuple[entities.Entity, ...]) -> str:
    lines = [
        f"{one.name} refers to " + ", ".join(sorted({f"{r.schema}.{r.table}" for r in one.references}))
        for one in found
        if one.references
    ]
    return f"{len(found)} tables and views. " + "; ".join(lines) + "."


def _box(box: layout.Box) -> str:
    one = box.entity
    told = f"{one.kind} {one.schema}.{one.name}" + (f": {one.comment}" if one.comment else "")
    parts = [
        f'<g class="entity {"view" if "view" in one.kind else "table"}"><title>{html.escape(told)}</title>',
        f'<rect class="box" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="4"/>',
        f'<path class="head" d="M{box.x:.1f} {box.y + layout.HEAD - 3:.1f}h{box.width:.1f}"/>',
        f'<text class="name" x="{box.x + 8:.1f}" y="{box.y + 17:.1f}">{html.escape(one.name)}</text>',
    ]
    away = {name: r for r in one.references for name in r.columns}
    for number, column in enumerate(box.lines):
        y = box.y + layout.HEAD + number * layout.LINE + 13
        mark = "key" if column.is_key else "away" if column.name in away else ""
        reference = away.get(column.name)
        # A line would have to leave the drawing.
        outside = reference is not None and reference.schema != one.schema
        told = f"→ {reference.schema}.{reference.table}" if reference is not None and outside else column.type
        told = told if len(told) <= _TYPE else told[: _TYPE - 1] + "…"
        parts.append(
            f'<text class="column {mark}" x="{box.x + 8:.1f}" y="{y:.1f}">{html.escape(column.name)}'
            f"{'' if column.is_required else '?'}</text>"
            f'<text class="type" x="{box.x + box.width - 8:.1f}" y="{y:.1f}">{html.escape(told)}</text>'
        )
    if len(one.columns) > len(box.lines):
        y = box.y + layout.HEAD + len(box.lines) * layout.LINE + 13
        parts.append(
            f'<text class="type more" x="{box.x + 8:.1f}" y="{y:.1f}">… {len(one.columns) - len(box.lines)} more</text>'
        )
    return "".join([*parts, "</g>"])


def _reference(box: layout.Box, reference: entities.Reference, target: layout.Box) -> str:
    """Return a line from the columns of a foreign key to the key that it leads to."""
    y, to = box.line_of(reference.columns), target.line_of(reference.target_columns)
    told = f"{box.entity.name} ({', '.join(reference.columns)}) refers to {reference.table}"
    if box is target:
        edge = box.x + box.width
        path = f"M{edge:.1f} {y:.1f}c28 0 28 {to - y - 6:.1f} 0 {to - y - 6:.1f}"
    elif target.x < box.x:
        begin, end = box.x, target.x + target.width
        bend = max(30.0, (begin - end) / 2)
        path = f"M{begin:.1f} {y:.1f}C{begin - bend:.1f} {y:.1f} {end + bend:.1f} {to:.1f} {end:.1f} {to:.1f}"
    else:
        begin, end = box.x + box.width, target.x + target.width * (target.x == box.x)
        bend = 40.0
        back = end + bend if target.x == box.x else end - bend
        path = f"M{begin:.1f} {y:.1f}C{begin + bend:.1f} {y:.1f} {back:.1f} {to:.1f} {end:.1f} {to:.1f}"
    end_x = path.rsplit(" ", 2)[1] if box is not target else f"{box.x + box.width:.1f}"
    end_y = to if box is not target else to - 6
    return (
        f'<g class="reference"><title>{html.escape(told)}</title><path d="{path}"/>'
        f'<circle cx="{end_x}" cy="{end_y:.1f}" r="3"/></g>'
    )
