"""Where the boxes of a diagram stand: a column for each step away from what is referred to. Pure."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from schemata.overview import entities

#: Of an SVG's units, which are pixels at its own size.
LINE = 18
HEAD = 26
_LETTER = 7.2
_PADDING = 12
_GAP_ACROSS = 90
_GAP_DOWN = 22
_MARGIN = 16
#: A column of boxes is cut where it gets higher than this, and goes on beside.
_HIGHEST = 1500
#: Columns of a table that are shown; the rest is a number.
SHOWN = 14


@dataclasses.dataclass(frozen=True)
class Box:
    """An entity with its place."""

    entity: entities.Entity
    x: float
    y: float
    width: float
    height: float
    lines: tuple[entities.Column, ...]

    def line_of(self, columns: Sequence[str]) -> float:
        """Return the height at which a line to these columns meets the box."""
        names = [one.name for one in self.lines]
        places = [names.index(name) for name in columns if name in names]
        place = places[0] if places else len(names)
        return self.y + HEAD + place * LINE + LINE / 2


@dataclasses.dataclass(frozen=True)
class Diagram:
    """The boxes of a schema, its references from box to box, and its size."""

    boxes: tuple[Box, ...]
    references: tuple[tuple[Box, entities.Reference, Box], ...]
    width: float
    height: float


def arranged(tables: Sequence[entities.Entity]) -> Diagram:
    """Return the entities of one schema with their places. What refers stands right of what it refers to."""
    by_name = {one.name: one for one in tables}
    leads_to = {
        one.name: {r.table for r in one.references if r.schema == one.schema and r.table in by_name} - {one.name}
        for one in tables
    }
    joined = {name for name, targets in leads_to.items() if targets} | {t for some in leads_to.values() for t in some}
    columns = _ordered(_ranks(leads_to, joined), leads_to)
    alone = [name for name in by_name if name not in joined]
    placed: dict[str, Box] = {}
    x = float(_MARGIN)
    for column in columns:
        x = _column([by_name[name] for name in column], x, placed)
    bottom = max((box.y + box.height for box in placed.values()), default=0.0)
    if alone:
        _grid([by_name[name] for name in alone], max(x, 1000.0), bottom + 2 * _GAP_DOWN if placed else _MARGIN, placed)
    boxes = tuple(placed.values())
    references = tuple(
        (box, reference, placed[reference.table])
        for box in boxes
        for reference in box.entity.references
        if reference.schema == box.entity.schema and reference.table in placed
    )
    width = max((box.x + box.width for box in boxes), default=0.0) + _MARGIN + 24
    height = max((box.y + box.height for box in boxes), default=0.0) + _MARGIN
    return Diagram(boxes, references, width, height)


def _ranks(leads_to: Mapping[str, set[str]], joined: set[str]) -> list[list[str]]:
    """Return the names by how many references lie between them and a table that refers to none; circles are cut."""
    ranks: dict[str, int] = {}
    open_: set[str] = set()

    def rank(name: str) -> int:
        if name not in ranks and name not in open_:
            open_.add(name)
            ranks[name] = 1 + max((rank(other) for other in sorted(leads_to[name])), default=-1)
            open_.discard(name)
        return ranks.get(name, -1)

    for name in sorted(joined):
        rank(name)
    columns: dict[int, list[str]] = collections.defaultdict(list)
    for name in sorted(joined):
        columns[ranks[name]].append(name)
    return [columns[number] for number in sorted(columns)]


def _ordered(columns: list[list[str]], leads_to: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the columns with their names in an order in which few lines cross: each near what it is joined with."""
    joined: dict[str, set[str]] = collections.defaultdict(set)
    for name, targets in leads_to.items():
        for target in targets:
            joined[name].add(target)
            joined[target].add(name)
    for forward in (True, False, True, False):
        places = {name: place for column in columns for place, name in enumerate(column)}
        for column in columns if forward else reversed(columns):
            old = {name: places[name] for name in column}
            column.sort(key=lambda name: (_mean(name, joined, places, old), name))
            places.update({name: place for place, name in enumerate(column)})
    return columns


def _mean(name: str, joined: Mapping[str, set[str]], places: Mapping[str, int], old: Mapping[str, int]) -> float:
    near = [places[other] for other in joined[name]]
    return sum(near) / len(near) if near else float(old[name])


def _column(found: Sequence[entities.Entity], x: float, placed: dict[str, Box]) -> float:
    """Place the entities of one column, or of several where they are many; return where the next one begins."""
    y = float(_MARGIN)
    widest = 0.0
    for one in found:
        width, height = _size(one)
        if y > _MARGIN and y + height > _HIGHEST:
            x, y, widest = x + widest + _GAP_ACROSS, float(_MARGIN), 0.0
        placed[one.name] = Box(one, x, y, width, height, one.columns[:SHOWN])
        y += height + _GAP_DOWN
        widest = max(widest, width)
    return x + widest + _GAP_ACROSS


def _grid(found: Sequence[entities.Entity], width: float, y: float, placed: dict[str, Box]) -> None:
    """Place entities that are joined with none in rows."""
    x, deepest = float(_MARGIN), 0.0
    for one in found:
        across, down = _size(one)
        if x > _MARGIN and x + across > width:
            x, y, deepest = float(_MARGIN), y + deepest + _GAP_DOWN, 0.0
        placed[one.name] = Box(one, x, y, across, down, one.columns[:SHOWN])
        x += across + _GAP_DOWN
        deepest = max(deepest, down)


def _size(one: entities.Entity) -> tuple[float, float]:
    shown = one.columns[:SHOWN]
    outside = {
        name: len(f"→ {r.schema}.{r.table}") for r in one.references for name in r.columns if r.schema != one.schema
    }
    told = [len(column.name) + min(max(len(column.type), outside.get(column.name, 0)), 28) + 5 for column in shown]
    letters = max([len(one.name) + 4, *told])
    lines = len(shown) + (len(one.columns) > SHOWN)
    return letters * _LETTER + _PADDING, HEAD + lines * LINE + 8
