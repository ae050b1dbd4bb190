"""The tables of a schema and what leads from one to another, from a snapshot. Pure."""

import collections
import dataclasses
import json
from collections.abc import Iterable

from schemata.snapshot import model
from schemata.sql import parser

#: What stands in a diagram as a box.
_KINDS = ("table", "foreign table", "view", "materialized view")


@dataclasses.dataclass(frozen=True)
class Column:
    """A column as a box shows it; `is_key` for one of the primary key."""

    name: str
    type: str
    is_key: bool = False
    is_required: bool = False


@dataclasses.dataclass(frozen=True)
class Reference:
    """A foreign key: the columns here, and the table and the columns there."""

    columns: tuple[str, ...]
    schema: str
    table: str
    target_columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Entity:
    """A table or a view.

    :param comment: what the database says of it.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]
    comment: str = ""


def of(snapshot: model.Snapshot) -> dict[str, tuple[Entity, ...]]:
    """Return the entities of each schema that has any, by name; partitions are left to their parent."""
    parts: dict[tuple[str, str], list[model.Item]] = collections.defaultdict(list)
    for item in snapshot.items:
        if item.kind in ("column", "constraint"):
            parts[item.schema, item.of].append(item)
    found: dict[str, list[Entity]] = collections.defaultdict(list)
    for item in snapshot.items:
        if item.kind in _KINDS and "partition of" not in item.facts:
            found[item.schema].append(_entity(item, parts[item.schema, item.name]))
    return {schema: tuple(some) for schema, some in sorted(found.items())}


def _entity(item: model.Item, parts: Iterable[model.Item]) -> Entity:
    columns = {part.name: part for part in parts if part.kind == "column"}
    keys: set[str] = set()
    references = []
    for part in parts:
        if part.kind == "constraint":
            words, reference = _constraint(part.facts.get("definition", ""))
            keys |= words
            references += [reference] if reference else []
    made = [
        Column(name, column.facts.get("type", ""), name in keys, "not null" in column.facts)
        for name, column in columns.items()
    ]
    order = {name: place for place, name in enumerate(json.loads(item.facts.get("column order", "[]")))}
    made.sort(key=lambda one: order.get(one.name, len(order)))
    return Entity(item.schema, item.name, item.kind, tuple(made), tuple(references), item.facts.get("comment", ""))


def _constraint(definition: str) -> tuple[set[str], Reference | None]:
    """Return the columns of a primary key, and what a foreign key leads to; nothing of any other constraint.

    >>> _constraint("FOREIGN KEY (a) REFERENCES app.t(id) ON DELETE CASCADE")[1].table
    't'
    """
    if not definition.startswith(("PRIMARY KEY", "FOREIGN KEY")):
        return set(), None
    try:
        tree = parser.parse(f"ALTER TABLE t ADD {definition}")
    except parser.Refused:  # a form of a newer server
        return set(), None
    one = getattr(tree.stmts[0].stmt.alter_table_stmt.cmds[0].alter_table_cmd, "def").constraint
    if definition.startswith("PRIMARY KEY"):
        return {key.string.sval for key in one.keys}, None
    here = tuple(key.string.sval for key in one.fk_attrs)
    there = tuple(key.string.sval for key in one.pk_attrs)
    return set(), Reference(here, one.pktable.schemaname, one.pktable.relname, there)
