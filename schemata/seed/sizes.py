"""How many rows each table gets: by the settings, the scale file, or its place among the foreign keys."""

import dataclasses
from collections.abc import Mapping, Sequence

from schemata.samples import structure

#: By how much a table that others reference is smaller than they.
_FANOUT = 10
#: The fewest rows that a referenced table gets, so that what refers to it has a choice.
_LEAST = 5


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large a database is: rows by table, and how many different values by table and column.

    What is negative is a share of the rows: -1 where all values are different.
    """

    rows: Mapping[str, int] = dataclasses.field(default_factory=dict)
    distinct: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    def to(self, wanted: int) -> "Scale":
        """Return the scale at which the largest table has so many rows; each has one row at least.

        How many different values a column has shrinks with its table only where it must.

        >>> Scale({"a": 1000, "b": 10}, {"a": {"k": 500, "l": -0.5}}).to(100)
        Scale(rows={'a': 100, 'b': 1}, distinct={'a': {'k': 100, 'l': 50}})
        """
        largest = max(self.rows.values(), default=0)
        if not largest:
            return self
        rows = {table: -(-count * wanted // largest) for table, count in self.rows.items()}
        distinct = {
            table: {
                column: max(1, int(min(count, rows[table]) if count > 0 else -count * rows[table]))
                for column, count in some.items()
            }
            for table, some in self.distinct.items()
            if table in rows
        }
        return Scale(rows, distinct)


def counts(
    tables: Sequence[structure.Table], wanted: int, scale: Scale, given: Mapping[str, int | None]
) -> dict[str, int]:
    """Return how many rows each table gets: as the settings say, as the scale has it, or by the foreign keys.

    :param wanted: rows of the largest table.
    """
    scaled = scale.to(wanted).rows
    heights = _heights(tables)
    found = {}
    for table in tables:
        chosen = given.get(table.plain)
        if chosen is not None:
            found[table.plain] = min(chosen, wanted)
        elif table.plain in scaled:
            found[table.plain] = scaled[table.plain]
        else:
            found[table.plain] = max(wanted // _FANOUT ** heights[table.oid], min(_LEAST, wanted))
    return found


def _heights(tables: Sequence[structure.Table]) -> dict[int, int]:
    """Return for each table how many tables reference each other above it: 0 where none references it."""
    above: dict[int, set[int]] = {table.oid: set() for table in tables}
    for table in tables:
        for key in table.keys:
            if key.oid in above and key.oid != table.oid:
                above[key.oid].add(table.oid)
    known: dict[int, int] = {}

    def height(oid: int, path: frozenset[int]) -> int:
        if oid not in known:
            known[oid] = max((1 + height(other, path | {oid}) for other in above[oid] - path), default=0)
        return known[oid]

    return {oid: height(oid, frozenset({oid})) for oid in above}
